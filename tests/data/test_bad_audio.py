"""Bad input: every kind of bad audio is named with its file and its cause, and the good files are not lost."""

from __future__ import annotations

import os
import re

import numpy as np
import pytest
import soundfile

from asd_bench.data.audio_file import BadAudio, decode
from asd_bench.errors import BenchError

from .conftest import RATE, sound


def test_wav_and_flac_and_float_decode_to_the_same_samples(tmp_path):
    samples = sound(1)
    for name, subtype in (("a.wav", "PCM_16"), ("a.flac", "PCM_16"), ("b.wav", "FLOAT"), ("c.wav", "PCM_24")):
        # soundfile takes integers for a float file as they are, not as fractions of full scale.
        soundfile.write(tmp_path / name, samples / 32768 if subtype == "FLOAT" else samples, RATE, subtype=subtype)
        assert np.array_equal(decode(tmp_path / name, RATE), samples), name


def test_float_samples_beyond_full_scale_are_clipped(tmp_path):
    soundfile.write(tmp_path / "loud.wav", np.array([1.5, -1.5, 0.5]), RATE, subtype="FLOAT")
    assert decode(tmp_path / "loud.wav", RATE).tolist() == [32767, -32768, 16384]


def _empty(path):
    path.write_bytes(b"")


def _text(path):
    path.write_text("this is no audio" * 50)


def _no_samples(path):
    soundfile.write(path, sound(0)[:0], RATE)


def _truncated_wav(path):
    soundfile.write(path, sound(0), RATE, format="WAV")
    os.truncate(path, 5000)


def _header_only(path):
    soundfile.write(path, sound(0), RATE, format="WAV")
    os.truncate(path, 44)


def _truncated_flac(path):
    soundfile.write(path, sound(0), RATE, format="FLAC")
    os.truncate(path, path.stat().st_size // 2)


def _wrong_rate(path):
    soundfile.write(path, sound(0), 44100, format="WAV")


def _eight_channels(path):
    soundfile.write(path, np.stack([sound(n) for n in range(8)], axis=1), RATE, format="WAV")


def _nan(path):
    samples = sound(0) / 32768
    samples[7] = np.nan
    soundfile.write(path, samples, RATE, subtype="FLOAT", format="WAV")


def _directory(path):
    path.unlink(missing_ok=True)
    path.mkdir()


BAD = {
    _empty: "is empty (0 bytes)",
    _text: "cannot be decoded",
    _no_samples: "holds no samples",
    _truncated_wav: "is truncated: its header promises 16000 bytes of sound, the file has 4956",
    _header_only: "is truncated: its header promises 16000 bytes of sound, the file has 0",
    _truncated_flac: "cannot be decoded|is truncated",
    _wrong_rate: "has 44100 Hz, the dataset has 16000 Hz",
    _eight_channels: "has 8 channels, the dataset has one",
    _nan: "holds NaN or infinite samples",
}


@pytest.mark.parametrize("spoil", BAD, ids=lambda spoil: spoil.__name__)
def test_bad_audio_is_named_with_its_cause(spoil, tmp_path):
    path = tmp_path / "clip.wav"
    spoil(path)
    with pytest.raises(BadAudio) as caught:
        decode(path, RATE)
    assert any(re.search(re.escape(cause), str(caught.value)) for cause in BAD[spoil].split("|"))


def test_every_bad_file_of_a_machine_is_named_at_once(toy2023, read2023):
    train = sorted((toy2023 / "fan" / "train").iterdir())
    _wrong_rate(train[0])
    _truncated_wav(train[1])
    _nan(train[2])
    with pytest.raises(BenchError) as caught:
        read2023(toy2023)
    message = str(caught.value)
    assert "3 of 14 audio files cannot be used" in message
    for path, cause in zip(train, ("44100 Hz", "truncated", "NaN"), strict=False):
        assert re.search(f"{re.escape(path.name)} .*{cause}", message)


def test_an_unreadable_file_is_named(toy2023, read2023):
    path = next((toy2023 / "fan" / "train").iterdir())
    path.unlink()
    path.symlink_to(toy2023 / "gone.wav")
    with pytest.raises(BenchError, match=re.escape(path.name)):
        read2023(toy2023)


def test_silent_duplicate_and_mixed_length_clips_are_noted_and_kept(toy2023, read2023):
    train = sorted((toy2023 / "fan" / "train").iterdir())
    soundfile.write(train[0], np.zeros(RATE, dtype=np.int16), RATE)
    soundfile.write(train[1], sound(99), RATE)
    soundfile.write(train[2], sound(99), RATE)
    dataset = read2023(toy2023)
    notes = "\n".join(dataset.notes)
    assert f"{train[0].relative_to(toy2023)} is silent" in notes
    assert f"{train[1].relative_to(toy2023)} and {train[2].relative_to(toy2023)} hold the same sound" in notes
    assert "clips last from 0.5 s to 1 s" in notes
    table = dataset.stores["fan"].table
    assert len(table) == 14
    assert table.clip_id.is_unique
