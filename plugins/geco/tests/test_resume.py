"""SIGKILL in the middle of a PAE's training and of GeCo's: the resumed run's scores are those of an undisturbed one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd

EPOCHS = 25

RUN = [
    *("run", "--system", "geco", "--dataset", "synthetic2020", "--profile", "smoke", "--no-track", "--device", "cpu"),
    *("--set", f"pae.epochs={EPOCHS}", "--set", f"geco.epochs={EPOCHS}", "--set", "geco.ramp=5,15"),
    *("--set", "dataset.n_train=5", "--set", "dataset.n_normal=2", "--set", "dataset.n_anomaly=2"),
    *("--set", "dataset.seconds=1"),
]


def start(workspace: Path) -> subprocess.Popen:
    environment = {
        **os.environ,
        "ASD_BENCH_PLUGINS": "asd-bench-geco",
        "ASD_BENCH_CHECKPOINT_SECONDS": "0.02",
        # Networks this small only lose by sharing their work among threads.
        **dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    }
    command = [sys.executable, "-m", "asd_bench.cli", *RUN, "--workspace", str(workspace)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def scores(workspace: Path) -> dict[str, pd.DataFrame]:
    files = [*workspace.glob("fits/*/*/**/*.parquet"), *workspace.glob("results/*/*/*/scores.parquet")]
    return {path.relative_to(workspace).as_posix(): pd.read_parquet(path) for path in files}


def losses(log: Path) -> dict[int, float]:
    """Loss by epoch."""
    events = [json.loads(line) for line in log.read_text().splitlines()]
    return {event["step"]: event["values"]["loss"] for event in events if event["kind"] == "metric"}


def curves(workspace: Path) -> dict[str, dict[int, float]]:
    return {log.parent.name: losses(log) for log in workspace.glob("fits/*/*/events.jsonl")}


def finish(workspace: Path) -> None:
    process = start(workspace)
    _, errors = process.communicate(timeout=180)
    assert process.returncode == 0, errors.decode()


def kill_in(detector: str, workspace: Path) -> int:
    """Kill a run once a fit of the detector has a checkpoint and six epochs behind it; which epoch was the last."""
    process = start(workspace)
    deadline, epoch = time.monotonic() + 180, 0
    while time.monotonic() < deadline and process.poll() is None:
        checkpoint = next(workspace.glob(f"fits/{detector}/*/work/checkpoint.pt"), None)
        epoch = max([0, *losses(checkpoint.parents[1] / "events.jsonl")]) if checkpoint else 0
        if epoch > 5:
            break
        time.sleep(0.002)
    assert process.poll() is None, f"the run ended before {detector} could be killed"
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    return epoch


def test_a_run_killed_in_both_kinds_of_fit_ends_with_the_scores_of_an_undisturbed_one(tmp_path):
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    finish(undisturbed)
    for detector in ("pae", "geco"):
        assert 5 < kill_in(detector, killed) < EPOCHS - 1
    finish(killed)
    expected, got = scores(undisturbed), scores(killed)
    # Training and test scores of four PAEs and of GeCo, and those of the result.
    assert len(expected) == 11
    assert got.keys() == expected.keys()
    for path in expected:
        pd.testing.assert_frame_equal(got[path], expected[path], check_exact=True)
    assert curves(killed) == curves(undisturbed)
    assert not list(killed.glob("fits/*/*/work"))
