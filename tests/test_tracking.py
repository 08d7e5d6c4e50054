"""The MLflow sink: what it writes, that it writes each thing once, and that no run is lost to it."""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from asd_bench import BenchError, records
from asd_bench.events import FitEvents, FitFinished, FitStarted, ResultMade, RunFinished, RunStarted
from asd_bench.keys import digest, short
from asd_bench.plugins import Host
from asd_bench.records import FORMAT, Workspace
from asd_bench.tracking import Tracker, default_uri, deliver, latest_results_experiment, read_results
from asd_bench.tracking import tracker as tracker_module
from asd_bench.tracking.describe import over_seeds, result_params, system_name
from asd_bench.tracking.fits import Curves
from asd_bench.tracking.store import Point, Store, shown
from asd_bench.tracking.views import result_views
from asd_bench.tracking.writer import Writer

DATASET = "synthetic2020"
NOBODY = "http://127.0.0.1:9"


# -- records, as the harness writes them -------------------------------------------------------------------------------


def fit_document(machine: str = "fan", seed: int = 0) -> dict:
    document = {
        "detector": "knn",
        "target": "asd_bench.builtin.detectors.knn:Knn",
        "plugin": "builtin-detectors",
        "source": "0" * 64,
        "scope": {"kind": "machine", "machine": machine},
        "config": {"k": 1, "pool": "mean+sd"},
        "config_type": "asd_bench.builtin.detectors.knn:KnnConfig",
        "frontend": {"name": "mel", "config": {"n_mels": 128, "f_max": None}},
        "components": ["score"],
        "seed": seed,
        "upstream": {"encoder": ["f" * 64]},
        "dataset": DATASET,
    }
    return document | {"key": digest(document)}


def event(step: int | None, seconds: float, **values: float) -> dict:
    kind = "metric" if step is not None else "system"
    return {"time": seconds, "kind": kind, "step": step, "values": values}


EVENTS = [event(step, 1000.0 + step, loss=1.0 / (step + 1)) for step in range(5)]
SAMPLES = [event(None, 1000.5 + n, **{"system/cpu_utilization_percentage": 50.0 + n}) for n in range(3)]


def write_fit(workspace: Workspace, document: dict, state: str = "done", message: str = "", at: float = 1010.0) -> Path:
    folder = workspace.fit(document["detector"], document["key"])
    folder.mkdir(parents=True, exist_ok=True)
    status = {"format": FORMAT, "state": state, "key": document["key"], "time": at, "message": message}
    records.write_json(folder / "fit.json", document)
    records.write_json(folder / "status.json", status)
    records.write_json(folder / "timing.json", {"fit": 3.5, "score_test": 0.25})
    records.write_json(folder / "env.json", {"python": "3.11", "device": "cpu"})
    (folder / "log.txt").write_text("epoch 0\n")
    (folder / "events.jsonl").write_text("".join(json.dumps(line) + "\n" for line in [*EVENTS, *SAMPLES]))
    return folder


def result_document(seed: int = 0, omega: float = 0.8, made: str = "2026-01-01T00:00:00+00:00", **changes) -> dict:
    detector = {"name": "knn", "scope": "machine", "config": {"k": 1}, "uses": {}}
    detector["frontend"] = {"name": "mel", "config": {"n_mels": 128}}
    document = {
        "format": FORMAT,
        "made": made,
        "dataset": DATASET,
        "rule": "2020",
        "data": "d" * 64,
        "system": "mel-knn",
        "profile": "paper",
        "seed": seed,
        "config": {
            "system": "mel-knn",
            "members": [{"label": "knn", "component": "score", "detector": detector}],
            "ensembler": {"name": "identity", "config": {}},
            "dataset": {},
        },
        "config_key": "c" * 64,
        "members": {"knn": {"detector": "knn", "component": "score", "fits": {"fan": fit_document(seed=seed)["key"]}}},
        "machines": ["fan"],
        "clips": {"fan/00": {"train": 40, "test": 40}},
        "clips_published": {},
        "ranked": False,
        "unranked_because": ["synthetic sounds"],
        "flags": [],
        "metrics": {
            "overall": {"omega": omega, "auc": omega + 0.1},
            "machines": {"fan": {"omega": omega, "auc": omega + 0.1}},
            "sections": {"fan/00": {"auc": omega + 0.1}},
        },
        "intervals": {"overall": {"omega": [omega - 0.05, omega + 0.05]}},
        **changes,
    }
    return {**document, "key": digest([document])}


