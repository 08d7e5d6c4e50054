"""What the classifying detector makes of frames: which images, which formula for which clip, what is kept."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import nn
from torch.nn import functional

from asd_bench.testing import MadeUpAudio
from asd_bench_dcase_baselines import MobileNetConfig
from asd_bench_dcase_baselines.classification import Classification

#: Enough of a network and of images to train in seconds.
SMALL = {"width": 0.35, "n_frames": 16, "hop": 16, "score_hop": 8, "batch_size": 8, "lr": 1e-3, "norm_momentum": 0.1}

RIGHT, SLIPPED = -2.19722, -1.58299


class Certain(nn.Module):
    """Gives the first class of two the same probability whatever the image."""

    def __init__(self, p):
        super().__init__()
        self.logits = torch.tensor([math.log(p), math.log(1 - p)])

    def forward(self, images):
        return self.logits.expand(len(images), 2)


class FirstNumber(nn.Module):
    """Its log-odds against the second class are an image's first number; remembers how many images it was given."""

    def forward(self, images):
        return functional.pad(images[:, :1, 0], (0, 1))


def fitted(network, training_clips=(), **settings):
    """A detector of two classes with this network."""
    detector = Classification(MobileNetConfig(**settings))
    detector.network = network
    detector.n_classes = 2
    detector.training_clips = frozenset(training_clips)
    return detector


def fit(audio, ctx, **settings):
    detector = Classification(MobileNetConfig(**SMALL | settings))
    detector.fit(audio, ctx)
    return detector


def log_odds(detector, audio, ctx):
    return detector.score(audio, ctx)["log-odds"]


# -- which formula -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bracket_slip", "of_training_clips", "of_test_clips"),
    [("scores-and-threshold", SLIPPED, SLIPPED), ("threshold", SLIPPED, RIGHT), ("none", RIGHT, RIGHT)],
)
def test_which_clips_the_bracket_slips_for(bracket_slip, of_training_clips, of_test_clips, noise, fit_context):
    detector = fitted(Certain(0.9), ["a", "c"], bracket_slip=bracket_slip, score_hop=8)
    audio = noise(clips=4, frames=70, clip_id=["a", "b", "c", "a-1"], candidates=[(0,)] * 4)
    expected = [of_training_clips, of_test_clips, of_training_clips, of_test_clips]
    assert log_odds(detector, audio, fit_context()) == pytest.approx(expected, abs=5e-6)


def test_training_clips_are_told_after_loading(noise, fit_context, tmp_path):
    """Nothing about them but their ids says that they are training clips."""
    ctx, candidates = fit_context(n_classes=2), [(0,), (1,), (0,), (1,)]
    audio = noise(clips=4, frames=32, bands=32, class_id=[0, 1, 0, 1], candidates=candidates)
    others = noise(clips=4, frames=32, bands=32, clip_id=list("wxyz"), candidates=candidates)
    fit(audio, ctx, epochs=1).save(tmp_path)
    scores = {}
    for bracket_slip in ("scores-and-threshold", "threshold", "none"):
        loaded = Classification(MobileNetConfig(**SMALL, bracket_slip=bracket_slip))
        loaded.load(tmp_path)
        scores[bracket_slip] = log_odds(loaded, audio, ctx), log_odds(loaded, others, ctx)
    slipped, published, right = scores.values()
    np.testing.assert_array_equal(published[0], slipped[0])
    np.testing.assert_array_equal(published[1], right[1])
    assert (slipped[0] != right[0]).all()
    assert (slipped[1] != right[1]).all()


def test_2022_scores_test_clips_rightly_and_2021_does_not():
    from asd_bench_dcase_baselines import asd_systems

    slips = {
        spec.name: member.config.get("bracket_slip", MobileNetConfig().bracket_slip)
        for spec in asd_systems()
        for member in spec.members
        if member.detector == "dcase-mobilenetv2"
    }
    assert slips == {"dcase2021-mobilenetv2": "scores-and-threshold", "dcase2022-mobilenetv2": "threshold"}


