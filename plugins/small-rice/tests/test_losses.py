"""The contrastive losses: values worked out by hand, chance, symmetry, and the guard."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from asd_bench_small_rice.losses import equation_4_terms, guarded_equation_4, nt_xent

U = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
P = torch.tensor([[0.5**0.5, 0.5**0.5], [0.0, 1.0]])
RHO = 0.07


def random_pair(seed, size=8, width=16, scale=1.0):
    generator = torch.Generator().manual_seed(seed)
    return (scale * torch.randn(size, width, generator=generator) for _ in range(2))


def test_nt_xent_of_two_samples():
    assert nt_xent(U, P, RHO).item() == pytest.approx(0.282234, abs=1e-6)


def test_equation_4_of_two_samples():
    terms = equation_4_terms(U, P, RHO)
    assert terms.tolist() == pytest.approx([-10.1015, -4.1842], abs=1e-4)
    assert guarded_equation_4(U, P, RHO).item() == pytest.approx(-14.2857, abs=1e-4)


def test_chance():
    same = torch.ones(32, 256) / 16
    assert nt_xent(same, same, RHO).item() == pytest.approx(math.log(63), rel=1e-5)
    assert equation_4_terms(same, same, RHO).tolist() == pytest.approx([math.log(31)] * 32, rel=1e-5)


@settings(deadline=None)
@given(st.integers(0, 2**31), st.floats(0.01, 5))
def test_nt_xent_is_never_negative_and_does_not_mind_which_view_is_which(seed, scale):
    one, other = random_pair(seed, scale=scale)
    loss = nt_xent(one, other, RHO)
    assert loss >= 0
    torch.testing.assert_close(nt_xent(other, one, RHO), loss)


def test_equation_4_minds_which_view_is_which():
    one, other = random_pair(0)
    assert abs(guarded_equation_4(one, other, 1.0) - guarded_equation_4(other, one, 1.0)) > 0.1


def test_views_that_find_each_other_cost_nothing():
    far_apart = 10 * torch.eye(4)
    assert nt_xent(far_apart, far_apart, RHO).item() == pytest.approx(0, abs=1e-6)
    assert nt_xent(far_apart, far_apart.roll(1, dims=0), RHO).item() > 100


def test_the_guard_stops_a_term_that_runs_away():
    vectors = (10 * torch.eye(4)).requires_grad_()
    assert (equation_4_terms(vectors, vectors, RHO) < -1000).all()
    loss = guarded_equation_4(vectors, vectors, RHO)
    assert loss.item() == pytest.approx(4 * -2 / RHO)
    loss.backward()
    assert not vectors.grad.any()


@pytest.mark.parametrize("loss", [nt_xent, guarded_equation_4])
def test_bfloat16_is_kept_out(loss):
    one, other = random_pair(0, scale=0.3)
    expected = loss(one, other, RHO)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(loss(one, other, RHO), expected)
