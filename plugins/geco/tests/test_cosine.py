"""Cosine distances, centres and embeddings of clips; whole fits of GeCo and its baseline."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from asd_bench import BenchError
from asd_bench_geco.cosine import CosineDistance, Geco, cosine_distances


def distances(embeddings, centres, candidates):
    return cosine_distances(np.array(embeddings, dtype=float), np.array(centres, dtype=float), candidates)


# -- distances ---------------------------------------------------------------------------------------------------------


def test_distances_by_hand():
    scores = distances([[3, 0], [0, 0.5], [-2, 0], [3, 3]], [[10, 0]], [(0,)] * 4)
    assert scores == pytest.approx([0, 1, 2, 1 - 0.5**0.5], abs=1e-12)
    assert scores.dtype == np.float64


def test_the_nearest_candidate_counts():
    centres = [[1, 0], [0, 1], [-1, 0]]
    scores = distances([[1, 0.1]] * 4, centres, [(0,), (1, 2), (2,), (0, 1, 2)])
    assert scores[0] == scores[3]
    assert scores[0] < scores[1] < scores[2]
    assert scores[1] == distances([[1, 0.1]], centres, [(1,)])[0]


def test_an_embedding_of_zero_length_is_at_one():
    assert distances([[0, 0]], [[1, 0], [0, 0]], [(0, 1)]).tolist() == [1.0]


def test_clips_without_a_class_are_an_error():
    with pytest.raises(BenchError, match="1 of 2 clips belong to no class"):
        distances([[1, 0], [1, 0]], [[1, 0]], [(0,), ()])


# -- embeddings and centres --------------------------------------------------------------------------------------------


@pytest.fixture
def fitted(untrained_recipes, classifier_config, noise, context):
    """A baseline that was not trained, and what it was fitted on: ``fitted(pieces="whole")``."""

    def make(**values):
        audio = noise(lengths=[27, 20, 34, 10, 20], class_id=[0, 1, 1, 0, 2])
        detector, ctx = CosineDistance(classifier_config(**values)), context(n_classes=3)
        detector.fit(audio, ctx)
        return detector, audio, ctx

    return make


def embedding_of(detector, frames):
    with torch.inference_mode():
        return detector.network.embed(frames.unsqueeze(0))[0].double().numpy()


def test_an_embedding_is_the_mean_over_crops_in_turn(fitted):
    detector, audio, ctx = fitted()
    expected = []
    for frames, starts in zip(audio.clip_frames, [[0, 10, 17], [0, 10], [0, 10, 20, 24], [0], [0, 10]], strict=True):
        expected.append(np.mean([embedding_of(detector, frames[start : start + 10]) for start in starts], axis=0))
    np.testing.assert_allclose(detector._embed(audio, ctx), expected, rtol=1e-4, atol=1e-5)


def test_an_embedding_may_be_that_of_the_whole_clip(fitted):
    detector, audio, ctx = fitted(pieces="whole")
    expected = [embedding_of(detector, frames) for frames in audio.clip_frames]
    np.testing.assert_allclose(detector._embed(audio, ctx), expected, rtol=1e-4, atol=1e-5)


def test_a_centre_is_the_mean_embedding_of_its_training_clips(fitted):
    detector, audio, ctx = fitted()
    embeddings = detector._embed(audio, ctx)
    expected = [embeddings[[0, 3]].mean(axis=0), embeddings[[1, 2]].mean(axis=0), embeddings[4]]
    np.testing.assert_allclose(detector.centres, expected, rtol=1e-12)


def test_a_centre_may_be_the_classifiers_weights(fitted):
    detector, _, _ = fitted(centre="weights")
    np.testing.assert_array_equal(detector.centres, detector.network.head.weight.detach().double().numpy())


def test_the_only_clip_of_a_class_is_its_centre(fitted):
    """So that its fused score is the PAE's alone."""
    detector, audio, ctx = fitted()
    scores = detector.score(audio, ctx)["cosine"]
    assert scores[4] == pytest.approx(0, abs=1e-12)
    assert (scores[:4] > 1e-6).all()


