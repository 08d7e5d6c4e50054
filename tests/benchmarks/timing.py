"""Measuring two things in turns."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

#: How often ours and the reference take turns.
TURNS = 5


@dataclass(frozen=True)
class Measured:
    """A line of the report.

    Attributes:
        what: what was measured.
        ours, reference: amounts per second, larger is better, or seconds where ``unit`` is seconds.
        against: name of the reference.
        target: the smallest acceptable ratio of rates, or the largest acceptable number of seconds, or None.
    """

    what: str
    unit: str
    ours: float
    against: str = ""
    reference: float | None = None
    target: float | None = None

    @property
    def ratio(self) -> float | None:
        return None if self.reference is None else self.ours / self.reference

    def __str__(self) -> str:
        line = f"{self.what:<34} {self.ours:>10,.1f} {self.unit:<10}"
        if self.ratio is not None:
            line += f" {self.ratio:6.2f} × {self.against} ({self.reference:,.1f})"
        if self.target is not None:
            good = self.ratio >= self.target if self.ratio is not None else self.ours <= self.target
            line += f"   target {'≥' if self.ratio is not None else '≤'} {self.target:g}: {'ok' if good else 'MISSED'}"
        return line


def rate(work: Callable[[], None], amount: int) -> float:
    """Amount per second of one call."""
    start = time.perf_counter()
    work()
    return amount / (time.perf_counter() - start)


def in_turns(ours: Callable[[], None], reference: Callable[[], None], amount: int) -> tuple[float, float]:
    """Median rates of both, which take turns after one unmeasured round."""
    ours()
    reference()
    pairs = [(rate(ours, amount), rate(reference, amount)) for _ in range(TURNS)]
    return statistics.median(pair[0] for pair in pairs), statistics.median(pair[1] for pair in pairs)


def cpu_seconds(arguments: list[str]) -> float:
    """CPU-seconds, user and system, of a Python process and its children.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    before = os.times()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    return (after.children_user - before.children_user) + (after.children_system - before.children_system)
