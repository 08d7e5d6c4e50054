"""A linear slider: strokes along a rail, each with its acceleration, glide, braking and pause."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

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
    time_axis,
    wander,
)

_RATED_VELOCITY = 0.5  # m/s
_RATED_ACCELERATION = 0.10 * 9.81  # m/s²
_N_WHINE = 3


def _point(velocity_mm: int, acceleration_g: float, noise: str) -> OperatingPoint:
    """A slider programmed to this velocity (mm/s) and acceleration (g), in this mix of factory noise."""
    return OperatingPoint(
        attributes=(("vel", str(velocity_mm)), ("ac", f"{acceleration_g:.2f}"), ("f-n", noise)),
        speed=velocity_mm / 1000 / _RATED_VELOCITY,
        acceleration=acceleration_g * 9.81 / _RATED_ACCELERATION,
        noise=noise,
    )


@dataclass(frozen=True)
class Strokes:
    """The programme of one clip: when each stroke starts and how fast it goes.

    Attributes:
        starts: times in seconds.
        peaks: the highest velocity of each stroke in m/s.
        ramps, glides: seconds of acceleration (and of braking), and of constant velocity.
    """

    starts: Signal
    peaks: Signal
    ramps: Signal
    glides: Signal

    @property
    def ends(self) -> Signal:
        return self.starts + 2 * self.ramps + self.glides

    def velocity(self, n: int) -> Signal:
        """Velocity in m/s at each sample."""
        corners = np.cumsum(np.stack([self.starts, self.ramps, self.glides, self.ramps], axis=1), axis=1)
        heights = np.stack([0 * self.peaks, self.peaks, self.peaks, 0 * self.peaks], axis=1)
        return np.interp(time_axis(n), corners.ravel(), heights.ravel())


@dataclass(frozen=True)
class Slider:
    """A carriage on a rail with its motor; amplitudes, those of faults too, are relative to the rail's noise.

    Attributes:
        travel_m: length of a stroke.
        pause_s: time between strokes.
        whine_hz: the motor's tone at the rated velocity; it follows the velocity.
        whine: amplitudes of its harmonics.
        rail_band, ball_band: corner frequencies of the noise of the rail and of the recirculating balls.
        balls: amplitude of the latter.
        stop: the ringing of the frame when the carriage starts and stops.
        knock: its amplitude.
        squeal_hz: the tone that a dry guide would squeal at.
    """

    travel_m: float
    pause_s: float
    whine_hz: float
    whine: Signal
    rail_band: tuple[float, float]
    ball_band: tuple[float, float]
    balls: float
    stop: Signal
    knock: float
    squeal_hz: float

    FAULTS: ClassVar[tuple[str, ...]] = ("irregular strokes", "speed drift", "rub")
    POINTS: ClassVar[Mapping[str, tuple[OperatingPoint, ...]]] = {
        "source": (_point(500, 0.10, "A"), _point(550, 0.10, "A"), _point(500, 0.12, "B"), _point(450, 0.08, "B")),
        "target": (_point(620, 0.20, "C"), _point(380, 0.05, "C")),
    }

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Self:
        return cls(
            travel_m=rng.uniform(0.25, 0.45),
            pause_s=rng.uniform(0.25, 0.6),
            whine_hz=float(log_uniform(rng, 900, 1900)),
            whine=amplitude(np.array([-14.0, -14.0, -18.0]) + rng.normal(0, 4, _N_WHINE)),
            rail_band=(float(log_uniform(rng, 120, 300)), float(log_uniform(rng, 900, 1800))),
            ball_band=(float(log_uniform(rng, 2500, 4500)), float(log_uniform(rng, 6000, 7500))),
            balls=float(amplitude(rng.uniform(-18, -12))),
            stop=damped_modes(rng, 6, 180, 2800),
            knock=float(amplitude(rng.uniform(2, 8))),
            squeal_hz=float(log_uniform(rng, 1900, 3600)),
        )

    def sound(self, rng: np.random.Generator, n: int, point: OperatingPoint, fault: Fault) -> Signal:
        strokes = self._programme(rng, n / RATE, point, fault)
        velocity = strokes.velocity(n)
        pace = velocity / _RATED_VELOCITY

        friction = pace**1.2 * band_noise(rng, n, *self.rail_band) * jitter(rng, 1.0)
        friction += self.balls * jitter(rng, 1.5) * pace * band_noise(rng, n, *self.ball_band)
        motor = phase_of(self.whine_hz * pace * (1 + 0.002 * wander(rng, n, 2.0)), n)
        whine = harmonics(motor, self.whine * jitter(rng, 1.0, _N_WHINE), rng.uniform(0, 2 * np.pi, _N_WHINE))

        # A hard start or stop shakes the frame in proportion to the force, hence to the acceleration.
        n_knocks = 2 * len(strokes.starts)
        force = self.knock * point.acceleration * jitter(rng, 1.5, n_knocks)
        knocks = impulses(np.concatenate([strokes.starts, strokes.ends]), force, n)
        total = friction * (1 + 0.1 * wander(rng, n, 8.0)) + whine * np.minimum(pace, 1.5) + convolve(knocks, self.stop)
        if fault.kind == "rub":
            return total + self._rub(velocity, fault)
        return total  # the other faults are in the programme

    def _programme(self, rng: np.random.Generator, seconds: float, point: OperatingPoint, fault: Fault) -> Strokes:
        """Strokes from shortly before the clip until its end, with what the fault does to their timing."""
        acceleration = _RATED_ACCELERATION * point.acceleration
        # A short rail and a low acceleration never let the carriage reach the programmed velocity.
        reachable = np.sqrt(self.travel_m * acceleration)
        peak = min(_RATED_VELOCITY * point.speed, 0.98 * reachable) * (1 + rng.normal(0, 0.008))
        ramp = peak / acceleration
        glide = max(self.travel_m / peak - ramp, 0.01)
        period = 2 * ramp + glide + self.pause_s
        n_strokes = int(2 * seconds / period) + 3
        pauses = self.pause_s * (1 + rng.normal(0, 0.03, n_strokes))
        first = -period * rng.uniform()

        missing, doubled = self._irregular(n_strokes, fault)
        pauses = np.where(doubled, 0.12 * self.pause_s, pauses)
        slowing = self._drift(n_strokes, period, seconds, fault)
        durations = (2 * ramp + glide) * slowing
        starts = first + np.cumsum(durations + pauses) - durations[0] - pauses[0]
        keep = ~missing
        return Strokes(starts[keep], (peak / slowing)[keep], (ramp * slowing)[keep], (glide * slowing)[keep])

    def _irregular(self, n_strokes: int, fault: Fault) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Which strokes the controller skips, and which it repeats at once without the pause."""
        severity = fault.severity_of("irregular strokes")
        chance = fault.rng.uniform(size=n_strokes)
        missing, doubled = chance < 0.3 * severity, chance > 1 - 0.3 * severity
        missing[0] = False  # it starts before the clip, and a programme without a single stroke is none
        return missing, doubled

    def _drift(self, n_strokes: int, period: float, seconds: float, fault: Fault) -> Signal:
        """How much longer than it should each stroke takes: a slipping belt gets worse along the clip."""
        severity = fault.severity_of("speed drift")
        progress = np.clip(np.arange(n_strokes) * period / seconds, 0, 1)
        return 1 + 0.45 * severity * (0.3 + 0.7 * progress)

    def _rub(self, velocity: Signal, fault: Fault) -> Signal:
        """A dry guide over part of the rail: stick-slip squeal whose pitch sags with the velocity, and scraping."""
        n = len(velocity)
        grip = np.clip(wander(fault.rng, n, 1.5) + 0.5, 0, 1.5) * np.clip(velocity / _RATED_VELOCITY, 0, 1)
        pitch = self.squeal_hz * (0.92 + 0.08 * velocity / _RATED_VELOCITY) * (1 + 0.004 * wander(fault.rng, n, 20.0))
        squeal = harmonics(phase_of(pitch, n), [0.6, 0.25], [0.0, 1.0])
        scrape = 0.5 * band_noise(fault.rng, n, 2000, 6000)
        return 0.9 * fault.severity * grip * (squeal + scrape)
