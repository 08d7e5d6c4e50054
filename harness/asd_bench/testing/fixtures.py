"""Fixtures for plugin authors: ``pytest_plugins = ["asd_bench.testing.fixtures"]`` in the topmost ``conftest.py``.

Runs on synthetic data:

- `tiny` is a dataset of a few short clips, and `run` runs systems on it in a workspace of the test's own.

Detectors on their own, mostly on `asd_bench.testing.MadeUpAudio`:

- `fit_context` makes what a detector's ``fit`` and ``score`` are given beside the audio:
  ``fit_context("a seed", n_classes=3)``;
- `untrained_recipes` keeps detectors from training and remembers what they would have trained;
- `break_off_fit` breaks a fit off in its training, so that another can go on with it;
- `one_torch_thread` lets a test compute in one thread: networks of a test's size only lose by sharing their work.

Importing this module does not import torch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from asd_bench.testing.running import Outcome, run_systems
from asd_bench.testing.tiny import TinyData

if TYPE_CHECKING:
    from asd_bench.context import Context
    from asd_bench.data.classes import Classes
    from asd_bench.frontends import Audio
    from asd_bench.protocols import Detector
    from asd_bench.training import Recipe


# -- runs --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyData:
    """Four machine types with 16 synthetic clips of a second each, made once per session."""
    data = TinyData(tmp_path_factory.mktemp("tiny"))
    data.open()
    return data


@pytest.fixture
def run(tiny: TinyData, tmp_path: Path) -> Callable[..., Outcome]:
    """`run_systems` on the tiny data, in a workspace of the test's own: ``run("mel-knn", seeds=(0, 1))``."""

    def run_here(
        systems: str, *, workspace: Path = tmp_path / "workspace", data: TinyData = tiny, **asked: Any
    ) -> Outcome:
        return run_systems(workspace, systems, data, **asked)

    return run_here


# -- detectors ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def fit_context(tmp_path: Path) -> Callable[..., Context]:
    """A fit's context on the CPU, with a work folder of its own and events that are remembered.

    ``fit_context(seed="a seed", n_classes=2, classes=None, upstream={"encoder": {"*": a fitted detector}})``: with
    ``n_classes`` the classes are sections of one machine type; ``classes`` gives others; ``upstream`` has the fitted
    detectors that this one uses, by role and scope. What was written to ``events`` is in `RememberedEvents`.
    """
    count = 0

    def make(
        seed: str = "a seed",
        n_classes: int = 2,
        *,
        classes: Classes | None = None,
        upstream: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> Context:
        import torch

        from asd_bench.context import Context, UpstreamFit
        from asd_bench.data.classes import Classes
        from asd_bench.testing.made_up import RememberedEvents

        nonlocal count
        workdir = tmp_path / f"work {count}"
        workdir.mkdir()
        count += 1
        if classes is None:
            sections = [f"{number:02d}" for number in range(n_classes)]
            names = tuple(f"fan/{section}" for section in sections)
            classes = Classes(names, {"fan": "section"}, tuple(("fan", section) for section in sections))

        def fitted(scope: str, detector: Any) -> UpstreamFit:
            fit = UpstreamFit(scope, workdir)
            # As if it had been loaded from its record.
            vars(fit)["detector"] = detector
            return fit

        fits = {
            role: {scope: fitted(scope, detector) for scope, detector in detectors.items()}
            for role, detectors in (upstream or {}).items()
        }
        return Context(
            seed=seed,
            device=torch.device("cpu"),
            workdir=workdir,
            classes=classes,
            events=RememberedEvents(),
            upstream=fits,
        )

    return make


@pytest.fixture
def untrained_recipes(monkeypatch: pytest.MonkeyPatch) -> list[Recipe]:
    """Fits get no training; the recipes that they handed to ``ctx.train`` are in the list."""
    recipes: list[Recipe] = []

    def train(recipe: Recipe, ctx: Context) -> None:
        recipes.append(recipe)
        recipe.model.eval()

    monkeypatch.setattr("asd_bench.training.train", train)
    return recipes


@pytest.fixture
def break_off_fit(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Context]:
    """Begin a fit and break it off in its training, with a checkpoint behind it; returns the context to go on with.

    ``ctx = break_off_fit(detector, audio, fit_context(), epochs=1)``: that many epochs are logged, and one more is
    trained. Another detector that is fitted with ``ctx`` goes on from there.
    """

    def begin(detector: Detector, audio: Audio, ctx: Context, epochs: int = 1) -> Context:
        from asd_bench.context import Context

        log = Context.log

        def log_some(self: Context, step: int | None = None, **values: float) -> None:
            if step == epochs:
                raise KeyboardInterrupt
            log(self, step, **values)

        with monkeypatch.context() as patched:
            # A checkpoint after every epoch, however long it takes to write.
            patched.setenv("ASD_BENCH_CHECKPOINT_SECONDS", "0")
            patched.setattr("asd_bench.training.CHECKPOINT_SHARE", math.inf)
            patched.setattr(Context, "log", log_some)
            with pytest.raises(KeyboardInterrupt):
                detector.fit(audio, ctx)
        assert (ctx.workdir / "checkpoint.pt").is_file(), "the fit was broken off without a checkpoint"
        return replace(ctx, _trained=[])

    return begin


@pytest.fixture
def one_torch_thread() -> Iterator[None]:
    """Networks of a test's size only lose by sharing their work among threads."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
