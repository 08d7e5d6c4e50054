"""The papers' trainings through the harness, against bare torch loops over the same models and losses.

A recipe is what the detector hands to ``ctx.train`` in a fit on synthetic clips. The bare loop has an epoch's plan
ready and does nothing but zero_grad, loss, backward and step. On a CPU the profile is ``quick``; on a GPU it is
``paper``, and steps are measured captured and eager, and of several fits side by side.
"""

from __future__ import annotations

import contextlib
import dataclasses
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from timing import TURNS, Measured

from asd_bench import fit, training
from asd_bench.context import Context, EventLog
from asd_bench.plugins import host
from asd_bench.testing.trial import prepare
from asd_bench.training import Adam, Recipe
from asd_bench.turns import Turns

#: Clips for epochs of a few dozen steps and more.
DATA = {"n_train": 60, "n_target_train": 4, "n_normal": 2, "n_anomaly": 2, "seconds": 10.0}


@dataclass(frozen=True)
class Training:
    """A detector's training, and what it should take on one H200.

    Attributes:
        detector: its name.
        settings: values that make what it uses quick to fit.
        target_ms: milliseconds per captured step; None where no target is set.
        side_by_side: how many fits of it to run at once, and the milliseconds per step that they should take together.
    """

    detector: str
    settings: Mapping[str, object]
    target_ms: float | None
    side_by_side: tuple[int, float] | None = None


TRAININGS = (
    Training("pae", {}, 2.6, side_by_side=(6, 2.0)),
    Training("geco", {"pae.epochs": 1}, 2.6),
    Training("group-made", {}, 0.5),
    Training("aws-mobilenetv2", {"aws-mobilenetv2.batch_size": 64}, 3.8),
    Training("aws-resnet50", {"aws-resnet50.batch_size": 64}, 5.7),
    Training("small-rice", {}, 10.5),
    Training("first-shot-efficientnet", {}, 19),
    Training("first-shot-transformer", {}, None),
)


def measure(folder: Path) -> Iterator[Measured]:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    for one in TRAININGS:
        if device.type == "cpu":
            yield from _on_cpu(one, folder / one.detector)
        else:
            yield from _on_gpu(one, folder / one.detector, device)


def _on_cpu(one: Training, folder: Path) -> Iterator[Measured]:
    recipe, context = _recipe(one, "quick", torch.device("cpu"), folder)
    ours, steps = _harness(recipe, context, folder)
    bare = _bare(recipe, context)
    ours()
    bare()
    rates = [(_rate(ours, steps), _rate(bare, steps)) for _ in range(TURNS)]
    rate, reference = np.median(rates, axis=0)
    yield Measured(f"{one.detector} training, quick", "steps/s", rate, "a bare torch loop", reference, target=0.9)


def _on_gpu(one: Training, folder: Path, device: torch.device) -> Iterator[Measured]:
    recipe, context = _recipe(one, "paper", device, folder)
    captured, steps = _harness(recipe, context, folder)
    eager, _ = _harness(dataclasses.replace(recipe, capture=False), context, folder)
    captured()
    eager()
    rates = [(_rate(captured, steps), _rate(eager, steps)) for _ in range(TURNS)]
    rate, reference = np.median(rates, axis=0)
    yield Measured(f"{one.detector} training, captured", "steps/s", rate, "eager", reference)
    with _utilisation(device) as busy:
        captured()
    yield Measured(f"{one.detector} training, captured", "ms/step", 1000 / rate, target=one.target_ms)
    yield Measured(f"{one.detector} training, captured", "% GPU busy", busy.mean())
    start = time.perf_counter()
    recipe.plan(0, np.random.default_rng(0))
    torch.cuda.synchronize()
    yield Measured(f"{one.detector} training, plan of {steps} steps", "s", time.perf_counter() - start)
    if one.side_by_side:
        n, target = one.side_by_side
        together = [_recipe(one, "paper", device, folder / f"fit {number}") for number in range(n)]
        works = [_harness(*parts, folder / f"fit {number}")[0] for number, parts in enumerate(together)]
        _at_once(works)
        seconds = _seconds(lambda: _at_once(works))
        yield Measured(f"{one.detector}, {n} fits side by side", "ms/step", 1000 * seconds / (n * steps), target=target)


