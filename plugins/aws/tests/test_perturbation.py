"""Mixtures, warps and other speeds: values by hand, what stays as it is, and the same as scipy does."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from asd_bench_aws.perturbation import (
    kl_divergence,
    mix_after_log,
    mix_before_log,
    mixture_targets,
    resample,
    warp,
    warp_tables,
)


def images(n, frames=64, bands=128, seed=0):
    """In dB."""
    return -40 + 10 * torch.randn(n, frames, bands, generator=torch.Generator().manual_seed(seed))


# -- mixtures ----------------------------------------------------------------------------------------------------------


def test_energies_and_decibels_mixed_by_hand():
    first, second = torch.tensor([[[0.0, -20.0]]]), torch.tensor([[[10.0, -20.0]]])
    share = torch.tensor([0.4])
    # 0.4 · 1 + 0.6 · 10 = 6.4, which is 8.0618 dB; and 0.4 · 0 + 0.6 · 10.
    assert mix_before_log(first, second, share)[0, 0].tolist() == pytest.approx([8.0618, -20.0], abs=1e-4)
    assert mix_after_log(first, second, share)[0, 0].tolist() == pytest.approx([6.0, -20.0])


@pytest.mark.parametrize("mix", [mix_before_log, mix_after_log])
def test_a_share_of_one_or_none_is_a_sound_alone(mix):
    first, second = images(2), images(2, seed=1)
    torch.testing.assert_close(mix(first, second, torch.ones(2)), first)
    torch.testing.assert_close(mix(first, second, torch.zeros(2)), second)


@pytest.mark.parametrize("mix", [mix_before_log, mix_after_log])
def test_every_image_has_its_own_share(mix):
    first, second, share = images(3), images(3, seed=1), torch.tensor([0.1, 0.5, 0.9])
    together = mix(first, second, share)
    for number in range(3):
        alone = mix(first[number : number + 1], second[number : number + 1], share[number : number + 1])
        assert torch.equal(together[number : number + 1], alone)


def test_silence_mixed_is_silence():
    # 10 · log10 of the smallest float64 above 1, the frontend's floor.
    silence = torch.full((1, 2, 2), -156.53)
    torch.testing.assert_close(mix_before_log(silence, silence, torch.tensor([0.3])), silence)


def test_targets_by_hand():
    target = mixture_targets(torch.tensor([0, 2, 3]), torch.tensor([1, 0]), torch.tensor([0.4, 1.0]), 5)
    expected = [[0.4, 0.6, 0, 0, 0], [0, 0, 1, 0, 0], [0, 0, 0, 1, 0]]
    torch.testing.assert_close(target, torch.tensor(expected))


@settings(deadline=None)
@given(st.lists(st.floats(0, 1, width=32), max_size=6), st.integers(0, 5))
def test_targets_sum_to_one(shares, n_plain):
    labels = torch.arange(len(shares) + n_plain) % 4
    partners = (labels[: len(shares)] + 1) % 4
    target = mixture_targets(labels, partners, torch.tensor(shares), 7)
    torch.testing.assert_close(target.sum(dim=1), torch.ones(len(labels)))
    assert (target >= 0).all()


@settings(deadline=None)
@given(st.integers(0, 1000))
def test_divergence_from_the_prediction_itself_is_none(seed):
    logits = 3 * torch.randn(4, 6, generator=torch.Generator().manual_seed(seed))
    assert kl_divergence(logits, logits.softmax(dim=1)).item() == pytest.approx(0, abs=1e-6)
    assert kl_divergence(logits, logits.roll(1, dims=1).softmax(dim=1)).item() > 0


def test_divergence_by_hand():
    logits = torch.tensor([[0.5, 0.3, 0.2], [0.2, 0.2, 0.6]]).log()
    target = torch.tensor([[0.4, 0.6, 0.0], [0.0, 0.0, 1.0]])
    first = 0.4 * np.log(0.4 / 0.5) + 0.6 * np.log(0.6 / 0.3)
    assert kl_divergence(logits, target).item() == pytest.approx((first - np.log(0.6)) / 2)


def test_divergence_has_the_gradient_of_the_cross_entropy():
    logits = torch.randn(5, 4, generator=torch.Generator().manual_seed(0), requires_grad=True)
    target = mixture_targets(torch.tensor([0, 1, 2, 3, 0]), torch.tensor([1, 2]), torch.tensor([0.3, 0.8]), 4)
    (ours,) = torch.autograd.grad(kl_divergence(logits, target), logits)
    (theirs,) = torch.autograd.grad(torch.nn.functional.cross_entropy(logits, target), logits)
    torch.testing.assert_close(ours, theirs)


# -- warps -------------------------------------------------------------------------------------------------------------


def warped(given, *warps):
    lower, share = warp_tables(warps, given.shape[2])
    return warp(given, lower, share)


def test_no_warp_is_the_identity():
    given = images(3)
    assert torch.equal(warped(given, 0.0, 0.0, 0.0), given)


def test_warp_by_hand():
    """Five bands, a = 0.4: f' = f + 0.4·f·(1 - f), so that band 2 comes from band 2 + 4 · 0.4 · 0.25 = 2.4."""
    given = torch.tensor([[[0.0, 10.0, 40.0, 90.0, 160.0]]])
    # Bands 0, 1.3, 2.4, 3.3 and 4.
    expected = [0.0, 10 + 0.3 * 30, 40 + 0.4 * 50, 90 + 0.3 * 70, 160.0]
    assert warped(given, 0.4)[0, 0].tolist() == pytest.approx(expected)


