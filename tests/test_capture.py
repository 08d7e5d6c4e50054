"""Steps as a GPU replays them: on the CPU what can be told without one, on a GPU that replayed is equal to eager."""

from __future__ import annotations

import dataclasses
import logging

import numpy as np
import pytest
import torch

from asd_bench import training
from asd_bench.capture import WARM_UP, Steps
from asd_bench.context import Context, EventLog
from asd_bench.data.classes import Classes
from asd_bench.errors import BenchError
from asd_bench.training import Adam, Recipe, Sgd, batches

N_STEPS = 7
EPOCHS = 3

gpu = pytest.mark.gpu
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


def context(folder, device):
    folder.mkdir(parents=True, exist_ok=True)
    return Context(
        seed="seed",
        device=torch.device(device),
        workdir=folder,
        classes=Classes(("a",), {}, (("fan", "00"),)),
        events=EventLog(folder / "events.jsonl"),
    )


def network(dropout=0.0):
    torch.manual_seed(1)
    return torch.nn.Sequential(
        torch.nn.Linear(4, 8), torch.nn.BatchNorm1d(8), torch.nn.Dropout(dropout), torch.nn.Linear(8, 4)
    )


def recipe(model, device, **changes):
    data = torch.from_numpy(np.random.default_rng(0).standard_normal((50, 4)).astype(np.float32)).to(device)

    def loss(batch):
        rows = data.index_select(0, batch["rows"])
        return batch["weight"] * (model(rows) - rows).square().mean()

    steps = N_STEPS * EPOCHS
    values = {
        "model": model,
        "plan": lambda epoch, rng: {"rows": batches(len(data), 8, rng)},
        "loss": loss,
        "epochs": EPOCHS,
        "optimizer": Adam(lr=1e-2),
        "tables": {"weight": np.array([0.5, 1.0, 2.0]), "lr": np.linspace(1e-2, 1e-3, steps)},
    }
    return Recipe(**{**values, **changes})


def weights(model):
    return torch.cat([value.detach().flatten().double().cpu() for value in model.state_dict().values()])


# -- on the CPU --------------------------------------------------------------------------------------------------------


def test_a_plan_must_keep_its_shapes(tmp_path):
    sizes = iter([8, 6])
    changing = recipe(network(), "cpu", plan=lambda epoch, rng: {"rows": batches(48, next(sizes), rng)})
    changing = dataclasses.replace(changing, tables={"weight": np.ones(EPOCHS)})
    with pytest.raises(BenchError, match="the same parts, shapes and types in every epoch, and 'rows' differs"):
        training.train(changing, context(tmp_path, "cpu"))


def test_rows_tables_and_losses_stay_where_they_are():
    """A graph reads and writes the memory that it was captured with: a second epoch must be put into the first's."""
    model = network()
    made = recipe(model, "cpu")
    steps = Steps(made, made.optimizer.build(model.parameters(), torch.device("cpu")), torch.device("cpu"))
    places = []
    for epoch in range(2):
        plan = {"rows": torch.from_numpy(batches(50, 8, np.random.default_rng(epoch)))}
        steps.begin(plan, {"weight": np.full(N_STEPS, 0.5 + epoch)})
        assert not steps.losses.any()
        for step in range(N_STEPS):
            steps.make(step)
        assert steps.losses.all()
        places.append([steps.losses.data_ptr(), *(rows.data_ptr() for rows in steps._rows.values())])
        assert torch.equal(steps._rows["rows"], plan["rows"])
        assert steps._rows["weight"].tolist() == [0.5 + epoch] * N_STEPS
    assert places[0] == places[1]


def test_an_interrupted_epoch_goes_on_at_its_step():
    model = network()
    made = recipe(model, "cpu")
    steps = Steps(made, made.optimizer.build(model.parameters(), torch.device("cpu")), torch.device("cpu"))
    steps.begin({"rows": torch.from_numpy(batches(50, 8, np.random.default_rng(0)))}, {"weight": np.ones(N_STEPS)}, 5)
    steps.make(5)
    steps.make(6)
    assert steps.losses.ne(0).tolist() == [False] * 5 + [True] * 2


def test_on_a_cpu_nothing_is_captured():
    model = network()
    made = recipe(model, "cpu")
    steps = Steps(made, made.optimizer.build(model.parameters(), torch.device("cpu")), torch.device("cpu"))
    steps.begin({"rows": torch.from_numpy(batches(50, 8, np.random.default_rng(0)))}, {"weight": np.ones(N_STEPS)})
    for step in range(WARM_UP + 2):
        steps.make(step)
    assert not steps.can_share


# -- on a GPU ----------------------------------------------------------------------------------------------------------

