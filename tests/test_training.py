"""The training loop: plans, tables, checkpoints, divergence; and a bare torch loop as the reference."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from asd_bench import training
from asd_bench.context import Context, EventLog
from asd_bench.data.classes import Classes
from asd_bench.errors import BenchError
from asd_bench.training import Adam, Recipe, Sgd, batches

CPU = torch.device("cpu")


def context(folder, seed="seed"):
    folder.mkdir(parents=True, exist_ok=True)
    return Context(
        seed=seed,
        device=CPU,
        workdir=folder,
        classes=Classes(("a",), {}, (("fan", "00"),)),
        events=EventLog(folder / "events.jsonl"),
    )


def events(ctx, kind):
    lines = [json.loads(line) for line in ctx.events.path.read_text().splitlines()]
    return [line for line in lines if line["kind"] == kind]


DATA = torch.from_numpy(np.random.default_rng(0).standard_normal((50, 4)).astype(np.float32))


def network():
    torch.manual_seed(1)
    # Dropout draws from torch's own generator, so that resuming has something to get wrong.
    return torch.nn.Sequential(
        torch.nn.Linear(4, 8), torch.nn.BatchNorm1d(8), torch.nn.Dropout(0.3), torch.nn.Linear(8, 4)
    )


def recipe(model, epochs=4, **changes):
    values = {
        "model": model,
        "plan": lambda epoch, rng: {"rows": batches(len(DATA), 8, rng)},
        "loss": lambda batch: (model(DATA[batch["rows"]]) - DATA[batch["rows"]]).square().mean(),
        "epochs": epochs,
        "optimizer": Adam(lr=1e-2),
    }
    return Recipe(**{**values, **changes})


def weights(model):
    return torch.cat([value.flatten().double() for value in model.state_dict().values()])


# -- plans -------------------------------------------------------------------------------------------------------------


@given(st.integers(1, 200), st.integers(1, 50), st.integers(0, 5))
def test_batches_are_full_and_hold_every_item(n, size, seed):
    rows = batches(n, size, np.random.default_rng(seed))
    assert rows.shape == (-(-n // size), size)
    counts = np.bincount(rows.ravel(), minlength=n)
    assert len(counts) == n
    assert counts.min() >= 1
    # Whole permutations and the beginning of one more: no item comes twice as often as it must.
    assert counts.max() - counts.min() <= 1


@pytest.mark.parametrize(("n", "size"), [(0, 4), (4, 0)])
def test_batches_of_nothing_are_refused(n, size):
    with pytest.raises(BenchError):
        batches(n, size, np.random.default_rng(0))


def test_plans_differ_between_epochs_and_not_between_runs(tmp_path):
    seen = []

    def plan(epoch, rng):
        seen.append(batches(10, 5, rng))
        return {"rows": seen[-1]}

    model = network()
    for name in ("one", "two"):
        training.train(recipe(model, epochs=2, plan=plan), context(tmp_path / name))
    first, second, again, _ = seen
    assert not np.array_equal(first, second)
    assert np.array_equal(first, again)


@pytest.mark.parametrize("plan", [{}, {"a": np.zeros((0, 3))}, {"a": np.zeros((2, 3)), "b": np.zeros((3, 3))}])
def test_a_plan_of_unequal_or_no_steps_is_refused(plan, tmp_path):
    with pytest.raises(BenchError, match="same number of steps"):
        training.train(recipe(network(), plan=lambda epoch, rng: plan), context(tmp_path))


# -- the loop against a bare one -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("optimizer", "bare"),
    [
        (Adam(lr=1e-2, eps=1e-7), lambda p: torch.optim.Adam(p, 1e-2, eps=1e-7)),
        (Adam(lr=1e-2, weight_decay=0.1, decoupled=True), lambda p: torch.optim.AdamW(p, 1e-2, weight_decay=0.1)),
        (Sgd(lr=0.05, momentum=0.9, weight_decay=1e-4), lambda p: torch.optim.SGD(p, 0.05, 0.9, weight_decay=1e-4)),
    ],
)
def test_it_trains_as_a_bare_loop_does(optimizer, bare, tmp_path):
    ctx = context(tmp_path)
    ours, theirs = network(), network()
    training.train(recipe(ours, epochs=3, optimizer=optimizer), ctx)
    steps = bare(theirs.parameters())
    for epoch in range(3):
        rows = batches(len(DATA), 8, ctx.rng("plan", epoch))
        torch.manual_seed(ctx.seed_of("training", epoch))
        for row in rows:
            steps.zero_grad()
            (theirs(DATA[row]) - DATA[row]).square().mean().backward()
            steps.step()
    assert torch.equal(weights(ours), weights(theirs))
    assert not ours.training


def test_schedules_are_torchs(tmp_path):
    """Tables of learning rate and beta as OneCycleLR makes them, against the scheduler itself."""
    ours, theirs = network(), network()
    steps = torch.optim.AdamW(theirs.parameters(), 1e-3)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(steps, 1e-2, total_steps=3 * 7)
    ctx = context(tmp_path)
    lr, beta1 = [], []
    for epoch in range(3):
        rows = batches(len(DATA), 8, ctx.rng("plan", epoch))
        torch.manual_seed(ctx.seed_of("training", epoch))
        for row in rows:
            lr.append(steps.param_groups[0]["lr"])
            beta1.append(steps.param_groups[0]["betas"][0])
            steps.zero_grad()
            (theirs(DATA[row]) - DATA[row]).square().mean().backward()
            steps.step()
            scheduler.step()
    tables = {"lr": np.array(lr), "beta1": np.array(beta1)}
    changes = {"optimizer": Adam(lr=1e-3, weight_decay=1e-2, decoupled=True), "tables": tables}
    training.train(recipe(ours, epochs=3, **changes), ctx)
    assert torch.equal(weights(ours), weights(theirs))


def test_tables_per_epoch_reach_the_loss(tmp_path):
    model, seen = network(), []

    def loss(batch):
        seen.append(batch["weight"].item())
        return batch["weight"] * model(DATA[batch["rows"]]).square().mean()

    tables = {"weight": np.array([0.0, 0.5])}
    training.train(recipe(model, epochs=2, loss=loss, tables=tables), context(tmp_path))
    assert seen == [0.0] * 7 + [0.5] * 7


def test_a_table_of_another_length_is_refused(tmp_path):
    with pytest.raises(BenchError, match="the table 'lr' has 3 values, for 4 epochs of 7 steps"):
        training.train(recipe(network(), tables={"lr": np.ones(3)}), context(tmp_path))


def test_loss_curves_are_logged_per_epoch(tmp_path):
    ctx = context(tmp_path)
    training.train(recipe(network(), epochs=3, tables={"lr": np.array([0.1, 0.2, 0.3])}), ctx)
    logged = events(ctx, "metric")
    assert [line["step"] for line in logged] == [0, 1, 2]
    assert [line["values"]["lr"] for line in logged] == [0.1, 0.2, 0.3]
    assert all(np.isfinite(line["values"]["loss"]) for line in logged)
    assert events(ctx, "progress")[-1]["values"]["seconds_left"] == 0


def test_autocast_computes_in_bfloat16(tmp_path):
    model, kinds = network(), set()

    def loss(batch):
        output = model(DATA[batch["rows"]])
        kinds.add(output.dtype)
        return output.float().square().mean()

    training.train(recipe(model, epochs=1, loss=loss, autocast=True), context(tmp_path))
    assert kinds == {torch.bfloat16}


def test_a_fit_trains_one_recipe(tmp_path):
    ctx = context(tmp_path)
    ctx.train(recipe(network(), epochs=1))
    with pytest.raises(RuntimeError, match="a fit trains one recipe"):
        ctx.train(recipe(network(), epochs=1))


# -- interruptions ---------------------------------------------------------------------------------------------------


class Interrupted(Exception):
    """Stands for a killed process."""


@pytest.mark.parametrize("stop", [1, 7, 8, 17, 27])
@pytest.mark.parametrize("optimizer", [Adam(lr=1e-2), Sgd(lr=0.05, momentum=0.9)])
def test_a_resumed_training_ends_bit_for_bit_like_an_undisturbed_one(stop, optimizer, tmp_path, monkeypatch):
    undisturbed = network()
    training.train(recipe(undisturbed, optimizer=optimizer), context(tmp_path / "undisturbed"))

    # A checkpoint after every step.
    monkeypatch.setattr(training, "LOOK_SECONDS", -1.0)
    monkeypatch.setattr(training, "CHECKPOINT_SHARE", 1e9)
    monkeypatch.setenv("ASD_BENCH_CHECKPOINT_SECONDS", "0")
    model, calls = network(), 0

    def loss(batch):
        nonlocal calls
        calls += 1
        if calls > stop:
            raise Interrupted
        return (model(DATA[batch["rows"]]) - DATA[batch["rows"]]).square().mean()

    with pytest.raises(Interrupted):
        training.train(recipe(model, loss=loss, optimizer=optimizer), context(tmp_path / "killed"))
    torch.manual_seed(999)
    resumed = network()
    steps_before = calls
    training.train(recipe(resumed, optimizer=optimizer), context(tmp_path / "killed"))
    assert torch.equal(weights(resumed), weights(undisturbed))
    assert steps_before == stop + 1
    curves = [
        {line["step"]: line["values"] for line in events(context(tmp_path / name), "metric")}
        for name in ("undisturbed", "killed")
    ]
    assert curves[0] == curves[1]


def test_a_damaged_checkpoint_starts_over(tmp_path):
    undisturbed, other = network(), network()
    training.train(recipe(undisturbed), context(tmp_path / "one"))
    ctx = context(tmp_path / "two")
    (ctx.workdir / "checkpoint.pt").write_bytes(b"not a checkpoint")
    training.train(recipe(other), ctx)
    assert torch.equal(weights(undisturbed), weights(other))


def test_a_loss_that_is_not_finite_stops_with_its_place(tmp_path):
    model, calls = network(), 0

    def loss(batch):
        nonlocal calls
        calls += 1
        return model(DATA[batch["rows"]]).square().mean() * (float("nan") if calls == 10 else 1.0)

    with pytest.raises(BenchError, match="NaN or infinite in epoch 2, step 3; there is no checkpoint yet"):
        training.train(recipe(model, loss=loss), context(tmp_path))


def test_the_last_good_checkpoint_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("ASD_BENCH_CHECKPOINT_SECONDS", "0")
    monkeypatch.setattr(training, "CHECKPOINT_SHARE", 1e9)
    model, calls = network(), 0

    def loss(batch):
        nonlocal calls
        calls += 1
        return model(DATA[batch["rows"]]).square().mean() * (float("inf") if calls == 10 else 1.0)

    with pytest.raises(BenchError, match=r"epoch 2, step 3; the last good checkpoint is .*checkpoint\.pt"):
        training.train(recipe(model, loss=loss), context(tmp_path))
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert (state["epoch"], state["step"]) == (0, 7)
    assert all(torch.isfinite(value).all() for value in state["model"].values())
