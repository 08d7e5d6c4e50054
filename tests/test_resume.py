"""Killing a run at any moment and starting it again: the scores of an undisturbed run, and no finished fit repeated."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from asd_bench.testing import SeparateRun

RUN = [
    *("run", "--system", "mel-knn,mel-gmm", "--dataset", "synthetic2023", "--no-track"),
    *("--set", "dataset.n_train=8", "--set", "dataset.n_target_train=2", "--set", "dataset.n_normal=4"),
    *("--set", "dataset.n_anomaly=4", "--set", "dataset.seconds=1"),
]

#: A file's appearance that stands for each stage of a run.
STAGES = {
    "making the dataset": "cache/data/*/*/train/*.wav",
    "packing": "cache/clips/*/.packing-*/raw.i16",
    "first store packed": "cache/clips/*/fan-*",
    "computing frames": "cache/frames/*/*/.frames-*",
    "first fit begun": "fits/*/*/fit.json",
    "first fit's model": "fits/*/*/model/*",
    "first fit's scores": "fits/*/*/scores/*.parquet",
    "first fit done": "fits/*/*/timing.json",
    "writing a result": "results/*/*/*/scores.parquet",
}


def kill_when(run: SeparateRun, pattern: str) -> bool:
    """Kill as soon as a file of that pattern is there; whether the process was still running."""
    process = run.start()
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if next(run.workspace.glob(pattern), None) is not None:
            alive = process.poll() is None
            process.kill()
            process.communicate()
            return alive
        if process.poll() is not None:
            raise AssertionError(f"the run ended before {pattern} was there: {process.stderr.read().decode()}")
        time.sleep(0.0005)
    raise AssertionError(f"{pattern} never appeared")


def finished(run: SeparateRun) -> dict[str, float]:
    """Finished fits and the time at which they were."""
    statuses = {path: json.loads(path.read_text()) for path in run.workspace.glob("fits/*/*/status.json")}
    return {str(path): status["time"] for path, status in statuses.items() if status["state"] == "done"}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> SeparateRun:
    run = SeparateRun(tmp_path_factory.mktemp("undisturbed") / "workspace", RUN)
    run.finish()
    return run


def test_killed_at_every_stage_the_run_still_comes_to_the_same_scores(undisturbed, tmp_path):
    """One workspace, killed again and again, each time further on."""
    run = SeparateRun(tmp_path / "workspace", RUN)
    killed = []
    for stage, pattern in STAGES.items():
        before = finished(run)
        if kill_when(run, pattern):
            killed.append(stage)
        after = finished(run)
        assert before.items() <= after.items(), f"killed while {stage}: a finished fit was made again"
    # On a quick machine a stage may be over before it is seen, but hardly most of them.
    assert len(killed) >= 5, killed
    before = finished(run)
    run.finish()
    assert before.items() <= finished(run).items()
    assert len(run.scores()) == 2 * 4 * 2 + 2 * 2
    run.assert_same(undisturbed)


def test_the_second_run_does_nothing(undisturbed):
    def state() -> dict[Path, int]:
        return {
            path: path.stat().st_mtime_ns
            for path in undisturbed.workspace.rglob("*")
            if path.is_file() and path.name != ".lock"
        }

    before = state()
    undisturbed.finish()
    assert state() == before
