"""The angular margin: values by hand, what it leaves alone, and that training with it can go on."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from asd_bench_aws.arcface import ArcFace, add_margin


def head_at(angles, scale, margin):
    """A head of classes whose weights are at these angles, in degrees, to the embedding (5, 0)."""
    head = ArcFace(2, len(angles), scale=scale, margin=margin)
    radians = torch.tensor([math.radians(angle) for angle in angles])
    lengths = torch.arange(1.0, len(angles) + 1)
    head.weight.data = torch.stack([radians.cos(), radians.sin()], dim=1) * lengths.unsqueeze(1)
    return head, torch.tensor([[5.0, 0.0]])


@pytest.mark.parametrize(
    ("scale", "margin", "logit"), [(30, 0.0, 15.0), (30, 0.5, 0.7079), (30, 0.7, -5.2646), (64, 0.5, 1.5102)]
)
def test_margin_at_sixty_degrees(scale, margin, logit):
    head, embedding = head_at([60, 20, 100], scale, margin)
    logits = head.with_margin(embedding, torch.tensor([0]))[0]
    assert logits[0].item() == pytest.approx(logit, abs=1e-4)
    # No other class gets one.
    others = [scale * math.cos(math.radians(angle)) for angle in (20, 100)]
    assert logits[1:].tolist() == pytest.approx(others, abs=1e-4)


def test_logits_for_scoring_have_no_margin():
    head, embedding = head_at([60, 20, 100], 30, 0.5)
    assert head(embedding)[0].tolist() == pytest.approx(
        [30 * math.cos(math.radians(angle)) for angle in (60, 20, 100)], abs=1e-4
    )


def test_without_a_margin_it_is_the_normalised_softmax():
    torch.manual_seed(0)
    head, embeddings, labels = ArcFace(6, 4, scale=30, margin=0.0), torch.randn(9, 6), torch.arange(9) % 4
    cosines = functional.cosine_similarity(embeddings[:, None, :], head.weight[None, :, :], dim=2)
    expected = functional.cross_entropy(30 * cosines, labels)
    torch.testing.assert_close(functional.cross_entropy(head.with_margin(embeddings, labels), labels), expected)


def test_a_larger_angle_is_a_smaller_value_up_to_opposite_directions():
    angles = torch.linspace(0, math.pi, 1001, dtype=torch.float64)
    moved = add_margin(angles.cos().unsqueeze(1), torch.zeros(1001, dtype=torch.int64), 0.5)[:, 0]
    assert (moved.diff() < 0).all()
    # cos(θ + m) up to π - m, and from there on a straight line in cos θ.
    inside = angles < math.pi - 0.5
    torch.testing.assert_close(moved[inside], (angles[inside] + 0.5).cos(), rtol=0, atol=6e-4)
    torch.testing.assert_close(moved[~inside], angles[~inside].cos() - 0.5 * math.sin(0.5))


@pytest.mark.parametrize("angle", [0.0, 180.0])
def test_gradients_are_finite_in_the_same_and_the_opposite_direction(angle):
    head, embedding = head_at([angle, 90], 30, 0.5)
    embedding.requires_grad_()
    functional.cross_entropy(head.with_margin(embedding, torch.tensor([0])), torch.tensor([0])).backward()
    assert torch.isfinite(embedding.grad).all()
    assert torch.isfinite(head.weight.grad).all()


def test_cosines_are_float32_in_bfloat16_training():
    head, embedding = head_at([60, 20], 30, 0.5)
    with torch.autocast("cpu", torch.bfloat16):
        logits = head.with_margin(embedding.bfloat16(), torch.tensor([0]))
    assert logits.dtype == torch.float32
    assert logits[0, 0].item() == pytest.approx(0.7079, abs=1e-4)
