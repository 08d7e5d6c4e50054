"""``asd-bench ui``: it serves the workspace's store, says clearly what is wrong, and leaves no process behind."""

from __future__ import annotations

import functools
import os
import select
import signal
import socket
import subprocess
import sys
import urllib.request

import psutil
import pytest
from click.testing import CliRunner

from asd_bench import BenchError
from asd_bench.cli import ui
from asd_bench.tracking import default_uri
from asd_bench.tracking.store import Store


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """A workspace whose store has no result yet."""
    folder = tmp_path_factory.mktemp("ui")
    Store(default_uri(folder))
    return folder


@pytest.fixture
def environment(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((ui.HOST, 0))
        return probe.getsockname()[1]


def failure(*arguments: str) -> str:
    result = CliRunner().invoke(ui.command, arguments, standalone_mode=False)
    assert isinstance(result.exception, BenchError)
    return str(result.exception)


@pytest.mark.usefixtures("environment")
def test_without_a_store_it_says_how_to_get_one(tmp_path):
    message = failure("--workspace", str(tmp_path), "--no-browser")
    assert "no tracking store yet" in message
    assert "asd-bench run" in message
    assert not (tmp_path / "mlflow.db").exists()


@pytest.mark.usefixtures("environment")
def test_a_taken_port_is_named_and_another_suggested(workspace):
    with socket.socket() as taken:
        taken.bind((ui.HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        message = failure("--workspace", str(workspace), "--port", str(port), "--no-browser")
    assert f"port {port} cannot be used" in message
    assert "--port" in message


def test_it_serves_until_ctrl_c_and_leaves_no_process(workspace):
    port = free_port()
    command = [sys.executable, "-m", "asd_bench.cli", "ui", "--workspace", str(workspace)]
    environment = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    process = subprocess.Popen(
        [*command, "--port", str(port), "--no-browser"],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        # A test run in the background of a shell ignores Ctrl-C, and its children inherit that.
        preexec_fn=functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    try:
        assert process.stdout is not None
        ready, _, _ = select.select([process.stdout], [], [], 60)
        assert ready, "no address was printed"
        assert process.stdout.readline().strip() == f"http://127.0.0.1:{port}/#/experiments"
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health") as answer:
            assert answer.status == 200
        children = psutil.Process(process.pid).children(recursive=True)
        assert 1 <= len(children) <= 2
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        assert psutil.wait_procs(children, timeout=5)[1] == []
    finally:
        process.kill()
        process.wait()
