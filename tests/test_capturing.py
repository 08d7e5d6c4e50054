"""The check for steps that a CUDA graph cannot hold: each kind of fault is found, with its place; sound steps pass."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from asd_bench.testing.capturing import step_faults
from asd_bench.training import Adam, Recipe

DATA = torch.randn(20, 4, generator=torch.Generator().manual_seed(0))


def recipe(step):
    model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.BatchNorm1d(4), torch.nn.Dropout(0.5))
    return Recipe(
        model=model,
        plan=lambda epoch, rng: {"rows": rng.integers(20, size=(3, 8))},
        loss=lambda batch: step(model(DATA[batch["rows"]]), batch),
        epochs=2,
        optimizer=Adam(lr=1e-3),
        tables={"weight": np.array([0.5, 1.0])},
    )


def sound(output, batch):
    ranks = torch.arange(output.shape[0], device=output.device)
    kept = torch.where(output > 0, output, torch.zeros_like(output))
    return batch["weight"] * (kept * (ranks > 2).unsqueeze(1)).square().mean()


def test_a_sound_step_passes():
    assert list(step_faults(recipe(sound))) == []


FAULTS = {
    "a question": (lambda output, batch: output.mean() * output.detach().max().item(), "asks the device for a value"),
    "an if": (lambda output, batch: output.mean() if output.sum() > 0 else -output.mean(), "asks the device"),
    "a mask": (lambda output, batch: output[output > 0].mean(), "takes a mask as an index"),
    "nonzero": (lambda output, batch: output.mean() + (output > 0).nonzero().sum() * 0.0, "size depends on values"),
    "a list": (lambda output, batch: output[:, [0, 2]].mean(), "values of the host"),
    "a constant": (lambda output, batch: (output * torch.tensor([1.0, 2.0, 3.0, 4.0])).mean(), "values of the host"),
}


@pytest.mark.parametrize(("step", "reason"), FAULTS.values(), ids=FAULTS)
def test_what_cannot_be_captured_is_named_with_its_place(step, reason):
    faults = list(step_faults(recipe(step)))
    assert any(reason in fault and "test_capturing.py:" in fault for fault in faults), faults
