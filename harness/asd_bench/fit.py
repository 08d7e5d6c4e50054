"""One fit from beginning to end: a JSON document in, a directory of plain files out.

`run_fit` reads as what happens. It runs in the driver or in a worker, knows no labels and no file names, needs no
plugin discovery and no tracking store; nothing but the fit's directory leaves it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import platform
import random
import shutil
import socket
import sys
import time
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asd_bench.errors import BenchError
from asd_bench.executors import FitOutcome
from asd_bench.keys import NUMERICS, digest, file_content
from asd_bench.records import FORMAT, Workspace, is_done, locked, read_json, write_json, write_scores

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from asd_bench.context import Context, UpstreamFit
    from asd_bench.data.classes import Classes
    from asd_bench.data.clips import Clips
    from asd_bench.frontends import Audio
    from asd_bench.protocols import Detector


@dataclass(frozen=True, kw_only=True)
class FitSpec:
    """Everything that can change a fit's numbers: the fit key is the digest of this.

    Attributes:
        detector, target, plugin, source: the detector's name, lazy class, plugin and the hash of that plugin's source.
        scope: kind (section, machine, dataset) with ``machine`` and ``section`` where they apply.
        config, config_type: resolved configuration as plain values, and its class's lazy name.
        frontend: name, target, version, config, config_type.
        components: the scores it must emit.
        min_classes: how many classes it needs.
        seed: the user's seed.
        train: digest of the training clips in scope as the detector sees them.
        upstream: role -> keys of the fits used, in order of their scope.
        numerics: version of the core's numerics.
    """

    detector: str
    target: str
    plugin: str
    source: str
    scope: Mapping[str, str]
    config: Mapping[str, Any]
    config_type: str
    frontend: Mapping[str, Any]
    components: tuple[str, ...]
    min_classes: int
    seed: int
    train: str
    upstream: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    numerics: int = NUMERICS

    @property
    def key(self) -> str:
        return digest(dataclasses.asdict(self))

    @property
    def scope_name(self) -> str:
        """``machine/section``, ``machine``, or ``*`` for the whole dataset."""
        return "/".join(value for name, value in self.scope.items() if name != "kind") or "*"


@dataclass(frozen=True, kw_only=True)
class FitJob:
    """A fit to make on this machine: the spec, and what has no part in the key.

    Attributes:
        workspace: absolute path.
        dataset: name, for the record.
        stores: machine -> packed store relative to the workspace, for every machine in scope.
        scored: machines whose test clips are scored; none where the fit is made only because another uses it.
        scored_key: digest of those clips; with the fit key it makes the score key.
        reveals: the dataset's ``train`` and ``test`` lists of revealed metadata.
        upstream: role -> scope name -> record relative to the workspace.
        files: option -> path, for options of which the spec's configuration says what is in the file.
        device: as torch names it.
        rerun: whether a finished fit is made again.
    """

    spec: FitSpec
    workspace: str
    dataset: str
    stores: Mapping[str, str]
    scored: tuple[str, ...]
    scored_key: str
    reveals: Mapping[str, tuple[str, ...]]
    upstream: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    device: str = "cpu"
    rerun: bool = False

    @property
    def folder(self) -> Path:
        return Workspace(Path(self.workspace)).fit(self.spec.detector, self.spec.key)

    @property
    def score_key(self) -> str:
        return digest([self.spec.key, self.scored_key])

    @property
    def scores_path(self) -> Path:
        return self.folder / "scores" / f"{self.score_key[:12]}.parquet"

    @property
    def scores_test_clips(self) -> bool:
        return bool(self.scored and self.spec.components)

    def is_done(self) -> bool:
        return is_done(self.folder, self.spec.key) and (self.scores_path.is_file() or not self.scores_test_clips)

    def document(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> FitJob:
        """The job of a JSON document."""
        spec = dict(document["spec"])
        spec["components"] = tuple(spec["components"])
        spec["upstream"] = {role: tuple(keys) for role, keys in spec["upstream"].items()}
        return cls(**{**document, "spec": FitSpec(**spec), "scored": tuple(document["scored"])})


def run_fit(document: Mapping[str, Any]) -> FitOutcome:
    """Make a fit, or find it made. Never raises for what a plugin does: that becomes a failed outcome and a record."""
    job = FitJob.of(document)
    start = time.perf_counter()
    try:
        with locked(job.folder):
            if job.is_done() and not job.rerun:
                return FitOutcome("skipped", 0.0)
            try:
                _make(job)
            except (Exception, SystemExit) as error:
                # A detector that calls sys.exit must not end the run, and least of all as if all were well.
                return _failed(job, _cause(error, job.spec), time.perf_counter() - start)
    except OSError as error:
        # A full or read-only disk, say: nothing can be recorded, but the run can be told.
        return FitOutcome("failed", time.perf_counter() - start, f"the record of the fit cannot be written: {error}")
    return FitOutcome("done", time.perf_counter() - start)


def _failed(job: FitJob, message: str, seconds: float) -> FitOutcome:
    """Record the exception that is being handled."""
    text = traceback.format_exc()
    with contextlib.suppress(OSError):
        # A fit that was finished before stays so: only scoring these clips failed.
        if not is_done(job.folder, job.spec.key):
            _write_status(job, "failed", message)
        with open(job.folder / "log.txt", "a", encoding="utf-8") as log:
            log.write(text)
    return FitOutcome("failed", seconds, message, text)


def _make(job: FitJob) -> None:
    import torch

    from asd_bench.monitor import monitored

    spec, folder, clock = job.spec, job.folder, _Clock()
    fitted = is_done(folder, spec.key) and not job.rerun
    if not fitted:
        _begin(job)
    device = torch.device(job.device)
    with _logged(folder / "log.txt"), monitored(folder / "events.jsonl", device):
        with clock("data"):
            train, train_as_test, test, classes = _listen(job, device)
            context = _context(job, device, classes)
            detector = _detector(job)
        _seed_everything(context)
        if fitted:
            detector.load(folder / "model")
        else:
            with clock("fit"):
                detector.fit(train, context)
            # Frames are made when the detector asks for them, if it does: some hear waveforms alone.
            clock.take("frames", train.frames_seconds, of="fit")
            with clock("save"):
                _save(detector, folder)
            with clock("score_train"):
                write_scores(
                    folder / "train_scores.parquet", _scores(detector, train.under(train_as_test), context, job)
                )
        if job.scores_test_clips:
            with clock("score_test"):
                write_scores(job.scores_path, _scores(detector, test, context, job))
    if not fitted:
        write_json(folder / "timing.json", clock.seconds)
        write_json(folder / "env.json", environment(device))
        shutil.rmtree(folder / "work", ignore_errors=True)
        _write_status(job, "done")


# -- the steps ---------------------------------------------------------------------------------------------------------


def _begin(job: FitJob) -> None:
    """Clear what a failed, killed or repeated fit left, except its checkpoints, and write what is about to be made."""
    folder = job.folder
    if job.rerun:
        shutil.rmtree(folder / "work", ignore_errors=True)
    # The status first: from here on the fit is not done, whenever this is interrupted.
    for name in ("status.json", "train_scores.parquet", "timing.json", "env.json", "log.txt"):
        (folder / name).unlink(missing_ok=True)
    for name in ("scores", "model"):
        shutil.rmtree(folder / name, ignore_errors=True)
    if not (folder / "work").is_dir():
        (folder / "events.jsonl").unlink(missing_ok=True)
    (folder / "work").mkdir(parents=True, exist_ok=True)
    write_json(folder / "fit.json", {**dataclasses.asdict(job.spec), "key": job.spec.key, "dataset": job.dataset})
    _write_status(job, "running")


def _listen(job: FitJob, device: Any) -> tuple[Audio, Clips, Audio, Classes]:
    """What the detector hears: the clips to learn from, how it sees them when they are scored, the test clips, classes.

    Training clips are scored under the view of test clips, without what the protocol hides of those: else their scores
    would not be what thresholds and standardisation need, the scores of normal clips.
    """
    from asd_bench.config import build
    from asd_bench.data.classes import Classes
    from asd_bench.data.clips import as_clips, visible
    from asd_bench.data.store import open_store
    from asd_bench.frontends import Audio, frontend_key
    from asd_bench.plugins import resolve
    from asd_bench.specs import Reveals

    spec, workspace = job.spec, Path(job.workspace)
    owner = f"the frontend '{spec.frontend['name']}'"
    config = build(resolve(spec.frontend["config_type"], owner), spec.frontend["config"])
    frontend = resolve(spec.frontend["target"], owner)(config)
    reveals = Reveals(train=frozenset(job.reveals["train"]), test=frozenset(job.reveals["test"]))
    stores = {machine: open_store(workspace / path) for machine, path in job.stores.items()}
    section = spec.scope.get("section")
    train_rows = visible(stores.values(), "train", section, reveals)
    scored = job.scored or tuple(stores)
    test_rows = visible([stores[machine] for machine in scored], "test", section, reveals)
    # A fit of one section of several has one class, whatever the attributes.
    sections = {machine: int(store.table.section.nunique()) for machine, store in stores.items()}
    classes = Classes.of(train_rows, sections)
    if len(classes) < spec.min_classes:
        raise BenchError(
            f"the detector '{spec.detector}' needs {spec.min_classes} classes, and {spec.scope_name} has {len(classes)}"
            f" ({', '.join(classes.names)})",
            fix="choose a detector that needs no classes for this machine, or leave the machine out with --machine",
        )
    key, cache = frontend_key(dict(spec.frontend)), workspace / "cache" / "frames"
    hidden = visible(stores.values(), "train", section, Reveals(train=reveals.test))
    train = Audio(as_clips(train_rows, "train", classes), train_rows, stores, frontend, key, device, cache)
    test = Audio(as_clips(test_rows, "test", classes), test_rows, stores, frontend, key, device, cache)
    return train, as_clips(hidden, "test", classes), test, classes


def _context(job: FitJob, device: Any, classes: Any) -> Context:
    from asd_bench.context import Context, EventLog, UpstreamFit

    workspace = Path(job.workspace)
    upstream: dict[str, dict[str, UpstreamFit]] = {
        role: {scope: UpstreamFit(scope, workspace / path) for scope, path in fits.items()}
        for role, fits in job.upstream.items()
    }
    return Context(
        seed=digest([job.spec.seed, job.spec.detector, job.spec.scope_name]),
        device=device,
        workdir=job.folder / "work",
        classes=classes,
        events=EventLog(job.folder / "events.jsonl"),
        upstream=upstream,
    )


def _detector(job: FitJob) -> Detector:
    from asd_bench.config import build
    from asd_bench.plugins import resolve

    spec = job.spec
    for name, path in job.files.items():
        if not Path(path).is_file() or file_content(Path(path)) != spec.config[name]:
            raise BenchError("the file has changed or gone since the run was planned", where=path, fix="run it again")
    owner = f"the detector '{spec.detector}' of the plugin '{spec.plugin}'"
    return resolve(spec.target, owner)(build(resolve(spec.config_type, owner), {**spec.config, **job.files}))


def _seed_everything(context: Context) -> None:
    """Seed the global generators too, for the sake of libraries that draw from them."""
    import numpy as np
    import torch

    random.seed(context.seed_of("python"))
    np.random.seed(context.seed_of("numpy") % 2**32)  # noqa: NPY002
    torch.manual_seed(context.seed_of("torch"))


def _save(detector: Detector, folder: Path) -> None:
    work = folder / ".model"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    detector.save(work)
    os.rename(work, folder / "model")


def _scores(detector: Detector, audio: Audio, context: Context, job: FitJob) -> pd.DataFrame:
    """The detector's scores as a table, checked.

    Raises:
        BenchError: a component is missing or foreign, has the wrong shape, or is not finite; the clips are named.
    """
    import numpy as np
    import pandas as pd

    spec, clips = job.spec, audio.clips
    owner = f"the detector '{spec.detector}' of the plugin '{spec.plugin}'"
    emitted = detector.score(audio, context) if spec.components else {}
    if not isinstance(emitted, Mapping) or set(emitted) != set(spec.components):
        got = sorted(emitted) if isinstance(emitted, Mapping) else type(emitted).__name__
        raise BenchError(f"{owner} declares the components {sorted(spec.components)} and emitted {got}")
    columns: dict[str, np.ndarray] = {"clip_id": clips.clip_id, "machine": clips.machine, "section": clips.section}
    for component in spec.components:
        values = np.asarray(emitted[component], dtype=np.float64)
        if values.shape != (len(clips),):
            raise BenchError(f"{owner} emitted '{component}' of shape {values.shape} for {len(clips)} clips")
        bad = ~np.isfinite(values)
        if bad.any():
            raise BenchError(
                f"{owner} gave {bad.sum()} of {len(clips)} clips a '{component}' that is NaN or infinite: "
                + ", ".join(_names_of(clips.clip_id[bad][:5], job))
            )
        columns[component] = values
    return pd.DataFrame(columns)


def _names_of(clip_ids: np.ndarray, job: FitJob) -> list[str]:
    """File names for a message to the user; detectors never get them."""
    from asd_bench.data.store import open_store

    names: dict[str, str] = {}
    for path in job.stores.values():
        files = open_store(Path(job.workspace) / path).files()
        names |= dict(zip(files.clip_id, files.path, strict=True))
    return [names.get(clip_id, clip_id) for clip_id in clip_ids]


# -- around them -------------------------------------------------------------------------------------------------------


class _Clock:
    """Seconds per stage: ``with clock("fit"): …``."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextlib.contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[stage] = round(time.perf_counter() - start, 6)

    def take(self, stage: str, seconds: float, of: str) -> None:
        """Count some of another stage's seconds as a stage of its own."""
        self.seconds[of] = round(self.seconds[of] - seconds, 6)
        self.seconds[stage] = round(seconds, 6)


