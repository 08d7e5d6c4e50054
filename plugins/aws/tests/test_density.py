"""The Group-MADE detector: densities that are known, scores by hand, what is kept, and a fit that is broken off."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from asd_bench_aws import GroupMadeConfig
from asd_bench_aws.density import GroupMadeDetector

#: A network that is fitted in a moment.
SMALL = {"hidden": (16,), "n_components": 2, "epochs": 3, "batch_size": 16, "lr": 1e-2}


def fit(audio, ctx, **settings):
    detector = GroupMadeDetector(GroupMadeConfig(**(SMALL | settings)))
    detector.fit(audio, ctx)
    return detector


# -- a density that is known -------------------------------------------------------------------------------------------

COEFFICIENT, SCALE = 0.8, 3.0


@pytest.fixture
def autoregression(noise):
    """Clips whose bands follow Gaussian autoregressions of their own, as loud as decibels are."""

    def make(clips, frames=200, bands=16, seed=0):
        audio = noise(clips=clips, frames=frames, bands=bands, seed=seed)
        for values in audio.clip_frames:
            for number in range(1, frames):
                values[number] = COEFFICIENT * values[number - 1] + math.sqrt(1 - COEFFICIENT**2) * values[number]
            values.mul_(SCALE).sub_(40)
        return audio

    return make


def gaussian_entropy(variance):
    return 0.5 * math.log(2 * math.pi * math.e * variance)


#: What no density can beat, in nats per band of a predicted frame.
LEAST = {
    # From both neighbours.
    "middle-given-rest": gaussian_entropy(SCALE**2 * (1 - COEFFICIENT**2) / (1 + COEFFICIENT**2)),
    # One frame from nothing, four from the frame before.
    "causal": (gaussian_entropy(SCALE**2) + 4 * gaussian_entropy(SCALE**2 * (1 - COEFFICIENT**2))) / 5,
}


@pytest.mark.parametrize(
    ("ordering", "hidden", "predicted"), [("middle-given-rest", 64, 1), ("causal", 160, 5)], ids=["middle", "causal"]
)
def test_it_finds_the_density_of_an_autoregression(ordering, hidden, predicted, autoregression, fit_context):
    detector = fit(
        autoregression(clips=160), fit_context(), ordering=ordering, hidden=(hidden,), batch_size=256, epochs=6, lr=4e-3
    )
    held_out = detector.score(autoregression(clips=60, seed=1), fit_context())["nll"]
    assert held_out.mean() / (16 * predicted) == pytest.approx(LEAST[ordering], abs=0.03)


# -- scores ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ordering", ["middle-given-rest", "joint"])
def test_scores_are_mean_densities_of_decibels(ordering, noise, fit_context):
    """A network that puts out zeros makes every standardised number standard normal."""
    audio = noise(clips=4, frames=12, bands=3, scale=5.0)
    detector = fit(audio, fit_context(), ordering=ordering, hop=2)
    torch.nn.init.zeros_(detector.network.output.weight)
    torch.nn.init.zeros_(detector.network.output.bias)
    everything = torch.cat(audio.clip_frames).double()
    mean, deviation = everything.mean(dim=0), everything.std(dim=0, correction=0)
    predicted = [2] if ordering == "middle-given-rest" else range(5)
    expected = []
    for frames in audio.clip_frames:
        nll = -torch.distributions.Normal(mean, deviation).log_prob(frames.double()).sum(dim=1)
        expected.append(np.mean([sum(nll[start + frame] for frame in predicted) for start in range(0, 8, 2)]))
    np.testing.assert_allclose(detector.score(audio, fit_context())["nll"], expected, rtol=1e-5)


def test_training_reports_the_unit_of_the_scores(noise, fit_context):
    ctx = fit_context()
    audio = noise(clips=4, frames=40, bands=3, scale=5.0)
    detector = fit(audio, ctx, epochs=12)
    # In standardised units the loss would be less by three times log 5.
    assert ctx.events.curve()[11] == pytest.approx(detector.score(audio, ctx)["nll"].mean(), abs=0.5)


def test_strange_frames_score_higher(autoregression, noise, fit_context):
    """Frames that do not follow from those around them, each as loud as it should be."""
    detector = fit(autoregression(clips=40, frames=100, bands=4), fit_context(), epochs=6, batch_size=128)
    normal = detector.score(autoregression(clips=20, frames=60, bands=4, seed=1), fit_context())["nll"]
    strange = noise(clips=20, frames=60, bands=4, scale=SCALE, seed=2)
    for frames in strange.clip_frames:
        frames.sub_(40)
    assert detector.score(strange, fit_context())["nll"].min() > normal.max()


# -- fits --------------------------------------------------------------------------------------------------------------


def test_seeds(noise, fit_context):
    audio, others = noise(clips=4, frames=20), noise(clips=3, seed=1)
    first, other, same = (fit(audio, fit_context(seed)).score(others, fit_context())["nll"] for seed in ("a", "b", "a"))
    np.testing.assert_array_equal(first, same)
    assert (first != other).all()


@pytest.mark.parametrize("ordering", ["middle-given-rest", "causal"])
def test_save_and_load(ordering, noise, fit_context, tmp_path):
    others = noise(clips=3, seed=1)
    fitted = fit(noise(clips=4, frames=20, scale=7.0), fit_context(), ordering=ordering)
    fitted.save(tmp_path)
    loaded = GroupMadeDetector(fitted.config)
    loaded.load(tmp_path)
    np.testing.assert_array_equal(
        loaded.score(others, fit_context())["nll"], fitted.score(others, fit_context())["nll"]
    )


def test_a_fit_that_was_broken_off_ends_as_an_undisturbed_one(noise, fit_context, break_off_fit):
    audio, whole = noise(clips=4, frames=20), fit_context()
    undisturbed = fit(audio, whole, epochs=4)
    ctx = break_off_fit(GroupMadeDetector(undisturbed.config), audio, fit_context())
    resumed = GroupMadeDetector(undisturbed.config)
    resumed.fit(audio, ctx)
    assert ctx.events.curve() == whole.events.curve()
    np.testing.assert_array_equal(resumed.score(audio, ctx)["nll"], undisturbed.score(audio, ctx)["nll"])