def test_scores_are_distances_to_the_centres_of_candidates(fitted, noise):
    detector, audio, ctx = fitted()
    candidates = [(0,), (0, 1, 2), (1,), (0, 2), (2,)]
    audio = audio.under(replace(audio.clips, candidates=tuple(candidates)))
    expected = cosine_distances(detector._embed(audio, ctx), detector.centres, candidates)
    np.testing.assert_array_equal(detector.score(audio, ctx)["cosine"], expected)
    assert len(set(expected)) == 5


@pytest.mark.parametrize("scaling", ["standardised", "decibel"])
def test_scaling(fitted, scaling):
    detector, audio, _ = fitted(scaling=scaling)
    frames = audio.frames().values
    mean = frames.mean(dim=0) if scaling == "standardised" else torch.zeros(8)
    torch.testing.assert_close(detector.network.scale.mean, mean, atol=1e-6, rtol=1e-5)


# -- fits --------------------------------------------------------------------------------------------------------------

KINDS = [pytest.param(CosineDistance, id="resnet18"), pytest.param(Geco, id="geco")]


@pytest.fixture
def fit(classifier_config, geco_config, small_pae, context):
    """A trained detector and its context: ``fit(Geco, audio, "a seed", epochs=3)``."""

    def make(kind, audio, seed="a seed", **values):
        config = (geco_config if kind is Geco else classifier_config)(**values)
        machines = dict.fromkeys(audio.clips.machine.tolist())
        ctx = context(seed, len(set(audio.clips.class_id)), {machine: small_pae() for machine in machines})
        detector = kind(config)
        detector.fit(audio, ctx)
        return detector, ctx

    return make


@pytest.mark.parametrize("kind", KINDS)
def test_strange_sounds_score_higher(kind, fit, tones):
    """Each class has a loud band of its own; what is strange has another class's."""
    of_class = [0, 1, 2] * 8
    machine = ["fan", "fan", "pump"] * 8
    bands = [(0, 3, 6)[number] for number in of_class]
    detector, ctx = fit(kind, tones(bands, of_class, machine), epochs=15, lr=0.05, batch_size=8, channels=(8, 8, 8, 16))
    strange_bands = [(3, 6, 0)[number] for number in of_class]
    normal, strange = (
        detector.score(tones(which, of_class, machine, seed=1), ctx)["cosine"] for which in (bands, strange_bands)
    )
    assert roc_auc_score([0] * len(normal) + [1] * len(strange), [*normal, *strange]) > 0.9


def test_reconstructions_are_told_apart(geco_config, tones, context, oracle):
    """Those of a PAE that is 8 dB off, by a contrast that weighs much from the first epoch on."""
    of_class = [0, 1, 2] * 8
    audio = tones([(0, 3, 6)[number] for number in of_class], of_class)
    ctx = context(n_classes=3, paes={"fan": oracle(offset=8.0)})
    values = {"epochs": 15, "lr": 0.02, "batch_size": 8, "channels": (8, 8, 8, 16)}
    Geco(geco_config(**values, contrastive_weight=10.0, ramp=(0, 0))).fit(audio, ctx)
    losses = ctx.events.curve()
    # A coin's loss would be 10 ln 2 = 6.9, with a cross-entropy of zero.
    assert losses[0] > 6
    assert losses[14] < 3


@pytest.mark.parametrize("kind", KINDS)
def test_seeds(kind, fit, noise):
    audio = noise(lengths=[20, 20, 20, 20], class_id=[0, 0, 1, 1])
    scores = []
    for seed in ("a", "b", "a"):
        detector, ctx = fit(kind, audio, seed)
        scores.append(detector.score(audio, ctx)["cosine"])
    np.testing.assert_array_equal(scores[0], scores[2])
    assert (scores[0] != scores[1]).all()


@pytest.mark.parametrize("kind", KINDS)
def test_save_and_load(kind, fit, noise, tmp_path):
    audio = noise(lengths=[20, 20, 20, 20], class_id=[0, 0, 1, 1])
    detector, ctx = fit(kind, audio)
    detector.save(tmp_path)
    loaded = kind(detector.config)
    loaded.load(tmp_path)
    np.testing.assert_array_equal(loaded.score(audio, ctx)["cosine"], detector.score(audio, ctx)["cosine"])