def write_result(workspace: Workspace, document: dict) -> Path:
    folder = workspace.result(document["dataset"], document["system"], document["key"])
    (folder / "plots").mkdir(parents=True)
    records.write_json(folder / "result.json", document)
    for name in ("scores.parquet", "train_scores.parquet", "plots/roc.png"):
        (folder / name).write_bytes(b"not empty")
    return folder


# -- stores ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def empty_store(tmp_path_factory) -> Path:
    """An SQLite store without experiments: made once, because that takes seconds, and copied for each test."""
    database = tmp_path_factory.mktemp("store") / "mlflow.db"
    Store(f"sqlite:///{database}")
    return database


@pytest.fixture
def workspace(tmp_path, empty_store) -> Workspace:
    made = Workspace(tmp_path / "workspace").ready()
    shutil.copyfile(empty_store, made.path / "mlflow.db")
    return made


@pytest.fixture
def uri(workspace) -> str:
    return default_uri(workspace.path)


def runs(uri: str, experiment: str) -> list:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(uri)
    found = client.get_experiment_by_name(experiment)
    return list(client.search_runs([found.experiment_id])) if found else []


def one_run(uri: str, experiment: str, kind: str):
    (run,) = [run for run in runs(uri, experiment) if run.data.tags["asd.kind"] == kind]
    return run


def history(uri: str, run, metric: str) -> list[tuple[int, float]]:
    from mlflow.tracking import MlflowClient

    points = MlflowClient(uri).get_metric_history(run.info.run_id, metric)
    return sorted((point.step, point.value) for point in points)


def artifacts(uri: str, run, folder: str | None = None) -> set[str]:
    from mlflow.tracking import MlflowClient

    return {item.path for item in MlflowClient(uri).list_artifacts(run.info.run_id, folder)}


def deliver_all(uri: str, workspace: Workspace):
    return deliver(uri, workspace, workspace.all_fits(), workspace.all_results())


def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


# -- results -----------------------------------------------------------------------------------------------------------


def test_seeds_are_children_of_their_system_which_has_mean_sd_and_n(uri, workspace):
    for seed, omega in enumerate((0.7, 0.8)):
        write_fit(workspace, fit_document(seed=seed))
        write_result(workspace, result_document(seed, omega))
    delivery = deliver_all(uri, workspace)
    assert (delivery.fits, delivery.results, delivery.known, delivery.problems) == (2, 2, 0, [])

    parent = one_run(uri, DATASET, "system")
    children = [run for run in runs(uri, DATASET) if run.data.tags["asd.kind"] == "result"]
    assert {child.data.tags["mlflow.parentRunId"] for child in children} == {parent.info.run_id}
    assert parent.info.run_name == "mel-knn"
    assert {child.info.run_name for child in children} == {"mel-knn, seed 0", "mel-knn, seed 1"}
    assert parent.data.metrics["omega"] == pytest.approx(0.75)
    assert parent.data.metrics["omega_sd"] == pytest.approx(statistics.stdev([0.7, 0.8]))
    assert parent.data.metrics["n_seeds"] == 2
    assert parent.data.metrics["auc/fan"] == pytest.approx(0.85)
    assert parent.data.metrics["auc_sd/fan"] == pytest.approx(statistics.stdev([0.7, 0.8]))
    assert parent.info.status == "FINISHED"
    assert "75.00 ± 7.07" in parent.data.tags["mlflow.note.content"]


def test_a_seed_has_metrics_parameters_data_tags_and_artifacts(uri, workspace):
    write_fit(workspace, fit_document())
    write_result(workspace, result_document())
    deliver_all(uri, workspace)
    child, fit = one_run(uri, DATASET, "result"), one_run(uri, f"{DATASET}-fits", "fit")
    assert child.info.status == "FINISHED"
    assert child.data.metrics["auc/fan/00"] == pytest.approx(0.9)
    assert child.data.metrics["ci/omega_low"] == pytest.approx(0.75)
    assert child.data.params["knn.k"] == "1"
    assert child.data.params["knn.frontend.n_mels"] == "128"
    assert child.data.params["seed"] == "0"
    assert child.data.tags["asd.fits"] == short(fit.data.tags["asd.key"])
    assert fit.info.run_id in child.data.tags["mlflow.note.content"]
    assert child.data.tags["asd.ranked"] == "no"
    contexts = {tag.value for item in child.inputs.dataset_inputs for tag in item.tags}
    assert contexts == {"train", "test"}
    wanted = {"result.json", "scores.parquet", "train_scores.parquet", "config.json", "env.json", "plots"}
    assert artifacts(uri, child) == wanted
    assert artifacts(uri, child, "plots") == {"plots/roc.png"}
    assert (workspace.path / "mlartifacts" / DATASET / child.info.run_id).is_dir()


