"""A reciprocating pump: suction and discharge bursts of each stroke over motor hum and a hiss of cavitation."""

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
    damped_modes,
    harmonics,
    impulses,
    jitter,
    log_uniform,
    phase_of,
    ringing,
    time_axis,
    wander,
)

#: Where in the cycle (0 to 1) the suction stroke is fullest and the discharge valve opens.
_SUCTION, _DISCHARGE = 0.2, 0.6
_N_HUM = 10


def _point(strokes_per_minute: int, bar: int, microphone: str) -> OperatingPoint:
    """A pump at this rate (rated: 120 of an arbitrary scale) against this pressure (rated: 4 bar)."""
    return OperatingPoint(
        attributes=(("spm", str(strokes_per_minute)), ("bar", str(bar)), ("mic", microphone)),
        speed=strokes_per_minute / 120,
        load=bar / 4,
        microphone=microphone,
    )


@dataclass(frozen=True)
class Pump:
    """A piston pump with its motor; amplitudes, those of faults too, are relative to the discharge noise.

    Attributes:
        stroke_hz: rated strokes per second.
        motor_hz: rated speed of the motor.
        hum: amplitudes of the motor's harmonics.
        suction_band, discharge_band, hiss_band: corner frequencies of the liquid's noises.
        suction, hiss: the amplitudes of two of them.
        check_valve: the ringing of a valve plate that closes.
        knock: its amplitude.
    """

    stroke_hz: float
    motor_hz: float
    hum: Signal
    suction_band: tuple[float, float]
    discharge_band: tuple[float, float]
    hiss_band: tuple[float, float]
    suction: float
    hiss: float
    check_valve: Signal
    knock: float

    FAULTS: ClassVar[tuple[str, ...]] = ("leak", "cavitation", "missing stroke")
    POINTS: ClassVar[Mapping[str, tuple[OperatingPoint, ...]]] = {
        "source": (_point(120, 4, "1"), _point(126, 4, "1"), _point(120, 5, "1"), _point(114, 5, "1")),
        "target": (_point(90, 3, "2"), _point(150, 3, "2")),
    }

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Self:
        return cls(
            stroke_hz=rng.uniform(1.4, 2.6),
            motor_hz=rng.uniform(23.5, 24.9),
            hum=amplitude(-8 - 1.5 * np.arange(_N_HUM) + rng.normal(0, 4, _N_HUM)),
            suction_band=(float(log_uniform(rng, 120, 250)), float(log_uniform(rng, 700, 1500))),
            discharge_band=(float(log_uniform(rng, 300, 600)), float(log_uniform(rng, 1800, 3500))),
            hiss_band=(float(log_uniform(rng, 1800, 3000)), float(log_uniform(rng, 5000, 7500))),
            suction=float(amplitude(rng.uniform(-6, 0))),
            hiss=float(amplitude(rng.uniform(-24, -18))),
            check_valve=damped_modes(rng, 5, 250, 2200),
            knock=float(amplitude(rng.uniform(2, 8))),
        )

    def sound(self, rng: np.random.Generator, n: int, point: OperatingPoint, fault: Fault) -> Signal:
        stroke_hz = self.stroke_hz * point.speed * (1 + rng.normal(0, 0.01))
        cycle = _cycle(rng, n, stroke_hz)
        stroke, position = np.divmod(cycle, 1.0)
        n_strokes = int(stroke[-1]) + 1
        filling = jitter(rng, 0.7, n_strokes) * _failing_strokes(n_strokes, fault)
        strength = filling[stroke.astype(int)]

        suction = _swell(position, _SUCTION, 0.10, 0.12)
        discharge = _swell(position, _DISCHARGE, 0.03, 0.13)
        liquid = self.suction * jitter(rng, 1.0) * suction * strength * band_noise(rng, n, *self.suction_band)
        liquid += jitter(rng, 1.0) * point.load * discharge * strength * band_noise(rng, n, *self.discharge_band)
        hiss = self.hiss * jitter(rng, 1.5) * (0.3 + suction + 0.5 * discharge) * band_noise(rng, n, *self.hiss_band)

        closings = np.arange(n_strokes) + _DISCHARGE
        times = np.interp(closings, cycle, time_axis(n), left=-1, right=-1)
        knocks = convolve(impulses(times, self.knock * filling * jitter(rng, 1.0, n_strokes), n), self.check_valve)

        motor = phase_of(self.motor_hz * point.speed**0.1 * (1 + 0.001 * wander(rng, n, 1.0)), n)
        hum = harmonics(motor, self.hum * jitter(rng, 1.0, _N_HUM), rng.uniform(0, 2 * np.pi, _N_HUM))
        hum *= 0.8 + 0.4 * discharge * point.load  # the motor works hardest against the pressure
        total = liquid + hiss + knocks + hum
        if fault.kind == "leak":
            return total + self._leak(discharge, fault)
        if fault.kind == "cavitation":
            return total + self._cavitation(suction, fault)
        return total  # a missing stroke is heard by what is missing

    def _leak(self, discharge: Signal, fault: Fault) -> Signal:
        """A jet through a worn packing: high hiss, a little stronger while there is pressure behind it."""
        level = 0.2 * fault.severity * jitter(fault.rng, 1.0)
        return level * (0.7 + 0.6 * discharge) * band_noise(fault.rng, len(discharge), 2800, 7500, order=2)

    def _cavitation(self, suction: Signal, fault: Fault) -> Signal:
        """Vapour bubbles that collapse while the pump draws: a crackle like gravel in the pipe."""
        n = len(suction)
        rate_hz = 250.0
        n_bubbles = fault.rng.poisson(rate_hz * n / RATE)
        sample = fault.rng.integers(0, n, n_bubbles)
        strength = 0.8 * fault.severity * suction[sample] * jitter(fault.rng, 5.0, n_bubbles)
        collapse = ringing(log_uniform(fault.rng, 1500, 6500, 4), [0.0012, 0.001, 0.0008, 0.0006], np.ones(4))
        return convolve(impulses(sample / RATE, strength, n), collapse)


def _cycle(rng: np.random.Generator, n: int, stroke_hz: float) -> Signal:
    """The pump's position: strokes done since a moment before the clip, whole numbers being the dead centres."""
    n_strokes = int(n / RATE * stroke_hz * 1.2) + 3
    periods = (1 + rng.normal(0, 0.008, n_strokes)) / stroke_hz
    starts = np.cumsum(periods) - periods[0] * (1 + rng.uniform())
    return np.interp(time_axis(n), starts, np.arange(n_strokes))


def _failing_strokes(n_strokes: int, fault: Fault) -> Signal:
    """How well each stroke delivers: with a sticking valve plate, some deliver little."""
    severity = fault.severity_of("missing stroke")
    fails = fault.rng.uniform(size=n_strokes) < 0.05 + 0.35 * severity
    return np.where(fails, 1 - 0.95 * severity**0.5, 1.0) if severity else np.ones(n_strokes)


def _swell(position: Signal, peak: float, rise: float, fall: float) -> Signal:
    """A bump of height 1 at ``peak`` in the cycle, with these widths before and after."""
    distance = (position - peak + 0.5) % 1.0 - 0.5
    return np.exp(-0.5 * np.square(distance / np.where(distance < 0, rise, fall)))
