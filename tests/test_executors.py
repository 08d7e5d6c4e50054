"""Where fits are made: a detector that crashes, hangs or lies costs its own fit, and it makes no difference where."""

from __future__ import annotations

import dataclasses
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from asd_bench import BenchError
from asd_bench.config import resolve_system
from asd_bench.executors import process
from asd_bench.executors.process import ProcessExecutor
from asd_bench.fit import run_fit
from asd_bench.plan import Planner
from asd_bench.records import Workspace, read_json
from asd_bench.testing import Outcome, run_systems
from asd_bench.testing.running import loaded_host
from asd_bench.threads import SPINS, VARIABLES, thread_environment

#: Seconds after which a fit that hangs is given up, and in which an executor must have closed.
PATIENCE = 2.0
SOON = 20.0


def fit_folder(outcome, name: str):
    """The record of ``detector on scope``."""
    (job,) = [
        job for job in outcome.session.plan.jobs.values() if f"{job.spec.detector} on {job.spec.scope_name}" == name
    ]
    return job.folder


# -- worker processes --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def crashes(tiny, fake_sites, tmp_path_factory) -> Iterator[Callable[..., Outcome]]:
    """Run detectors that each misbehave on one machine type, in a workspace that this module's tests share."""
    workspace = tmp_path_factory.mktemp("crashes") / "workspace"
    on = {"exits": "fan", "killed": "fan", "hangs": "pump", "prints": "fan", "reads-input": "fan", "sys-exits": "pump"}
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(fake_sites["badly-behaved"])
        patch.setenv("PYTHONPATH", str(fake_sites["badly-behaved"]), prepend=os.pathsep)
        patch.setenv("ASD_BENCH_PLUGINS", "fake-badly-behaved")
        for name in ("OMP_WAIT_POLICY", *VARIABLES):
            patch.delenv(name, raising=False)
        host = loaded_host()

        def run(*names: str, **asked: Any) -> Outcome:
            systems = ",".join(f"bad-{name}" for name in names)
            asked["settings"] = [f"bad-{name}.machine={on[name]}" for name in names]
            return run_systems(workspace, systems, tiny, machines=("fan", "pump"), host=host, **asked)

        yield run


@pytest.fixture(scope="module")
def crashed(crashes):
    """Several of them side by side on two workers."""
    return crashes("exits", "killed", "prints", "reads-input", "sys-exits", workers=2)


def test_every_fit_has_an_outcome_and_only_those_that_misbehaved_have_failed(crashed):
    assert crashed.states() == {
        "bad-exits on fan": "failed",
        "bad-exits on pump": "done",
        "bad-killed on fan": "failed",
        "bad-killed on pump": "done",
        "bad-prints on fan": "done",
        "bad-prints on pump": "done",
        "bad-reads-input on fan": "failed",
        "bad-reads-input on pump": "done",
        "bad-sys-exits on fan": "done",
        "bad-sys-exits on pump": "failed",
    }


@pytest.mark.parametrize(
    ("fit", "cause"),
    [
        ("bad-exits on fan", "the worker process of bad-exits on fan died (exit code 3)"),
        ("bad-killed on fan", "the worker process of bad-killed on fan died (SIGKILL, probably for lack of memory"),
        ("bad-reads-input on fan", "raised EOFError"),
        ("bad-sys-exits on pump", "raised SystemExit: 0"),
    ],
)
def test_what_happened_to_a_fit_is_told_with_its_name(crashed, fit, cause):
    crashed.assert_failed(f"{fit}, seed 0: ", cause)


def test_a_fit_that_hangs_is_given_up_and_the_run_comes_to_its_end(crashes):
    outcome = crashes("hangs", fit_timeout=PATIENCE)
    cause = f"bad-hangs on pump was given up after {PATIENCE:g} s (--fit-timeout)"
    outcome.assert_failed("bad-hangs on pump, seed 0: ", cause)
    # On a very busy machine the other may have taken too long as well.
    assert set(outcome.states()) == {"bad-hangs on fan", "bad-hangs on pump"}


def test_a_result_is_made_where_every_fit_is_there_and_only_there(crashed):
    documents = [read_json(folder / "result.json") for folder in crashed.report.results]
    assert [document["system"] for document in documents] == ["bad-prints"]


