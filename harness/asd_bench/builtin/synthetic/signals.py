"""Building blocks: random streams, coloured noise, tones and ringing modes.

Every signal is a one-dimensional float64 array of samples at `RATE`; lengths are in samples (``n``), times in seconds,
frequencies in Hz, and levels in dB of amplitude unless a name says otherwise.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import signal as dsp

RATE = 16_000
_TABLE_SIZE = 8192

Signal = NDArray[np.float64]


def stream(*axes: object) -> np.random.Generator:
    """The random generator that belongs to these axes, whatever was drawn before it and in which process."""
    digest = hashlib.sha256("\x1f".join(map(str, axes)).encode()).digest()
    return np.random.default_rng(np.random.SeedSequence(int.from_bytes(digest, "big")))


def amplitude(db: ArrayLike) -> NDArray[np.float64]:
    """The amplitude ratio of a level in dB."""
    return 10.0 ** (np.asarray(db, dtype=float) / 20.0)


def decibels(ratio: ArrayLike) -> NDArray[np.float64]:
    """The level in dB of an amplitude ratio."""
    return 20.0 * np.log10(np.asarray(ratio, dtype=float))


def rms(x: Signal) -> float:
    return float(np.sqrt(np.mean(np.square(x))))


def time_axis(n: int) -> Signal:
    """Times of ``n`` samples in seconds."""
    return np.arange(n) / RATE


def log_uniform(rng: np.random.Generator, low: float, high: float, size: int | None = None) -> NDArray[np.float64]:
    """Values spread evenly over octaves, as frequencies and durations of machine parts are."""
    return np.exp(rng.uniform(np.log(low), np.log(high), size))


def jitter(rng: np.random.Generator, std_db: float, size: int | None = None) -> NDArray[np.float64]:
    """Amplitude factors that scatter around 1 by ``std_db`` dB."""
    return amplitude(rng.normal(0.0, std_db, size))


def wander(rng: np.random.Generator, n: int, corner_hz: float) -> Signal:
    """A slow random curve of unit variance that changes on the scale of ``1 / corner_hz`` seconds."""
    n_knots = int(np.ceil(n / RATE * 2 * corner_hz)) + 2
    knots = rng.standard_normal(n_knots)
    # Linear interpolation between independent knots has variance 2/3 on average.
    return np.interp(np.arange(n) * (2 * corner_hz / RATE), np.arange(n_knots), knots) * np.sqrt(1.5)


@lru_cache(maxsize=512)
def _bandpass(low_hz: float, high_hz: float, order: int) -> tuple[Signal, float]:
    """Second-order sections of a Butterworth band-pass, and the rms it leaves of white noise of unit rms."""
    sos = dsp.butter(order, [low_hz, min(high_hz, 0.49 * RATE)], "bandpass", fs=RATE, output="sos")
    _, response = dsp.freqz_sos(sos, worN=4096)
    return sos, float(np.sqrt(np.mean(np.abs(response) ** 2)))


def band_noise(rng: np.random.Generator, n: int, low_hz: float, high_hz: float, order: int = 1) -> Signal:
    """Gaussian noise of unit rms between two frequencies, falling off with ``6 * order`` dB per octave beside them."""
    sos, gain = _bandpass(float(low_hz), float(high_hz), order)
    return dsp.sosfilt(sos, rng.standard_normal(n)) / gain


def phase_of(frequency_hz: ArrayLike, n: int) -> Signal:
    """The running phase, in radians, of an oscillation whose frequency may change from sample to sample."""
    per_sample = np.broadcast_to(np.asarray(frequency_hz, dtype=np.float64) * (2 * np.pi / RATE), (n,))
    return np.cumsum(per_sample, dtype=np.float64)


def harmonics(phase: Signal, amplitudes: Sequence[float] | Signal, offsets: Sequence[float] | Signal) -> Signal:
    """Sum of ``amplitudes[k] * cos((k + 1) * phase + offsets[k])``, for up to some 50 harmonics.

    One period is tabulated and read at the phase, which costs the same for any number of harmonics; the error of the
    linear interpolation stays 75 dB below the highest harmonic.
    """
    spectrum = np.zeros(_TABLE_SIZE // 2 + 1, dtype=complex)
    spectrum[1 : len(amplitudes) + 1] = np.asarray(amplitudes) * np.exp(1j * np.asarray(offsets))
    period = np.fft.irfft(spectrum, _TABLE_SIZE) * (_TABLE_SIZE / 2)
    period = np.append(period, period[0])
    position = phase * (_TABLE_SIZE / (2 * np.pi)) % _TABLE_SIZE
    entry = position.astype(np.intp)
    return period[entry] + (position - entry) * (period[entry + 1] - period[entry])


def ringing(frequencies_hz: ArrayLike, decays_s: ArrayLike, gains: ArrayLike) -> Signal:
    """The impulse response of damped modes, cut where the longest has decayed by 60 dB.

    Args:
        frequencies_hz, gains: one per mode.
        decays_s: times in which each mode's amplitude falls to 1/e.
    """
    decays = np.asarray(decays_s, dtype=float)
    t = time_axis(int(6.9 * decays.max() * RATE) + 1)[:, None]
    modes = np.exp(-t / decays) * np.sin(2 * np.pi * np.asarray(frequencies_hz) * t)
    return np.sum(modes * np.asarray(gains, dtype=float), axis=1)


def damped_modes(rng: np.random.Generator, n_modes: int, low_hz: float, high_hz: float) -> Signal:
    """The ringing of a metal part: modes between two frequencies, of random gains and quality factors of 8 to 30."""
    frequency = log_uniform(rng, low_hz, high_hz, n_modes)
    decays = log_uniform(rng, 8, 30, n_modes) / (np.pi * frequency)
    return ringing(frequency, decays, rng.uniform(0.3, 1.0, n_modes))


def impulses(times_s: ArrayLike, strengths: ArrayLike, n: int) -> Signal:
    """Impulses at arbitrary times, each shared between its two neighbouring samples; those outside are dropped."""
    position = np.asarray(times_s, dtype=float) * RATE
    strength = np.broadcast_to(np.asarray(strengths, dtype=float), position.shape)
    inside = (position >= 0) & (position < n - 1)
    position, strength = position[inside], strength[inside]
    sample = position.astype(np.intp)
    fraction = position - sample
    train = np.zeros(n)
    np.add.at(train, sample, strength * (1 - fraction))
    np.add.at(train, sample + 1, strength * fraction)
    return train


def convolve(x: Signal, response: Signal) -> Signal:
    """``x`` through a filter given by its impulse response, as long as ``x``."""
    return dsp.oaconvolve(x, response)[: len(x)]


def decaying(times_s: ArrayLike, strengths: ArrayLike, attack_s: float, decay_s: float, n: int) -> Signal:
    """An envelope with one pulse per time: peak ``strengths``, rising in ``attack_s`` and falling in ``decay_s``."""
    t = time_axis(int(6.9 * decay_s * RATE) + 1)
    pulse = np.exp(-t / decay_s) * (1 - np.exp(-t / attack_s))
    return convolve(impulses(times_s, strengths, n), pulse / pulse.max())


def active_rms(x: Signal) -> float:
    """The rms of a sound over the time in which it sounds.

    Averages the power of the 32 ms frames that lie within 20 dB of the loudest, so that the pauses of an intermittent
    machine do not count (compare the active speech level of ITU-T P.56).
    """
    frame = int(0.032 * RATE)
    power = np.mean(np.square(x[: len(x) // frame * frame].reshape(-1, frame)), axis=1)
    return float(np.sqrt(np.mean(power[power >= 0.01 * power.max()])))
