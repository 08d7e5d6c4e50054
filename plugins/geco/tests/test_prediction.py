"""The PAE detector: what an epoch holds, scores by hand, which frames are masked."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from asd_bench.testing import MadeUpAudio
from asd_bench_geco.pae import masked_error
from asd_bench_geco.prediction import Prediction, predicted_frames


@pytest.fixture
def silent(small_pae, pae_config):
    """A detector whose network predicts 0 dB everywhere, so that a frame's error is its mean square."""

    def make(**values):
        detector = Prediction(pae_config(**values))
        detector.network = small_pae(**values)
        torch.nn.init.zeros_(detector.network.predict.weight)
        return detector

    return make


def mean_square(frames, positions):
    return (frames[positions].double() ** 2).mean().item()


def test_a_plan_has_every_window_and_a_random_frame_of_each(untrained_recipes, noise, context, pae_config):
    Prediction(pae_config(batch_size=16)).fit(noise(lengths=[30, 30]), context())
    (recipe,) = untrained_recipes
    plans = [recipe.plan(epoch, np.random.default_rng(epoch)) for epoch in range(2)]
    for plan in plans:
        assert plan["window"].shape == plan["position"].shape == (4, 16)
        assert set(plan["window"].ravel()) == set(range(2 * 26))
        assert set(plan["position"].ravel()) == set(range(5))
    assert not np.array_equal(plans[0]["position"], plans[1]["position"])
    # Positions belong to windows, not to places in a batch.
    by_window = [dict(zip(plan["window"].ravel()[:52], plan["position"].ravel()[:52], strict=True)) for plan in plans]
    assert by_window[0] != by_window[1]


def test_hop_thins_the_windows(untrained_recipes, noise, context, pae_config):
    Prediction(pae_config(hop=5, batch_size=3)).fit(noise(lengths=[30, 30]), context())
    assert set(untrained_recipes[0].plan(0, np.random.default_rng(0))["window"].ravel()) == set(range(2 * 6))


def test_the_loss_is_the_mean_error_of_a_batch(untrained_recipes, noise, context, pae_config):
    audio = noise()
    detector = Prediction(pae_config())
    detector.fit(audio, context())
    index, position = torch.tensor([0, 3, 7]), torch.tensor([4, 0, 1])
    windows = audio.windows(5, 1).gather(index)
    expected = masked_error(detector.network(windows, position), windows, position).mean()
    assert untrained_recipes[0].loss({"window": index, "position": position}).item() == pytest.approx(expected.item())


def test_statistics_are_those_of_the_training_frames(untrained_recipes, noise, context, pae_config):
    audio, detector = noise(), Prediction(pae_config())
    detector.fit(audio, context())
    frames = audio.frames().values.double()
    torch.testing.assert_close(detector.network.scale.mean.double(), frames.mean(dim=0), atol=1e-6, rtol=0)
    torch.testing.assert_close(detector.network.scale.deviation.double(), frames.std(dim=0, correction=0))


# -- scores by hand ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hop", [1, 4])
def test_all_frames_of_every_window_are_masked_in_turn(silent, noise, context, hop):
    # Numbers of windows that are multiples of five: frames that go with the wrong windows would show.
    audio = noise(lengths=[19, 24, 21])
    expected = []
    for frames in audio.clip_frames:
        starts = range(0, len(frames) - 4, hop)
        expected.append(mean_square(frames, [start + frame for start in starts for frame in range(5)]))
    scores = silent(hop=hop).score(audio, context())
    np.testing.assert_allclose(scores["mse"], expected, rtol=1e-6)
    assert scores["mse"].dtype == np.float64


def test_centre_masks_the_centre(silent, noise, context):
    audio = noise()
    expected = [mean_square(frames, slice(2, -2)) for frames in audio.clip_frames]
    np.testing.assert_allclose(silent(mask="centre").score(audio, context())["mse"], expected, rtol=1e-6)


def test_random_masks_are_drawn_for_each_clip(silent, noise, context):
    audio, ctx = noise(), context()
    expected = []
    for frames, clip_id in zip(audio.clip_frames, audio.clips.clip_id.tolist(), strict=True):
        drawn = ctx.rng("mask", clip_id).integers(5, size=(len(frames) - 4, 1))[:, 0]
        assert len(set(drawn)) > 1
        expected.append(mean_square(frames, np.arange(len(drawn)) + drawn))
    np.testing.assert_allclose(silent(mask="random").score(audio, ctx)["mse"], expected, rtol=1e-6)


@pytest.mark.parametrize("mask", ["all", "centre", "random"])
def test_a_score_is_the_clips_own(small_pae, pae_config, noise, context, mask):
    """Bit for bit, whatever is scored with it."""
    detector, audio, ctx = Prediction(pae_config(mask=mask)), noise(lengths=[20, 33, 20, 50]), context()
    detector.network = small_pae()
    together = detector.score(audio, ctx)["mse"]
    assert detector.score(audio.only([1]), ctx)["mse"].tolist() == [together[1]]


def test_a_long_clip_is_scored_in_parts(silent, noise, context, monkeypatch):
    audio = noise(lengths=[60])
    whole = silent().score(audio, context())["mse"]
    monkeypatch.setattr("asd_bench_geco.prediction.CPU_CHUNK", 7)
    np.testing.assert_allclose(silent().score(audio, context())["mse"], whole, rtol=1e-12)


def test_predicting_learns_nothing(small_pae):
    frames = predicted_frames(small_pae(), torch.randn(3, 5, 8), torch.tensor([0, 1, 2]), mixed_precision=True)
    assert frames.shape == (3, 8)
    assert not frames.requires_grad


# -- fits --------------------------------------------------------------------------------------------------------------


def test_strange_sounds_score_higher(pae_config, context):
    """After a few hundred steps on bands that move together, bands that do not stand out."""
    ctx = context()
    detector = Prediction(pae_config(epochs=20, batch_size=32, lr=5e-3))
    detector.fit(MadeUpAudio.hum(together=True), ctx)
    normal, strange = (
        detector.score(MadeUpAudio.hum(together=together, seed=1), ctx)["mse"] for together in (True, False)
    )
    assert roc_auc_score([0] * len(normal) + [1] * len(strange), [*normal, *strange]) > 0.9


def test_seeds(pae_config, noise, context):
    audio, scores = noise(), []
    for seed in ("a", "b", "a"):
        ctx = context(seed)
        detector = Prediction(pae_config())
        detector.fit(audio, ctx)
        scores.append(detector.score(audio, ctx)["mse"])
    np.testing.assert_array_equal(scores[0], scores[2])
    assert (scores[0] != scores[1]).all()


def test_save_and_load(pae_config, noise, context, tmp_path):
    ctx, audio = context(), noise()
    detector, loaded = Prediction(pae_config()), Prediction(pae_config())
    detector.fit(audio, ctx)
    detector.save(tmp_path)
    loaded.load(tmp_path)
    np.testing.assert_array_equal(loaded.score(audio, ctx)["mse"], detector.score(audio, ctx)["mse"])
