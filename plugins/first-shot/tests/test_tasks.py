"""The two tasks: what their losses are by hand, what heads may know, what a plan holds."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from asd_bench_first_shot import ExposureConfig, TransformerConfig
from asd_bench_first_shot.exposure import ExposureHeads, ExposureTraining, mixed_binary_cross_entropy
from asd_bench_first_shot.material import Labels
from asd_bench_first_shot.multitask import MultiTaskTraining, mixed_cross_entropy, of_one_machine
from asd_bench_first_shot.segments import Segments, standardisations


class Flat(nn.Module):
    """In place of a network: the first numbers of the frames, scaled by a weight."""

    def __init__(self, size):
        super().__init__()
        self.size = size
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, frames):
        return self.scale * frames.flatten(1)[:, : self.size]


def segments_of(audio, length=256):
    found = standardisations(audio.waves(), audio.clips.machine.tolist())
    return Segments(audio.waves(), length, [found[name] for name in audio.clips.machine.tolist()])


def multi_task(audio, **changes):
    torch.manual_seed(0)
    config = TransformerConfig(**{"epochs": 4, "batch_size": 8, "embedding_size": 6} | changes)
    return MultiTaskTraining(
        Flat(6),
        segments_of(audio),
        Labels.of(audio.clips, audio.classes),
        np.arange(len(audio)),
        config,
        audio.transform,
        torch.device("cpu"),
    )


def exposure(audio, **changes):
    torch.manual_seed(0)
    config = ExposureConfig(**{"epochs": 4, "batch_size": 8, "embedding_size": 6} | changes)
    labels = Labels.of(audio.clips, audio.classes)
    return ExposureTraining(
        [Flat(6) for _ in labels.machines],
        segments_of(audio),
        labels,
        np.arange(len(audio)),
        config,
        audio.transform,
        torch.device("cpu"),
    )


def first_batch(training, epoch=0):
    plan = training.plan(epoch, np.random.default_rng(3))
    return {name: torch.as_tensor(rows)[0] for name, rows in plan.items()}


# -- multi-task --------------------------------------------------------------------------------------------------------


def test_mixed_cross_entropy_by_hand():
    logits = torch.tensor([[2.0, 0.0, -1.0], [0.5, 0.5, 0.0]])
    log_p = torch.log_softmax(logits, dim=1)
    expected = -(0.25 * log_p[0, 0] + 0.75 * log_p[0, 2] + 1.0 * log_p[1, 1]) / 2
    found = mixed_cross_entropy(logits, logits, torch.tensor([0, 1]), torch.tensor([2, 0]), torch.tensor([0.25, 1.0]))
    assert found.item() == pytest.approx(expected.item(), rel=1e-6)


def test_classes_of_other_machines_are_out_of_the_question():
    logits = torch.tensor([[1.0, 2.0, 9.0], [1.0, 2.0, 9.0]], requires_grad=True)
    found = of_one_machine(logits, torch.tensor([0, 1]), torch.tensor([0, 0, 1]))
    p = torch.softmax(found, dim=1)
    torch.testing.assert_close(p[0, :2], torch.softmax(torch.tensor([1.0, 2.0]), dim=0))
    assert p[0, 2] == 0
    assert p[1].tolist() == [0, 0, 1]
    functional.cross_entropy(found, torch.tensor([0, 2])).backward()
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("attribute_classes", ["all", "own-machine"])
def test_the_loss_is_both_tasks_by_hand(tones, attribute_classes):
    audio = tones()
    training = multi_task(audio, attribute_classes=attribute_classes, attribute_weight=3.0)
    batch = first_batch(training)
    assert (batch["share"] < 1).all(), "in the first epoch every segment is mixed"
    labels = Labels.of(audio.clips, audio.classes)
    segments = segments_of(audio)
    wave = segments.cut(batch["clip"], batch["start"])
    share = batch["share"].unsqueeze(1)
    embedding = training.embedder(audio.transform(share * wave + (1 - share) * wave[batch["partner"]]))
    expected = 0.0
    for head, numbers, weight in ((training.heads.machine, labels.machine, 1), (training.heads.attribute, labels.class_id, 3)):  # fmt: skip  # noqa: E501
        logits = head(embedding)
        for row, (clip, partner, lam) in enumerate(zip(batch["clip"], batch["partner"], batch["share"], strict=True)):
            for number, part in ((clip, lam), (batch["clip"][partner], 1 - lam)):
                allowed = np.arange(logits.shape[1])
                if attribute_classes == "own-machine" and weight == 3:
                    allowed = np.flatnonzero(labels.machine_of_class == labels.machine[number])
                own = logits[row, torch.from_numpy(allowed)]
                position = list(allowed).index(numbers[number])
                expected = expected - weight * part * torch.log_softmax(own, dim=0)[position] / len(logits)
    assert training.loss(batch).item() == pytest.approx(expected.item(), rel=1e-5)


def test_later_epochs_mix_less(tones):
    training = multi_task(tones(clips=40))
    counts = [(training.plan(epoch, np.random.default_rng(0))["share"] < 1).mean() for epoch in range(4)]
    assert counts == pytest.approx([1, np.cos(np.pi / 8), np.cos(np.pi / 4), np.cos(3 * np.pi / 8)], abs=0.1)


def test_batches_hold_target_clips_and_no_clip_held_out(tones):
    audio = tones()
    training = multi_task(audio)
    training.learned, training.is_target = np.array([1, 2, 5, 8, 11]), np.array([False, True, True, True, True])
    plan = training.plan(0, np.random.default_rng(0))
    assert set(plan["clip"].ravel()) == {1, 2, 5, 8, 11}
    assert np.isin(plan["clip"], [2, 5, 8, 11]).any(axis=1).all()


def test_one_machine_alone_has_one_output_and_can_be_learned(tones):
    audio = tones({("ToyCar", "a"): 0.1, ("ToyCar", "b"): 0.3})
    training = multi_task(audio)
    assert training.heads.machine.out_features == 1
    assert training.heads.attribute.out_features == 2
    loss = training.loss(first_batch(training))
    loss.backward()
    assert torch.isfinite(loss)


# -- outlier exposure --------------------------------------------------------------------------------------------------


def test_the_machine_head_knows_only_how_long_an_embedding_is():
    torch.manual_seed(0)
    heads = ExposureHeads(16, 3)
    embedding = torch.randn(5, 16)
    rotation, _ = torch.linalg.qr(torch.randn(16, 16))
    own, section = heads(embedding)
    turned, turned_section = heads(embedding @ rotation)
    torch.testing.assert_close(own, turned)
    assert (section - turned_section).abs().max() > 0.1
    longer, _ = heads(2 * embedding)
    assert (own != longer).all()
    expected = heads.own.weight * embedding.square().sum(dim=1, keepdim=True) / 16 + heads.own.bias
    torch.testing.assert_close(own, expected.squeeze(1))


def test_mixed_binary_cross_entropy_by_hand():
    logits = torch.tensor([0.0, 2.0])
    p = torch.sigmoid(logits)
    label = torch.tensor([0.3, 1.0])
    expected = -(label * p.log() + (1 - label) * (1 - p).log()).mean()
    found = mixed_binary_cross_entropy(logits, torch.tensor([1.0, 1.0]), torch.tensor([0.0, 0.0]), label)
    assert found.item() == pytest.approx(expected.item(), rel=1e-6)


def test_half_of_a_batch_is_the_machines_own(tones):
    audio = tones({("fan", "a"): 0.1, ("pump", "a"): 0.2, ("valve", "a"): 0.3, ("valve", "b"): 0.4})
    training = exposure(audio)
    plan = training.plan(0, np.random.default_rng(0))
    machine = audio.clips.machine[plan["clip"]].reshape(-1, 3, 8)
    for number, name in enumerate(("fan", "pump", "valve")):
        assert (machine[:, number, :4] == name).all()
        assert (machine[:, number, 4:] != name).all()
    own = plan["clip"].reshape(-1, 3, 8)[:, :, :4]
    assert (audio.clips.domain[own] == "target").any(axis=2).all()
    assert set(own[:, 2].ravel()) == set(np.flatnonzero(audio.clips.machine == "valve"))


def test_the_networks_learn_apart(tones):
    """The gradient of each is that of its own loss: without the others it is the same."""
    audio = tones()
    training = exposure(audio)
    batch = first_batch(training)
    training.loss(batch).backward()
    together = [embedder.scale.grad.clone() for embedder in training.embedders]
    training.model.zero_grad()
    training.heads[1].requires_grad_(False)
    for parameter in training.heads[1].parameters():
        parameter.zero_()
    training.loss(batch).backward()
    assert torch.equal(training.embedders[0].scale.grad, together[0])
    assert training.embedders[1].scale.grad == 0
    assert together[1] != 0


def test_the_exposure_loss_by_hand(tones):
    audio = tones()
    training = exposure(audio, section_weight=10.0)
    batch = first_batch(training)
    segments = segments_of(audio)
    wave = segments.cut(batch["clip"], batch["start"])
    share = batch["share"].unsqueeze(1)
    frames = audio.transform(share * wave + (1 - share) * wave[batch["partner"]])
    classes = {"fan": [0, 1], "pump": [2, 3]}
    expected = 0.0
    for number, machine in enumerate(("fan", "pump")):
        rows = range(8 * number, 8 * number + 8)
        own_logit, section_logits = training.heads[number](training.embedders[number](frames[rows]))
        of_machine, of_section = [], []
        for row, own, sections in zip(rows, own_logit, section_logits, strict=True):
            clip, other = batch["clip"][row], batch["clip"][batch["partner"][row]]
            lam = batch["share"][row]
            label = lam * (audio.clips.machine[clip] == machine) + (1 - lam) * (audio.clips.machine[other] == machine)
            of_machine.append(functional.binary_cross_entropy_with_logits(own, label))
            if audio.clips.machine[clip] != machine:
                continue
            for logit, class_id in zip(sections, classes[machine], strict=True):
                label = lam * (audio.clips.class_id[clip] == class_id)
                label = label + (1 - lam) * (audio.clips.class_id[other] == class_id)
                of_section.append(functional.binary_cross_entropy_with_logits(logit, label))
        assert len(of_section) == 4 * 2
        expected = expected + torch.stack(of_machine).mean() + 10 * torch.stack(of_section).mean()
    assert training.loss(batch).item() == pytest.approx(expected.item(), rel=1e-5)