def test_delivering_again_changes_nothing(uri, workspace):
    write_fit(workspace, fit_document())
    write_result(workspace, result_document())
    deliver_all(uri, workspace)
    before = [(run.info, run.data.metrics, run.data.tags) for run in runs(uri, DATASET)]
    delivery = deliver_all(uri, workspace)
    assert (delivery.fits, delivery.results, delivery.known) == (0, 0, 2)
    after = [(run.info, run.data.metrics, run.data.tags) for run in runs(uri, DATASET)]
    assert repr(after) == repr(before)
    assert len(history(uri, one_run(uri, DATASET, "system"), "omega")) == 1


def test_a_result_made_again_takes_the_place_of_the_old_one(uri, workspace):
    old = result_document(omega=0.7)
    write_result(workspace, old)
    deliver_all(uri, workspace)
    new = result_document(omega=0.9, made="2026-01-02T00:00:00+00:00")
    write_result(workspace, new)
    deliver_all(uri, workspace)
    parent = one_run(uri, DATASET, "system")
    assert parent.data.metrics["omega"] == pytest.approx(0.9)
    assert parent.data.metrics["n_seeds"] == 1
    superseded = {run.data.tags["asd.key"]: run.data.tags.get("asd.superseded_by") for run in runs(uri, DATASET)}
    assert superseded[old["key"]] == short(new["key"])
    assert superseded[new["key"]] is None


def test_parameters_that_are_there_stay_because_mlflow_lets_none_change(uri, workspace):
    document = result_document()
    folder = write_result(workspace, document)
    deliver_all(uri, workspace)
    document = document | {"made": "2026-02-01T00:00:00+00:00", "config": {**document["config"], "dataset": {"x": 2}}}
    document["config"]["members"][0]["detector"]["config"]["k"] = 5
    records.write_json(folder / "result.json", document)
    assert deliver_all(uri, workspace).results == 1
    params = one_run(uri, DATASET, "result").data.params
    assert (params["knn.k"], params["dataset.x"]) == ("1", "2")


def test_results_on_other_machines_or_data_have_a_parent_of_their_own(uri, workspace):
    write_result(workspace, result_document())
    write_result(workspace, result_document(data="e" * 64))
    deliver_all(uri, workspace)
    assert sum(run.data.tags["asd.kind"] == "system" for run in runs(uri, DATASET)) == 2


def test_results_are_read_back_as_they_were(uri, workspace):
    documents = [result_document(seed, made=f"2026-01-0{seed + 1}T00:00:00+00:00") for seed in (1, 0)]
    for document in documents:
        write_result(workspace, document)
    deliver_all(uri, workspace)
    assert read_results(uri) == sorted(documents, key=lambda document: document["made"])


def test_the_latest_results_are_found(uri, workspace):
    assert latest_results_experiment(uri) is None
    write_result(workspace, result_document())
    write_result(workspace, result_document(dataset="newer", made="2026-03-01T00:00:00+00:00"))
    deliver_all(uri, workspace)
    newer = one_run(uri, "newer", "result")
    assert latest_results_experiment(uri) == newer.info.experiment_id


def test_reading_a_store_that_is_not_there_does_not_make_one(tmp_path):
    with pytest.raises(BenchError, match="no tracking store yet"):
        read_results(default_uri(tmp_path))
    assert not list(tmp_path.iterdir())


# -- fits --------------------------------------------------------------------------------------------------------------


def test_a_fit_has_curves_timing_and_records(uri, workspace):
    write_fit(workspace, fit_document())
    deliver_all(uri, workspace)
    run = one_run(uri, f"{DATASET}-fits", "fit")
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "knn on fan, seed 0"
    assert (run.info.start_time, run.info.end_time) == (1_000_000, 1_010_000)
    assert history(uri, run, "loss") == [(step, pytest.approx(1.0 / (step + 1))) for step in range(5)]
    assert [step for step, _ in history(uri, run, "system/cpu_utilization_percentage")] == [0, 1, 2]
    assert run.data.metrics["seconds_fit"] == 3.5
    assert run.data.params["frontend.f_max"] == "null"
    assert artifacts(uri, run) == {"fit.json", "env.json", "timing.json", "log.txt"}


