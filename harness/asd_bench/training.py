"""The training loop that detectors share: plan an epoch, replay its steps.

A detector states three things in a `Recipe`: its model, the plan of an epoch, and the loss of a step. The plan draws
everything random (indices, crops, masks, mixing weights) on the CPU, ahead of the epoch, from a generator that depends
on the fit's seed and the epoch alone; a step only reads the plan's next row. So every step does the same work, on data
that is already on the device, and an interrupted training goes on bit for bit: a checkpoint needs the model, the
optimiser and a position, and plans are drawn again.

Nothing in a step waits for the device: losses stay there and are looked at about once a second, which is when progress
is shown, divergence noticed and checkpoints written. On a GPU steps are replayed from a CUDA graph
(`asd_bench.capture`).
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from asd_bench import records, turns
from asd_bench.capture import Steps, own_stream
from asd_bench.errors import BenchError

if TYPE_CHECKING:
    from asd_bench.context import Context

Batch = Mapping[str, torch.Tensor]

#: Seconds between looks at the losses.
LOOK_SECONDS = 1.0

#: Seconds of training that an interruption may cost; ``ASD_BENCH_CHECKPOINT_SECONDS`` says otherwise.
CHECKPOINT_SECONDS = 60.0

#: Writing checkpoints may take this share of the time.
CHECKPOINT_SHARE = 0.02


@dataclass(frozen=True, kw_only=True)
class Adam:
    """Adam, or AdamW where weight decay is decoupled from the gradient.

    ``lr`` and the betas may be replaced step by step through a recipe's tables of these names.
    """

    lr: float
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0
    decoupled: bool = False

    def build(self, parameters: Iterable[torch.nn.Parameter], device: torch.device) -> torch.optim.Optimizer:
        """The optimiser, on a CUDA device in a form that can be captured."""
        kind = torch.optim.AdamW if self.decoupled else torch.optim.Adam
        form = {"foreach": True, "capturable": True} if device.type == "cuda" else {}
        return kind(parameters, self.lr, betas=self.betas, eps=self.eps, weight_decay=self.weight_decay, **form)


@dataclass(frozen=True, kw_only=True)
class Sgd:
    """Stochastic gradient descent; ``lr`` may be replaced step by step through a recipe's table."""

    lr: float
    momentum: float = 0.0
    weight_decay: float = 0.0
    nesterov: bool = False

    def build(self, parameters: Iterable[torch.nn.Parameter], device: torch.device) -> torch.optim.Optimizer:
        """The optimiser, on a CUDA device in a form that can be captured."""
        return torch.optim.SGD(
            parameters,
            self.lr,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
            nesterov=self.nesterov,
            fused=True if device.type == "cuda" else None,
        )


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What a detector trains and how.

    Attributes:
        model: everything trainable; in training mode while the recipe runs, in evaluation mode afterwards.
        plan: ``plan(epoch, rng)`` to tensors or arrays of shape (steps, …), one row per step, the same shapes in every
            epoch.
        loss: ``loss(batch)`` to a scalar; the batch holds the plan's row of the step and the tables' values, on the
            device.
        epochs: how many.
        optimizer: `Adam` or `Sgd`.
        tables: values that change while training, by name: arrays with one value per epoch or per step of all epochs.
            ``lr`` (and ``beta1``, ``beta2`` of Adam) go to the optimiser, others to the batch.
        autocast: whether the loss is computed in bfloat16 where torch deems it safe.
        capture: whether a GPU may replay the step from a CUDA graph. It repeats what one call of ``loss`` did, so that
            is to be the same work on shapes of the same size every time, without a question to the device
            (``.item()``, a mask as an index) and without tensors from the host. One that cannot be captured runs
            eagerly, and the fit's log says so.
    """

    model: torch.nn.Module
    plan: Callable[[int, np.random.Generator], Mapping[str, torch.Tensor | np.ndarray]]
    loss: Callable[[Batch], torch.Tensor]
    epochs: int
    optimizer: Adam | Sgd
    tables: Mapping[str, np.ndarray] = field(default_factory=dict)
    autocast: bool = False
    capture: bool = True


def batches(n: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """A random order of ``n`` items cut into batches of one size.

    An incomplete last batch is completed from the next permutation, so every item comes at least once.

    Args:
        n: number of items.
        size: of a batch.
        rng: the plan's generator.

    Returns:
        int64 of shape (batches, size).
    """
    if n < 1 or size < 1:
        raise BenchError(f"there are {n} items for batches of {size}")
    steps = -(-n // size)
    order = rng.permutation(n)
    while len(order) < steps * size:
        order = np.concatenate([order, rng.permutation(n)])
    return order[: steps * size].reshape(steps, size)


def train(recipe: Recipe, ctx: Context) -> None:
    """Train a recipe's model in place, from the last checkpoint if there is one.

    Raises:
        BenchError: the loss is not finite; the message says where and names the last good checkpoint.
    """
    _Training(recipe, ctx).run()


class _Training:
    """The state of one training while it runs."""

    def __init__(self, recipe: Recipe, ctx: Context) -> None:
        self.recipe = recipe
        self.ctx = ctx
        self.model = recipe.model.to(ctx.device)
        self.optimizer = recipe.optimizer.build(self.model.parameters(), ctx.device)
        self.steps = Steps(recipe, self.optimizer, ctx.device)
        self.checkpoint = _Checkpoint(ctx.workdir / "checkpoint.pt")
        self.epoch = 0
        self.step = 0
        self.checked = 0
        self.clock = time.perf_counter()
        self.steps_run = 0

    def run(self) -> None:
        with own_stream(self.ctx.device):
            resumed = self._resume()
            for epoch in range(self.epoch, self.recipe.epochs):
                plan = self._plan(epoch)
                n_steps = len(next(iter(plan.values())))
                # Dropout and the like draw from torch's own generators: seeded per epoch, kept in checkpoints.
                if resumed is None:
                    torch.manual_seed(self.ctx.seed_of("training", epoch))
                    self.epoch, self.step, self.checked = epoch, 0, 0
                    self.steps.begin(plan, self._tables(epoch, n_steps))
                else:
                    self.steps.begin(plan, self._tables(epoch, n_steps), self.step)
                    self.steps.losses.copy_(resumed["losses"])
                    self._restore_random(resumed["random"])
                    resumed = None
                self.model.train()
                self._train_epoch(n_steps)
                rate = float(self.optimizer.param_groups[0]["lr"])
                self.ctx.log(epoch, loss=self.steps.losses.mean().item(), lr=rate)
            self.model.eval()

    def _plan(self, epoch: int) -> dict[str, torch.Tensor]:
        drawn = self.recipe.plan(epoch, self.ctx.rng("plan", epoch))
        plan = {name: torch.as_tensor(rows) for name, rows in drawn.items()}
        lengths = {name: len(rows) for name, rows in plan.items()}
        if not lengths or len(set(lengths.values())) != 1 or not min(lengths.values()):
            raise BenchError(
                f"a plan needs the same number of steps, at least one, in each of its parts; got {lengths}"
            )
        return plan

    def _tables(self, epoch: int, steps: int) -> dict[str, np.ndarray]:
        """Each table's values for this epoch, one per step."""
        tables = {}
        for name, values in self.recipe.tables.items():
            if len(values) == self.recipe.epochs:
                tables[name] = np.full(steps, values[epoch])
            elif len(values) == self.recipe.epochs * steps:
                tables[name] = np.asarray(values[epoch * steps : (epoch + 1) * steps])
            else:
                raise BenchError(
                    f"the table '{name}' has {len(values)} values, for {self.recipe.epochs} epochs of {steps} steps"
                )
        return tables

    def _train_epoch(self, n_steps: int) -> None:
        while self.step < n_steps:
            with turns.lent() if self.steps.can_share else contextlib.nullcontext():
                looked = time.perf_counter()
                while True:
                    self.steps.make(self.step)
                    self.step += 1
                    self.steps_run += 1
                    if self.step == n_steps or time.perf_counter() - looked > LOOK_SECONDS:
                        break
                self.steps.wait()
            self._look(n_steps)

    # -- once a second ---------------------------------------------------------------------------------------------

    def _look(self, n_steps: int) -> None:
        """Check the losses since the last look, show progress, write a checkpoint when it is time."""
        recent = self.steps.losses[self.checked : self.step]
        bad = ~torch.isfinite(recent)
        if bad.any():
            self._diverged(self.checked + int(bad.nonzero()[0]))
        self.checked = self.step
        seconds = time.perf_counter() - self.clock
        rate = self.steps_run / seconds
        left = (self.recipe.epochs - self.epoch) * n_steps - self.step
        progress = {"epoch": self.epoch + 1, "epochs": self.recipe.epochs, "loss": recent.mean().item()}
        self.ctx.events.write("progress", None, progress | {"steps_per_second": rate, "seconds_left": left / rate})
        if self.checkpoint.is_due():
            self.checkpoint.write(self._state())

    def _diverged(self, step: int) -> None:
        last = (
            f"the last good checkpoint is {self.checkpoint.path}"
            if self.checkpoint.path.is_file()
            else "there is no checkpoint yet"
        )
        raise BenchError(
            f"the loss became NaN or infinite in epoch {self.epoch + 1}, step {step + 1}; {last}",
            fix="try a smaller learning rate (--set detector.lr=…), or without bfloat16",
        )

    # -- checkpoints -----------------------------------------------------------------------------------------------

    def _state(self) -> dict[str, Any]:
        random = {"cpu": torch.get_rng_state()}
        if self.ctx.device.type == "cuda":
            random["gpu"] = torch.cuda.get_rng_state(self.ctx.device)
        return {
            "epoch": self.epoch,
            "step": self.step,
            "losses": self.steps.losses,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "random": random,
        }

    def _resume(self) -> dict[str, Any] | None:
        """Take up the last checkpoint; what of it is of use only when its epoch has begun, or None without one."""
        state = self.checkpoint.read(self.ctx.device)
        if state is None:
            return None
        self.epoch, self.step = state["epoch"], state["step"]
        self.checked = self.step
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        return {name: state[name] for name in ("losses", "random")}

    def _restore_random(self, random: Mapping[str, torch.Tensor]) -> None:
        torch.set_rng_state(random["cpu"].cpu())
        if "gpu" in random and self.ctx.device.type == "cuda":
            torch.cuda.set_rng_state(random["gpu"].cpu(), self.ctx.device)


class _Checkpoint:
    """A checkpoint file that is written often enough to lose little, and seldom enough to cost little."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._interval = float(os.environ.get("ASD_BENCH_CHECKPOINT_SECONDS", CHECKPOINT_SECONDS))
        self._last = time.perf_counter()
        self._cost = 0.0

    def is_due(self) -> bool:
        return time.perf_counter() - self._last >= max(self._interval, self._cost / CHECKPOINT_SHARE)

    def write(self, state: Mapping[str, Any]) -> None:
        start = time.perf_counter()
        with records.atomic(self.path) as work:
            torch.save(dict(state), work)
        self._last = time.perf_counter()
        self._cost = self._last - start

    def read(self, device: torch.device) -> dict[str, Any] | None:
        """The state of the last checkpoint, or None where there is none or it is damaged."""
        if not self.path.is_file():
            return None
        try:
            return torch.load(self.path, map_location=device, weights_only=True)
        except Exception:
            # Written atomically, so only a damaged disk makes one: training starts over.
            return None
