"""A worker process, ``python -m asd_bench.executors.worker``: a job per line in, an outcome per line out, both JSON.

Before the first job it says that it is ready, so that its start is not counted as part of a fit.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import os
import signal

#: The line by which a worker says that it is ready.
READY = "ready"


def main() -> None:
    # The terminal's Ctrl-C reaches the whole group; the driver decides what becomes of its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Whatever libraries print must not get between the answers, nor what they read be taken from the jobs.
    jobs, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    _import_what_every_fit_needs()
    from asd_bench.fit import run_fit

    print(READY, file=answers, flush=True)
    for line in jobs:
        outcome = run_fit(json.loads(line))
        print(json.dumps(dataclasses.asdict(outcome)), file=answers, flush=True)


def _import_what_every_fit_needs() -> None:
    """These imports take longer than many a fit, whose time they should not use up."""
    for module in (
        "asd_bench.context",
        "asd_bench.data.clips",
        "asd_bench.frontends",
        "pandas",
        "psutil",
        "pyarrow.parquet",
    ):
        importlib.import_module(module)


if __name__ == "__main__":
    main()