def test_a_failed_fit_says_why_and_a_later_success_completes_the_same_run(uri, workspace):
    write_fit(workspace, fit_document(), "failed", "CUDA out of memory", at=1005.0)
    deliver_all(uri, workspace)
    run = one_run(uri, f"{DATASET}-fits", "fit")
    assert run.info.status == "FAILED"
    assert run.data.tags["asd.message"] == "CUDA out of memory"
    assert "CUDA out of memory" in run.data.tags["mlflow.note.content"]
    write_fit(workspace, fit_document())
    deliver_all(uri, workspace)
    run = one_run(uri, f"{DATASET}-fits", "fit")
    assert run.info.status == "FINISHED"
    assert run.data.tags["asd.message"] == ""
    assert len(history(uri, run, "loss")) == 5


def test_a_run_left_running_by_a_kill_is_completed_without_duplicate_points(uri, workspace):
    document = fit_document()
    folder = workspace.fit("knn", document["key"])
    killed = Writer(uri, workspace)
    killed.write(FitStarted(document["key"], folder, DATASET, document))
    killed.write(FitEvents(document["key"], [*EVENTS[:3], *SAMPLES[:1]]))
    killed.flush()
    assert one_run(uri, f"{DATASET}-fits", "fit").info.status == "RUNNING"

    # The next driver tells the old events again, and step 2 a second time, from a checkpoint.
    resumed = Writer(uri, workspace)
    resumed.write(FitStarted(document["key"], folder, DATASET, document))
    resumed.write(FitEvents(document["key"], [*EVENTS[:3], *SAMPLES[:1], event(2, 2000.0, loss=1.0 / 3)]))
    resumed.flush()
    write_fit(workspace, document)
    resumed.write(FitFinished(document["key"], folder, DATASET, "done"))
    resumed.close()
    run = one_run(uri, f"{DATASET}-fits", "fit")
    assert run.info.status == "FINISHED"
    assert [step for step, _ in history(uri, run, "loss")] == [0, 1, 2, 3, 4]
    assert [step for step, _ in history(uri, run, "system/cpu_utilization_percentage")] == [0, 1, 2]


def test_an_interrupted_fit_is_marked_and_goes_on_later(uri, workspace):
    document = fit_document()
    folder = workspace.fit("knn", document["key"])
    interrupted = Writer(uri, workspace)
    interrupted.write(FitStarted(document["key"], folder, DATASET, document))
    interrupted.write(FitEvents(document["key"], EVENTS[:2]))
    interrupted.close()
    assert one_run(uri, f"{DATASET}-fits", "fit").info.status == "KILLED"
    write_fit(workspace, document)
    assert deliver_all(uri, workspace).fits == 1
    assert one_run(uri, f"{DATASET}-fits", "fit").info.status == "FINISHED"


def test_a_fit_that_never_began_leaves_no_run(uri, workspace):
    key = "a" * 64
    writer = Writer(uri, workspace)
    assert not writer.write(FitFinished(key, workspace.fit("knn", key), DATASET, "failed", "a fit that it uses failed"))
    writer.close()
    assert runs(uri, f"{DATASET}-fits") == []


def test_steps_of_points_without_a_step_go_on_where_the_store_ends():
    curves = Curves([Point("system/x", 1.0, 1000, 0), Point("loss", 1.0, 1000, 7)])
    old, fresh = event(None, 1.0, **{"system/x": 1.0}), event(None, 2.0, **{"system/x": 2.0})
    new = curves.new([old, fresh, event(7, 9.0, loss=2.0)])
    assert new == [Point("system/x", 2.0, 2000, 1)]


def test_what_is_told_within_an_epoch_is_a_curve_of_its_own():
    """A second's mean loss must not take the place of an epoch's."""
    within = {"loss": 9.0, "steps_per_second": 50.0, "epoch": 1.0, "seconds_left": 3.0}
    events = [
        {"time": 1.0, "kind": "progress", "step": None, "values": within},
        {"time": 2.0, "kind": "progress", "step": None, "values": within},
        event(0, 3.0, loss=5.0),
        event(1, 4.0, loss=4.0),
    ]
    points = Curves(()).new(events)
    assert [(point.step, point.value) for point in points if point.name == "loss"] == [(0, 5.0), (1, 4.0)]
    assert [point.step for point in points if point.name == "recent_loss"] == [0, 1]
    assert {point.name for point in points} == {"loss", "recent_loss", "steps_per_second"}


