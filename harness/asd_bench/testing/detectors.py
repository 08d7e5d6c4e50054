"""`check_detector`: whether a detector keeps the promises that results rest on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asd_bench.plugins import Host
from asd_bench.testing.checks import Check, NotApplicable, Report, go_through

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from asd_bench.testing.trial import Trial

#: Mean AUC over machine types that a detector reaches if its scores point the right way.
EASY_AUC = 0.7

#: How far a score may move, in standard deviations of the scores, when a clip is scored in another batch.
BATCH_TOLERANCE = 1e-3

#: The same for a repetition on a GPU, whose atomic sums come in any order, and on a CPU, where nothing does.
GPU_TOLERANCE = 1e-2
EXACT = 0.0

#: First bytes of a pickle of protocol 2 to 5.
PICKLES = tuple(b"\x80" + bytes([protocol]) for protocol in range(2, 6))


def check_detector(
    name: str,
    profile: str = "smoke",
    *,
    system: str | None = None,
    settings: Mapping[str, Any] | None = None,
    data: Mapping[str, Any] | None = None,
    skip: Mapping[str, str] | None = None,
    device: str = "cpu",
    host: Host | None = None,
) -> Report:
    """Fit a detector on a small synthetic dataset in every way that should make no difference, and see that none does.

    The data are two machine types of ``synthetic2023`` in clips of two seconds: for each 24 training clips of several
    classes, and 10 normal and 10 anomalous test clips.

    Args:
        name: the detector.
        profile: of a system that uses the detector; where none has it, the published values are taken.
        system: that system; by default the first by name that has the profile.
        settings: values that differ, by address: ``{"detector.epochs": 1}``.
        data: options of ``synthetic2023`` that differ: ``{"seconds": 10}``.
        skip: name of a check that cannot hold -> the reason.
        device: as torch names it.
        host: the plugins; those that are installed if None.

    Returns:
        what passed and what was left out, with reasons.

    Raises:
        ConformanceError: a check failed; the text says what is wrong and why it matters.
        BenchError: there is no such detector, or what is asked for does not fit it.
    """
    __tracebackhide__ = True
    from asd_bench.testing.running import loaded_host
    from asd_bench.testing.trial import prepare

    trial = prepare(
        host or loaded_host(),
        name,
        profile=profile,
        system=system,
        settings=settings or {},
        data=data or {},
        device=device,
    )
    title = f"the detector '{name}' (as in {trial.origin})"
    try:
        # Without fits there is nothing to look at: what is wrong is said once, not in every check.
        report = go_through([FITS], trial, title, {})
        rest = go_through(CHECKS, trial, title, skip or {})
    finally:
        trial.forget()
    return Report(title, report.passed + rest.passed, rest.skipped)


# -- the checks, in the order in which they are made -------------------------------------------------------------------


def _fits(trial: Trial) -> Iterator[str]:
    yield from trial.make()


def _float64(trial: Trial) -> Iterator[str]:
    import numpy as np

    for job in _scoring(trial):
        for component, values in trial.emitted(job).items():
            dtype = getattr(values, "dtype", type(values).__name__)
            if dtype != np.float64:
                yield f"'{component}' of {job.spec.scope_name} is {dtype}, not an array of float64"


def _plain_files(trial: Trial) -> Iterator[str]:
    for job in trial.jobs:
        for path in sorted(path for path in (job.folder / "model").rglob("*") if path.is_file()):
            kind = _unsafe(path)
            if kind:
                yield f"model/{path.relative_to(job.folder / 'model')} is {kind}"


def _another_process(trial: Trial) -> Iterator[str]:
    for job in _scoring(trial):
        before = trial.test_scores(job)
        message = trial.score_elsewhere(job)
        if message:
            yield f"{job.spec.scope_name}: it cannot be loaded and score in another process: {message}"
        else:
            yield from _moved(before, trial.test_scores(job), trial, _on(trial), job.spec.scope_name)


def _other_order(trial: Trial) -> Iterator[str]:
    for job in _scoring(trial):
        other, message = trial.score_reordered(job)
        if message:
            yield f"{job.spec.scope_name}: it cannot score fewer clips: {message}"
        else:
            scores = trial.test_scores(other)
            yield from _moved(
                trial.test_scores(job).loc[scores.index], scores, trial, BATCH_TOLERANCE, job.spec.scope_name
            )


def _easy_anomalies(trial: Trial) -> Iterator[str]:
    from sklearn.metrics import roc_auc_score

    tables, labels = [trial.test_scores(job) for job in _scoring(trial)], trial.labels()
    for component in trial.detector.components:
        by_machine = [rows for table in tables for _, rows in table.groupby("machine")]
        aucs = [roc_auc_score(labels.loc[rows.index], rows[component]) for rows in by_machine]
        mean = sum(aucs) / len(aucs)
        if mean < EASY_AUC:
            hint = "; turned round it would be above: higher must mean more anomalous" if 1 - mean >= EASY_AUC else ""
            yield f"'{component}' finds plain faults with a mean AUC of {mean:.2f}, less than {EASY_AUC}{hint}"


def _training_scores(trial: Trial) -> Iterator[str]:
    for job in _scoring(trial):
        scores = trial.train_scores(job)
        for component in trial.detector.components:
            if scores[component].nunique() == 1 < len(scores):
                yield f"{job.spec.scope_name}: its {len(scores)} training clips all have the same '{component}'"


def _same_seed(trial: Trial) -> Iterator[str]:
    for job in trial.jobs:
        model = _contents(job.folder / "model")
        before = [trial.train_scores(job), trial.test_scores(job)] if job.scores_test_clips else []
        message = trial.make_again(job)
        if message:
            yield f"{job.spec.scope_name}: it cannot be fitted twice: {message}"
            continue
        after = [trial.train_scores(job), trial.test_scores(job)] if job.scores_test_clips else []
        for one, other in zip(before, after, strict=True):
            yield from _moved(one, other, trial, _on(trial), job.spec.scope_name)
        if not before and _on(trial) == EXACT and model != _contents(job.folder / "model"):
            yield f"{job.spec.scope_name}: the second fit saved another model than the first"


def _capturable(trial: Trial) -> Iterator[str]:
    from asd_bench.testing.capturing import step_faults

    recipes = [recipe for job in trial.jobs for recipe in trial.recipes(job) if recipe.capture]
    if not recipes:
        raise NotApplicable("it trains nothing through ctx.train, or says that its steps are not to be captured")
    for recipe in recipes:
        yield from step_faults(recipe)


FITS = Check(
    "fits",
    "every clip must get one finite score of every declared component, or no result can be made",
    _fits,
)

CHECKS = (
    Check(
        "float64",
        "with fewer digits close scores become equal, and ties move AUC and thresholds",
        _float64,
    ),
    Check(
        "plain files",
        "records are exchanged, and a pickle runs whatever code its sender put into it; save safetensors, npy or JSON",
        _plain_files,
    ),
    Check(
        "another process",
        "clips are scored later and elsewhere than a fit is made: what was not saved is lost, and scores change",
        _another_process,
    ),
    Check(
        "other order",
        "a score that depends on the clips around it knows what the test set is like, and changes when clips are added",
        _other_order,
    ),
    Check(
        "easy anomalies",
        "a detector whose scores point the wrong way, or nowhere, passes every other check",
        _easy_anomalies,
    ),
    Check(
        "training scores",
        "thresholds and standardisation come from them; a clip that is its own nearest neighbour tells nothing",
        _training_scores,
    ),
    Check(
        "same seed",
        "a result that nobody can make again is no result; draw from ctx.rng",
        _same_seed,
    ),
    Check(
        "capturable steps",
        "on a GPU training steps are replayed from a CUDA graph; what cannot be captured runs several times as slow",
        _capturable,
    ),
)


def _on(trial: Trial) -> float:
    """What a repetition may change on the trial's device."""
    return EXACT if trial.jobs[0].device == "cpu" else GPU_TOLERANCE