def test_what_a_detector_prints_goes_to_its_log(crashed):
    log = (fit_folder(crashed, "bad-prints on fan") / "log.txt").read_text()
    assert "printed by the detector" in log


def test_a_failed_fit_never_satisfies_its_key_and_is_tried_again(crashes, crashed):
    status = read_json(fit_folder(crashed, "bad-sys-exits on pump") / "status.json")
    assert (status["state"], "raised SystemExit" in status["message"]) == ("failed", True)
    again = crashes("sys-exits", "prints")
    assert again.states() == {
        "bad-sys-exits on fan": "skipped",
        "bad-sys-exits on pump": "failed",
        "bad-prints on fan": "skipped",
        "bad-prints on pump": "skipped",
    }


def test_the_workers_of_a_run_have_their_share_of_the_cores(crashed):
    environment = read_json(fit_folder(crashed, "bad-prints on fan") / "env.json")
    assert environment["threads"] == max(1, (os.cpu_count() or 1) // 2)


def test_inline_and_process_give_the_same_scores_bit_for_bit(run, install_fakes, tmp_path):
    install_fakes("good")
    systems = "mel-gmm,fake-pair"
    inline = run(systems, workspace=tmp_path / "inline").assert_ok()
    elsewhere = run(systems, workspace=tmp_path / "process", executor="process").assert_ok()
    for system in systems.split(","):
        assert elsewhere.scores(system).equals(inline.scores(system))
        assert elsewhere.document(system)["key"] == inline.document(system)["key"]
    # Who computes, and how many of them, is no part of a key: nothing is left to do.
    again = run(systems, workspace=tmp_path / "inline", executor="process", workers=2).assert_ok()
    assert again.count("skipped") == len(again.report.outcomes)


# -- the executor by itself --------------------------------------------------------------------------------------------


@pytest.fixture
def job(tiny, install_fakes, tmp_path):
    """A function that makes the job of a detector on one machine type."""
    install_fakes("badly-behaved")

    def make(system: str, machine: str = "fan"):
        host = loaded_host()
        resolved = resolve_system(host, host.get("system", system).spec, "paper", [])
        dataset = tiny.open(tmp_path)
        plan = Planner(Workspace(tmp_path), "cpu", False).plan([resolved], dataset, [0], (machine,))
        (made,) = plan.jobs.values()
        return made

    return make


def test_closing_stops_a_fit_that_is_under_way_and_drops_those_that_wait(job):
    executor = ProcessExecutor(workers=1)
    hanging, waiting = executor.submit(job("bad-hangs").document()), executor.submit(job("mel-knn").document())
    deadline = time.monotonic() + 60
    while not (job("bad-hangs").folder / "fit.json").is_file() and time.monotonic() < deadline:
        time.sleep(0.05)
    start = time.monotonic()
    executor.close()
    assert time.monotonic() - start < SOON
    assert hanging.result().message == "bad-hangs on fan was stopped"
    assert waiting.cancelled()
    with pytest.raises(RuntimeError, match="the executor is closed"):
        executor.submit(job("mel-knn").document())


def test_a_thread_that_a_detector_leaves_behind_does_not_keep_its_worker(job, monkeypatch):
    monkeypatch.setattr(process, "STOP_TIMEOUT", 0.2)
    executor = ProcessExecutor(workers=1)
    assert executor.submit(job("bad-leaves-thread").document()).result().state == "done"
    start = time.monotonic()
    executor.close()
    assert time.monotonic() - start < SOON


def test_a_worker_that_cannot_start_fails_its_fits_and_not_the_run(job, monkeypatch):
    monkeypatch.setattr(process.sys, "executable", "/bin/false")
    executor = ProcessExecutor(workers=1)
    outcome = executor.submit(job("mel-knn").document()).result(timeout=60)
    executor.close()
    assert (outcome.state, "could not be started (exit code 1)" in outcome.message) == ("failed", True)


def test_no_thread_outlives_its_executor(job):
    # Conformance checks keep a worker of their own for the whole process.
    before = set(threading.enumerate())
    executor = ProcessExecutor(workers=3)
    started = set(threading.enumerate()) - before
    executor.close()
    assert len(started) == 3
    assert not started & set(threading.enumerate())


def test_workers_sleep_while_they_wait_and_share_the_cores(monkeypatch):
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", *VARIABLES):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    waiting = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": SPINS}
    assert thread_environment(2) == {**waiting, **dict.fromkeys(VARIABLES, "4")}
    assert thread_environment(100)["OMP_NUM_THREADS"] == "1"
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert thread_environment(2)["OMP_NUM_THREADS"] == "7"
    assert thread_environment(2)["MKL_NUM_THREADS"] == "4"


