"""A training's steps: made eagerly at first, and on a CUDA device replayed from a graph from then on.

Networks of this field are small: a GPU does a step's arithmetic faster than Python can ask for it. A CUDA graph asks
once. It repeats the same kernels on the same memory, so everything that changes from step to step is read from device
memory, at the row that a counter on the device says: the plan, the tables, the learning rate, and where the loss goes.
Eager steps read the same memory in the same way, so that their numbers are the same.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import torch

from asd_bench import turns
from asd_bench.errors import BenchError

if TYPE_CHECKING:
    from asd_bench.training import Recipe

logger = logging.getLogger(__name__)

#: Eager steps before a graph is captured: libraries allocate memory and choose their kernels in the first ones.
WARM_UP = 3

#: Tables that speak to the optimiser, not to the loss.
OF_OPTIMIZER = ("lr", "beta1", "beta2")


class Steps:
    """The steps of one training, in order.

    Args:
        recipe: what is trained.
        optimizer: built for the recipe's model.
        device: where.

    Attributes:
        losses: of the epoch's steps, float32 of shape (steps,), on the device.
    """

    def __init__(self, recipe: Recipe, optimizer: torch.optim.Optimizer, device: torch.device) -> None:
        self.losses = torch.zeros(0, device=device)
        self._recipe = recipe
        self._optimizer = optimizer
        self._device = device
        self._on_gpu = device.type == "cuda"
        self._capturing = recipe.capture and self._on_gpu
        self._graph: torch.cuda.CUDAGraph | None = None
        self._draws = False
        self._made = 0
        self._counter = torch.zeros(1, dtype=torch.int64, device=device)
        self._rows: dict[str, torch.Tensor] = {}
        self._schedule: Mapping[str, np.ndarray] = {}
        self._scheduled: dict[str, torch.Tensor] = {}

    @property
    def can_share(self) -> bool:
        """Whether other fits of this process may run meanwhile: steps are replayed, and draw no random numbers."""
        return self._graph is not None and not self._draws

    def begin(self, plan: Mapping[str, torch.Tensor], tables: Mapping[str, np.ndarray], step: int = 0) -> None:
        """Take in an epoch.

        Args:
            plan: each of shape (steps, …), the same shapes in every epoch.
            tables: each of shape (steps,).
            step: the next step's number; more than 0 where an interrupted epoch goes on.

        Raises:
            BenchError: the shapes are not those of the epoch before.
        """
        self._schedule = {name: values for name, values in tables.items() if name in OF_OPTIMIZER}
        of_loss = {name: values for name, values in tables.items() if name not in OF_OPTIMIZER}
        # On a CPU the optimiser's values are set from outside, as plain numbers, as torch's schedulers do it.
        rows = {**plan, **_float32(tables if self._on_gpu else of_loss)}
        if not self._rows:
            self._rows = {name: torch.empty_like(values, device=self._device) for name, values in rows.items()}
            self.losses = torch.zeros(len(next(iter(plan.values()))), device=self._device)
            self._scheduled = {name: torch.zeros((), device=self._device) for name in self._schedule}
        _check_shapes(self._rows, rows)
        for name, values in rows.items():
            # Not replaced: a graph knows memory, not names.
            self._rows[name].copy_(values)
        if step == 0:
            self.losses.zero_()
        self._counter.fill_(step)
        if self._on_gpu:
            self._bind_optimizer()

    def make(self, step: int) -> None:
        """Make the next step, which is number ``step`` of the epoch."""
        if self._capturing and self._made == WARM_UP:
            self._capture()
        if self._graph is not None:
            self._graph.replay()
        elif self._on_gpu:
            before = torch.cuda.get_rng_state(self._device)
            self._step()
            self._draws |= not torch.equal(before, torch.cuda.get_rng_state(self._device))
        else:
            self._set_optimizer(step)
            self._step()
        self._made += 1

    def wait(self) -> None:
        """Until the device has made every step that it was asked for."""
        if self._on_gpu:
            torch.cuda.current_stream(self._device).synchronize()

    # -- one step --------------------------------------------------------------------------------------------------

    def _step(self) -> None:
        """The step at the counter. Nothing in it waits for the device or depends on what the host knows."""
        batch = {name: values.index_select(0, self._counter)[0] for name, values in self._rows.items()}
        for name, value in self._scheduled.items():
            if name in batch:
                value.copy_(batch.pop(name))
        self._optimizer.zero_grad()
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._recipe.autocast):
            loss = self._recipe.loss(batch)
        loss.backward()
        self._optimizer.step()
        self.losses.index_copy_(0, self._counter, loss.detach().float().reshape(1))
        self._counter.add_(1)

    def _capture(self) -> None:
        """Capture the step; where that cannot be done steps stay eager, and the fit's log says why."""
        graph = torch.cuda.CUDAGraph()
        stream = torch.cuda.current_stream(self._device)
        # Gradients are made anew, in the graph's own memory.
        self._optimizer.zero_grad()
        # The generators cannot serve other threads' graphs while they take part in a capture.
        turns.be_alone()
        try:
            with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
                self._step()
            self._graph = graph
        except RuntimeError as error:
            logger.warning("steps stay eager: they cannot be captured in a CUDA graph (%s)", str(error).splitlines()[0])
            self._optimizer.zero_grad()
        self._capturing = False

    # -- the optimiser's scheduled values --------------------------------------------------------------------------

    def _bind_optimizer(self) -> None:
        """Have the optimiser read what is scheduled from device memory that steps write."""
        for group in self._optimizer.param_groups:
            self._put(group, self._scheduled)

    def _set_optimizer(self, step: int) -> None:
        """Set what is scheduled to a step's values."""
        values = {name: float(table[step]) for name, table in self._schedule.items()}
        for group in self._optimizer.param_groups:
            self._put(group, values)

    def _put(self, group: dict, values: Mapping[str, float | torch.Tensor]) -> None:
        group["lr"] = values.get("lr", group["lr"])
        if "beta1" in values or "beta2" in values:
            beta1, beta2 = group["betas"]
            group["betas"] = (values.get("beta1", beta1), values.get("beta2", beta2))


@contextmanager
def own_stream(device: torch.device) -> Iterator[None]:
    """A CUDA stream of one's own, on which graphs can be captured and other fits' work does not wait."""
    if device.type != "cuda":
        yield
        return
    outer, stream = torch.cuda.current_stream(device), torch.cuda.Stream(device)
    stream.wait_stream(outer)
    with torch.cuda.stream(stream):
        yield
    outer.wait_stream(stream)


def _float32(tables: Mapping[str, np.ndarray]) -> dict[str, torch.Tensor]:
    return {name: torch.as_tensor(values, dtype=torch.float32) for name, values in tables.items()}


def _check_shapes(kept: Mapping[str, torch.Tensor], new: Mapping[str, torch.Tensor]) -> None:
    shapes = [{name: (tuple(part.shape), part.dtype) for name, part in parts.items()} for parts in (kept, new)]
    if shapes[0] != shapes[1]:
        changed = [name for name in {**kept, **new} if shapes[0].get(name) != shapes[1].get(name)]
        raise BenchError(
            f"a plan must have the same parts, shapes and types in every epoch, and '{changed[0]}' differs",
            fix="fill incomplete batches, as asd_bench.training.batches does",
        )
