"""Which pieces of clips there are."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from asd_bench import BenchError
from asd_bench.testing import MadeUpAudio
from asd_bench_geco.crops import crops_in_turn, every_crop, whole_clips


def starts_by_clip(windows, audio):
    """First frames of the pieces within their clips, a list per clip."""
    within = windows.start.numpy() - audio.frames().offsets[windows.clip.numpy()]
    return [within[windows.clip.numpy() == number].tolist() for number in range(len(audio))]


def test_crops_of_ten_seconds(noise):
    audio = noise(lengths=[313, 65, 130, 131])
    expected = [[0, 65, 130, 195, 248], [0], [0, 65], [0, 65, 66]]
    assert starts_by_clip(crops_in_turn(audio, 65), audio) == expected


@given(lengths=st.lists(st.integers(7, 40), min_size=1, max_size=4))
@settings(deadline=None)
def test_crops_in_turn_cover_every_clip_and_nothing_else(lengths):
    audio = MadeUpAudio([torch.zeros(length, 1) for length in lengths])
    for starts, length in zip(starts_by_clip(crops_in_turn(audio, 7), audio), lengths, strict=True):
        assert len(starts) == -(-length // 7)
        assert min(starts) == 0
        assert max(starts) == length - 7
        assert {start + offset for start in starts for offset in range(7)} == set(range(length))


def test_every_crop_lies_within_its_clip(noise):
    audio = noise(lengths=[12, 10])
    assert starts_by_clip(every_crop(audio, 10), audio) == [[0, 1, 2], [0]]


def test_whole_clips_come_by_length(noise):
    audio = noise(lengths=[20, 31, 20])
    groups = {pieces.n: (pieces.start.tolist(), pieces.clip.tolist()) for pieces in whole_clips(audio)}
    assert groups == {20: ([0, 51], [0, 2]), 31: ([20], [1])}


@pytest.mark.parametrize("cut", [every_crop, crops_in_turn])
def test_clips_shorter_than_a_crop_are_named(noise, cut):
    with pytest.raises(BenchError, match=r"clip 1 has 9 frames, and a crop takes 10") as error:
        cut(noise(lengths=[12, 9]), 10)
    assert "crop_frames" in error.value.fix
