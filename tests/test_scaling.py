"""Standardisation per band: by hand, in parts, of bands that never change."""

from __future__ import annotations

import pytest
import torch

from asd_bench import BandScale, scaling


def test_statistics_by_hand():
    scale = BandScale(3)
    scale.learn(torch.tensor([[-10.0, 5.0, -100.0], [-30.0, 5.0, -100.0], [-20.0, 5.0, -96.0], [-20.0, 5.0, -96.0]]))
    assert scale.mean.tolist() == [-20.0, 5.0, -98.0]
    # The population's deviations; the second band never changes.
    assert scale.deviation.tolist() == pytest.approx([50**0.5, scaling.SMALLEST_DEVIATION, 2.0])
    assert scale(torch.tensor([-20.0, 5.0, -96.0])).tolist() == [0.0, 0.0, 1.0]
    assert scale.undo(torch.tensor([0.0, 0.0, 1.0])).tolist() == [-20.0, 5.0, -96.0]


def test_nothing_changes_before_anything_is_learned():
    frames = torch.randn(4, 5, 3)
    torch.testing.assert_close(BandScale(3)(frames), frames)


@pytest.mark.parametrize("chunk", [7, 2**18])
def test_statistics_of_many_frames_far_from_zero(chunk, monkeypatch):
    monkeypatch.setattr(scaling, "CHUNK", chunk)
    frames = -150 + 0.5 * torch.randn(1000, 3, generator=torch.Generator().manual_seed(0))
    scale = BandScale(3)
    scale.learn(frames)
    torch.testing.assert_close(scale.mean, frames.double().mean(dim=0).float())
    torch.testing.assert_close(scale.deviation, frames.double().std(dim=0, correction=0).float())
    assert not scale.mean.requires_grad


def test_statistics_are_saved_with_the_weights():
    scale, other = BandScale(2), BandScale(2)
    scale.learn(torch.tensor([[1.0, 2.0], [3.0, 6.0]]))
    other.load_state_dict(scale.state_dict())
    assert other.mean.tolist() == [2.0, 4.0]
