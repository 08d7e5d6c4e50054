"""The classifiers: what a step is given, scores by hand, learning, what is kept, and a fit that is broken off."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from asd_bench import BenchError
from asd_bench_aws import ArcFaceConfig, MobileNetConfig, ResNetConfig
from asd_bench_aws.classification import ArcFaceClassifier, MobileNetClassifier, ResNetClassifier
from asd_bench_aws.perturbation import mix_after_log, mix_before_log, warp, warp_tables

#: The smallest that each can be, on images of 16 frames of 16 bands.
SMALL = {"epochs": 3, "batch_size": 8, "lr": 3e-3, "n_frames": 16, "hop": 8, "norm_momentum": 0.1}
KINDS = [
    pytest.param(MobileNetClassifier, MobileNetConfig, {"width": 0.35}, id="mobilenet"),
    pytest.param(ResNetClassifier, ResNetConfig, {"channels": (8, 8, 16, 16)}, id="resnet"),
    pytest.param(ArcFaceClassifier, ArcFaceConfig, {"width": 0.35}, id="arcface"),
]


def small(kind, config, **settings):
    return kind(config(**(SMALL | settings)))


@pytest.fixture
def machines(noise):
    """Clips of machines that hum in bands of their own, five by five, by ID: ``machines([0, 0, 1, 1])``."""

    def make(ids, seed=0, frames=32, **of_clips):
        audio = noise(clips=len(ids), frames=frames, bands=16, seed=seed, class_id=ids, **of_clips)
        for values, number in zip(audio.clip_frames, ids, strict=True):
            values.mul_(2).sub_(40)
            values[:, 5 * number : 5 * number + 5] += 10
        return audio

    return make


@pytest.fixture
def recipe_of(untrained_recipes):
    """What a detector would train, untrained and in training mode, as a step has it."""

    def make(detector, audio, ctx):
        detector.fit(audio, ctx)
        untrained_recipes[-1].model.train()
        return untrained_recipes[-1]

    return make


class Remembering(nn.Module):
    """A network whose logits are a band's mean level, one band after another, and which keeps what it was given."""

    def __init__(self, n_classes):
        super().__init__()
        self.n_classes = n_classes

    def forward(self, images):
        self.given = images
        return images.mean(dim=1)[:, : self.n_classes]


# -- a step ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mixing", "mix", "n_mixed"),
    [("before-log", mix_before_log, 16), ("after-log", mix_after_log, 16), ("none", None, 0)],
)
def test_a_step_mixes_and_warps_as_planned(mixing, mix, n_mixed, machines, recipe_of, fit_context):
    audio = machines([0, 0, 1, 1])
    detector = small(MobileNetClassifier, MobileNetConfig, mixing=mixing, warps=(-0.5, 0.3), speeds=(), batch_size=32)
    recipe = recipe_of(detector, audio, fit_context(n_classes=2))
    detector.network = Remembering(6)
    plan = recipe.plan(0, np.random.default_rng(0))
    batch = {name: torch.from_numpy(values[0]) for name, values in plan.items()}
    loss = recipe.loss(batch)

    windows = audio.windows(16, 8)
    assert batch["warp"].unique().tolist() == [0, 1, 2], "the seed draws every kind"
    lower, share = warp_tables((0.0, -0.5, 0.3), 16)
    images = warp(windows.gather(batch["image"]), lower[batch["warp"]], share[batch["warp"]])
    target = functional.one_hot(batch["label"], 6).float()
    if mix:
        images[:n_mixed] = mix(images[:n_mixed], windows.gather(batch["partner"]), batch["share"])
        partners = functional.one_hot(batch["partner_label"], 6).float()
        first = batch["share"].unsqueeze(1)
        target[:n_mixed] = first * target[:n_mixed] + (1 - first) * partners
    assert batch["partner"].shape == (n_mixed,)
    torch.testing.assert_close(detector.network.given, images)
    logits = images.mean(dim=1)[:, :6]
    entropy = torch.special.entr(target).sum(dim=1).mean()
    torch.testing.assert_close(loss, functional.cross_entropy(logits, target) - entropy)


def test_arcface_trains_on_single_images_with_the_margin(machines, recipe_of, fit_context):
    audio = machines([0, 0, 1, 1])
    detector = small(ArcFaceClassifier, ArcFaceConfig, width=0.35, speeds=(), scale=20.0, margin=0.4)
    recipe = recipe_of(detector, audio, fit_context(n_classes=2))
    plan = recipe.plan(0, np.random.default_rng(0))
    assert plan["partner"].shape[1] == 0
    assert (plan["label"] >= 2).any(), "warped images are classes here, too"
    batch = {name: torch.from_numpy(values[0]) for name, values in plan.items()}
    lower, share = warp_tables((0.0, 0.3), 16)
    images = warp(audio.windows(16, 8).gather(batch["image"]), lower[batch["warp"]], share[batch["warp"]])
    logits = detector.network.head.with_margin(detector.network.embed(images), batch["label"])
    torch.testing.assert_close(recipe.loss(batch), functional.cross_entropy(logits, batch["label"]))
    assert recipe.loss(batch) > functional.cross_entropy(detector.network(images), batch["label"]) + 1