# -- which probability -------------------------------------------------------------------------------------------------


def test_the_probability_is_that_of_the_clip_s_own_class(noise, fit_context):
    audio = noise(clips=3, frames=64, candidates=[(0,), (1,), (0, 1)])
    scores = log_odds(fitted(Certain(0.9), bracket_slip="none"), audio, fit_context())
    assert scores == pytest.approx([RIGHT, -RIGHT, RIGHT], abs=5e-6)
    assert scores.dtype == np.float64


def test_the_likeliest_class_is_that_of_the_clip_not_of_each_image(fit_context, noise):
    audio = noise(clips=1, frames=66, candidates=[(0, 1)])
    # Log-odds of the first class in three images: -3, 5 and -2.5.
    audio.clip_frames[0][:3, 0] = torch.tensor([3.0, -5.0, 2.5])
    scores = log_odds(fitted(FirstNumber(), bracket_slip="none"), audio, fit_context())
    assert scores == pytest.approx([(-3 + 5 - 2.5) / 3], abs=1e-5)


def test_a_probability_that_float32_rounds_to_one_is_certain(noise, fit_context):
    """As Keras has it: log-odds of -12 are what they are, those of -20 count as log(ε)."""
    audio = noise(clips=2, frames=64, candidates=[(0,)] * 2)
    audio.clip_frames[0][0, 0], audio.clip_frames[1][0, 0] = 12.0, 20.0
    scores = log_odds(fitted(FirstNumber(), bracket_slip="none"), audio, fit_context())
    assert scores == pytest.approx([-12, -36.04365], abs=0.01)


@pytest.mark.parametrize("bracket_slip", ["scores-and-threshold", "threshold", "none"])
def test_scores_are_finite_however_sure_the_network_is(bracket_slip, noise, fit_context):
    audio = noise(clips=4, frames=64, candidates=[(0,), (0,), (1,), (1,)])
    for frames, number in zip(audio.clip_frames, (1e4, -1e4, 1e4, -1e4), strict=True):
        frames[0, 0] = number
    scores = log_odds(fitted(FirstNumber(), ["clip 0", "clip 1"], bracket_slip=bracket_slip), audio, fit_context())
    assert np.isfinite(scores).all()
    assert (scores[[0, 3]] < scores[[1, 2]]).all()


# -- which images ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("score_hop", "n_images"), [(1, 17), (8, 3), (16, 2)])
def test_scores_are_means_over_images_at_the_scoring_hop(score_hop, n_images, noise, fit_context):
    audio = noise(clips=5, frames=80, candidates=[(0,)] * 5)
    detector = fitted(FirstNumber(), bracket_slip="none", score_hop=score_hop)
    expected = [-frames[:17:score_hop, 0].numpy().mean() for frames in audio.clip_frames]
    assert len(audio.clip_frames[0][:17:score_hop]) == n_images
    np.testing.assert_allclose(log_odds(detector, audio, fit_context()), expected, rtol=1e-5, atol=1e-6)


@pytest.fixture
def untrained(monkeypatch, untrained_recipes):
    """Fits get `FirstNumber` and no training; the recipes that they asked for are in the list."""
    monkeypatch.setattr(Classification, "_new_network", lambda self: FirstNumber())
    return untrained_recipes


def test_training_images_are_eight_frames_apart_and_the_last_tenth_is_held_out(untrained, noise, fit_context):
    audio, ctx = noise(clips=10, frames=80, class_id=[0] * 5 + [1] * 5), fit_context(n_classes=2)
    Classification(MobileNetConfig(batch_size=4)).fit(audio, ctx)
    (recipe,) = untrained
    # Three images of every clip, at frames 0, 8 and 16; the last three are the last clip's.
    plans = [recipe.plan(epoch, ctx.rng("plan", epoch))["image"] for epoch in range(2)]
    for rows in plans:
        assert rows.shape == (7, 4)
        assert set(rows.ravel()) == set(range(27))
    assert not np.array_equal(*plans)
    for image in (0, 1, 14, 15, 26):
        clip, number = divmod(image, 3)
        # log(1 + e^-x) where the class is the first, log(1 + e^x) where it is the second.
        x = audio.clip_frames[clip][8 * number, 0].item()
        expected = math.log1p(math.exp(-x if clip < 5 else x))
        assert recipe.loss({"image": torch.tensor([image])}).item() == pytest.approx(expected, rel=1e-5)


