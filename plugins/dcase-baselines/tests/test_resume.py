"""SIGKILL in the middle of a training: the resumed run's scores are those of an undisturbed one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd

RUN = [
    *("run", "--system", "dcase2023-ae-mse,dcase2023-ae-mahalanobis", "--dataset", "synthetic2023", "--machine", "fan"),
    *("--profile", "smoke", "--set", "detector.epochs=60", "--no-track", "--device", "cpu"),
    *("--set", "dataset.n_train=10", "--set", "dataset.n_target_train=3", "--set", "dataset.n_normal=4"),
    *("--set", "dataset.n_anomaly=4", "--set", "dataset.seconds=2"),
]


def start(workspace: Path) -> subprocess.Popen:
    environment = {
        **os.environ,
        "ASD_BENCH_PLUGINS": "asd-bench-dcase-baselines",
        "ASD_BENCH_CHECKPOINT_SECONDS": "0.02",
    }
    command = [sys.executable, "-m", "asd_bench.cli", *RUN, "--workspace", str(workspace)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def scores(workspace: Path) -> dict[str, pd.DataFrame]:
    files = [*workspace.glob("fits/*/*/**/*.parquet"), *workspace.glob("results/*/*/*/scores.parquet")]
    return {path.relative_to(workspace).as_posix(): pd.read_parquet(path) for path in files}


def curve(workspace: Path) -> dict[int, float]:
    """Loss by epoch."""
    (log,) = workspace.glob("fits/dcase2023-ae/*/events.jsonl")
    events = [json.loads(line) for line in log.read_text().splitlines()]
    return {event["step"]: event["values"]["loss"] for event in events if "loss" in event["values"] and event["step"]}


def finish(workspace: Path) -> None:
    process = start(workspace)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors.decode()


def test_a_training_killed_twice_ends_with_the_scores_of_an_undisturbed_one(tmp_path):
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    finish(undisturbed)
    positions = []
    for _ in range(2):
        process = start(killed)
        deadline = time.monotonic() + 120
        # Let each run write a checkpoint further on than the last one's.
        while time.monotonic() < deadline and process.poll() is None:
            log = next(killed.glob("fits/dcase2023-ae/*/events.jsonl"), None)
            checkpoint = next(killed.glob("fits/dcase2023-ae/*/work/checkpoint.pt"), None)
            epochs = [
                json.loads(line)["step"] for line in (log.read_text().splitlines() if log else []) if '"metric"' in line
            ]
            if checkpoint and epochs and max(epochs) > (positions[-1] if positions else 0) + 3:
                break
            time.sleep(0.002)
        assert process.poll() is None, "the training ended before it could be killed"
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        positions.append(max(epochs))
    assert positions[0] < positions[1] < 59, positions
    finish(killed)
    expected, got = scores(undisturbed), scores(killed)
    assert len(expected) == 4
    assert got.keys() == expected.keys()
    for path in expected:
        pd.testing.assert_frame_equal(got[path], expected[path], check_exact=True)
    assert curve(killed) == curve(undisturbed)
    assert not next(killed.glob("fits/dcase2023-ae/*/work"), Path("gone")).exists()
