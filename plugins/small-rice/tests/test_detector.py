"""The detector: what it minimises, what its scores depend on and what not, and what it learns."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch
from torch.nn import functional

from asd_bench import BenchError
from asd_bench.testing import MadeUpAudio
from asd_bench_small_rice import SmallRiceConfig
from asd_bench_small_rice.detector import SmallRice
from asd_bench_small_rice.losses import equation_4_terms, nt_xent
from asd_bench_small_rice.networks import JointModel
from asd_bench_small_rice.scores import bounded_log_odds

LABELS = [0, 1, 2, 0, 1, 2]


@pytest.fixture
def fitted(noise, config, fit_context):
    """A detector fitted on noise of three classes: ``fitted(lengths=…, seed=…, mixup_alpha=1.0)``."""

    def make(lengths=(24,) * 6, seed="a seed", domain=(), **settings):
        detector = SmallRice(config(**settings))
        detector.fit(noise(lengths, class_id=LABELS, domain=domain), fit_context(seed, n_classes=3))
        return detector

    return make


def scores(detector, audio, fit_context):
    return detector.score(audio, fit_context())["log-odds"]


# -- the loss ----------------------------------------------------------------------------------------------------------


def expected_loss(recipe, audio, chosen, contrast):
    frames = torch.stack([audio.clip_frames[number] for number in chosen])
    lengths = torch.full((len(chosen),), frames.shape[1])
    logits, error, u, p = recipe.model(frames, lengths)
    labels = torch.tensor([LABELS[number] for number in chosen])
    return error + functional.cross_entropy(logits, labels) + contrast(u, p)


@pytest.mark.parametrize(
    ("settings", "contrast"),
    [
        ({}, lambda u, p: nt_xent(u, p, 0.07)),
        ({"contrastive_weight": 0.5, "temperature": 0.2}, lambda u, p: 0.5 * nt_xent(u, p, 0.2)),
        ({"contrastive": "eq4", "temperature": 1.0}, lambda u, p: equation_4_terms(u, p, 1.0).clamp(min=-2).sum()),
    ],
    ids=["nt-xent", "weight and temperature", "equation 4"],
)
def test_the_loss_is_the_sum_of_three(settings, contrast, noise, config, fit_context, untrained_recipes):
    audio = noise([24] * 6, class_id=LABELS)
    SmallRice(config(**settings)).fit(audio, fit_context(n_classes=3))
    (recipe,) = untrained_recipes
    loss = recipe.loss({"segment": torch.tensor([[5], [0], [1]])})
    torch.testing.assert_close(loss, expected_loss(recipe, audio, [5, 0, 1], contrast))


def test_without_contrast_the_classifier_learns_alone_and_begins_as_it_would_beside_the_autoencoder(
    noise, config, fit_context, untrained_recipes
):
    audio = noise([24] * 6, class_id=LABELS)
    for contrastive in ("none", "nt-xent"):
        SmallRice(config(contrastive=contrastive)).fit(audio, fit_context(n_classes=3))
    alone, joint = untrained_recipes
    assert isinstance(joint.model, JointModel)
    assert alone.model.state_dict().keys() == joint.model.classifier.state_dict().keys()
    for name, values in alone.model.state_dict().items():
        assert torch.equal(values, joint.model.classifier.state_dict()[name])
    frames = torch.stack([audio.clip_frames[2], audio.clip_frames[3]])
    expected = functional.cross_entropy(alone.model(frames), torch.tensor([2, 0]))
    torch.testing.assert_close(alone.loss({"segment": torch.tensor([[2], [3]])}), expected)


def test_the_recipe_has_the_papers_schedule(noise, fit_context, untrained_recipes):
    SmallRice(SmallRiceConfig(stages=1)).fit(noise([24] * 6, class_id=LABELS), fit_context(n_classes=3))
    (recipe,) = untrained_recipes
    assert (recipe.epochs, recipe.optimizer.lr) == (300, 1e-4)
    assert recipe.tables["lr"][[0, 30, 299]].tolist() == [1e-4, 5e-5, 1e-4 / 512]
    plan = recipe.plan(0, np.random.default_rng(0))
    assert plan["segment"].shape == (1, 32, 2)
    assert torch.isfinite(recipe.loss({name: torch.as_tensor(values[0]) for name, values in plan.items()}))


def test_equation_4_is_warned_about(fitted, caplog):
    with caplog.at_level(logging.WARNING):
        fitted(contrastive="eq4", epochs=1)
    assert "equation 4 has no lower bound" in caplog.text


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"median": 30}, "median filter of 30 frames has no middle"),
        ({"stages": 8}, "7 stages, not 8"),
        ({"target_share": 1.5}, "target_share may be 1 at most"),
        ({"patch_frames": 4}, "no window of 5"),
    ],
)
def test_values_that_cannot_be(settings, words, config):
    with pytest.raises(BenchError, match=words):
        config(**settings)


# -- what scores depend on ---------------------------------------------------------------------------------------------


def test_a_clips_score_does_not_depend_on_the_others_however_long_they_are(fitted, noise, fit_context):
    detector = fitted(lengths=[24, 20, 24, 22, 24, 24])
    assert detector.n_frames == 24
    lengths = [18, 24, 30, 24, 21, 40]
    together = noise(lengths, seed=1)
    alone = [together.only([number]) for number in range(len(lengths))]
    expected = np.concatenate([scores(detector, audio, fit_context) for audio in alone])
    np.testing.assert_allclose(scores(detector, together, fit_context), expected, rtol=1e-5)
    assert len(set(expected.round(6))) == len(expected)


def test_the_autoencoder_has_no_part_in_scores(noise, config, fit_context, untrained_recipes):
    detector = SmallRice(config())
    detector.fit(noise([24] * 6, class_id=LABELS), fit_context(n_classes=3))
    model, audio = untrained_recipes[0].model, noise([24] * 4, seed=1)
    before = scores(detector, audio, fit_context)
    with torch.no_grad():
        for part in (model.autoencoder, model.projections):
            for values in part.parameters():
                values.normal_()
    np.testing.assert_array_equal(scores(detector, audio, fit_context), before)
    with torch.no_grad():
        model.classifier.head.weight.normal_()
    assert (scores(detector, audio, fit_context) != before).all()


@pytest.mark.parametrize("patch", [{}, {"patch_frames": 10, "patch_hop": 7}])
def test_a_score_is_the_mean_over_segments_for_the_likeliest_candidate(patch, fitted, noise, fit_context):
    detector = fitted(**patch)
    candidates = [(0,), (1,), (0, 2), (0, 1, 2)]
    audio = noise([24] * 4, seed=1, candidates=candidates)
    got = scores(detector, audio, fit_context)
    assert got.dtype == np.float64
    for clip, classes, score in zip(audio.clip_frames, candidates, got, strict=True):
        pieces = torch.stack([clip[start : start + 10] for start in (0, 7, 14)]) if patch else clip.unsqueeze(0)
        with torch.inference_mode():
            odds = bounded_log_odds(detector.classifier(pieces)).mean(dim=0)
        assert score == pytest.approx(min(odds[number].item() for number in classes), rel=1e-5)


def test_test_clips_are_filtered_as_training_clips_are(fitted, noise, fit_context):
    detector = fitted(median=5)
    steady, clicks = (MadeUpAudio([torch.full((24, 16), level) for level in (-20.0, 5.0)]) for _ in "12")
    for clip in clicks.clip_frames:
        clip[10, 3] += 60
    np.testing.assert_array_equal(scores(detector, clicks, fit_context), scores(detector, steady, fit_context))
    unfiltered = fitted(median=0)
    assert (scores(unfiltered, clicks, fit_context) != scores(unfiltered, steady, fit_context)).all()


# -- fits --------------------------------------------------------------------------------------------------------------

EVERYTHING = {"median": 3, "mixup_alpha": 1.0, "masks": 2, "shift": 0.15, "target_share": 0.2}


@pytest.mark.parametrize("settings", [{}, EVERYTHING, {"backbone": "mobilenetv2", "patch_frames": 12, "ae_frames": 0}])
def test_seeds(settings, fitted, noise, fit_context):
    audio, domain = noise([24] * 4, seed=1), ["source"] * 5 + ["target"]
    first, other, same = (
        scores(fitted(seed=seed, domain=domain, **settings), audio, fit_context) for seed in ("a", "b", "a")
    )
    np.testing.assert_array_equal(first, same)
    assert (first != other).all()


@pytest.mark.parametrize("settings", [{}, {"patch_frames": 10, "stages": 2, "backbone": "mobilenetv2"}])
def test_save_and_load(settings, fitted, noise, fit_context, tmp_path):
    detector, audio = fitted(**settings, lengths=[24, 20, 24, 22, 24, 24]), noise([24, 18, 30], seed=1)
    detector.save(tmp_path)
    loaded = SmallRice(detector.config)
    loaded.load(tmp_path)
    np.testing.assert_array_equal(scores(loaded, audio, fit_context), scores(detector, audio, fit_context))
    names = [path.name for path in tmp_path.iterdir() if path.is_file()]
    assert sorted(names) == ["classifier.json", "classifier.safetensors"]


def test_an_interrupted_fit_goes_on_where_it_stopped(fitted, noise, config, fit_context, break_off_fit):
    audio, settings = noise([24] * 4, seed=1), {**EVERYTHING, "epochs": 4}
    expected = scores(fitted(**settings), audio, fit_context)
    train = noise([24] * 6, class_id=LABELS)
    ctx = break_off_fit(SmallRice(config(**settings)), train, fit_context("a seed", n_classes=3), epochs=2)
    again = SmallRice(config(**settings))
    again.fit(train, ctx)
    assert [epoch for kind, epoch, _ in ctx.events.written if kind == "metric"] == [0, 1, 2, 3]
    np.testing.assert_array_equal(scores(again, audio, fit_context), expected)


def test_sounds_that_are_not_of_their_class_score_higher(noise, config, fit_context):
    """Every class hums in bands of its own: after some steps a clip that hums in another's stands out."""

    def hums(bands, seed):
        audio = noise([24] * len(bands), seed=seed, class_id=bands, candidates=[(0,)] * len(bands))
        for clip, band in zip(audio.clip_frames, bands, strict=True):
            clip[:, 5 * band : 5 * band + 5] += 40
        return audio

    detector, ctx = SmallRice(config(stages=2, epochs=30, batch_size=6, lr=1e-2)), fit_context(n_classes=3)
    detector.fit(hums([0, 1, 2] * 4, seed=0), ctx)
    own, other = (
        scores(detector, hums([0] * 5, seed=1), fit_context),
        scores(detector, hums([1, 2] * 3, seed=2), fit_context),
    )
    assert own.max() < other.min()
    assert own.max() < 0
    curve = ctx.events.curve()
    assert curve[29] < curve[0]
