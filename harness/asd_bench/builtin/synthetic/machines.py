"""What the machine types have in common: operating points, faults, and the interface of a machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol, Self

import numpy as np

from asd_bench.builtin.synthetic.signals import Signal


@dataclass(frozen=True, kw_only=True)
class OperatingPoint:
    """How a machine is run and recorded while a clip is taken.

    Attributes:
        attributes: name and value of what a file name tells about it.
        speed: relative to the machine's rated speed.
        load: relative to the rated load.
        acceleration: relative to the rated acceleration, where a machine starts and stops.
        pattern: which of its schedules the machine follows.
        microphone: which microphone listens.
        noise: which mix of factory noise is around.
    """

    attributes: tuple[tuple[str, str], ...]
    speed: float = 1.0
    load: float = 1.0
    acceleration: float = 1.0
    pattern: int = 0
    microphone: str = "1"
    noise: str = "A"


@dataclass(frozen=True)
class Fault:
    """What is wrong with a machine in a clip.

    Attributes:
        kind: one of the machine's `Machine.FAULTS`.
        severity: 0 is as good as new and 1 is plain to hear.
        rng: the fault's own randomness, so that the rest of the clip is what it would be without it.
    """

    kind: str
    severity: float
    rng: np.random.Generator

    def severity_of(self, kind: str) -> float:
        """The severity of this kind of fault, 0 where the machine has another."""
        return self.severity if self.kind == kind else 0.0


def healthy() -> Fault:
    """No fault at all."""
    return Fault("none", 0.0, np.random.default_rng(0))


class Machine(Protocol):
    """One machine, with the parameters that tell it from others of its type."""

    #: The kinds of fault that the machine type can have.
    FAULTS: ClassVar[tuple[str, ...]]
    #: The operating points of each domain; the first of ``source`` is the rated one.
    POINTS: ClassVar[Mapping[str, tuple[OperatingPoint, ...]]]

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Self:
        """A machine of this type, out of all that could have been built."""
        ...

    def sound(self, rng: np.random.Generator, n: int, point: OperatingPoint, fault: Fault) -> Signal:
        """What a microphone beside the machine would hear during ``n`` samples, at an arbitrary level."""
        ...
