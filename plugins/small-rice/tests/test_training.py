"""What steps are given: learning rates, the sampler, plans, and inputs put together by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from asd_bench_small_rice.segments import training_segments
from asd_bench_small_rice.training import TrainingSteps, domain_weights, draw_segments, learning_rates

CLASSES = [0, 1, 2, 0, 1, 2, 0]


@pytest.fixture
def steps(noise, config):
    """``steps(lengths, domain, batch_size=4, …)``, and the audio that they are made of."""

    def make(lengths=(40,) * 7, domain=("source",) * 7, **settings):
        audio = noise(lengths)
        segments = training_segments(audio, config(**settings))
        is_target = np.array(domain) == "target"
        return TrainingSteps(segments, np.array(CLASSES), is_target, 3, config(**settings)), audio

    return make


def row(plan, step):
    return {name: torch.as_tensor(values[step]) for name, values in plan.items()}


# -- learning rate -----------------------------------------------------------------------------------------------------


def test_the_learning_rate_is_halved_every_30_epochs():
    rates = learning_rates(1e-4, 30, 301)
    assert rates[[0, 29, 30, 59, 60, 300]].tolist() == [1e-4, 1e-4, 1e-4 / 2, 1e-4 / 2, 1e-4 / 4, 1e-4 / 1024]
    assert len(learning_rates(1e-4, 30, 300)) == 300


# -- the sampler -------------------------------------------------------------------------------------------------------


def test_a_fifth_of_the_draws_is_of_the_target_domain():
    is_target = np.arange(3009) % 334 == 3
    assert is_target.sum() == 9
    weights = domain_weights(is_target, 0.2)
    assert weights.sum() == pytest.approx(1)
    assert weights[is_target].min() / weights[~is_target].max() == pytest.approx(83.33, abs=0.01)
    rng = np.random.default_rng(0)
    drawn = np.concatenate([draw_segments(3009, 32, weights, rng).ravel() for _ in range(34)])
    assert len(drawn) > 100_000
    assert is_target[drawn].mean() == pytest.approx(0.2, abs=0.004)
    # Within a domain every clip is as likely: none is left out.
    assert len(set(drawn)) == 3009


@pytest.mark.parametrize("is_target", [[False] * 10, [True] * 10])
def test_with_one_domain_segments_come_in_turn(is_target):
    assert domain_weights(np.array(is_target), 0.2) is None
    assert domain_weights(np.array([True, False]), 0.0) is None
    assert sorted(draw_segments(10, 5, None, np.random.default_rng(0)).ravel()) == list(range(10))


# -- plans -------------------------------------------------------------------------------------------------------------


def test_plain_plans_hold_every_segment_once(steps):
    made, _ = steps()
    plan = made.plan(0, np.random.default_rng(0))
    assert list(plan) == ["segment"]
    assert plan["segment"].shape == (2, 4, 1)
    assert set(plan["segment"].ravel()) == set(range(7))


def test_plans_of_mixtures_have_two_segments_for_every_place_and_as_many_steps(steps):
    made, _ = steps(mixup_alpha=1.0, masks=2, shift=0.15, lengths=[40, 30, 20, 40, 40, 40, 40])
    plan = made.plan(0, np.random.default_rng(0))
    assert {name: values.shape for name, values in plan.items()} == {
        "segment": (2, 4, 2),
        "shift": (2, 4, 2),
        "share": (2, 4),
        "mask_start": (2, 4, 2),
        "mask_end": (2, 4, 2),
    }
    assert not np.array_equal(plan["segment"][:, :, 0], plan["segment"][:, :, 1])
    lengths = np.array([40, 30, 20, 40, 40, 40, 40])[plan["segment"]]
    assert (abs(plan["shift"]) <= np.rint(0.15 * lengths)).all()
    assert (plan["mask_end"] <= lengths.max(axis=2)[:, :, None]).all()
    assert plan["share"].dtype == np.float32
    assert ((plan["share"] > 0) & (plan["share"] < 1)).all()


def test_shares_follow_a_beta_distribution(steps):
    """Beta(1, 1) is uniform, with a variance of 1/12; that of Beta(0.2, 0.2) is 1/5.6."""
    for alpha, variance in ((1.0, 1 / 12), (0.2, 1 / 5.6)):
        made, _ = steps(mixup_alpha=alpha)
        rng = np.random.default_rng(0)
        shares = np.concatenate([made.plan(0, rng)["share"].ravel() for _ in range(1000)])
        assert shares.mean() == pytest.approx(0.5, abs=0.02)
        assert shares.var() == pytest.approx(variance, rel=0.05)


def test_plans_draw_the_target_domain_more_often(steps):
    made, _ = steps(domain=["target", *["source"] * 6], target_share=0.5)
    rng = np.random.default_rng(0)
    drawn = np.concatenate([made.plan(epoch, rng)["segment"].ravel() for epoch in range(300)])
    assert (drawn == 0).mean() == pytest.approx(0.5, abs=0.04)


# -- inputs ------------------------------------------------------------------------------------------------------------


def test_inputs_without_augmentation_are_the_segments(steps):
    made, audio = steps()
    batch = row(made.plan(0, np.random.default_rng(1)), 1)
    inputs = made.inputs(batch)
    chosen = batch["segment"][:, 0].tolist()
    assert torch.equal(inputs.frames, torch.stack([audio.clip_frames[number] for number in chosen]))
    assert inputs.target.argmax(dim=1).tolist() == [CLASSES[number] for number in chosen]
    assert inputs.target.sum(dim=1).tolist() == [1.0] * 4
    assert inputs.lengths.tolist() == [40] * 4


def test_segments_are_shifted_then_mixed_then_masked(steps):
    made, audio = steps(lengths=[40, 30, *[40] * 5], mixup_alpha=1.0, masks=1, shift=0.15)
    inputs = made.inputs(
        {
            "segment": torch.tensor([[1, 3], [1, 1]]),
            "shift": torch.tensor([[4, -6], [0, 2]]),
            "share": torch.tensor([0.25, 0.5]),
            "mask_start": torch.tensor([[10], [0]]),
            "mask_end": torch.tensor([[13], [0]]),
        }
    )
    short, full = audio.clip_frames[1], audio.clip_frames[3]
    padding = torch.zeros(10, 16)
    expected = 0.25 * torch.cat([short.roll(4, dims=0), padding]) + 0.75 * full.roll(-6, dims=0)
    expected[10:13] = 0
    torch.testing.assert_close(inputs.frames[0], expected)
    other = 0.5 * torch.cat([short, padding]) + 0.5 * torch.cat([short.roll(2, dims=0), padding])
    torch.testing.assert_close(inputs.frames[1], other)
    # Segment 1 is of class 1, segment 3 of class 0.
    assert inputs.target.tolist() == [[0.75, 0.25, 0.0], [0.0, 1.0, 0.0]]
    assert inputs.lengths.tolist() == [40, 30]