@contextlib.contextmanager
def _logged(path: Path) -> Iterator[None]:
    """Send the detector's prints, log lines and warnings to the fit's log, out of the way of the progress display."""
    logger = logging.getLogger()
    with open(path, "a", encoding="utf-8", buffering=1) as file:
        handler = logging.StreamHandler(file)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        logger.addHandler(handler)
        logging.captureWarnings(True)
        try:
            with contextlib.redirect_stdout(file):
                yield
        finally:
            logging.captureWarnings(False)
            logger.removeHandler(handler)


def _write_status(job: FitJob, state: str, message: str = "") -> None:
    document = {"format": FORMAT, "state": state, "key": job.spec.key, "time": time.time(), "pid": os.getpid()}
    write_json(job.folder / "status.json", {**document, "host": socket.gethostname(), "message": message})


def _cause(error: BaseException, spec: FitSpec) -> str:
    if isinstance(error, BenchError):
        return str(error)
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{Path(frame.filename).name}:{frame.lineno}"
    return (
        f"the detector '{spec.detector}' of the plugin '{spec.plugin}' raised {type(error).__name__}: {error} ({place})"
    )


def environment(device: Any) -> dict[str, Any]:
    """Versions and hardware, for the record."""
    from importlib.metadata import version

    import torch

    packages = ("asd-bench", "torch", "numpy", "scipy", "scikit-learn", "librosa", "pandas")
    return {
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "cpu_count": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "device": str(device),
        "gpu": torch.cuda.get_device_name(device) if device.type == "cuda" else None,
        "packages": {name: version(name) for name in packages},
    }


def fit_of(folder: Path) -> dict[str, Any]:
    """A fit's ``fit.json`` and ``status.json`` as one document."""
    status = read_json(folder / "status.json")
    return {**read_json(folder / "fit.json"), "state": status["state"], "message": status["message"]}