# -- what they share ---------------------------------------------------------------------------------------------------


def _scoring(trial: Trial) -> list[Any]:
    """The detector's fits, if they score."""
    if not trial.detector.components:
        raise NotApplicable("it scores nothing; check the detectors that use it")
    return list(trial.jobs)


def _moved(before: pd.DataFrame, after: pd.DataFrame, trial: Trial, tolerance: float, scope: str) -> Iterator[str]:
    """A sentence for every component whose scores are not the same."""
    import numpy as np

    for component in trial.detector.components:
        one, other = before[component], after[component].loc[before.index]
        allowed = tolerance * float(np.std(one)) + (1e-9 * float(np.abs(one).max()) if tolerance else 0.0)
        difference: np.ndarray = np.abs(one.to_numpy() - other.to_numpy())
        if (difference > allowed).any():
            worst = int(difference.argmax())
            yield (
                f"{scope}: '{component}' of {int((difference > allowed).sum())} of {len(one)} clips is another, "
                f"most of all {one.iat[worst]:.6g} that became {other.iat[worst]:.6g}"
            )


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _unsafe(path: Path) -> str | None:
    """What makes a file unsafe to load, or None."""
    import zipfile

    import numpy as np

    with open(path, "rb") as file:
        start = file.read(2)
    if start in PICKLES:
        return "a pickle"
    if path.suffix in (".npy", ".npz"):
        try:
            np.load(path, allow_pickle=False)
        except ValueError:
            return "an array of Python objects, which is a pickle"
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if any(name.endswith(".pkl") for name in archive.namelist()):
                return "written by torch.save, which is a pickle; safetensors.torch.save_file writes the same tensors"
    return None
