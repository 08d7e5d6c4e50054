"""The mixture's density: values by hand, and that it is one."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from asd_bench_aws.mixture import Mixture, negative_log_likelihood


def numbers(*shape, low=-2.0, high=2.0):
    """Tensors of float64."""
    drawn = hnp.arrays(np.float64, shape, elements=st.floats(low, high))
    return drawn.map(torch.from_numpy)


MIXTURES = st.builds(Mixture, numbers(4), numbers(4), numbers(4, low=-1.5, high=1.0))


def test_equal_standard_normal_components_at_zero():
    zeros = torch.zeros(640, 10, dtype=torch.float64)
    nll = negative_log_likelihood(torch.zeros(640, dtype=torch.float64), Mixture(zeros, zeros, zeros))
    assert nll[0].item() == pytest.approx(0.918939, abs=1e-6)
    assert nll[:128].sum().item() == pytest.approx(117.6241, abs=1e-4)
    assert nll.sum().item() == pytest.approx(588.1207, abs=1e-4)


@settings(deadline=None, max_examples=25)
@given(MIXTURES)
def test_it_integrates_to_one(mixture):
    grid = torch.linspace(-40, 40, 80_001, dtype=torch.float64)
    density = torch.exp(-negative_log_likelihood(grid, Mixture(*(part.expand(len(grid), 4) for part in mixture))))
    assert torch.trapezoid(density, grid).item() == pytest.approx(1, abs=1e-4)


@settings(deadline=None)
@given(MIXTURES, st.permutations(range(4)), st.floats(-3, 3))
def test_the_order_of_components_does_not_matter(mixture, order, value):
    value = torch.tensor(value, dtype=torch.float64)
    other = negative_log_likelihood(value, Mixture(*(part[order] for part in mixture)))
    assert other.item() == pytest.approx(negative_log_likelihood(value, mixture).item(), abs=1e-12)


@settings(deadline=None)
@given(numbers(5, 3), numbers(5, 3), numbers(5, 3), numbers(5, 3, low=-20, high=20))
def test_one_component_is_a_gaussian(values, mean, log_sigma, weight):
    mixture = Mixture(weight.unsqueeze(-1), mean.unsqueeze(-1), log_sigma.unsqueeze(-1))
    expected = -torch.distributions.Normal(mean, log_sigma.exp()).log_prob(values)
    torch.testing.assert_close(negative_log_likelihood(values, mixture), expected)


def test_two_components_by_hand():
    mixture = Mixture(torch.tensor([0.0, math.log(3.0)]), torch.tensor([0.0, 1.0]), torch.tensor([0.0, math.log(2.0)]))
    # A quarter of N(1; 0, 1) and three quarters of N(1; 1, 2).
    density = 0.25 * math.exp(-0.5) / math.sqrt(2 * math.pi) + 0.75 / (2 * math.sqrt(2 * math.pi))
    assert negative_log_likelihood(torch.tensor(1.0), mixture).item() == pytest.approx(-math.log(density), rel=1e-6)


@pytest.mark.parametrize(("log_sigma", "kept"), [(-30.0, -5.0), (30.0, 5.0), (4.0, 4.0)])
def test_deviations_have_bounds(log_sigma, kept):
    zero = torch.zeros(1)
    nll = negative_log_likelihood(torch.tensor(0.0), Mixture(zero, zero, torch.tensor([log_sigma])))
    assert nll.item() == pytest.approx(kept + 0.5 * math.log(2 * math.pi), abs=1e-5)


def test_far_values_are_finite_and_have_gradients():
    mean = torch.zeros(3, requires_grad=True)
    nll = negative_log_likelihood(torch.tensor(1e4), Mixture(torch.zeros(3), mean, torch.full((3,), -5.0)))
    nll.backward()
    assert math.isfinite(nll.item())
    assert torch.isfinite(mean.grad).all()
    assert (mean.grad < 0).all()
