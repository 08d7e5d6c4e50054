"""A machine without MLflow computes; another receives its bundle: curves, monitor, results, leaderboard."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

RUN = [
    *("run", "--system", "pae,geco-only,geco", "--dataset", "synthetic", "--profile", "smoke", "--machine", "fan,pump"),
    *("--set", "dataset.n_train=6", "--set", "dataset.n_normal=4", "--set", "dataset.n_anomaly=4"),
    *("--set", "dataset.seconds=1", "--no-track", "--bundle", "out.tar"),
]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """What a machine brings that has no MLflow: importing it fails there."""
    folder = tmp_path_factory.mktemp("elsewhere")
    (folder / "without" / "mlflow").mkdir(parents=True)
    (folder / "without" / "mlflow" / "__init__.py").write_text("raise ImportError('there is no MLflow here')")
    environment = {**os.environ, "PYTHONPATH": str(folder / "without"), "ASD_BENCH_PLUGINS": "asd-bench-geco"}
    command = [sys.executable, "-m", "asd_bench.cli", *RUN, "--workspace", str(folder / "workspace")]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "out.tar"


def test_a_bundle_from_a_machine_without_mlflow_arrives_whole(bundle, cli, tmp_path):
    from mlflow import MlflowClient

    delivered = cli("sync", bundle, "--workspace", "workspace").assert_code(0).out
    # A PAE for each of the four machine types, which GeCo uses, and GeCo.
    assert "delivered 5 fits and 3 results" in delivered
    client = MlflowClient(f"sqlite:///{tmp_path}/workspace/mlflow.db")
    experiments = {experiment.name: experiment.experiment_id for experiment in client.search_experiments()}
    fits = client.search_runs([experiments["synthetic2020-fits"]])
    machines = ("fan", "pump", "slider", "valve")
    wanted = {"geco, seed 0", *(f"pae on {machine}, seed 0" for machine in machines)}
    assert {run.info.run_name for run in fits} == wanted
    for run in fits:
        assert run.info.status == "FINISHED"
        losses = client.get_metric_history(run.info.run_id, "loss")
        assert [point.step for point in losses] == list(range(int(run.data.params["epochs"])))
        assert client.get_metric_history(run.info.run_id, "system/cpu_utilization_percentage")
    results = client.search_runs([experiments["synthetic2020"]])
    names = " ".join(run.info.run_name for run in results)
    assert all(f"{system} (smoke" in names for system in ("pae", "geco-only", "geco"))
    assert all("omega" in run.data.metrics for run in results)


def test_its_results_are_placed_on_the_leaderboard(bundle, cli, tmp_path):
    cli("sync", bundle, "--workspace", "workspace").assert_code(0)
    board = cli("leaderboard", "--workspace", "workspace", "--out", "boards").assert_code(0).out
    for system in ("pae", "geco-only", "geco"):
        assert system in board
    page = (tmp_path / "boards" / "synthetic2020.md").read_text()
    assert "geco-only" in page
    again = cli("sync", bundle, "--workspace", "workspace").assert_code(0).out
    assert "delivered 0 fits and 0 results" in again