OPTIMIZERS = [
    pytest.param(Adam(lr=1e-2), id="adam"),
    pytest.param(Adam(lr=1e-2, weight_decay=0.1, decoupled=True), id="adamw"),
    pytest.param(Sgd(lr=1e-2, momentum=0.9, weight_decay=1e-4), id="sgd"),
]


@pytest.fixture
def captured(monkeypatch):
    """Whether each training's step was captured, in the order of their captures."""
    found = []
    capture = Steps._capture

    def watched(self):
        capture(self)
        found.append(self._graph is not None)

    monkeypatch.setattr(Steps, "_capture", watched)
    return found


@gpu
@needs_gpu
@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_replayed_steps_give_the_numbers_of_eager_ones(optimizer, dropout, tmp_path, captured):
    found = []
    for name, capture in (("eager", False), ("replayed", True)):
        model = network(dropout)
        training.train(recipe(model, "cuda", optimizer=optimizer, capture=capture), context(tmp_path / name, "cuda"))
        found.append(weights(model))
    assert captured == [True]
    assert torch.equal(*found)


@gpu
@needs_gpu
def test_scheduled_betas_are_captured(tmp_path, captured):
    steps = N_STEPS * EPOCHS
    tables = {"weight": np.ones(EPOCHS), "lr": np.linspace(1e-2, 1e-3, steps), "beta1": np.linspace(0.95, 0.85, steps)}
    found = []
    for name, capture in (("eager", False), ("replayed", True)):
        model = network()
        training.train(recipe(model, "cuda", tables=tables, capture=capture), context(tmp_path / name, "cuda"))
        found.append(weights(model))
    assert captured == [True]
    assert torch.equal(*found)


@gpu
@needs_gpu
@pytest.mark.parametrize("stop", [2, 6, 12])
def test_a_replayed_training_goes_on_from_its_checkpoint(stop, tmp_path, monkeypatch):
    undisturbed = network()
    training.train(recipe(undisturbed, "cuda"), context(tmp_path / "undisturbed", "cuda"))
    monkeypatch.setattr(training, "LOOK_SECONDS", -1.0)
    monkeypatch.setattr(training, "CHECKPOINT_SHARE", 1e9)
    monkeypatch.setenv("ASD_BENCH_CHECKPOINT_SECONDS", "0")
    made = 0
    make = Steps.make

    def killed(self, step):
        nonlocal made
        made += 1
        if made > stop:
            raise InterruptedError
        make(self, step)

    with monkeypatch.context() as patch:
        patch.setattr(Steps, "make", killed)
        with pytest.raises(InterruptedError):
            training.train(recipe(network(), "cuda"), context(tmp_path / "killed", "cuda"))
    resumed = network()
    training.train(recipe(resumed, "cuda"), context(tmp_path / "killed", "cuda"))
    assert torch.equal(weights(resumed), weights(undisturbed))


@gpu
@needs_gpu
def test_what_cannot_be_captured_runs_eagerly_and_says_so(tmp_path, captured, caplog):
    model, asks = network(), network()
    plain = recipe(model, "cuda")
    training.train(plain, context(tmp_path / "plain", "cuda"))
    other = recipe(asks, "cuda")

    def asking(batch):
        loss = other.loss(batch)
        # A question to the device, which a graph cannot hold.
        return loss * (1.0 if loss.item() < float("inf") else 0.0)

    with caplog.at_level(logging.WARNING):
        training.train(dataclasses.replace(other, loss=asking), context(tmp_path / "asking", "cuda"))
    assert captured == [True, False]
    assert "steps stay eager" in caplog.text
    assert torch.equal(weights(asks), weights(model))


@gpu
@needs_gpu
def test_divergence_is_noticed_in_a_graph(tmp_path, captured):
    model = network()
    diverging = recipe(model, "cuda", tables={"weight": np.array([1.0, 1.0, np.inf])})
    with pytest.raises(BenchError, match="NaN or infinite in epoch 3, step 1"):
        training.train(diverging, context(tmp_path, "cuda"))
    assert captured == [True]


@gpu
@needs_gpu
def test_trainings_side_by_side_are_those_alone(run, tmp_path, captured, monkeypatch):
    monkeypatch.setenv("ASD_BENCH_PLUGINS", "asd-bench-dcase-baselines")
    asked = {"profile": "smoke", "device": "cuda", "settings": ["detector.epochs=20"]}
    alone = run("dcase2021-ae", workspace=tmp_path / "alone", **asked).assert_ok()
    together = run("dcase2021-ae", workspace=tmp_path / "together", workers=4, **asked).assert_ok()
    assert captured == [True] * 8
    assert np.allclose(together.scores().score, alone.scores().score, rtol=1e-4)
