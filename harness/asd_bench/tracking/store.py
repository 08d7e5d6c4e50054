"""An MLflow store behind the few operations that tracking needs: find or create by key, write, conclude, search.

Only `MlflowClient` with explicit run ids is used: the fluent API keeps one current run per thread and opens runs of its
own in a second one. Every run of ours carries a key in a tag, which makes each operation safe to repeat.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from asd_bench.errors import BenchError
from asd_bench.records import locked

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

KIND = "asd.kind"
KEY = "asd.key"
NOTE = "mlflow.note.content"
PARENT = "mlflow.parentRunId"

#: Set before mlflow is imported, unless the user did.
ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # What goes wrong is raised as well, and said once, by us.
    "MLFLOW_LOGGING_LEVEL": "CRITICAL",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # Its own 7 retries of up to 120 s would keep a run waiting for minutes for a store that is down.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
}

#: MLflow takes 1,000 items in a batch, of which 100 may be parameters and 100 tags.
_BATCH_METRICS, _BATCH_PARAMS, _BATCH_TAGS = 800, 100, 100
_PARAM_LENGTH, _TAG_LENGTH, _DIGEST_LENGTH = 6000, 8000, 36
_PAGE = 1000
_CAUSE_LENGTH = 300


class Point(NamedTuple):
    """A value of a metric at a time (Unix milliseconds) and a step."""

    name: str
    value: float
    time: int
    step: int = 0


@dataclass
class TrackedRun:
    """A run of ours in the store, as it was when it was found or made, kept up with what is written here.

    Attributes:
        is_new: made by this process, so that nothing but what it wrote can be in it.
    """

    id: str
    experiment: str
    status: str
    tags: dict[str, str]
    metrics: dict[str, float] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    is_new: bool = False


class Store:
    """A tracking store that is open.

    Args:
        uri: as MLflow takes it, e.g. ``sqlite:////folder/mlflow.db`` or ``https://server``.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._client = _client(uri)
        self._experiments: dict[str, str] = {}
        self._known: dict[tuple[str, str, str], dict[str, TrackedRun]] = {}

    # -- experiments -----------------------------------------------------------------------------------------------

    def experiment(self, name: str, kind: str, note: str) -> str:
        """The id of the experiment of that name, created, restored or completed where necessary."""
        if name not in self._experiments:
            with _alone(self.uri):
                self._experiments[name] = self._find_or_create_experiment(name, kind, note)
        return self._experiments[name]

    def _find_or_create_experiment(self, name: str, kind: str, note: str) -> str:
        # The second tag makes MLflow's pages open on training runs where they would open on traces.
        tags = {KIND: kind, "mlflow.experimentKind": "custom_model_development", NOTE: note}
        found = self._client.get_experiment_by_name(name)
        if found is None:
            return self._client.create_experiment(name, artifact_location=_artifacts(self.uri, name), tags=tags)
        if found.lifecycle_stage == "deleted":
            self._client.restore_experiment(found.experiment_id)
        self.tag_experiment(found.experiment_id, {tag: text for tag, text in tags.items() if tag not in found.tags})
        return found.experiment_id

    def experiment_tags(self, experiment: str) -> dict[str, str]:
        return dict(self._client.get_experiment(experiment).tags)

    def tag_experiment(self, experiment: str, tags: Mapping[str, str]) -> None:
        for tag, value in tags.items():
            self._client.set_experiment_tag(experiment, tag, value)

    def experiments_of(self, kind: str) -> list[str]:
        """Ids of all experiments of a kind."""
        ids: list[str] = []
        token: str | None = None
        while token != "":
            page = self._client.search_experiments(filter_string=f"tags.`{KIND}` = '{kind}'", page_token=token)
            ids += [experiment.experiment_id for experiment in page]
            token = page.token or ""
        return ids

    # -- finding and making runs -----------------------------------------------------------------------------------

    def find(self, experiment: str, group: tuple[str, str], key: str) -> TrackedRun | None:
        """The run with that key among those of a group, which are searched for once.

        Args:
            experiment: id.
            group: a tag and its value that all of them carry.
            key: the wanted key.
        """
        index = (experiment, *group)
        if index not in self._known:
            tag, value = group
            self._known[index] = self._by_key(experiment, f"tags.`{tag}` = '{value}'")
        return self._known[index].get(key)

    def find_or_create(
        self,
        experiment: str,
        group: tuple[str, str],
        key: str,
        name: str,
        start: int,
        tags: Mapping[str, str],
    ) -> TrackedRun:
        """The run with that key, created as RUNNING if there is none."""
        run = self.find(experiment, group, key)
        if run is None:
            made = _cut({**tags, KEY: key, group[0]: group[1]}, _TAG_LENGTH)
            with _alone(self.uri):
                # Another process may have made it since the group was searched.
                there = self._by_key(experiment, f"tags.`{KEY}` = '{key}'")
                run = there.get(key) or self._create(experiment, name, start, made)
            self._known[(experiment, *group)][key] = run
        return run

    def _create(self, experiment: str, name: str, start: int, tags: dict[str, str]) -> TrackedRun:
        created = self._client.create_run(experiment, start_time=start, tags=tags, run_name=name)
        return TrackedRun(created.info.run_id, experiment, "RUNNING", tags, is_new=True)

    def search(self, experiments: Iterable[str], condition: str) -> list[TrackedRun]:
        """All runs that meet a condition of MLflow's filter language."""
        runs: list[TrackedRun] = []
        token: str | None = None
        while token != "":
            page = self._client.search_runs(list(experiments), condition, max_results=_PAGE, page_token=token)
            runs += [_tracked(run) for run in page]
            token = page.token or ""
        return runs

    def newest_of(self, experiments: Iterable[str]) -> str | None:
        """The id of the experiment, among several, that the newest run is in."""
        page = self._client.search_runs(list(experiments), max_results=1, order_by=["attributes.start_time DESC"])
        return page[0].info.experiment_id if page else None

    def _by_key(self, experiment: str, condition: str) -> dict[str, TrackedRun]:
        return {run.tags[KEY]: run for run in self.search([experiment], condition) if KEY in run.tags}

    # -- writing ---------------------------------------------------------------------------------------------------

    def write(
        self,
        run: TrackedRun,
        points: Iterable[Point] = (),
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Add points, parameters and tags to a run, in as few batches as MLflow allows.

        Parameters that it has already stay as they are: MLflow refuses to change them.
        """
        from mlflow.entities import Metric, Param, RunTag

        points = list(points)
        metrics = [Metric(_name(point.name), _storable(point.value), point.time, point.step) for point in points]
        new = {_name(name): value for name, value in _cut(params or {}, _PARAM_LENGTH).items()}
        pairs = [Param(name, value) for name, value in new.items() if name not in run.params]
        marks = [RunTag(name, value) for name, value in _cut(tags or {}, _TAG_LENGTH).items()]
        while metrics or pairs or marks:
            self._client.log_batch(run.id, metrics[:_BATCH_METRICS], pairs[:_BATCH_PARAMS], marks[:_BATCH_TAGS])
            metrics, pairs, marks = metrics[_BATCH_METRICS:], pairs[_BATCH_PARAMS:], marks[_BATCH_TAGS:]
        run.params |= new
        run.tags |= tags or {}
        run.metrics |= {point.name: point.value for point in points}

    def add_dataset(self, run: TrackedRun, name: str, digest: str, context: str, profile: str) -> None:
        """Say what a run was trained or tested on; saying it twice changes nothing."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        dataset = Dataset(name, digest[:_DIGEST_LENGTH], source_type="local", source=name, profile=profile)
        self._client.log_inputs(run.id, [DatasetInput(dataset, [InputTag("mlflow.data.context", context)])])

    def upload(self, run: TrackedRun, files: Mapping[str, Path]) -> None:
        """Copy files to a run's artifacts, by their name there. What is missing or empty is left out."""
        with tempfile.TemporaryDirectory(prefix="asd-bench-") as temporary:
            for name, file in files.items():
                if file.is_file() and file.stat().st_size:
                    staged = Path(temporary, name)
                    staged.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(file, staged)
            self._client.log_artifacts(run.id, temporary)

    def reopen(self, run: TrackedRun) -> None:
        """Mark a run as running again."""
        if run.status != "RUNNING":
            self._client.update_run(run.id, status="RUNNING")
            run.status = "RUNNING"

    def conclude(self, run: TrackedRun, status: str, end: int) -> None:
        """Mark a run as FINISHED, FAILED or KILLED: written last, it says that all the rest is there."""
        self._client.set_terminated(run.id, status, end)
        run.status, run.is_new = status, False

    # -- reading ---------------------------------------------------------------------------------------------------

    def points(self, run: TrackedRun) -> list[Point]:
        """Every point of a run's metrics."""
        if run.is_new:
            return []
        names = self._client.get_run(run.id).data.metrics
        return [
            Point(metric.key, metric.value, metric.timestamp, metric.step)
            for name in names
            for metric in self._client.get_metric_history(run.id, name)
        ]

    def download(self, run: TrackedRun, name: str, folder: Path) -> Path:
        """A copy of one of a run's artifacts."""
        return Path(self._client.download_artifacts(run.id, name, str(folder)))


# -- stores ------------------------------------------------------------------------------------------------------------


def default_uri(workspace: Path) -> str:
    """The store of a workspace that names no other."""
    return f"sqlite:///{workspace.resolve() / 'mlflow.db'}"


def database_file(uri: str) -> Path | None:
    """The file of an SQLite store; None for any other."""
    scheme, found, path = uri.partition("sqlite:///")
    if scheme or not found or not path or path.startswith(":memory:"):
        return None
    return Path(path.partition("?")[0]).resolve()


def shown(text: str) -> str:
    """Addresses without the passwords that may be in them."""
    return re.sub(r"//[^/@\s]*@", "//", text)


@contextlib.contextmanager
def said_plainly(uri: str) -> Iterator[None]:
    """Turn whatever goes wrong with a store into one `BenchError`.

    MLflow, SQLAlchemy and requests raise dozens of classes, each around another; the innermost says it best.
    """
    try:
        yield
    except BenchError:
        raise
    except Exception as error:
        innermost = _innermost(error)
        cause = shown(str(innermost)).strip().partition("\n")[0][:_CAUSE_LENGTH]
        raise BenchError(
            f"the tracking store cannot be used ({type(innermost).__name__}: {cause})",
            where=shown(uri),
            fix="see that it is running and can be written to, or name another with --tracking-uri",
        ) from error


def _innermost(error: BaseException) -> BaseException:
    inner = error.__cause__ or error.__context__
    # A failed lookup in a table of MLflow's says nothing; what was raised instead of it does.
    return error if inner is None or isinstance(inner, LookupError) else _innermost(inner)


def _client(uri: str) -> MlflowClient:
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    from mlflow.tracking import MlflowClient

    with _alone(uri):
        # Two processes that create the same SQLite store at once crash each other.
        return MlflowClient(uri)


def _alone(uri: str) -> contextlib.AbstractContextManager[None]:
    """Keep other processes of this machine from making anything in an SQLite store meanwhile."""
    database = database_file(uri)
    return contextlib.nullcontext() if database is None else locked(_artifact_folder(database))


def _artifact_folder(database: Path) -> Path:
    return database.parent / "mlartifacts"


def _artifacts(uri: str, experiment: str) -> str | None:
    """Beside an SQLite store, where MLflow would take the current folder; elsewhere the server decides."""
    database = database_file(uri)
    return (_artifact_folder(database) / experiment).as_uri() if database else None


# -- values ------------------------------------------------------------------------------------------------------------


def milliseconds(seconds: float | None = None) -> int:
    """Unix milliseconds, now or of the given Unix time."""
    return int((time.time() if seconds is None else seconds) * 1000)


def _tracked(run: Run) -> TrackedRun:
    info, data = run.info, run.data
    return TrackedRun(
        info.run_id, info.experiment_id, info.status, dict(data.tags), dict(data.metrics), dict(data.params)
    )


def _name(name: str) -> str:
    """The nearest name that MLflow takes: letters, digits, ``_ - . : /`` and spaces, in the form of a relative path."""
    parts = re.sub(r"[^\w\-.:/ ]", "_", name).split("/")
    return "/".join(part for part in parts if part.strip(". ")) or "_"


def _storable(value: float) -> float:
    """A store turns infinity into its largest number, which would flatten every chart; "not a number" it keeps."""
    return value if math.isfinite(value) else math.nan


def _cut(texts: Mapping[str, str], length: int) -> dict[str, str]:
    return {name: text if len(text) <= length else text[: length - 1] + "…" for name, text in texts.items()}
