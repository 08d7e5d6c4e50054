"""Where segments lie, what they hold, and what short clips are filled with."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from asd_bench import Waves
from asd_bench_first_shot.segments import Segments, Standardisation, filled, standardisations, starts


def waves_of(*clips):
    parts = [np.asarray(clip, dtype=np.int16) for clip in clips]
    return Waves(torch.from_numpy(np.concatenate(parts)), np.concatenate([[0], np.cumsum([len(p) for p in parts])]))


def test_ten_segments_of_two_seconds_in_ten():
    expected = [0, 14222, 28444, 42666, 56888, 71110, 85332, 99554, 113776, 128000]
    assert starts(160_000, 32_000, 10).tolist() == expected


@pytest.mark.parametrize(("n_samples", "hop"), [(96_000, 7111), (288_000, 28_444), (192_000, 17_777)])
def test_clips_of_other_lengths(n_samples, hop):
    found = starts(n_samples, 32_000, 10)
    assert found[:9].tolist() == [hop * number for number in range(9)]
    assert found[9] == n_samples - 32_000


@settings(deadline=None)
@given(length=st.integers(1, 500), more=st.integers(0, 5000), count=st.integers(1, 20))
def test_segments_lie_in_the_clip_and_the_last_ends_with_it(length, more, count):
    found = starts(length + more, length, count)
    assert len(found) == count
    assert found[-1] + length == length + more
    assert found.min() >= 0
    if count > 1:
        assert found[0] == 0
        assert (np.diff(found) >= 0).all()


def test_short_clips_are_repeated_from_their_beginning():
    waves = filled(waves_of([1, 2, 3], [4, 5, 6, 7, 8, 9], [7]), 5)
    assert waves.offsets.tolist() == [0, 5, 11, 16]
    assert waves.values.tolist() == [1, 2, 3, 1, 2, 4, 5, 6, 7, 8, 9, 7, 7, 7, 7, 7]


def test_long_clips_are_not_copied():
    waves = waves_of([1, 2, 3], [4, 5, 6])
    assert filled(waves, 3) is waves


def test_standardisation_is_that_of_all_samples_of_a_group():
    rng = np.random.default_rng(0)
    clips = [rng.integers(-20_000, 30_000, n) for n in (100, 7, 300)]
    found = standardisations(waves_of(*clips), ["valve", "fan", "valve"])
    both = np.concatenate([clips[0], clips[2]]).astype(np.float64)
    assert found["valve"].mean == pytest.approx(both.mean(), rel=1e-12)
    assert found["valve"].deviation == pytest.approx(both.std(), rel=1e-12)
    assert found["fan"].mean == pytest.approx(clips[1].mean(), rel=1e-12)


def test_silence_stays_silent():
    waves = waves_of([5] * 8)
    found = standardisations(waves, ["fan"])["fan"]
    wave = Segments(waves, 4, [found]).cut(torch.tensor([0]), torch.tensor([2]))
    assert wave.tolist() == [[0.0] * 4]


def test_standardised_waveforms_have_mean_0_and_variance_1():
    waves = waves_of(np.random.default_rng(0).normal(300, 2000, 5000))
    segments = Segments(waves, 5000, [standardisations(waves, ["fan"])["fan"]])
    wave = segments.cut(torch.tensor([0]), torch.tensor([0])).double()
    assert wave.mean().item() == pytest.approx(0, abs=1e-6)
    assert wave.var(correction=0).item() == pytest.approx(1, rel=1e-6)


def test_each_clip_is_cut_with_its_own_standardisation():
    waves = waves_of(range(10, 20), range(100, 110))
    segments = Segments(waves, 3, [Standardisation(10, 2), Standardisation(100, 4)])
    cut = segments.cut(torch.tensor([1, 0]), torch.tensor([10 + 4, 2]))
    assert cut.tolist() == [[1.0, 1.25, 1.5], [1.0, 1.5, 2.0]]


def test_segments_are_drawn_from_everywhere_within_their_clip():
    segments = Segments(waves_of([0] * 6, [0] * 4, [0] * 9), 4, [Standardisation(0, 1)] * 3)
    clip = np.tile(np.arange(3), (400, 1))
    drawn = segments.draw(clip, np.random.default_rng(0))
    assert [sorted(set(column)) for column in drawn.T] == [[0, 1, 2], [6], [10, 11, 12, 13, 14, 15]]


def test_spread_segments_begin_where_their_clip_does():
    segments = Segments(waves_of([0] * 10, [0] * 4, [0] * 7), 4, [Standardisation(0, 1)] * 3)
    assert segments.spread(np.array([2, 0, 1]), 3).tolist() == [[14, 15, 17], [0, 3, 6], [10, 10, 10]]
    assert segments.spread(np.array([0]), 3, within=np.array([8])).tolist() == [[0, 2, 4]]
