"""From windows to clips: means by hand, whatever the parts; log-odds and likeliest classes."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from asd_bench import BenchError, Frames, Windows, clip_means, log_odds, of_the_likeliest, scoring

# -- means -------------------------------------------------------------------------------------------------------------


def windows_of(n, clip, n_features=2):
    """Windows of n random frames, one after the other, of the given clips."""
    values = torch.randn(n * len(clip), n_features, generator=torch.Generator().manual_seed(n))
    frames = Frames(values, torch.arange(2).numpy() * len(values))
    return Windows(frames, n, torch.arange(len(clip)) * n, torch.tensor(clip))


def sums_and_firsts(windows):
    return torch.stack([windows.sum(dim=(1, 2)), windows[:, 0, 0]], dim=1)


def by_hand(groups, n_clips):
    means = []
    for clip in range(n_clips):
        own = [
            sums_and_firsts(group.gather(torch.tensor([number])))[0].double()
            for group in groups
            for number in range(len(group))
            if group.clip[number] == clip
        ]
        means.append(torch.stack(own).mean(dim=0))
    return torch.stack(means)


@pytest.mark.parametrize("frames", [1, 6, 9, 1000])
def test_means_over_windows_of_one_length(frames, monkeypatch):
    monkeypatch.setattr(scoring, "CPU_FRAMES", frames)
    windows, given = windows_of(3, [0, 0, 1, 1, 1, 2, 0]), []

    def measure(some):
        given.append(len(some))
        return sums_and_firsts(some)

    means = clip_means([windows], 3, measure)
    assert means.dtype == torch.float64
    torch.testing.assert_close(means, by_hand([windows], 3))
    assert set(given) == {max(1, frames // 3)}, "always as many, within the budget of frames"


def test_means_over_windows_of_several_lengths():
    """A clip's windows weigh the same, whichever group they are in."""
    groups = [windows_of(3, [0, 0, 1]), windows_of(5, [2, 0])]
    torch.testing.assert_close(clip_means(groups, 3, sums_and_firsts), by_hand(groups, 3))


def test_no_windows_are_an_error():
    with pytest.raises(ValueError, match="no windows"):
        clip_means([], 3, sums_and_firsts)


# -- odds --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("probability", "score"), [(0.5, 0.0), (0.9, -2.19722), (0.99, -4.59512), (0.1, 2.19722)])
def test_log_odds_by_hand(probability, score):
    logits = torch.tensor([[probability, 1 - probability]], dtype=torch.float64).log()
    assert log_odds(logits).tolist()[0] == pytest.approx([score, -score], abs=1e-5)


@settings(deadline=None)
@given(st.lists(st.floats(-5, 5), min_size=2, max_size=6))
def test_log_odds_are_those_of_the_softmax(logits):
    logits = torch.tensor([logits], dtype=torch.float64)
    torch.testing.assert_close(log_odds(logits), -torch.logit(logits.softmax(dim=1)), rtol=1e-6, atol=1e-6)


def test_log_odds_of_the_first_classes_are_among_all():
    logits = torch.randn(4, 5, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(log_odds(logits, 2), log_odds(logits)[:, :2])


def test_log_odds_of_any_logits_are_finite():
    assert torch.isfinite(log_odds(torch.tensor([[1e4, -1e4, 0.0]]))).all()


def test_a_sure_classifier_still_tells_clips_apart():
    """In float32 all of these probabilities would be 1."""
    scores = log_odds(torch.tensor([[0.0, 25.0], [0.0, 26.0], [0.0, 50.0]]))
    assert scores[:, 1].tolist() == pytest.approx([-25, -26, -50])
    assert math.isclose(scores[0, 0], 25)


# -- candidates --------------------------------------------------------------------------------------------------------


def test_the_likeliest_candidate_counts():
    scores = torch.tensor([[1.0, -2.0, 3.0], [1.0, -2.0, 3.0], [5.0, 4.0, 3.0]], dtype=torch.float64)
    assert of_the_likeliest(scores, [(0,), (0, 2), (0, 1, 2)]).tolist() == [1.0, 1.0, 3.0]


def test_clips_without_a_class_are_an_error():
    with pytest.raises(BenchError, match="1 of 2 clips belong to no class that was trained on"):
        of_the_likeliest(torch.zeros(2, 3), [(0,), ()])