def test_the_validation_loss_is_of_the_images_held_out(untrained, noise, fit_context):
    audio, ctx = noise(clips=10, frames=80, class_id=[0] * 5 + [1] * 5), fit_context(n_classes=2)
    Classification(MobileNetConfig(epochs=7)).fit(audio, ctx)
    kind, step, values = ctx.events.written[-1]
    expected = np.log1p(np.exp(audio.clip_frames[9][[0, 8, 16], 0].numpy())).mean()
    assert (kind, step) == ("metric", 6)
    assert values == {"validation_loss": pytest.approx(expected, rel=1e-5)}


def test_the_published_schedule(untrained, noise, fit_context):
    Classification(MobileNetConfig()).fit(noise(clips=2, frames=64, class_id=[0, 1]), fit_context(n_classes=2))
    (recipe,) = untrained
    assert recipe.epochs == 20
    assert (recipe.optimizer.lr, recipe.optimizer.eps) == (1e-5, 1e-7)
    assert not recipe.tables
    assert not recipe.autocast, "a CPU trains in float32"
    assert recipe.plan(0, np.random.default_rng(0))["image"].shape == (1, 32)


# -- fits --------------------------------------------------------------------------------------------------------------


def test_seeds(noise, fit_context):
    audio = noise(clips=4, frames=32, bands=32, class_id=[0, 1, 0, 1])
    others = noise(clips=3, frames=32, bands=32, seed=1, candidates=[(0,), (1,), (0,)])
    first, other, same = (
        log_odds(fit(audio, ctx, epochs=1), others, ctx) for ctx in (fit_context(seed, n_classes=2) for seed in "aba")
    )
    np.testing.assert_array_equal(first, same)
    assert (first != other).all()


def test_a_clip_scores_the_same_alone(noise, fit_context):
    ctx = fit_context(n_classes=2)
    detector = fit(noise(clips=4, frames=32, bands=32, class_id=[0, 1, 0, 1]), ctx, epochs=1)
    together = noise(clips=3, frames=40, bands=32, seed=1, candidates=[(0,)] * 3)
    alone = together.only([2])
    np.testing.assert_allclose(log_odds(detector, alone, ctx), log_odds(detector, together, ctx)[2:], rtol=1e-6)


def tones(classes, seed, clips=8, frames=48, bands=32):
    """Clips of noise in which the upper or the lower half of the bands is louder."""
    rng = np.random.default_rng(seed)
    level = np.zeros((2, bands), dtype=np.float32)
    level[0, : bands // 2] = level[1, bands // 2 :] = 10
    drawn = [rng.standard_normal((frames, bands)).astype(np.float32) + level[number] for number in classes]
    return [torch.from_numpy(frames) for frames in drawn]


def test_sounds_of_another_class_score_higher(fit_context):
    ctx, own = fit_context(n_classes=2), [0, 1] * 4
    detector = fit(MadeUpAudio(tones(own, seed=0), class_id=own), ctx, epochs=20, hop=4)
    # The last four clips sound like the class that they are not of.
    sounds = tones([0, 1, 0, 1, 1, 0, 1, 0], seed=1)
    test = MadeUpAudio(sounds, clip_id="abcdefgh", candidates=[(number,) for number in own])
    assert roc_auc_score([0] * 4 + [1] * 4, log_odds(detector, test, ctx)) > 0.9


def test_images_longer_than_a_clip_are_an_error(run):
    outcome = run("dcase2021-mobilenetv2", profile="smoke", machines=("fan",), settings=["detector.n_frames=64"])
    outcome.assert_failed("shorter than a window of 64 frames")
