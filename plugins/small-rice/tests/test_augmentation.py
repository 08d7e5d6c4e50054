"""The median filter and what is random: behaviour, values by hand, and ranges of what is drawn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from asd_bench_small_rice.augmentation import (
    draw_masks,
    draw_shifts,
    mask_times,
    median_filter,
    mix,
    shifted_positions,
)

# -- the median filter -------------------------------------------------------------------------------------------------


def test_a_click_in_one_band_disappears():
    frames = torch.zeros(1, 60, 3)
    frames[0, 20, 1] = 50
    assert not median_filter(frames, 31).any()


def test_a_steady_tone_is_untouched():
    frames = torch.randn(1, 1, 8).expand(2, 40, 8).contiguous()
    assert torch.equal(median_filter(frames, 31), frames)


def test_a_step_stays_where_it_is():
    frames = torch.zeros(1, 100, 2)
    frames[0, 47:, 0] = 10
    assert torch.equal(median_filter(frames, 31), frames)


def test_bands_do_not_touch_one_another():
    frames = torch.randn(2, 50, 4)
    changed = frames.clone()
    changed[:, :, 2] = torch.randn(2, 50)
    before, after = median_filter(frames, 31), median_filter(changed, 31)
    assert torch.equal(before[:, :, [0, 1, 3]], after[:, :, [0, 1, 3]])
    assert not torch.equal(before[:, :, 2], after[:, :, 2])


@pytest.mark.parametrize(("length", "n"), [(311, 31), (16, 31), (9, 3), (5, 1)])
def test_every_frame_is_the_median_of_those_around_it_with_mirrored_ends(length, n):
    frames = torch.randn(2, length, 3)
    filtered = median_filter(frames, n)
    assert filtered.shape == frames.shape
    expected = ndimage.median_filter(frames.numpy(), size=(1, n, 1), mode="mirror")
    np.testing.assert_array_equal(filtered.numpy(), expected)


# -- shifts ------------------------------------------------------------------------------------------------------------


def test_shifts_by_hand():
    positions = shifted_positions(torch.tensor([0, 2, -1]), torch.tensor([5, 5, 3]), 5)
    assert positions.tolist() == [[0, 1, 2, 3, 4], [3, 4, 0, 1, 2], [1, 2, 0, 3, 4]]


def test_shifts_are_at_most_15_percent_in_both_directions():
    drawn = draw_shifts(np.full(20_000, 311), 0.15, np.random.default_rng(0))
    # 15 % of 311 frames are 46.65.
    assert (drawn.min(), drawn.max()) == (-47, 47)
    assert abs(drawn.mean()) < 1
    lengths = np.array([[10, 100], [20, 1000]])
    assert draw_shifts(lengths, 0.15, np.random.default_rng(0)).shape == (2, 2)


# -- masks -------------------------------------------------------------------------------------------------------------


def test_masks_by_hand():
    frames = torch.ones(2, 6, 2)
    masked = mask_times(frames, torch.tensor([[1, 4], [0, 2]]), torch.tensor([[3, 5], [0, 3]]))
    assert masked[:, :, 0].tolist() == [[1, 0, 0, 1, 0, 1], [1, 1, 0, 1, 1, 1]]
    assert torch.equal(masked[:, :, 0], masked[:, :, 1])
    assert frames.all()


def test_masks_are_at_most_60_of_311_frames():
    start, end = draw_masks(np.full(20_000, 311), 2, 0.192, np.random.default_rng(0))
    assert start.shape == end.shape == (20_000, 2)
    width = end - start
    assert (width.min(), width.max()) == (0, 60)
    assert (start.min(), end.max()) == (0, 311)
    assert (start[:, 0] != start[:, 1]).mean() > 0.9


@settings(deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 400), st.floats(0, 1))
def test_masks_lie_within_their_segments(seed, length, share):
    start, end = draw_masks(np.array([length, 1]), 3, share, np.random.default_rng(seed))
    assert (start >= 0).all()
    assert (start <= end).all()
    assert (end <= np.array([[length], [1]])).all()
    assert (end - start <= np.rint(share * length)).all()


# -- mixup -------------------------------------------------------------------------------------------------------------


def test_mixtures_and_their_targets_by_hand():
    share = torch.tensor([0.25, 1.0])
    frames = torch.stack([torch.full((2, 3, 4), 8.0), torch.zeros(2, 3, 4)], dim=1)
    mixed = mix(frames, share)
    assert mixed.shape == (2, 3, 4)
    assert (mixed[0] == 2).all()
    assert (mixed[1] == 8).all()
    targets = torch.eye(3)[torch.tensor([[0, 2], [1, 0]])]
    assert mix(targets, share).tolist() == [[0.25, 0, 0.75], [0, 1, 0]]


@settings(deadline=None)
@given(st.integers(0, 2**31))
def test_targets_of_mixtures_sum_to_1(seed):
    generator = torch.Generator().manual_seed(seed)
    targets = torch.eye(5)[torch.randint(5, (8, 2), generator=generator)]
    mixed = mix(targets, torch.rand(8, generator=generator))
    torch.testing.assert_close(mixed.sum(dim=1), torch.ones(8))
    assert ((mixed > 0).sum(dim=1) <= 2).all()
