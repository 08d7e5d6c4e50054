"""Encoders: what they keep, what is embedded anew, what they refuse."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from asd_bench import BenchError
from asd_bench_first_shot import EfficientNetConfig, ExposureConfig, TransformerConfig, encoders, networks
from asd_bench_first_shot.encoders import EfficientNetEncoder, ExposureEncoder, TransformerEncoder

SMALL = {"epochs": 2, "batch_size": 8, "segment": 256, "n_segments": 4, "embedding_size": 8}

KINDS = [
    pytest.param(TransformerEncoder, TransformerConfig, id="transformer"),
    pytest.param(EfficientNetEncoder, EfficientNetConfig, id="efficientnet"),
    pytest.param(ExposureEncoder, ExposureConfig, id="oe"),
]


def fitted(audio, ctx, kind=TransformerEncoder, config=TransformerConfig, **changes):
    encoder = kind(config(**SMALL | changes))
    encoder.fit(audio, ctx)
    return encoder


# -- embeddings --------------------------------------------------------------------------------------------------------


def test_every_segment_of_every_training_clip_is_kept(tones, context, untrained_recipes):
    audio = tones(clips=5)
    encoder = fitted(audio, context(audio))
    assert encoder.embedding.shape == (20, 4, 8)
    assert list(encoder.position) == audio.clips.clip_id.tolist()
    segments = encoder.segments(audio)
    for number in (0, 7, 19):
        n = len(audio.table.wave[number])
        starts = [0, (n - 256) // 3, 2 * ((n - 256) // 3), n - 256]
        own = encoder.standardisation[audio.clips.machine[number]]
        wave = np.stack([audio.table.wave[number][start : start + 256] for start in starts])
        frames = audio.transform(torch.from_numpy(((wave - own.mean) / own.deviation).astype(np.float32)))
        with torch.inference_mode():
            expected = encoder.embedders[0](frames)
        torch.testing.assert_close(encoder.embedding[number], expected, rtol=1e-4, atol=1e-5)
    assert segments.length == 256


def test_training_clips_are_not_embedded_again(tones, context, untrained_recipes):
    audio = tones()
    encoder = fitted(audio, context(audio))
    fans = audio.only(np.flatnonzero(audio.clips.machine == "fan"))
    found = encoder.segment_embeddings(fans)
    assert fans.transformed == 0
    assert torch.equal(found, encoder.embedding[audio.clips.machine == "fan"])
    with_a_stranger = both(fans, tones(clips=1, seed=1).only([0]))
    found = encoder.segment_embeddings(with_a_stranger)
    # The probe by which the frontend is recognised, and one chunk.
    assert with_a_stranger.transformed == 1 + 32
    assert torch.equal(found[with_a_stranger.known], encoder.embedding[audio.clips.machine == "fan"])
    assert torch.isfinite(found).all()


def both(one, other):
    """Both audios' clips."""
    audio = type(one)(pd.concat([one.table, other.table], ignore_index=True))
    audio.known = np.isin(audio.clips.clip_id, one.clips.clip_id)
    return audio


def test_clips_kept_and_embedded_anew_have_the_same_embeddings(tones, context, untrained_recipes):
    audio = tones()
    encoder = fitted(audio, context(audio))
    pumps = audio.only(np.flatnonzero(audio.clips.machine == "pump"))
    kept = encoder.segment_embeddings(pumps)
    encoder.position = {}
    torch.testing.assert_close(encoder.segment_embeddings(pumps), kept, rtol=1e-5, atol=1e-6)


def test_an_embedding_does_not_depend_on_the_other_clips(tones, context, untrained_recipes):
    audio = tones()
    encoder = fitted(audio, context(audio))
    others = tones({("fan", "a"): 0.1}, clips=9, seed=5)
    together = encoder.segment_embeddings(others)
    for number in (0, 4, 8):
        alone = encoder.segment_embeddings(others.only([number]))
        torch.testing.assert_close(alone[0], together[number], rtol=1e-5, atol=1e-6)


def test_short_clips_are_repeated(tones, context, untrained_recipes):
    audio = tones(seconds=(100, 700))
    encoder = fitted(audio, context(audio))
    short = int(np.argmin([len(wave) for wave in audio.table.wave]))
    assert len(audio.table.wave[short]) < 256
    assert (encoder.embedding[short] == encoder.embedding[short, :1]).all()
    assert torch.isfinite(encoder.embedding).all()


@pytest.mark.parametrize("standardise", ["machine", "clip"])
def test_louder_clips_differ_unless_every_clip_is_standardised(standardise, tones, context, untrained_recipes):
    audio = tones()
    encoder = fitted(audio, context(audio), standardise=standardise)
    quiet = tones({("fan", "a"): 0.1}, clips=1, seed=5)
    loud = quiet.only([0])
    loud.table.at[0, "wave"] = 4 * quiet.table.wave[0]
    difference = (encoder.segment_embeddings(quiet) - encoder.segment_embeddings(loud)).abs().max()
    assert (difference < 1e-3) == (standardise == "clip")


# -- training ----------------------------------------------------------------------------------------------------------