def test_numbers_and_names_that_mlflow_refuses_are_made_fit(uri, workspace):
    document = fit_document()
    folder = write_fit(workspace, document)
    odd = event(0, 1000.0, **{"loss (dev)/[x]": 1.0, "../up": float("inf"), "nan": float("nan")})
    (folder / "events.jsonl").write_text(json.dumps(odd) + "\n" + '{"time": 1001.0, "ki')
    assert deliver_all(uri, workspace).problems == []
    assert {"loss _dev_/_x_", "up", "nan"} <= set(one_run(uri, f"{DATASET}-fits", "fit").data.metrics)


# -- the tracker -------------------------------------------------------------------------------------------------------


def test_curves_are_there_while_the_fit_goes_on(uri, workspace, monkeypatch):
    monkeypatch.setattr(tracker_module, "INTERVAL", 0.1)
    document = fit_document()
    folder = workspace.fit("knn", document["key"])
    tracker = Tracker(uri, workspace)
    tracker.put(FitStarted(document["key"], folder, DATASET, document))
    tracker.put(FitEvents(document["key"], EVENTS[:3]))
    until(lambda: any("loss" in run.data.metrics for run in runs(uri, f"{DATASET}-fits")))
    run = one_run(uri, f"{DATASET}-fits", "fit")
    assert run.info.status == "RUNNING"
    assert len(history(uri, run, "loss")) == 3
    write_fit(workspace, document)
    tracker.put(FitFinished(document["key"], folder, DATASET, "done"))
    tracker.close()
    run = one_run(uri, f"{DATASET}-fits", "fit")
    assert run.info.status == "FINISHED"
    assert len(history(uri, run, "loss")) == 5


def test_a_run_is_tracked_through_the_hooks(uri, workspace):
    host = Host()
    host.load_builtin()
    fit, result = fit_document(), result_document()
    fit_folder, result_folder = write_fit(workspace, fit), write_result(workspace, result)
    for _ in range(2):
        host.tell("asd_run_started", run=RunStarted(workspace))
        host.tell("asd_fit_finished", fit=FitFinished(fit["key"], fit_folder, DATASET, "skipped"))
        host.tell("asd_result", result=ResultMade(result["key"], result_folder, result))
        host.tell("asd_run_finished", run=RunFinished(0))
    assert host.problems == []
    assert len(runs(uri, DATASET)) == 2
    assert len(runs(uri, f"{DATASET}-fits")) == 1


def test_without_tracking_nothing_is_written(workspace):
    host = Host()
    host.load_builtin()
    (workspace.path / "mlflow.db").unlink()
    result = result_document()
    host.tell("asd_run_started", run=RunStarted(workspace, tracking=False))
    host.tell("asd_result", result=ResultMade(result["key"], write_result(workspace, result), result))
    host.tell("asd_run_finished", run=RunFinished(0))
    assert host.problems == []
    assert {path.name for path in workspace.path.iterdir()} == {"results"}


