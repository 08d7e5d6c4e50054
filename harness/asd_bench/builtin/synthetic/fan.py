"""An industrial fan: shaft and blade-pass tones over the broadband noise of the flow."""

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
    harmonics,
    impulses,
    jitter,
    log_uniform,
    phase_of,
    ringing,
    wander,
)

#: Corner frequencies in Hz of the flow noise: inlet turbulence, blade boundary layer, trailing edges.
_FLOW_BANDS = ((50.0, 350.0), (350.0, 2200.0), (2200.0, 7500.0))
_N_SHAFT = 8
_N_BLADE_PASS = 16


def _point(drive_hz: int, noise: str) -> OperatingPoint:
    """A fan on an inverter of this frequency, recorded in this mix of factory noise."""
    speed = drive_hz / 50
    return OperatingPoint(attributes=(("hz", str(drive_hz)), ("m-n", noise)), speed=speed, load=speed**2, noise=noise)


@dataclass(frozen=True)
class Fan:
    """A fan with its motor; amplitudes, those of faults too, are relative to the lowest band of the flow noise.

    Attributes:
        shaft_hz: rated speed of rotation.
        n_blades: the blade-pass frequency is this many times the speed.
        shaft_tones, blade_tones: amplitudes of the harmonics of the shaft's turning and of the blades' passing.
        flow: amplitudes of the three bands of flow noise.
        swirl: how deeply the passing blades modulate the flow noise.
        bearing_order: impacts per turn of a ball that rolls over a pit in the outer race.
        bearing_modes: frequencies of the housing, which such impacts excite.
        rub_band: corner frequencies of the scraping of a blade on the shroud.
    """

    shaft_hz: float
    n_blades: int
    shaft_tones: Signal
    blade_tones: Signal
    flow: Signal
    swirl: float
    bearing_order: float
    bearing_modes: Signal
    rub_band: tuple[float, float]

    FAULTS: ClassVar[tuple[str, ...]] = ("imbalance", "bearing", "rub")
    POINTS: ClassVar[Mapping[str, tuple[OperatingPoint, ...]]] = {
        "source": (_point(50, "A"), _point(48, "A"), _point(50, "B"), _point(52, "B")),
        "target": (_point(44, "C"), _point(57, "C")),
    }

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Self:
        rub_low = float(log_uniform(rng, 1200, 2500))
        return cls(
            shaft_hz=rng.uniform(16, 30),
            n_blades=int(rng.integers(5, 10)),
            shaft_tones=amplitude(-6 - 3 * np.arange(_N_SHAFT) + rng.normal(0, 4, _N_SHAFT)),
            blade_tones=amplitude(-1.1 * np.arange(_N_BLADE_PASS) + rng.normal(0, 5, _N_BLADE_PASS)),
            flow=amplitude(np.array([0.0, -7.0, -16.0]) + rng.normal(0, 3, 3)),
            swirl=rng.uniform(0.1, 0.3),
            bearing_order=rng.uniform(3.05, 5.4),
            bearing_modes=np.sort(log_uniform(rng, 1800, 6000, 3)),
            rub_band=(rub_low, 2.5 * rub_low),
        )

    def sound(self, rng: np.random.Generator, n: int, point: OperatingPoint, fault: Fault) -> Signal:
        speed_hz = self.shaft_hz * point.speed * (1 + rng.normal(0, 0.006))
        shaft = phase_of(speed_hz * (1 + 0.0015 * wander(rng, n, 0.5)), n)
        blades = self.n_blades * shaft

        tones = harmonics(shaft, self.shaft_tones * jitter(rng, 1.5, _N_SHAFT), rng.uniform(0, 2 * np.pi, _N_SHAFT))
        tones += harmonics(
            blades, self.blade_tones * jitter(rng, 1.5, _N_BLADE_PASS), rng.uniform(0, 2 * np.pi, _N_BLADE_PASS)
        )
        flow = np.zeros(n)
        for gain, (low_hz, high_hz) in zip(self.flow, _FLOW_BANDS, strict=True):
            breath = amplitude(rng.normal(0, 0.8) + 0.5 * wander(rng, n, 0.8))
            flow += gain * breath * band_noise(rng, n, low_hz, high_hz)
        flow *= point.load * (1 + self.swirl * np.cos(blades))

        total = tones * np.sqrt(point.load) * (1 + 0.05 * wander(rng, n, 1.0)) + flow
        if fault.kind == "imbalance":
            return total * (1 + 0.6 * fault.severity * np.cos(shaft)) + self._whirl(shaft, fault)
        if fault.kind == "bearing":
            return total + self._bearing_impacts(shaft, fault)
        if fault.kind == "rub":
            return total + self._rub(shaft, fault)
        return total

    def _whirl(self, shaft: Signal, fault: Fault) -> Signal:
        """An eccentric wheel shakes the fan once per turn, and its mount knocks."""
        whirl = harmonics(shaft, [1.5, 0.8, 0.4], [0.0, 0.5, 1.0])
        mount = ringing([170.0, 310.0, 640.0], [0.012, 0.008, 0.004], [1.0, 0.7, 0.5])
        knocks = convolve(impulses(_passages(shaft, 1.0), 1.2, len(shaft)), mount)
        return fault.severity * (whirl + knocks)

    def _bearing_impacts(self, shaft: Signal, fault: Fault) -> Signal:
        """A pit in the outer race: balls strike it at the defect frequency and the housing rings each time."""
        times = _passages(shaft, self.bearing_order)
        # Slip of the cage makes the spacing uneven by about one per cent of a period.
        period = 1 / (self.bearing_order * (shaft[-1] - shaft[0]) / (2 * np.pi * len(shaft) / RATE))
        times = times + fault.rng.normal(0, 0.01 * period, len(times))
        strength = 1.4 * fault.severity * jitter(fault.rng, 2.0, len(times))
        housing = ringing(self.bearing_modes, [0.0025, 0.002, 0.0015], [1.0, 0.8, 0.6])
        return convolve(impulses(times, strength, len(shaft)), housing)

    def _rub(self, shaft: Signal, fault: Fault) -> Signal:
        """A blade scrapes the shroud over part of each turn, with a grip that comes and goes."""
        contact = np.exp(6 * (np.cos(shaft) - 1)) * amplitude(2 * wander(fault.rng, len(shaft), 2.0))
        return 1.1 * fault.severity * contact * band_noise(fault.rng, len(shaft), *self.rub_band)


def _passages(shaft: Signal, per_turn: float) -> Signal:
    """Times in seconds at which something happens that happens ``per_turn`` times in each turn of the shaft."""
    events = np.arange(np.ceil(shaft[0] * per_turn / (2 * np.pi)), shaft[-1] * per_turn / (2 * np.pi))
    return np.interp(events * (2 * np.pi / per_turn), shaft, np.arange(len(shaft)) / RATE)