def _recipe(one: Training, profile: str, device: torch.device, folder: Path) -> tuple[Recipe, Context]:
    """What the detector asks ``ctx.train`` for, once what it uses is fitted."""
    trial = prepare(
        host(),
        one.detector,
        profile=profile,
        system=None,
        settings=one.settings,
        data=DATA,
        device=str(device),
    )
    job = trial.jobs[0]
    for key, other in trial.plan.jobs.items():
        if key != job.score_key and other.spec.detector != one.detector:
            outcome = fit.run_fit(other.document())
            assert outcome.state != "failed", outcome.message
    audio, _, _, classes = fit._listen(job, device)
    context = dataclasses.replace(fit._context(job, device, classes), workdir=folder)
    asked: list[Recipe] = []

    class Enough(Exception):
        pass

    def remember(recipe: Recipe, ctx: Context) -> None:
        asked.append(recipe)
        raise Enough

    with mock.patch.object(training, "train", remember), contextlib.suppress(Enough):
        fit._detector(job).fit(audio, context)
    (recipe,) = asked
    return recipe, context


def _harness(recipe: Recipe, context: Context, folder: Path) -> tuple[Callable[[], None], int]:
    """A training of a few epochs through the harness, and how many steps that is."""
    steps = len(next(iter(recipe.plan(0, np.random.default_rng(0)).values())))
    epochs = max(1, -(-20 // steps)) if context.device.type == "cpu" else max(1, -(-400 // steps))
    tables = {
        name: values[: epochs if len(values) == recipe.epochs else epochs * steps]
        for name, values in recipe.tables.items()
    }
    short = dataclasses.replace(recipe, epochs=epochs, tables=tables)
    folder.mkdir(parents=True, exist_ok=True)
    ours = dataclasses.replace(context, workdir=folder, events=EventLog(folder / "events.jsonl"))
    return lambda: training.train(short, ours), epochs * steps


def _bare(recipe: Recipe, context: Context) -> Callable[[], None]:
    """The same number of steps in a loop of nothing but torch."""
    plan = {name: torch.as_tensor(rows) for name, rows in recipe.plan(0, np.random.default_rng(0)).items()}
    steps = len(next(iter(plan.values())))
    epochs = max(1, -(-20 // steps))
    values = {name: torch.tensor(float(table[0])) for name, table in recipe.tables.items() if name != "lr"}
    settings = dataclasses.asdict(recipe.optimizer)
    decoupled = settings.pop("decoupled", False)
    kind = (
        (torch.optim.AdamW if decoupled else torch.optim.Adam)
        if isinstance(recipe.optimizer, Adam)
        else torch.optim.SGD
    )

    def loop() -> None:
        recipe.model.train()
        optimizer = kind(recipe.model.parameters(), **settings)
        for _ in range(epochs):
            for step in range(steps):
                optimizer.zero_grad()
                recipe.loss({**{name: rows[step] for name, rows in plan.items()}, **values}).backward()
                optimizer.step()

    return loop


def _at_once(works: list[Callable[[], None]]) -> None:
    turns = Turns()

    def run(work: Callable[[], None]) -> None:
        with turns.turn():
            work()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


class _Samples(list):
    def mean(self) -> float:
        return float(np.mean(self)) if self else float("nan")


@contextlib.contextmanager
def _utilisation(device: torch.device) -> Iterator[_Samples]:
    """Samples of the share of time in which the GPU worked, in percent; none without NVML."""
    samples, stop = _Samples(), threading.Event()

    def sample() -> None:
        with contextlib.suppress(Exception):
            while not stop.wait(0.1):
                samples.append(torch.cuda.utilization(device))

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield samples
    finally:
        stop.set()
        thread.join()


def _seconds(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def _rate(work: Callable[[], None], steps: int) -> float:
    return steps / _seconds(work)
