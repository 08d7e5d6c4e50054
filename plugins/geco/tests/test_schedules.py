"""λ and the learning rates: what the detectors hand to the training loop, epoch by epoch, and the functions behind."""

from __future__ import annotations

import numpy as np
import pytest

from asd_bench import BenchError
from asd_bench_geco import ClassifierConfig, GecoConfig, PaeConfig
from asd_bench_geco.cosine import CosineDistance, Geco
from asd_bench_geco.prediction import Prediction
from asd_bench_geco.schedules import ramped, stepped

#: The published schedules with networks that are made in no time.
CHANNELS = (4, 4, 4, 6)
WIDTHS = {"encoder_width": 8, "decoder_width": 8, "bottleneck_width": 4}


def tables_of(recipe):
    return {name: values.tolist() for name, values in recipe.tables.items()}


@pytest.fixture
def tables_of_geco(untrained_recipes, noise, context, oracle):
    def make(**values):
        audio = noise(lengths=[70, 70], class_id=[0, 1])
        Geco(GecoConfig(channels=CHANNELS, **values)).fit(audio, context(n_classes=2, paes={"fan": oracle()}))
        return tables_of(untrained_recipes[-1])

    return make


def test_contrastive_weight_of_the_paper(tables_of_geco):
    weight = tables_of_geco()["contrast_weight"]
    assert len(weight) == 120
    at = {epoch: weight[epoch] for epoch in (0, 29, 30, 31, 60, 89, 90, 119)}
    expected = {0: 0, 29: 0, 30: 0, 31: 1 / 6, 60: 5, 89: 59 / 6, 90: 10, 119: 10}
    assert at == pytest.approx(expected)


def test_learning_rate_of_geco(tables_of_geco):
    rate = tables_of_geco()["lr"]
    assert len(rate) == 120
    at = [rate[epoch] for epoch in (0, 49, 50, 89, 90, 119)]
    assert at == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001, 0.001])


@pytest.mark.parametrize("weight", [0.0, 1.0, 10.0])
def test_constant_contrastive_weight(tables_of_geco, weight):
    tables = tables_of_geco(contrastive_weight=weight, ramp=(0, 0))
    assert tables["contrast_weight"] == [weight] * 120


def test_the_baseline_has_the_same_learning_rate_and_no_contrast(untrained_recipes, noise, context, tables_of_geco):
    CosineDistance(ClassifierConfig(channels=CHANNELS)).fit(
        noise(lengths=[70, 70], class_id=[0, 1]), context(n_classes=2)
    )
    assert tables_of(untrained_recipes[0]) == {"lr": tables_of_geco()["lr"]}


def test_optimisers_of_the_paper(untrained_recipes, noise, context, tables_of_geco):
    tables_of_geco()
    Prediction(PaeConfig(**WIDTHS)).fit(noise(), context())
    geco, pae = (recipe.optimizer for recipe in untrained_recipes)
    assert (type(geco).__name__, geco.momentum, geco.weight_decay, geco.nesterov) == ("Sgd", 0.9, 1e-4, False)
    assert (type(pae).__name__, pae.betas, pae.weight_decay) == ("Adam", (0.9, 0.999), 0.0)


def test_learning_rate_of_the_pae(untrained_recipes, noise, context):
    Prediction(PaeConfig(**WIDTHS)).fit(noise(), context())
    rate = tables_of(untrained_recipes[0])["lr"]
    assert len(rate) == 60
    assert [rate[epoch] for epoch in (0, 29, 30, 59)] == pytest.approx([1e-3, 1e-3, 1e-4, 1e-4])


def test_steps_in_any_order_and_without_milestones():
    assert stepped(1.0, [3, 1], 5).tolist() == pytest.approx([1, 0.1, 0.1, 0.01, 0.01])
    assert stepped(0.5, [], 3).tolist() == [0.5, 0.5, 0.5]


def test_a_ramp_without_length_is_a_jump():
    assert ramped(4.0, 2, 2, 4).tolist() == [0, 0, 4, 4]
    assert ramped(4.0, 9, 9, 4).tolist() == [0, 0, 0, 0]


def test_a_ramp_may_be_cut_off_by_the_last_epoch():
    assert ramped(10.0, 1, 5, 4).tolist() == pytest.approx([0, 0, 2.5, 5])


def test_a_ramp_cannot_fall():
    with pytest.raises(BenchError, match="cannot rise from epoch 9 to epoch 3"):
        GecoConfig(ramp=(9, 3))


def test_learning_rates_are_torchs():
    import torch

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 0.1)
    oracle = torch.optim.lr_scheduler.MultiStepLR(optimizer, [50, 90], gamma=0.1)
    expected = []
    for _ in range(120):
        expected.append(oracle.get_last_lr()[0])
        optimizer.step()
        oracle.step()
    np.testing.assert_allclose(stepped(0.1, (50, 90), 120), expected, rtol=1e-12)