# -- scores ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("score", ["probability", "log-odds"])
def test_scores_by_hand(score, machines, fit_context):
    candidates = [(0,), (1,), (0, 1), (0, 1)]
    audio = machines([0, 0, 1, 0], frames=41, candidates=candidates)
    detector = small(MobileNetClassifier, MobileNetConfig, score=score)
    detector.n_ids, detector.network = 2, Remembering(8)
    expected = []
    for frames, ids in zip(audio.clip_frames, candidates, strict=True):
        images = [frames[start : start + 16].double() for start in (0, 8, 16, 24)]
        probabilities = [image.mean(dim=0)[:8].softmax(dim=0) for image in images]
        of_ids = [
            np.mean(
                [-p[number] if score == "probability" else math.log((1 - p[number]) / p[number]) for p in probabilities]
            )
            for number in ids
        ]
        expected.append(min(of_ids))
    scores = detector.score(audio, fit_context())["anomaly"]
    assert scores.dtype == np.float64
    np.testing.assert_allclose(scores, expected, rtol=1e-4)


# -- learning ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "config", "settings"), KINDS)
def test_sounds_of_another_machine_score_higher(kind, config, settings, machines, fit_context):
    ctx = fit_context(n_classes=2)
    # What a machine of two IDs needs to be learnt in some sixty steps.
    easy = {"epochs": 12, "batch_size": 32, "lr": 1e-2, "hop": 2, "warps": (), "speeds": ()}
    detector = small(kind, config, **(easy | settings))
    detector.fit(machines([0] * 8 + [1] * 8), ctx)
    losses = ctx.events.curve()
    assert losses[11] < 0.5 * losses[0]
    ids = [0] * 6 + [1] * 6
    own = machines(ids, seed=1, candidates=[(number,) for number in ids])
    other = machines(ids, seed=2, candidates=[(1 - number,) for number in ids])
    either = machines(ids, seed=2, candidates=[(0, 1)] * 12)
    normal, strange, unknown = (detector.score(audio, ctx)["anomaly"] for audio in (own, other, either))
    assert normal.max() < strange.min()
    assert unknown.max() < strange.min(), "either of its IDs will do"


# -- fits --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "config", "settings"), KINDS)
def test_seeds(kind, config, settings, machines, fit_context):
    audio, others = machines([0, 0, 1, 1]), machines([0, 1], seed=1, candidates=[(0,), (1,)])

    def scores(seed):
        detector = small(kind, config, **settings)
        detector.fit(audio, fit_context(seed, n_classes=2))
        return detector.score(others, fit_context())["anomaly"]

    first, other, same = (scores(seed) for seed in ("a", "b", "a"))
    np.testing.assert_array_equal(first, same)
    assert (first != other).all()


@pytest.mark.parametrize(("kind", "config", "settings"), KINDS)
def test_save_and_load(kind, config, settings, machines, fit_context, tmp_path):
    others = machines([0, 1, 2], seed=1, candidates=[(0,), (1,), (2,)])
    fitted = small(kind, config, **settings)
    fitted.fit(machines([0, 0, 1, 2]), fit_context(n_classes=3))
    fitted.save(tmp_path)
    loaded = kind(fitted.config)
    loaded.load(tmp_path)
    before, after = (detector.score(others, fit_context())["anomaly"] for detector in (fitted, loaded))
    np.testing.assert_array_equal(before, after)
    assert len(set(before)) == 3


def test_a_fit_that_was_broken_off_ends_as_an_undisturbed_one(machines, fit_context, break_off_fit):
    audio, whole = machines([0, 0, 1, 1], candidates=[(0,), (0,), (1,), (1,)]), fit_context(n_classes=2)
    undisturbed, begun, resumed = (
        small(ResNetClassifier, ResNetConfig, channels=(4, 4, 8, 8), epochs=4) for _ in "123"
    )
    undisturbed.fit(audio, whole)
    ctx = break_off_fit(begun, audio, fit_context(n_classes=2))
    resumed.fit(audio, ctx)
    assert ctx.events.curve() == whole.events.curve()
    before, after = (detector.score(audio, ctx)["anomaly"] for detector in (undisturbed, resumed))
    np.testing.assert_array_equal(before, after)


# -- options -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"warps": (0.3, 0.3)}, "differ"),
        ({"warps": (0.0,)}, "changes nothing"),
        ({"speeds": (1.1, 1.0)}, "changes nothing"),
        ({"warps": (-1.0,)}, "turn part of the spectrum round"),
    ],
)
def test_variants_that_make_no_class(settings, message):
    with pytest.raises(BenchError, match=message):
        MobileNetConfig(**settings)


def test_a_margin_as_wide_as_any_angle():
    with pytest.raises(BenchError, match="as wide as any angle"):
        ArcFaceConfig(margin=3.2)
