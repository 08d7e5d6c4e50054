"""Runs in processes of their own: what they leave is read and compared, and what goes wrong with them is told."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from asd_bench.testing import SeparateRun

SCORES = "fits/knn/0123456789ab/scores/abc.parquet"


@pytest.fixture
def left(tmp_path):
    """A run with a fit that logged its losses, and a result: ``left("one", score=1.0, losses={0: 3.0})``."""

    def make(name, score=1.0, losses=((0, 3.0), (1, 2.0))):
        run = SeparateRun(tmp_path / name, ())
        for path in (SCORES, "results/year/system/0123456789ab/scores.parquet"):
            (run.workspace / path).parent.mkdir(parents=True)
            pd.DataFrame({"clip_id": ["a"], "score": [score]}).to_parquet(run.workspace / path)
        events = [{"kind": "metric", "step": step, "values": {"loss": loss}} for step, loss in losses]
        events.insert(1, {"kind": "progress", "step": None, "values": {"loss": 9.0}})
        log = run.workspace / "fits/knn/0123456789ab/events.jsonl"
        log.write_text("".join(json.dumps(event) + "\n" for event in events))
        return run

    return make


def test_scores_and_curves_are_found(left):
    run = left("one")
    assert set(run.scores()) == {SCORES, "results/year/system/0123456789ab/scores.parquet"}
    assert run.scores()[SCORES].score.tolist() == [1.0]
    assert run.curves() == {"0123456789ab": {(0, "loss"): 3.0, (1, "loss"): 2.0}}


def test_runs_are_the_same_where_an_epoch_was_repeated(left):
    left("one", losses=[(0, 3.0), (1, 2.5), (1, 2.0)]).assert_same(left("other"))


def test_runs_that_differ_are_not_the_same(left):
    run = left("one")
    for name, changes in (("score", {"score": 1.0 + 1e-15}), ("curve", {"losses": [(0, 3.0), (1, 2.1)]})):
        with pytest.raises(AssertionError):
            left(name, **changes).assert_same(run)
    incomplete = left("incomplete")
    (incomplete.workspace / SCORES).unlink()
    with pytest.raises(AssertionError):
        incomplete.assert_same(run)
    half_done = left("half done")
    (half_done.workspace / "fits/knn/0123456789ab/work").mkdir()
    with pytest.raises(AssertionError):
        half_done.assert_same(run)


def test_a_run_that_cannot_be_says_why(tmp_path):
    run = SeparateRun(tmp_path, ("run", "--system", "no-such-system", "--dataset", "synthetic2023", "--no-track"))
    with pytest.raises(AssertionError, match="no-such-system"):
        run.finish()
    with pytest.raises(AssertionError, match=r"ended before knn could be killed\n.*no-such-system"):
        run.kill_in("knn", epoch=1)


def test_a_fit_that_takes_too_long_is_told(tmp_path):
    run = SeparateRun(tmp_path, ("run", "--system", "mel-knn", "--dataset", "synthetic2023", "--no-track"))
    with pytest.raises(AssertionError, match="knn did not come to epoch 1 within 0 seconds"):
        run.kill_in("knn", epoch=1, timeout=0)
