"""Killing a run at any moment and starting it again: the scores of an undisturbed run, and no finished fit repeated."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

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


def start(workspace: Path) -> subprocess.Popen:
    command = [sys.executable, "-m", "asd_bench.cli", *RUN, "--workspace", str(workspace)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def finish(workspace: Path) -> None:
    process = start(workspace)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors.decode()


def kill_when(process: subprocess.Popen, workspace: Path, pattern: str) -> bool:
    """Kill as soon as a file of that pattern is there; whether the process was still running."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if next(workspace.glob(pattern), None) is not None:
            alive = process.poll() is None
            os.kill(process.pid, signal.SIGKILL) if alive else None
            process.communicate()
            return alive
        if process.poll() is not None:
            raise AssertionError(f"the run ended before {pattern} was there: {process.stderr.read().decode()}")
        time.sleep(0.0005)
    raise AssertionError(f"{pattern} never appeared")


def scores(workspace: Path) -> dict[str, pd.DataFrame]:
    """Every record's scores by its path."""
    files = [*workspace.glob("fits/*/*/**/*.parquet"), *workspace.glob("results/*/*/*/*.parquet")]
    return {path.relative_to(workspace).as_posix(): pd.read_parquet(path) for path in files}


def finished(workspace: Path) -> dict[str, float]:
    """Finished fits and the time at which they were."""
    statuses = {path: json.loads(path.read_text()) for path in workspace.glob("fits/*/*/status.json")}
    return {str(path): status["time"] for path, status in statuses.items() if status["state"] == "done"}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> Path:
    workspace = tmp_path_factory.mktemp("undisturbed") / "workspace"
    finish(workspace)
    return workspace


def test_killed_at_every_stage_the_run_still_comes_to_the_same_scores(undisturbed, tmp_path):
    """One workspace, killed again and again, each time further on."""
    workspace = tmp_path / "workspace"
    killed = []
    for stage, pattern in STAGES.items():
        before = finished(workspace)
        process = start(workspace)
        if kill_when(process, workspace, pattern):
            killed.append(stage)
        after = finished(workspace)
        assert before.items() <= after.items(), f"killed while {stage}: a finished fit was made again"
    # On a quick machine a stage may be over before it is seen, but hardly most of them.
    assert len(killed) >= 5, killed
    before = finished(workspace)
    finish(workspace)
    assert before.items() <= finished(workspace).items()
    expected, got = scores(undisturbed), scores(workspace)
    assert got.keys() == expected.keys()
    assert len(expected) == 2 * 4 * 2 + 2 * 2
    for path in expected:
        pd.testing.assert_frame_equal(got[path], expected[path], check_exact=True)


def test_the_second_run_does_nothing(undisturbed):
    def state() -> dict[Path, int]:
        return {
            path: path.stat().st_mtime_ns for path in undisturbed.rglob("*") if path.is_file() and path.name != ".lock"
        }

    before = state()
    finish(undisturbed)
    assert state() == before
