"""What a step of GeCo and of its baseline is made of."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from asd_bench import BenchError
from asd_bench_geco.cosine import CosineDistance, Geco
from asd_bench_geco.joint import reconstruct


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


# -- reconstructions ---------------------------------------------------------------------------------------------------


def test_13_of_65_frames_are_replaced_one_in_each_group():
    crops = torch.randn(4, 65, 8, generator=generator(0))
    predicted = torch.randn(4, 13, 8, generator=generator(1))
    position = torch.randint(5, (4, 13), generator=generator(2))
    made = reconstruct(crops, position, predicted)
    same = (made == crops).all(dim=2)
    assert same.sum(dim=1).tolist() == [52] * 4
    assert (~same).unflatten(1, (13, 5)).sum(dim=2).unique().tolist() == [1]
    for crop in range(4):
        for group in range(13):
            frame = 5 * group + position[crop, group]
            assert torch.equal(made[crop, frame], predicted[crop, group])


def lengths_and_labels():
    """Ten clips of three classes on two machine types; batches of four leave two places to fill up."""
    return {
        "lengths": [20, 14, 17, 10, 25, 11, 13, 19, 10, 30],
        "class_id": [0, 0, 1, 1, 2, 2, 0, 1, 2, 2],
        "machine": ["fan", "fan", "fan", "fan", "pump", "pump", "fan", "fan", "pump", "pump"],
    }


@pytest.fixture
def two_paes(small_pae):
    return {"fan": small_pae(seed=0), "pump": small_pae(seed=1)}


@pytest.fixture
def joint(untrained_recipes, noise, context, geco_config, two_paes):
    """The recipe of a GeCo, its detector and its audio: ``joint(contrastive="supcon")``."""

    def make(**values):
        audio, detector = noise(**lengths_and_labels()), Geco(geco_config(**values))
        detector.fit(audio, context(n_classes=3, paes=two_paes))
        return untrained_recipes[-1], detector, audio

    return make


def test_a_plan_has_one_crop_of_every_clip(joint):
    recipe, _, audio = joint()
    crops = audio.windows(10, 1)
    offsets = audio.frames().offsets
    seen = set()
    for epoch in range(30):
        plan = recipe.plan(epoch, np.random.default_rng(epoch))
        crop = plan["crop"]
        assert crop.shape == plan["label"].shape == (3, 4)
        assert plan["position"].shape == (3, 4, 2)
        clip = crops.clip.numpy()[crop]
        assert sorted(clip.ravel()[:10]) == list(range(10))
        np.testing.assert_array_equal(plan["label"], audio.clips.class_id[clip])
        start = crops.start.numpy()[crop]
        assert (start >= offsets[clip]).all()
        assert (start + 10 <= offsets[clip + 1]).all()
        seen |= set(crop.ravel())
    # Thirty epochs find nearly all positions of nearly all clips, the first and the last of the longest among them.
    assert len(seen) > 0.8 * len(crops)
    assert {start for start in crops.start.numpy()[sorted(seen)] if start >= offsets[9]} >= {offsets[9]}


def test_frames_are_predicted_for_exactly_the_plans_crops(joint, two_paes):
    """Each by its own machine type's PAE, in the rows that complete the last batch as well."""
    recipe, _, audio = joint()
    plan = recipe.plan(3, np.random.default_rng(3))
    crops = audio.windows(10, 1)
    machines = set()
    for row, (crop, position) in enumerate(zip(plan["crop"].ravel(), plan["position"].reshape(-1, 2), strict=True)):
        start, clip = int(crops.start[crop]), int(crops.clip[crop])
        machine = audio.clips.machine[clip]
        machines.add((machine, row >= 10))
        for group in range(2):
            window = audio.frames().values[start + 5 * group : start + 5 * group + 5].unsqueeze(0)
            masked = torch.tensor([position[group]])
            expected = two_paes[machine](window, masked)[0, position[group]]
            made = plan["predicted"].flatten(0, 1)[row, group]
            torch.testing.assert_close(made, expected, atol=1e-5, rtol=1e-5)
    assert len(machines) >= 3


