"""What lies between a machine and its recording: the structure and the room, the microphone, the factory's noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy import signal as dsp

from asd_bench.builtin.synthetic.signals import (
    RATE,
    Signal,
    amplitude,
    band_noise,
    convolve,
    decaying,
    harmonics,
    impulses,
    jitter,
    log_uniform,
    phase_of,
    ringing,
    rms,
    wander,
)

#: Samples by which a sound must be longer than the clip made of it, see `record`.
LEAD_IN = int(0.2 * RATE)

_MAINS_HZ = 50.0
_N_MAINS = 10
_N_NEIGHBOURS = 6
_N_PANELS = 12

#: White noise of microphone and amplifier, relative to the lowest band of the background.
_SELF_NOISE = 0.07

#: Background noise by its origin: corner frequencies in Hz and level in dB. Its steep fall with frequency is that of
#: ventilation and structure-borne rumble in a hall.
_BACKGROUND = (
    ((25.0, 110.0), 0.0),
    ((110.0, 500.0), -5.0),
    ((500.0, 1800.0), -11.0),
    ((1800.0, 7000.0), -18.5),
)


def room_response(rng: np.random.Generator) -> Signal:
    """The impulse response from a machine to the microphone: direct sound, its panels' modes, echoes and tail.

    The direct sound has unit amplitude; the tail holds between a tenth of its energy and as much, and loses its high
    frequencies first.
    """
    n = int(0.35 * RATE)
    frequency = log_uniform(rng, 90, 6000, _N_PANELS)
    decays = log_uniform(rng, 4, 16, _N_PANELS) / (np.pi * frequency)
    # A mode of this gain adds as much at its resonance as the direct sound brings.
    unit_gain = 2 / (decays * RATE)
    panels = ringing(frequency, decays, unit_gain * rng.normal(0, 1.2, _N_PANELS))
    t = np.arange(n) / RATE
    decay_s = rng.uniform(0.04, 0.08)
    tail = np.exp(-t / decay_s) * band_noise(rng, n, 60, 1800)
    tail += 0.4 * np.exp(-t / (0.5 * decay_s)) * band_noise(rng, n, 1800, 7500)
    response = amplitude(rng.uniform(-34, -28)) * tail
    response += impulses(rng.uniform(0.002, 0.02, 6), rng.normal(0, 0.12, 6), n)
    response[: len(panels)] += panels
    response[0] += 1.0
    return response


def microphone_response(rng: np.random.Generator) -> Signal:
    """The impulse response of a microphone: no rumble below some 50 Hz, a tilt and a soft resonance of its mount."""
    corner_hz, tilt_db = rng.uniform(35, 70), rng.normal(0, 0.6)
    mount_hz, mount_db = float(log_uniform(rng, 1500, 6500)), rng.uniform(-4, 4)
    frequency = np.linspace(0, RATE / 2, 513)
    octaves = np.log2(np.maximum(frequency, 20.0) / 1000)
    level_db = tilt_db * octaves + mount_db * np.exp(-0.5 * np.square((octaves - np.log2(mount_hz / 1000)) / 0.4))
    gain = amplitude(level_db) / np.sqrt(1 + (corner_hz / np.maximum(frequency, 1e-3)) ** 4)
    return dsp.minimum_phase(dsp.firwin2(1025, frequency, gain, fs=RATE), half=False)


@dataclass(frozen=True)
class Factory:
    """A mix of factory noise.

    Attributes:
        colour: amplitudes of the background's bands.
        mains: amplitudes of the harmonics of the mains frequency.
        neighbour_hz, neighbours: tones of machines nearby, each with its amplitude.
        clanks_per_s: how often metal strikes metal somewhere in the hall.
        clank_hz: the range of its modes.
        blasts_per_s: how often compressed air is blown off.
    """

    colour: Signal
    mains: Signal
    neighbour_hz: Signal
    neighbours: Signal
    clanks_per_s: float
    clank_hz: tuple[float, float]
    blasts_per_s: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Self:
        return cls(
            colour=amplitude(np.array([level for _, level in _BACKGROUND]) + rng.normal(0, 2, len(_BACKGROUND))),
            mains=amplitude(-14 - 2.5 * np.arange(_N_MAINS) + rng.normal(0, 5, _N_MAINS)),
            neighbour_hz=log_uniform(rng, 180, 2600, _N_NEIGHBOURS),
            neighbours=amplitude(rng.uniform(-32, -18, _N_NEIGHBOURS)),
            clanks_per_s=rng.uniform(0.1, 0.3),
            clank_hz=(float(log_uniform(rng, 500, 1000)), float(log_uniform(rng, 2500, 5500))),
            blasts_per_s=rng.uniform(0.02, 0.06),
        )

    def noise(self, rng: np.random.Generator, n: int) -> Signal:
        """``n`` samples of this mix at unit rms: a hall is never the same twice."""
        total = self._background(rng, n) + self._tones(rng, n)
        total += self._clanks(rng, n) + self._blasts(rng, n)
        return total / rms(total)

    def _background(self, rng: np.random.Generator, n: int) -> Signal:
        total = np.zeros(n)
        for gain, ((low_hz, high_hz), _) in zip(self.colour, _BACKGROUND, strict=True):
            level = amplitude(rng.normal(0, 1.2) + 0.8 * wander(rng, n, 0.3))
            total += gain * level * band_noise(rng, n, low_hz, high_hz)
        return total + _SELF_NOISE * rng.standard_normal(n)

    def _tones(self, rng: np.random.Generator, n: int) -> Signal:
        """Mains hum and neighbouring machines, which run only some of the time and never quite as fast."""
        hum = harmonics(
            phase_of(_MAINS_HZ * (1 + rng.normal(0, 0.0005)), n),
            self.mains * jitter(rng, 1.5, _N_MAINS),
            rng.uniform(0, 2 * np.pi, _N_MAINS),
        )
        running = rng.uniform(size=_N_NEIGHBOURS) < 0.6
        frequency = self.neighbour_hz * (1 + rng.normal(0, 0.004, _N_NEIGHBOURS))
        strength = self.neighbours * jitter(rng, 2.0, _N_NEIGHBOURS)
        turns = phase_of(1 + 0.001 * wander(rng, n, 0.5), n)
        for f, s in zip(frequency[running], strength[running], strict=True):
            hum += harmonics(f * turns, [s, 0.4 * s], rng.uniform(0, 2 * np.pi, 2))
        return hum

    def _clanks(self, rng: np.random.Generator, n: int) -> Signal:
        """Distant impacts, each of its own metal."""
        total = np.zeros(n)
        for _ in range(rng.poisson(self.clanks_per_s * n / RATE)):
            metal = ringing(
                log_uniform(rng, *self.clank_hz, 5), log_uniform(rng, 0.01, 0.06, 5), rng.uniform(0.2, 1, 5)
            )
            strength = amplitude(rng.uniform(-16, 4))
            start = int(rng.integers(0, n))
            length = min(len(metal), n - start)
            total[start : start + length] += strength * metal[:length]
        return total

    def _blasts(self, rng: np.random.Generator, n: int) -> Signal:
        """Compressed air blown off: a sharp onset, then a hiss that dies away within a second or so."""
        n_blasts = rng.poisson(self.blasts_per_s * n / RATE)
        if not n_blasts:
            return np.zeros(n)
        times = rng.uniform(0, n / RATE, n_blasts)
        strength = amplitude(rng.uniform(-26, -10, n_blasts))
        envelope = decaying(times, strength, 0.01, float(log_uniform(rng, 0.1, 0.4)), n)
        return envelope * band_noise(rng, n, 700, 6000)


def record(sound: Signal, response: Signal) -> Signal:
    """A sound through the filter on its way, without the first `LEAD_IN` samples.

    Those lack the echoes of what sounded before; machine and noise are made that much longer and cut here, so that a
    clip begins in the middle of the factory's day.
    """
    return convolve(sound, response)[LEAD_IN:]