def test_a_store_that_cannot_be_reached_costs_no_run_and_is_reported_once(uri, workspace, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    host = Host()
    host.load_builtin()
    fit, result = fit_document(), result_document()
    fit_folder, result_folder = write_fit(workspace, fit), write_result(workspace, result)
    host.tell("asd_run_started", run=RunStarted(workspace, tracking_uri=NOBODY))
    host.tell("asd_fit_started", fit=FitStarted(fit["key"], fit_folder, DATASET, fit))
    host.tell("asd_fit_finished", fit=FitFinished(fit["key"], fit_folder, DATASET, "done"))
    host.tell("asd_result", result=ResultMade(result["key"], result_folder, result))
    assert host.problems == []
    host.tell("asd_run_finished", run=RunFinished(0))
    (problem,) = host.problems
    assert "Connection refused" in str(problem)
    assert "asd-bench sync" in str(problem)
    # Nothing is lost: the store that is there gets it all.
    delivery = deliver_all(uri, workspace)
    assert (delivery.fits, delivery.results) == (1, 1)


def test_what_a_failing_store_missed_is_delivered_at_the_end(uri, workspace, monkeypatch):
    fit = fit_document()
    folder = write_fit(workspace, fit)
    write, failures = Writer.write, iter([OSError("database is locked")])

    def failing_once(self, event):
        for error in failures:
            raise error
        return write(self, event)

    monkeypatch.setattr(Writer, "write", failing_once)
    tracker = Tracker(uri, workspace)
    tracker.put(FitStarted(fit["key"], folder, DATASET, fit))
    tracker.put(FitFinished(fit["key"], folder, DATASET, "done"))
    tracker.close()
    assert one_run(uri, f"{DATASET}-fits", "fit").info.status == "FINISHED"


def test_mlflow_is_not_imported_where_nothing_is_tracked():
    check = "import sys, asd_bench.builtin.tracking; sys.exit('mlflow' in sys.modules or 'pandas' in sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True)


def test_writing_says_nothing(uri, workspace, capfd):
    write_result(workspace, result_document())
    deliver_all(uri, workspace)
    assert capfd.readouterr() == ("", "")


# -- delivery ----------------------------------------------------------------------------------------------------------


def test_a_damaged_record_is_named_and_the_others_are_delivered(uri, workspace):
    write_fit(workspace, fit_document())
    write_fit(workspace, fit_document("pump"), "running")
    damaged = write_fit(workspace, fit_document("valve"))
    (damaged / "fit.json").write_text("{")
    delivery = deliver_all(uri, workspace)
    assert (delivery.fits, delivery.unfinished) == (1, 1)
    (problem,) = delivery.problems
    assert str(damaged) in problem


def test_sync_unpacks_bundles_and_delivers_each_thing_once(uri, workspace, tmp_path):
    from asd_bench.cli.sync import command

    elsewhere = Workspace(tmp_path / "elsewhere").ready()
    folders = [write_fit(elsewhere, fit_document()), write_result(elsewhere, result_document())]
    records.write_bundle(tmp_path / "out.tar", elsewhere, folders)
    arguments = [str(tmp_path / "out.tar"), "--workspace", str(workspace.path)]
    first = CliRunner().invoke(command, arguments, env={"MLFLOW_TRACKING_URI": ""}, standalone_mode=False)
    assert first.exception is None
    assert "delivered 1 fits and 1 results" in first.output
    again = CliRunner().invoke(command, arguments, env={"MLFLOW_TRACKING_URI": ""}, standalone_mode=False)
    assert "delivered 0 fits and 0 results" in again.output
    assert "2 were there already" in again.output
    assert read_results(uri) == [result_document()]


def test_passwords_are_not_shown():
    assert shown("postgresql://me:secret@db/x") == "postgresql://db/x"
    assert shown("https://server/path@here") == "https://server/path@here"


# -- names and numbers -------------------------------------------------------------------------------------------------


def test_names_say_what_sets_a_row_apart():
    assert system_name(result_document()) == "mel-knn"
    changed = result_document(profile="quick", flags=["profile: quick", "knn.k=3"])
    assert system_name(changed) == "mel-knn (quick, knn.k=3)"
    published = {"fan/00": {}, "pump/00": {}}
    assert system_name(result_document(clips_published=published)) == "mel-knn (only fan)"


def test_parameters_are_named_as_set_takes_them():
    wanted = {"ensembler": "identity", "knn.k": "1", "knn.frontend": "mel", "knn.frontend.n_mels": "128"}
    assert result_params(result_document()) == wanted


def test_means_are_over_what_the_seeds_have_in_common():
    means = over_seeds([{"omega": 0.5, "auc/fan": 0.6, "auc/fan/00": 0.6, "ci/omega_low": 0.4}, {"omega": 0.7}])
    assert means == {"n_seeds": 2.0, "omega": 0.6, "omega_sd": pytest.approx(0.1414213562)}
    assert "omega_sd" not in over_seeds([{"omega": 0.5}])


def test_views_gain_columns_and_leave_what_a_user_saved():
    first = result_views(["omega", "auc", "auc/fan"], {})
    assert len(first) == 2
    assert result_views(["omega", "auc/fan"], first) == {}
    grown = result_views(["omega", "auc/pump"], first)
    for view in grown.values():
        columns = json.loads(json.loads(view)["state"])["selectedColumns"]
        assert columns[:4] == [f"metrics.`{name}`" for name in ("omega", "auc", "auc/fan", "auc/pump")]
    assert result_views(["omega"], dict.fromkeys(first, "deflate;eJxLTEoGAAJNASc=")) == {}
