"""The contrastive losses, worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from asd_bench_geco import GecoConfig
from asd_bench_geco.contrast import PairContrast, SupervisedContrast, anchor_losses
from asd_bench_geco.joint import new_contrast
from asd_bench_geco.network import CropClassifier


def losses_of(originals, reconstructions, labels):
    losses, counted = anchor_losses(torch.tensor(originals), torch.tensor(reconstructions), torch.tensor(labels))
    return losses.tolist(), counted.tolist()


def test_two_positives_by_hand():
    originals = [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
    # The first anchor: positives (1, 0) and (0, 1), negative (−1, 0).
    losses, _ = losses_of(originals, [[-1.0, 0.0], [0.0, 0.0], [0.0, 0.0]], [0, 0, 0])
    assert losses[0] == pytest.approx(0.907606, abs=1e-6)
    # The third: both positives at right angles to it, and so is its negative.
    assert losses[2] == pytest.approx(math.log(3))


def test_one_positive_by_hand():
    losses, counted = losses_of([[1.0, 0.0], [1.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]], [3, 3])
    assert losses == pytest.approx([0.313262] * 2, abs=1e-6)
    assert counted == [True, True]


def test_only_the_own_reconstruction_is_a_negative():
    originals = [[1.0, 0.0], [1.0, 0.0]]
    before, _ = losses_of(originals, [[0.0, 0.0], [0.0, 0.0]], [0, 0])
    after, _ = losses_of(originals, [[0.0, 0.0], [7.0, 0.0]], [0, 0])
    assert after[0] == before[0]
    assert after[1] > before[1]


def test_other_classes_are_neither():
    losses, counted = losses_of([[1.0, 0.0], [1.0, 0.0], [9.0, 9.0]], [[0.0, 0.0]] * 3, [0, 0, 1])
    assert losses[:2] == pytest.approx([0.313262] * 2, abs=1e-6)
    assert losses[2] == 0
    assert counted == [True, True, False]


def test_anchors_without_a_positive_do_not_count_in_the_mean():
    originals = torch.tensor([[1.0, 0.0], [1.0, 0.0], [9.0, 9.0], [-3.0, 1.0]])
    loss = SupervisedContrast()(originals, torch.zeros(4, 2), torch.tensor([0, 0, 1, 2]))
    assert loss.item() == pytest.approx(0.313262, abs=1e-6)


def test_a_batch_without_positives_has_a_loss_of_zero_and_moves_nothing():
    originals = torch.randn(3, 4, generator=torch.Generator().manual_seed(0)).requires_grad_()
    loss = SupervisedContrast()(originals, torch.ones(3, 4), torch.tensor([0, 1, 2]))
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(originals.grad, torch.zeros(3, 4))


def pair(positive, negative):
    """A contrast whose one pair of weight vectors is given."""
    contrast = PairContrast(1, len(positive))
    contrast.weights.data[:] = torch.tensor([[positive, negative]])
    return contrast


def test_the_binary_form_is_equation_2_with_weight_vectors_for_embeddings():
    """One positive and one negative: exchanged for w_p and w_n they give the same loss."""
    zero = torch.tensor([0])
    original = torch.tensor([[1.0, 0.0]])
    contrast = pair([1.0, 0.0], [0.0, 0.0])
    # A reconstruction at right angles to both weights adds ln 2, of which the mean over both is taken.
    loss = 2 * contrast(original, torch.tensor([[0.0, 5.0]]), zero) - math.log(2)
    assert loss.item() == pytest.approx(0.313262, abs=1e-6)
    (equation_2, _), _ = losses_of([[1.0, 0.0], [1.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]], [0, 0])
    assert loss.item() == pytest.approx(equation_2, abs=1e-6)


@given(st.lists(st.floats(-3, 3, width=32), min_size=9, max_size=9))
@settings(deadline=None)
def test_both_forms_agree_whatever_the_vectors(numbers):
    anchor, positive, negative = torch.tensor(numbers).reshape(3, 3).tolist()
    (equation_2, _), _ = losses_of([anchor, positive], [negative, [0.0, 0.0, 0.0]], [0, 0])
    binary = torch.nn.functional.softplus(pair(positive, negative)._margin(torch.tensor([anchor]), torch.tensor([0])))
    assert binary.item() == pytest.approx(equation_2, rel=1e-4, abs=1e-4)


def test_reconstructions_are_mirrored():
    contrast, zero = pair([2.0, 0.0], [0.0, 1.0]), torch.tensor([0])
    original, reconstruction = torch.tensor([[1.0, 3.0]]), torch.tensor([[2.0, 1.0]])
    # The original is nearer to w_n by 3 − 2, the reconstruction to w_p by 4 − 1.
    expected = (math.log(1 + math.exp(1)) + math.log(1 + math.exp(3))) / 2
    assert contrast(original, reconstruction, zero).item() == pytest.approx(expected)


def test_each_class_has_its_pair():
    contrast = PairContrast(2, 1)
    contrast.weights.data[:] = torch.tensor([[[1.0], [0.0]], [[0.0], [3.0]]])
    margins = contrast._margin(torch.tensor([[1.0], [1.0], [2.0]]), torch.tensor([0, 1, 0]))
    assert margins.tolist() == [-1.0, 3.0, -2.0]


def test_a_shared_pair_is_for_all_classes():
    contrast = pair([1.0, 0.0], [0.0, 2.0])
    margins = contrast._margin(torch.ones(3, 2), torch.tensor([0, 5, 22]))
    assert margins.tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("config", "count"),
    [(GecoConfig(), 23_552), (GecoConfig(pairs="shared"), 1_024), (GecoConfig(contrastive="supcon"), 0)],
)
def test_parameters(config, count):
    contrast = new_contrast(config, CropClassifier(128, 23, config.channels))
    assert sum(parameter.numel() for parameter in contrast.parameters()) == count
