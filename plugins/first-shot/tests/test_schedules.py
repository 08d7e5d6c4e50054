"""The one-cycle schedule against torch's, and how likely segments are mixed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from asd_bench_first_shot.mixing import mixing_probability
from asd_bench_first_shot.schedules import one_cycle


def torchs(lr, steps):
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=lr)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=lr, total_steps=steps)
    rates, betas = [], []
    for step in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        betas.append(optimizer.param_groups[0]["betas"][0])
        optimizer.step()
        if step < steps - 1:
            scheduler.step()
    return rates, betas


@settings(deadline=None, max_examples=30)
@given(steps=st.integers(2, 300), lr=st.sampled_from([1e-3, 0.1]))
@example(steps=2, lr=1e-3)
@example(steps=3, lr=1e-3)
@example(steps=4, lr=1e-3)
@example(steps=10, lr=1e-3)
def test_the_cycle_is_torchs(steps, lr):
    tables = one_cycle(lr, steps)
    rates, betas = torchs(lr, steps)
    np.testing.assert_allclose(tables["lr"], rates, rtol=1e-9)
    np.testing.assert_allclose(tables["beta1"], betas, rtol=1e-12)


def test_the_published_cycle():
    tables = one_cycle(1e-3, 4500)
    assert tables["lr"][0] == pytest.approx(4e-5)
    assert tables["lr"].argmax() == 1349
    assert tables["lr"][1349] == pytest.approx(1e-3)
    assert tables["lr"][-1] == pytest.approx(4e-9)
    assert [tables["beta1"][step] for step in (0, 1349, -1)] == pytest.approx([0.95, 0.85, 0.95])


def test_a_single_step_has_a_rate():
    assert np.isfinite(one_cycle(1e-3, 1)["lr"]).all()


def test_mixing_becomes_rarer():
    found = [mixing_probability(epoch, 300) for epoch in range(300)]
    assert found[0] == 1
    assert found[100] == pytest.approx(np.cos(np.pi / 6))
    assert (np.diff(found) < 0).all()
    assert 0 < found[-1] < 0.01
