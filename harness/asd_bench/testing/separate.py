"""Runs in processes of their own, which can be killed, and what they leave behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class SeparateRun:
    """A run of ``asd-bench`` that can be killed and begun again in the same workspace.

    Its trainings write checkpoints as often as they may. A plugin's resumed trainings are held against undisturbed ones
    like this::

        undisturbed.finish()
        assert killed.kill_in("my-detector", epoch=5) < EPOCHS - 1
        killed.finish()
        killed.assert_same(undisturbed)

    Attributes:
        workspace: where fits and results are kept.
        words: what follows ``asd-bench`` on the command line, without ``--workspace``.
        environment: variables beside those of this process.
    """

    workspace: Path
    words: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)

    def start(self) -> subprocess.Popen[bytes]:
        """Begin, or go on with what is in the workspace."""
        command = [sys.executable, "-m", "asd_bench.cli", *self.words, "--workspace", str(self.workspace)]
        environment = {**os.environ, "ASD_BENCH_CHECKPOINT_SECONDS": "0.02", **self.environment}
        return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def finish(self, timeout: float = 180.0) -> None:
        """Begin, or go on, and come to the end.

        Args:
            timeout: seconds that it may take.

        Raises:
            AssertionError: the run failed; with what it said.
        """
        process = self.start()
        try:
            _, errors = process.communicate(timeout=timeout)
        finally:
            process.kill()
        assert process.returncode == 0, errors.decode()

    def kill_in(self, detector: str, epoch: int, timeout: float = 180.0) -> int:
        """Begin, or go on, and kill the run (SIGKILL) in a detector's fit.

        Args:
            detector: whose fit it is; where there are several, any.
            epoch: killed once the fit has a checkpoint and this epoch, counted from 0, behind it.
            timeout: seconds that it may take.

        Returns:
            The last epoch that was logged.

        Raises:
            AssertionError: the run ended before.
        """
        process = self.start()
        try:
            deadline, last = time.monotonic() + timeout, -1
            while last < epoch and time.monotonic() < deadline and process.poll() is None:
                time.sleep(0.002)
                last = self._last_epoch(detector)
            ended = process.poll() is not None
        finally:
            process.kill()
            _, errors = process.communicate()
        assert not ended, f"the run ended before {detector} could be killed\n{errors.decode()}"
        assert last >= epoch, f"{detector} did not come to epoch {epoch} within {timeout:g} seconds"
        return last

    def _last_epoch(self, detector: str) -> int:
        """That of the detector's fit that has a checkpoint; -1 without one."""
        checkpoint = next(self.workspace.glob(f"fits/{detector}/*/work/checkpoint.pt"), None)
        curve = _curve(checkpoint.parents[1] / "events.jsonl") if checkpoint else {}
        return max((step for step, _ in curve), default=-1)

    def scores(self) -> dict[str, pd.DataFrame]:
        """Every table of scores, of fits and of results, by its path in the workspace."""
        import pandas as pd

        files = [*self.workspace.glob("fits/*/*/**/*.parquet"), *self.workspace.glob("results/*/*/*/*.parquet")]
        return {path.relative_to(self.workspace).as_posix(): pd.read_parquet(path) for path in files}

    def curves(self) -> dict[str, dict[tuple[int, str], float]]:
        """What every fit logged: by its key, the value by epoch and name; where an epoch was repeated, the last."""
        return {log.parent.name: _curve(log) for log in self.workspace.glob("fits/*/*/events.jsonl")}

    def assert_same(self, expected: SeparateRun) -> None:
        """It came to the scores and curves of another run, exactly, and left no half-finished work.

        Raises:
            AssertionError: it did not.
        """
        import pandas as pd

        ours, theirs = self.scores(), expected.scores()
        assert ours.keys() == theirs.keys()
        for path, table in theirs.items():
            pd.testing.assert_frame_equal(ours[path], table, check_exact=True)
        assert self.curves() == expected.curves()
        assert not list(self.workspace.glob("fits/*/*/work"))


def _curve(log: Path) -> dict[tuple[int, str], float]:
    events = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    return {
        (event["step"], name): value
        for event in events
        if event["kind"] == "metric" and event["step"] is not None
        for name, value in event["values"].items()
    }
