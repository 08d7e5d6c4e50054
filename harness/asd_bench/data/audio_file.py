"""Decoding one audio file to mono int16, or saying exactly what is wrong with it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import soundfile

#: Endings that are read as audio.
SUFFIXES = (".wav", ".flac")

#: libsndfile's log of a WAV file whose data chunk promises more than the file holds.
_SHORT_DATA = re.compile(r"^data : (\d+) \(should be (\d+)\)", re.MULTILINE)


class BadAudio(Exception):
    """Why a file cannot be used; the caller knows which file it was and collects all of them."""


def decode(path: Path, sample_rate: int) -> np.ndarray:
    """The samples of a mono audio file.

    Args:
        path: a WAV or FLAC file.
        sample_rate: the rate in Hz that the dataset has.

    Returns:
        int16 array of shape (samples,).

    Raises:
        BadAudio: unreadable, empty, truncated, of another rate, with several channels, or with NaN or infinite samples.
    """
    try:
        with soundfile.SoundFile(path) as file:
            if file.samplerate != sample_rate:
                raise BadAudio(f"has {file.samplerate} Hz, the dataset has {sample_rate} Hz")
            if file.channels != 1:
                raise BadAudio(f"has {file.channels} channels, the dataset has one")
            promised = file.frames
            cut = _SHORT_DATA.search(file.extra_info)
            if cut and int(cut[1]) > int(cut[2]):
                raise BadAudio(f"is truncated: its header promises {cut[1]} bytes of sound, the file has {cut[2]}")
            floating = file.subtype in ("FLOAT", "DOUBLE")
            samples = file.read(dtype="float64" if floating else "int16")
    except soundfile.LibsndfileError as error:
        if path.is_file() and path.stat().st_size == 0:
            raise BadAudio("is empty (0 bytes)") from error
        raise BadAudio(f"cannot be decoded: {error.error_string}") from error
    except (OSError, RuntimeError) as error:
        raise BadAudio(f"cannot be read: {error}") from error
    if len(samples) == 0:
        raise BadAudio("holds no samples")
    if len(samples) < promised:
        raise BadAudio(f"is truncated: its header promises {promised} samples, {len(samples)} could be decoded")
    if not floating:
        return samples
    if not np.isfinite(samples).all():
        raise BadAudio("holds NaN or infinite samples")
    return np.clip(np.rint(samples * 32768.0), -32768, 32767).astype(np.int16)