def test_positions_are_drawn_anew_for_every_group_and_epoch(joint):
    recipe, _, _ = joint()
    positions = np.stack([recipe.plan(epoch, np.random.default_rng(epoch))["position"] for epoch in range(40)])
    counts = np.bincount(positions.ravel(), minlength=5) / positions.size
    np.testing.assert_allclose(counts, 0.2, atol=0.05)
    assert not np.array_equal(positions[..., 0], positions[..., 1])
    assert not np.array_equal(positions[0], positions[1])


def test_paes_are_frozen(joint, two_paes):
    before = {machine: [p.clone() for p in pae.train().parameters()] for machine, pae in two_paes.items()}
    recipe, _, _ = joint()
    trained = {id(parameter) for parameter in recipe.model.parameters()}
    for machine, pae in two_paes.items():
        assert not pae.training
        for parameter, old in zip(pae.parameters(), before[machine], strict=True):
            assert id(parameter) not in trained
            assert not parameter.requires_grad
            assert torch.equal(parameter, old)


def test_loading_the_paes_does_not_move_the_first_weights(untrained_recipes, geco_config, noise, context, oracle):
    """Their networks are built anew before, which draws random numbers."""

    class Rebuilt(oracle):
        n_drawn = 0

        def to(self, device):
            torch.rand(self.n_drawn)
            return self

    audio, weights = noise(**lengths_and_labels()), []
    for Rebuilt.n_drawn in (0, 100):
        Geco(geco_config()).fit(audio, context(n_classes=3, paes={"fan": Rebuilt(), "pump": Rebuilt()}))
        weights.append(untrained_recipes[-1].model["contrast"].weights)
    assert torch.equal(*weights)


# -- the loss ----------------------------------------------------------------------------------------------------------


def batch_of(recipe, step=0, weight=0.0):
    plan = recipe.plan(0, np.random.default_rng(0))
    batch = {name: torch.as_tensor(rows)[step] for name, rows in plan.items()}
    return batch | {"contrast_weight": torch.tensor(weight)}


@pytest.mark.parametrize("values", [{}, {"pairs": "shared"}, {"contrastive": "supcon"}])
def test_the_loss_is_equation_3(joint, values):
    recipe, detector, audio = joint(**values)
    batch = batch_of(recipe, weight=7.0)
    # In evaluation mode originals and reconstructions may pass through the network one after the other.
    recipe.model.eval()
    originals = audio.windows(10, 1).gather(batch["crop"])
    reconstructions = reconstruct(originals, batch["position"], batch["predicted"])
    embeddings, logits = zip(detector.network(originals), detector.network(reconstructions), strict=True)
    cross_entropy = sum(functional.cross_entropy(part, batch["label"]) for part in logits) / 2
    contrast = recipe.model["contrast"](*embeddings, batch["label"])
    assert recipe.loss(batch).item() == pytest.approx((cross_entropy + 7 * contrast).item(), rel=1e-5)
    assert contrast.item() > 0.01


def test_originals_and_reconstructions_pass_through_the_network_together(joint, monkeypatch):
    recipe, detector, _ = joint()
    seen = []
    embed = detector.network.embed
    monkeypatch.setattr(detector.network, "embed", lambda crops: seen.append(crops) or embed(crops))
    batch = batch_of(recipe)
    recipe.loss(batch)
    (images,) = seen
    assert images.shape == (8, 10, 8)
    originals, reconstructions = images.chunk(2)
    assert (originals == reconstructions).all(dim=2).sum(dim=1).tolist() == [8] * 4


def test_both_halves_carry_the_same_labels(joint, monkeypatch):
    recipe, _, _ = joint()
    seen = []

    def remember(logits, labels):
        seen.append(labels)
        return logits.sum()

    monkeypatch.setattr("asd_bench_geco.joint.functional.cross_entropy", remember)
    batch = batch_of(recipe)
    recipe.loss(batch)
    assert seen[0].tolist() == batch["label"].tolist() * 2


