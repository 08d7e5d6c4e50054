"""Whether a training step could be replayed from a CUDA graph, found out without a GPU.

A graph repeats kernels on memory. What asks the device for a value, makes a tensor whose size depends on values, or
brings values from the host cannot be in one: on a GPU such a step runs eagerly, several times as slow.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

if TYPE_CHECKING:
    from asd_bench.training import Recipe

#: Operators that a graph cannot hold, and what they come from.
_REFUSED = {
    "_local_scalar_dense": "asks the device for a value, as .item(), float() or an if on a tensor do",
    "lift_fresh": "makes a tensor from values of the host, as torch.tensor(…) or a list as an index do",
    "nonzero": "makes a tensor whose size depends on values",
    "masked_select": "makes a tensor whose size depends on values",
    "_unique2": "makes a tensor whose size depends on values",
    "repeat_interleave": "makes a tensor whose size depends on values",
}

_INDEXING = ("index", "index_put_", "index_put")


def step_faults(recipe: Recipe) -> Iterator[str]:
    """What of a recipe's step cannot be captured, and where it is.

    Args:
        recipe: as a detector hands it to ``ctx.train``, on the CPU.
    """
    import numpy as np

    plan = recipe.plan(0, np.random.default_rng(0))
    batch = {name: torch.as_tensor(rows)[0] for name, rows in plan.items()}
    batch |= {name: torch.tensor(float(values[0])) for name, values in recipe.tables.items()}
    recipe.model.train()
    watch = _Watch()
    with watch:
        recipe.loss(batch).backward()
    yield from dict.fromkeys(watch.found)


class _Watch(TorchDispatchMode):
    """Notes refused operators while they run."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, operator: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = operator.__name__.partition(".")[0]
        reason = _REFUSED.get(name)
        if name in _INDEXING and any(index is not None and index.dtype == torch.bool for index in args[1]):
            reason = "takes a mask as an index, so that a size depends on values"
        if reason:
            self.found.append(f"{_place()} {reason}")
        return operator(*args, **(kwargs or {}))


def _place() -> str:
    """The innermost line that is neither torch's nor this module's."""
    of_torch = str(Path(torch.__file__).parent)
    for frame in reversed(traceback.extract_stack()):
        if not frame.filename.startswith(of_torch) and frame.filename != __file__:
            return f"{Path(frame.filename).name}:{frame.lineno} ({frame.line})"
    return "the step"
