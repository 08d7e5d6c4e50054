"""Reading results back from a store, so that a leaderboard can be rebuilt anywhere."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from asd_bench.errors import BenchError
from asd_bench.records import read_json
from asd_bench.tracking.describe import RESULT, RESULTS
from asd_bench.tracking.store import KEY, KIND, Store, database_file, said_plainly, shown


def read_results(uri: str) -> list[dict[str, Any]]:
    """Every result in a tracking store, oldest first, each as the document of its ``result.json``.

    Raises:
        BenchError: there is no store yet, it cannot be used, or it has lost the document of a result.
    """
    _refuse_missing(uri)
    with said_plainly(uri):
        store = Store(uri)
        experiments = store.experiments_of(RESULTS)
        runs = store.search(experiments, f"tags.`{KIND}` = '{RESULT}' and status = 'FINISHED'") if experiments else []
    documents = []
    for run in runs:
        with tempfile.TemporaryDirectory(prefix="asd-bench-") as folder:
            try:
                documents.append(read_json(store.download(run, "result.json", Path(folder))))
            except Exception as error:
                raise BenchError(
                    f"the result {run.tags[KEY][:12]} has no readable result.json among its artifacts",
                    where=shown(uri),
                    fix=f"delete its run {run.id} there, and asd-bench sync where its records are",
                ) from error
    return sorted(documents, key=lambda document: (document["made"], document["key"]))


def latest_results_experiment(uri: str) -> str | None:
    """The id of the experiment with the newest result; None where there is no result yet.

    Raises:
        BenchError: there is no store yet, or it cannot be used.
    """
    _refuse_missing(uri)
    with said_plainly(uri):
        store = Store(uri)
        experiments = store.experiments_of(RESULTS)
        return store.newest_of(experiments) if experiments else None


def _refuse_missing(uri: str) -> None:
    """Opening an SQLite store creates it, which nobody who wants to read asks for."""
    database = database_file(uri)
    if database is not None and not database.is_file():
        raise BenchError(
            "there is no tracking store yet",
            where=database,
            fix="asd-bench run --system mel-knn --dataset synthetic makes one; asd-bench sync fills one from records",
        )