def test_the_contrast_has_no_gradient_where_its_weight_is_zero(joint):
    recipe, _, _ = joint()
    recipe.model.train()
    recipe.loss(batch_of(recipe, weight=0.0)).backward()
    assert torch.equal(recipe.model["contrast"].weights.grad, torch.zeros_like(recipe.model["contrast"].weights))
    recipe.loss(batch_of(recipe, weight=1.0)).backward()
    assert recipe.model["contrast"].weights.grad.abs().sum() > 0


# -- the baseline ------------------------------------------------------------------------------------------------------


def gradients(recipe, batch):
    """Of the network's parameters, in double precision: small batches make a step's rounding large."""
    recipe.model.double().train().zero_grad()
    recipe.loss(batch).backward()
    return {
        name.removeprefix("network."): parameter.grad
        for name, parameter in recipe.model.named_parameters()
        if not name.startswith("contrast.")
    }


@pytest.mark.parametrize("offset", [0.0, 3.0])
def test_without_reconstructions_and_contrast_a_step_is_the_baselines(
    untrained_recipes, classifier_config, geco_config, noise, context, oracle, offset
):
    """Where a PAE predicts every frame as it is, a batch is the baseline's batch twice, and so is every mean over it.

    With predictions that are 3 dB off it is not.
    """
    audio = noise(**lengths_and_labels())
    paes = {"fan": oracle(offset=offset), "pump": oracle(offset=offset)}
    networks = [CosineDistance(classifier_config()), Geco(geco_config())]
    for detector in networks:
        detector.fit(audio, context("one seed", n_classes=3, paes=paes))
    first, other = (dict(detector.network.named_parameters()) for detector in networks)
    assert all(torch.equal(other[name], value) for name, value in first.items())
    batch = batch_of(untrained_recipes[1], weight=0.0)
    baseline, geco = (gradients(recipe, batch) for recipe in untrained_recipes)
    assert geco.keys() == baseline.keys() == first.keys()
    off = max((geco[name] - value).norm().item() / value.norm().item() for name, value in baseline.items())
    assert off < 1e-9 if offset == 0 else off > 1e-2


def test_the_baselines_plan_is_part_of_gecos(untrained_recipes, classifier_config, joint, noise, context):
    recipe, _, audio = joint()
    CosineDistance(classifier_config()).fit(audio, context(n_classes=3))
    baseline = untrained_recipes[-1]
    ours, theirs = (one.plan(5, np.random.default_rng(5)) for one in (recipe, baseline))
    assert set(theirs) == {"crop", "label"}
    for name, rows in theirs.items():
        np.testing.assert_array_equal(ours[name], rows)
    assert recipe.optimizer == baseline.optimizer
    assert recipe.epochs == baseline.epochs


def test_the_baselines_loss_by_hand(untrained_recipes, classifier_config, noise, context):
    audio, detector = noise(**lengths_and_labels()), CosineDistance(classifier_config())
    detector.fit(audio, context(n_classes=3))
    batch = {"crop": torch.tensor([0, 20]), "label": torch.tensor([0, 2])}
    _, logits = detector.network(audio.windows(10, 1).gather(batch["crop"]))
    expected = -(logits[0].log_softmax(0)[0] + logits[1].log_softmax(0)[2]) / 2
    assert untrained_recipes[0].loss(batch).item() == pytest.approx(expected.item(), rel=1e-6)


# -- what does not fit together ----------------------------------------------------------------------------------------


def test_a_crop_must_be_whole_windows(noise, context, geco_config, oracle):
    detector = Geco(geco_config(crop_frames=12))
    with pytest.raises(BenchError, match=r"crop of 12 frames is no whole number of the PAE's windows of 5") as error:
        detector.fit(noise(class_id=[0, 1, 1]), context(n_classes=2, paes={"fan": oracle()}))
    assert "geco.crop_frames" in error.value.fix


def test_bands_must_be_the_same(noise, context, geco_config, oracle):
    with pytest.raises(BenchError, match=r"GeCo hears 8 bands, and the PAE of fan predicts 6"):
        Geco(geco_config()).fit(noise(class_id=[0, 1, 1]), context(n_classes=2, paes={"fan": oracle(n_bands=6)}))