@pytest.mark.parametrize("a", [-0.9, -0.3, 0.2, 0.3, 0.4, 0.9])
def test_warps_keep_ends_order_and_shape(a):
    given = images(2)
    moved = warped(given, a, a)
    assert moved.shape == (2, 64, 128)
    assert torch.isfinite(moved).all()
    torch.testing.assert_close(moved[:, :, [0, -1]], given[:, :, [0, -1]])
    lower, share = warp_tables([a], 128)
    position = (lower + share)[0]
    assert (position.diff() > 0).all(), "no part of the spectrum is turned round"
    assert ((lower >= 0) & (lower <= 126)).all()
    # Between two bands nothing is louder than the louder of them, or softer than the softer.
    assert moved.max() <= given.max() + 1e-4
    assert moved.min() >= given.min() - 1e-4


def test_a_positive_warp_moves_a_peak_down_and_a_negative_one_up():
    peak = torch.zeros(1, 1, 128)
    peak[0, 0, 64] = 1
    assert warped(peak, 0.3)[0, 0].argmax() < 60
    assert warped(peak, -0.3)[0, 0].argmax() > 68


def test_every_image_has_its_own_warp():
    given = images(3)
    together = warped(given, 0.3, 0.0, -0.3)
    for number, a in enumerate((0.3, 0.0, -0.3)):
        assert torch.equal(together[number : number + 1], warped(given[number : number + 1], a))


# -- other speeds ------------------------------------------------------------------------------------------------------


def recording(n_samples=8000, seed=0):
    return np.random.default_rng(seed).integers(-3000, 3000, (2, n_samples), dtype=np.int16)


@pytest.mark.parametrize("n_samples", [8000, 8001])
@pytest.mark.parametrize("speed", [0.5, 0.9, 1.1, 1.25, 2.0])
def test_resampling_is_scipys(speed, n_samples):
    wave = recording(n_samples)
    got = resample(torch.from_numpy(wave), speed)
    assert got.dtype == torch.int16
    expected = signal.resample(wave.astype(np.float64), round(n_samples / speed), axis=1)
    np.testing.assert_allclose(got.numpy(), expected, rtol=0, atol=0.51)


@pytest.mark.parametrize(("speed", "length"), [(0.9, 17_778), (1.1, 14_545)])
def test_a_tone_is_shorter_and_higher_or_longer_and_lower(speed, length):
    time = np.arange(16_000) / 16_000
    tone = torch.from_numpy((8000 * np.sin(2 * np.pi * 1000 * time)).astype(np.int16)).unsqueeze(0)
    moved = resample(tone, speed)[0].float()
    assert len(moved) == length
    spectrum = torch.fft.rfft(moved * torch.hann_window(length)).abs()
    peak = spectrum.argmax().item() * 16_000 / length
    assert peak == pytest.approx(1000 * speed, abs=1.5)
    assert moved[1000:-1000].abs().max() == pytest.approx(8000, rel=0.01)


def test_loud_sounds_do_not_wrap_round():
    square = torch.full((1, 1000), 32_767, dtype=torch.int16)
    square[0, 500:] = -32_768
    moved = resample(square, 0.9)[0]
    # Overshoots at the edge stay at the largest value; wrapped round they would be of the other sign.
    assert (moved[10:540] > 0).all()
    assert (moved[570:-10] < 0).all()
