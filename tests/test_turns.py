"""Fits side by side in one process: each finds the process as it left it, and has the numbers that it has alone."""

from __future__ import annotations

import logging
import random
import sys
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from asd_bench import turns
from asd_bench.executors import streams
from asd_bench.executors.streams import StreamsExecutor
from asd_bench.fit import FitOutcome
from asd_bench.turns import Stopped, Turns

PATIENCE = 20.0


def in_threads(*works):
    """Run some work side by side and pass on what went wrong."""
    failures = []

    def run(work):
        try:
            work()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive(), "a thread waits for ever"
    if failures:
        raise failures[0]


def draws():
    return [random.random(), float(np.random.rand()), float(torch.rand(()))]  # noqa: NPY002


def test_generators_go_on_where_a_fit_left_them():
    def seed_all(seed):
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        torch.manual_seed(seed)

    expected = {}
    for seed in range(3):
        seed_all(seed)
        expected[seed] = [draws() for _ in range(4)]
    ours, found = Turns(), {seed: [] for seed in range(3)}

    def fit(seed):
        with ours.turn():
            seed_all(seed)
            for _ in range(4):
                found[seed].append(draws())
                with turns.lent():
                    time.sleep(0.01)

    in_threads(*(lambda seed=seed: fit(seed) for seed in range(3)))
    assert found == expected


def test_one_runs_at_a_time_and_those_that_lend_run_meanwhile():
    ours, running, lending, seen = Turns(), [], [], []

    def fit():
        for _ in range(5):
            with ours.turn():
                running.append(1)
                assert len(running) == 1
                time.sleep(0.002)
                running.pop()
                with turns.lent():
                    lending.append(1)
                    time.sleep(0.01)
                    seen.append(len(lending))
                    lending.pop()

    in_threads(fit, fit, fit)
    assert max(seen) > 1


def test_standard_output_and_log_handlers_are_those_of_the_turn(capsys):
    ours, root, outside = Turns(), logging.getLogger(), sys.stdout
    handlers = list(root.handlers)

    def fit():
        mine, handler = SimpleNamespace(write=lambda text: None), logging.NullHandler()
        with ours.turn():
            assert sys.stdout is outside
            sys.stdout = mine
            root.addHandler(handler)
            for _ in range(3):
                with turns.lent():
                    time.sleep(0.005)
                assert sys.stdout is mine
                assert [one for one in root.handlers if one not in handlers] == [handler]
            sys.stdout = outside
            root.removeHandler(handler)

    in_threads(fit, fit)
    assert sys.stdout is outside
    assert root.handlers == handlers


def test_being_alone_waits_for_those_that_lend():
    ours, replaying, begun = Turns(), [], threading.Event()

    def replays():
        with ours.turn(), turns.lent():
            replaying.append(1)
            begun.set()
            time.sleep(0.05)
            replaying.pop()

    def captures():
        begun.wait(PATIENCE)
        with ours.turn():
            turns.be_alone()
            assert not replaying

    in_threads(replays, captures)


def test_without_turns_lending_does_nothing():
    stdout = sys.stdout
    with turns.lent():
        assert sys.stdout is stdout
    turns.be_alone()


def test_what_goes_wrong_while_lending_comes_back_with_the_turn():
    ours = Turns()

    def fit():
        with ours.turn(), turns.lent():
            raise KeyError("the loss")

    with pytest.raises(KeyError):
        in_threads(fit)
    with ours.turn():
        pass


# -- the executor ------------------------------------------------------------------------------------------------------


@pytest.fixture
def sleepers(monkeypatch):
    """Fits that lend their turn until they are stopped; what ended how is in the list."""
    ended, begun = [], threading.Semaphore(0)

    def run_fit(job):
        try:
            begun.release()
            while True:
                with turns.lent():
                    time.sleep(0.005)
        except Stopped:
            ended.append(job["name"])
            raise

    monkeypatch.setattr(streams, "run_fit", run_fit)
    return ended, begun


def test_closing_stops_fits_that_are_under_way_and_drops_the_others(sleepers):
    ended, begun = sleepers
    executor = StreamsExecutor(2)
    futures = [executor.submit({"name": name}) for name in "abc"]
    for _ in range(2):
        assert begun.acquire(timeout=PATIENCE)
    executor.close()
    assert sorted(ended) == ["a", "b"]
    assert futures[2].cancelled()


def test_outcomes_come_from_the_threads(monkeypatch):
    monkeypatch.setattr(streams, "run_fit", lambda job: FitOutcome("done", job["seconds"]))
    executor = StreamsExecutor(2)
    futures = [executor.submit({"seconds": float(number)}) for number in range(5)]
    assert [future.result(PATIENCE).seconds for future in futures] == [0, 1, 2, 3, 4]
    executor.close()


def test_trainings_side_by_side_give_the_scores_of_trainings_one_by_one(run, tmp_path, monkeypatch):
    """On a CPU nothing is replayed and nobody would lend; here they do, and it must make no difference."""
    from asd_bench import training
    from asd_bench.capture import Steps

    monkeypatch.setenv("ASD_BENCH_PLUGINS", "asd-bench-dcase-baselines")
    asked = {"profile": "smoke", "machines": ("fan", "pump", "valve"), "settings": ["detector.epochs=2"]}
    alone = run("dcase2021-ae", workspace=tmp_path / "alone", **asked).assert_ok()
    seen, lending = [], threading.Semaphore(0)
    make = Steps.make

    def watched(self, step):
        lending.release()
        time.sleep(0.001)
        seen.append(lending._value)
        make(self, step)
        lending.acquire()

    monkeypatch.setattr(Steps, "make", watched)
    monkeypatch.setattr(Steps, "can_share", True)
    monkeypatch.setattr(training, "LOOK_SECONDS", 0.01)
    together = run("dcase2021-ae", workspace=tmp_path / "together", executor="streams", workers=3, **asked).assert_ok()
    assert max(seen) > 1, "no two fits were made side by side"
    assert together.scores().equals(alone.scores())


def test_a_fit_that_would_be_given_up_needs_a_process(run):
    from asd_bench import BenchError

    with pytest.raises(BenchError, match="streams executor cannot give up a fit"):
        run("mel-knn", executor="streams", workers=2, fit_timeout=5.0)
