"""``asd-bench ui``: MLflow's pages on the tracking store."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import webbrowser
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import IO

import click

from asd_bench.cli.common import tracking_option, workspace_option
from asd_bench.errors import BenchError

HOST = "127.0.0.1"
#: Seconds that the server may take to answer, and to end.
START_TIMEOUT, STOP_TIMEOUT = 120.0, 10.0

_EPILOG = """
\b
Examples:
  asd-bench ui
  asd-bench ui --port 5001 --no-browser
  asd-bench ui --tracking-uri https://mlflow.example.org      opens the pages of a server that is running

\b
The server listens on this machine only. To see it from another:
  ssh -L 5000:127.0.0.1:5000 MACHINE
"""


@click.command(epilog=_EPILOG)
@click.option("--port", type=click.IntRange(1, 65535), default=5000, show_default=True, help="Port of the pages.")
@click.option("--no-browser", is_flag=True, help="Only print the address.")
@workspace_option
@tracking_option
def command(port: int, no_browser: bool, workspace: Path, tracking_uri: str | None) -> None:
    """Browse results and fits in MLflow, until Ctrl-C."""
    from asd_bench.tracking import default_uri, latest_results_experiment, shown

    uri = tracking_uri or default_uri(workspace)
    show = _print if no_browser else _print_and_open
    page = _page(latest_results_experiment(uri))
    if uri.startswith(("http://", "https://")):
        show(shown(uri).rstrip("/") + page)
        return
    _refuse_taken_port(port)
    with _server(uri, port) as server:
        show(f"http://{HOST}:{port}{page}")
        click.echo("Ctrl-C ends it.")
        server.wait()
    raise BenchError(f"the server ended by itself, with exit code {server.returncode}")


def _page(experiment: str | None) -> str:
    """The results table of an experiment; without an experiment, the list of them."""
    from asd_bench.tracking.views import SEEDS_VIEW

    if experiment is None:
        return "/#/experiments"
    # Without the workflow MLflow opens on traces, of which there are none; without the view it shows no metrics.
    return f"/#/experiments/{experiment}/runs?workflowType=machine_learning&viewStateShareKey={SEEDS_VIEW}"


def _print(address: str) -> None:
    click.echo(address)


def _print_and_open(address: str) -> None:
    click.echo(address)
    webbrowser.open(address)


def _refuse_taken_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise BenchError(
                f"port {port} cannot be used: {error.strerror}",
                fix=f"choose another, for example asd-bench ui --port {port + 1 if port < 65535 else port - 1}",
            ) from error


# -- the server --------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _server(uri: str, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """MLflow's server, answering; it and its children are gone when the block ends, however it ends."""
    command = [sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", str(port), "--workers", "1"]
    environment = {
        **os.environ,
        # Not among the arguments, which every user of the machine can read: it may hold a password.
        "MLFLOW_BACKEND_STORE_URI": uri,
        # Two processes instead of thirteen.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    environment.pop("MLFLOW_TRACKING_URI", None)
    with _terminable(), tempfile.TemporaryFile() as log:
        # A session of its own keeps the terminal's Ctrl-C from its processes, so that they are ended in order, here.
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
        try:
            _await_answer(server, port, log)
            yield server
        except KeyboardInterrupt:
            click.echo("\nended")
            raise SystemExit(0) from None
        finally:
            _end(server)


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """Have a terminal that closes, or a kill, do what Ctrl-C does."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _await_answer(server: subprocess.Popen[bytes], port: int, log: IO[bytes]) -> None:
    """Wait until the server answers.

    Raises:
        BenchError: it ended, or took too long.
    """
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        if server.poll() is not None:
            log.seek(0)
            said = log.read().decode(errors="replace").strip().rpartition("\n")[2]
            raise BenchError(f"MLflow's server did not start: {said or f'exit code {server.returncode}'}")
        if _answers(port):
            return
        time.sleep(0.2)
    raise BenchError(f"MLflow's server did not answer within {START_TIMEOUT:g} s")


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=2)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _end(server: subprocess.Popen[bytes]) -> None:
    """End the server's whole process group."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(STOP_TIMEOUT)
