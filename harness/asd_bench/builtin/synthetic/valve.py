"""A solenoid valve: clicks on a schedule, each with a puff of air, and silence between."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from asd_bench.builtin.synthetic.machines import Fault, OperatingPoint
from asd_bench.builtin.synthetic.signals import (
    RATE,
    Signal,
    amplitude,
    band_noise,
    convolve,
    decaying,
    impulses,
    jitter,
    log_uniform,
    ringing,
)

_N_MODES = 8


def _point(pattern: int) -> OperatingPoint:
    return OperatingPoint(attributes=(("pat", f"{pattern:02d}"),), pattern=pattern)


#: Rated intervals between actuations in seconds; each schedule repeats.
_PATTERNS: tuple[tuple[float, ...], ...] = (
    (0.50,),
    (0.62,),
    (0.35, 0.35, 0.80),
    (0.90, 1.50, 0.60),
)


@dataclass(frozen=True)
class Valve:
    """A solenoid valve in a pneumatic line.

    Attributes:
        pace: scales all schedules.
        dwell_s: time from opening to closing.
        mode_hz, mode_s, mode_gains: the plunger's and the body's modes: frequency, decay and amplitude.
        closing: amplitude of the closing click, relative to the opening one.
        puff: amplitude of the air that escapes, relative to the click's peak.
        puff_s: decay of the puff.
        puff_band: its corner frequencies.
    """

    pace: float
    dwell_s: float
    mode_hz: Signal
    mode_s: Signal
    mode_gains: Signal
    closing: float
    puff: float
    puff_s: float
    puff_band: tuple[float, float]

    FAULTS: ClassVar[tuple[str, ...]] = ("irregular clicks", "leak", "sluggish")
    POINTS: ClassVar[Mapping[str, tuple[OperatingPoint, ...]]] = {
        "source": (_point(0), _point(1)),
        "target": (_point(2), _point(3)),
    }

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Self:
        return cls(
            pace=rng.uniform(0.85, 1.2),
            dwell_s=rng.uniform(0.03, 0.12),
            mode_hz=np.sort(log_uniform(rng, 600, 7600, _N_MODES)),
            mode_s=log_uniform(rng, 0.0015, 0.006, _N_MODES),
            mode_gains=rng.uniform(0.3, 1.0, _N_MODES),
            closing=float(amplitude(rng.uniform(-12, -4))),
            puff=float(amplitude(rng.uniform(-14, -6))),
            puff_s=rng.uniform(0.012, 0.03),
            puff_band=(float(log_uniform(rng, 1800, 3500)), float(log_uniform(rng, 6500, 7800))),
        )

    def sound(self, rng: np.random.Generator, n: int, point: OperatingPoint, fault: Fault) -> Signal:
        openings = self._schedule(rng, n / RATE, point)
        strength = jitter(rng, 1.0, len(openings))
        openings, strength = self._irregular(openings, strength, fault)
        sluggish = fault.severity_of("sluggish")
        strength = strength * amplitude(-7 * sluggish)
        # A plunger that creeps strikes softly: the high modes hardly sound, and it rings and closes later.
        gains = self.mode_gains * jitter(rng, 0.7, _N_MODES) * amplitude(-8 * sluggish * self.mode_hz / 8000)
        click = ringing(self.mode_hz, self.mode_s * (1 + sluggish), gains)
        closings = openings + self.dwell_s * (1 + sluggish)

        blows = impulses(openings, strength, n) + impulses(closings, self.closing * strength, n)
        flow = decaying(openings, strength, 0.003 * (1 + 3 * sluggish), self.puff_s * (1 + sluggish), n)
        puffs = self.puff * jitter(rng, 1.0) * flow * band_noise(rng, n, *self.puff_band)
        total = convolve(blows, click) + puffs
        if fault.kind == "leak":
            # Air through a seat that no longer closes: a steady hiss, a little uneven.
            total = total + 0.035 * fault.severity * band_noise(fault.rng, n, 2500, 7600, order=2)
        return total

    def _schedule(self, rng: np.random.Generator, seconds: float, point: OperatingPoint) -> Signal:
        """Times of the actuations, from shortly before the clip until its end."""
        pattern = self.pace * np.array(_PATTERNS[point.pattern])
        n_repeats = int(np.ceil(seconds / pattern.sum())) + 3
        intervals = np.tile(pattern, n_repeats)
        intervals = intervals * (1 + rng.normal(0, 0.02, len(intervals)))
        return np.cumsum(intervals) - pattern.sum() * (1 + rng.uniform())

    def _irregular(self, openings: Signal, strength: Signal, fault: Fault) -> tuple[Signal, Signal]:
        """Actuations that fail to happen, and plungers that bounce and click twice."""
        severity = fault.severity_of("irregular clicks")
        chance = fault.rng.uniform(size=len(openings))
        happens = chance >= 0.35 * severity
        bounces = chance > 1 - 0.35 * severity
        bounce_s = fault.rng.uniform(0.06, 0.16, len(openings))
        times = np.concatenate([openings[happens], (openings + bounce_s)[bounces]])
        return times, np.concatenate([strength[happens], 0.8 * strength[bounces]])