def test_the_inline_executor_refuses_what_it_cannot_do(run):
    for asked in ({"workers": 2}, {"fit_timeout": 1.0}):
        with pytest.raises(BenchError, match="one fit at a time"):
            run("mel-knn", executor="inline", **asked)


# -- failures in this process ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("system", "cause"),
    [
        ("bad-raises", "raised ZeroDivisionError: a fault of the detector's own (detectors.py:"),
        ("bad-raises-when-scoring", "raised ZeroDivisionError"),
        ("bad-wrong-shape", "emitted 'distance' of shape (7,) for 8 clips"),
        ("bad-not-a-number", "gave 1 of 8 clips a 'distance' that is NaN or infinite: fan/train/section_00_"),
        ("bad-missing-component", "declares the components ['distance'] and emitted ['likelihood']"),
        ("bad-sys-exits", "raised SystemExit: 0"),
    ],
)
def test_a_detector_that_breaks_its_contract_is_named_with_what_it_did(run, install_fakes, system, cause):
    install_fakes("badly-behaved")
    asked = {"settings": [f"{system}.machine=fan"], "machines": ("fan", "pump")}
    outcome = run(system, **asked).assert_failed(f"{system} on fan, seed 0: ", "", cause)
    assert outcome.states() == {f"{system} on fan": "failed", f"{system} on pump": "done"}
    assert not outcome.report.results
    assert run(system, **asked).states() == {f"{system} on fan": "failed", f"{system} on pump": "skipped"}


def test_a_traceback_is_kept_in_the_log(run, install_fakes):
    install_fakes("badly-behaved")
    outcome = run("bad-raises", machines=("fan",))
    assert "in misbehave" in (fit_folder(outcome, "bad-raises on fan") / "log.txt").read_text()


def test_what_waits_for_a_failed_fit_fails_with_it_and_the_rest_goes_on(run, install_fakes, monkeypatch):
    install_fakes("good")
    # Longer than any spectrum: the projection cannot be made.
    outcome = run("fake-two-level,mel-knn", settings=["fake-embedding.dimensions=1000000000000"], machines=("fan",))
    outcome.assert_failed("fake-embedding on *")
    outcome.assert_failed("fake-backend on fan/00", "a fit that it uses failed")
    assert outcome.document("mel-knn")["machines"] == ["fan"]


def test_a_fit_that_is_done_stays_so_when_scoring_other_clips_fails(job):
    made = job("mel-knn")
    assert run_fit(made.document()).state == "done"
    scores = made.scores_path.read_bytes()
    # Other clips to score, and a store that is not there.
    stores = dict.fromkeys(made.stores, "cache/clips/nowhere/fan-0123456789ab")
    other = dataclasses.replace(made, scored_key="other clips", stores=stores)
    assert run_fit(other.document()).state == "failed"
    assert made.is_done()
    assert made.scores_path.read_bytes() == scores
    assert run_fit(made.document()).state == "skipped"


# -- exit codes --------------------------------------------------------------------------------------------------------


def test_exit_codes(cli, tiny, install_fakes):
    install_fakes("badly-behaved")
    options = [word for name, value in tiny.layer.values.items() for word in ("--set", f"{name}={value}")]
    data = ["--dataset", "synthetic2023", *options, "--data-root", tiny.root, "--no-track", "--machine", "fan"]
    cli("run", "--system", "mel-knn", *data).assert_code(0)
    failed = cli("run", "--system", "mel-knn,bad-sys-exits", *data, "--json").assert_code(1)
    assert json.loads(failed.out)["fits"] == {"done": 0, "skipped": 1, "failed": 1}
    assert "Traceback" not in failed.err
    refused = cli("run", "--system", "mel-knn", *data, "--set", "knn.kk=1").assert_code(2)
    assert "did you mean 'k'" in refused.err
    assert "Traceback" not in refused.err