def test_the_schedule_covers_the_training(tones, context, untrained_recipes):
    audio = tones()
    fitted(audio, context(audio), epochs=3)
    (recipe,) = untrained_recipes
    # 24 clips in batches of 8, of which one is an additional target clip.
    assert len(recipe.tables["lr"]) == len(recipe.tables["beta1"]) == 3 * 4
    assert recipe.tables["lr"].max() <= 1e-3
    assert recipe.optimizer.decoupled


def test_all_clips_are_learned_from_and_inliers_by_default(tones, context, untrained_recipes):
    audio = tones()
    encoder = fitted(audio, context(audio))
    assert encoder.is_inlier.all()
    assert set(untrained_recipes[0].plan(0, np.random.default_rng(0))["clip"].ravel()) == set(range(24))


@pytest.mark.parametrize(("kind", "config"), [KINDS[0].values, KINDS[2].values])
def test_what_is_held_out_is_what_back_ends_compare_with(kind, config, tones, context, untrained_recipes):
    audio = tones(clips=12)
    encoder = fitted(audio, context(audio), kind, config, inliers="held-out")
    learned = set(untrained_recipes[0].plan(0, np.random.default_rng(0))["clip"].ravel())
    assert set(np.flatnonzero(~encoder.is_inlier)) == learned
    # Of every machine type's 16 source and 8 target clips.
    assert encoder.is_inlier.sum() == 2 * (3 + 3)


@pytest.mark.parametrize(("kind", "config"), KINDS)
def test_save_and_load(kind, config, tones, context, tmp_path, untrained_recipes):
    audio = tones(clips=3)
    encoder = fitted(audio, context(audio), kind, config)
    encoder.save(tmp_path)
    restored = kind(encoder.config)
    restored.load(tmp_path)
    assert restored.position == encoder.position
    assert restored.standardisation == encoder.standardisation
    assert (restored.is_inlier == encoder.is_inlier).all()
    assert torch.equal(restored.embedding, encoder.embedding)
    others = tones({("pump", "a"): 0.2}, clips=2, seed=7)
    assert torch.equal(restored.segment_embeddings(others), encoder.segment_embeddings(others))


def test_seeds(tones, context):
    audio = tones(clips=3)
    found = [fitted(audio, context(audio, seed=seed)).embedding for seed in ("a", "b", "a")]
    assert torch.equal(found[0], found[2])
    assert not torch.equal(found[0], found[1])


def test_every_machine_has_its_own_network_in_outlier_exposure(tones, context, untrained_recipes):
    audio = tones(clips=3)
    encoder = fitted(audio, context(audio), ExposureEncoder, ExposureConfig)
    assert len(encoder.embedders) == 2
    same = pd.concat([audio.only([0]).table] * 2, ignore_index=True)
    same["machine"], same["clip_id"] = ["fan", "pump"], ["x", "y"]
    one, other = (encoder.segment_embeddings(type(audio)(same.iloc[[row]])) for row in (0, 1))
    assert (one - other).abs().max() > 1e-3


# -- what they refuse --------------------------------------------------------------------------------------------------


def test_another_frontend_is_noticed(tones, context, untrained_recipes):
    audio = tones()
    encoder = fitted(audio, context(audio))
    others = tones(seed=1).only([0, 1])
    transform = others.transform
    for changed in (lambda wave: transform(wave)[..., :-1], lambda wave: 1.05 * transform(wave)):
        others.transform = changed
        with pytest.raises(BenchError, match="another frontend"):
            encoder.segment_embeddings(others)
    others.transform = lambda wave: 1.001 * transform(wave)
    encoder.segment_embeddings(others)


def test_heads_must_share_the_bands(tones, context):
    audio = tones()
    with pytest.raises(BenchError, match="5 attention heads cannot share 32 bands"):
        fitted(audio, context(audio), heads=5)


def test_outlier_exposure_needs_others(tones, context):
    audio = tones({("fan", "a"): 0.1, ("fan", "b"): 0.2})
    with pytest.raises(BenchError, match="other machine types"):
        fitted(audio, context(audio), ExposureEncoder, ExposureConfig)


def test_too_few_clips_to_hold_some_out(tones, context):
    audio = tones({("fan", "a"): 0.1, ("pump", "a"): 0.2}, clips=1)
    with pytest.raises(BenchError, match="fan, pump has too few training clips"):
        fitted(audio, context(audio), inliers="held-out")


# -- first weights -----------------------------------------------------------------------------------------------------


def test_weights_that_cannot_be_had_are_an_error(tones, context, monkeypatch):
    def missing(**_):
        raise BenchError("the weights are not there")

    monkeypatch.setattr(networks, "tf_efficientnet_b0", missing)
    audio = tones()
    with pytest.raises(BenchError, match="the weights are not there"):
        fitted(audio, context(audio), EfficientNetEncoder, EfficientNetConfig, weights="noisy-student")


def test_a_fitted_network_is_loaded_without_fetching_weights(monkeypatch):
    asked = []
    monkeypatch.setattr(encoders, "EfficientNetBody", lambda weights: asked.append(weights) or torch.nn.Identity())
    monkeypatch.setattr(encoders, "Embedder", lambda body, *_: body)
    encoder = EfficientNetEncoder(EfficientNetConfig(weights="noisy-student"))
    encoder._new_embedders(5, 8, learned=False)
    encoder._new_embedders(5, 8, learned=True)
    assert asked == ["noisy-student", "scratch"]
