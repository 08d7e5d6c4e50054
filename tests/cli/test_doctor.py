"""``asd-bench doctor``."""

from __future__ import annotations

import importlib.metadata
import json
import shutil
import sqlite3
import sys
from contextlib import closing
from types import SimpleNamespace

import pytest

from asd_bench import DetectorSpec, Member, SystemSpec
from asd_bench.cli import doctor_checks


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for variable in ("ASD_BENCH_DATA", "ASD_BENCH_PLUGINS", "ASD_BENCH_BLOCK_PLUGINS", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def findings(asd_bench, tmp_path):
    """The findings of an area, as (state, what) pairs."""

    def call(area: str, *words: str, code: int = 0) -> list[tuple[str, str]]:
        if "--workspace" not in words:
            words = ("--workspace", str(tmp_path / "workspace"), *words)
        document = json.loads(asd_bench("doctor", "--json", *words, code=code).stdout)
        assert document["healthy"] == (code == 0)
        return [(one["state"], one["what"]) for one in document["findings"] if one["area"] == area]

    return call


def said(found, state, *words):
    return any(each == state and all(word in what for word in words) for each, what in found)


def test_a_healthy_machine_is_called_so_and_nothing_is_made(asd_bench, plugins, tmp_path):
    output = asd_bench("doctor", "--workspace", str(tmp_path / "workspace")).output
    for words in ("Python 3.", "torch", "builtin-detectors", "asd_detectors", "CPU core", "OMP_WAIT_POLICY=PASSIVE"):
        assert words in output
    for words in (
        "will be made by the first run",
        "synthetic2020: made when used",
        "asd-bench data steps",
        "nothing is broken",
    ):
        assert words in output
    assert "✗" not in output
    assert list(tmp_path.iterdir()) == []


# -- packages and plugins ----------------------------------------------------------------------------------------------


def test_a_package_out_of_range_is_named_with_the_command_that_mends_it(asd_bench, monkeypatch):
    installed = importlib.metadata.version
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "3.18.0" if name == "mlflow" else installed(name))
    output = " ".join(asd_bench("doctor", code=1).output.split())
    assert "needs mlflow<3.18,>=3.13, and 3.18.0 is installed" in output
    assert "pip install -c requirements.lock 'mlflow<3.18,>=3.13'" in output


def test_a_missing_package_is_named(findings, monkeypatch):
    installed = importlib.metadata.version

    def without_soundfile(name):
        if name == "soundfile":
            raise importlib.metadata.PackageNotFoundError(name)
        return installed(name)

    monkeypatch.setattr(importlib.metadata, "version", without_soundfile)
    assert said(findings("packages", code=1), "broken", "soundfile", "not installed")


def test_a_broken_plugin_is_named_and_its_traceback_shown_on_request(asd_bench, declare):
    declare("broken", asd_systems=RuntimeError("out of order"))
    quiet = asd_bench("doctor", code=1).output
    assert "broken: asd_systems failed: RuntimeError: out of order" in quiet
    assert "ASD_BENCH_BLOCK_PLUGINS=broken" in quiet
    assert "Traceback" not in quiet
    assert "Traceback" in asd_bench("doctor", "--verbose", code=1).output


def test_duplicates_are_named_with_both_plugins(findings, declare):
    declare("copycat", asd_systems=[SystemSpec(name="mel-knn", summary="again", members=(Member("knn"),))])
    assert said(findings("plugins", code=1), "broken", "mel-knn", "builtin-detectors", "copycat")


def test_what_cannot_be_loaded_is_named(findings, declare):
    absent = DetectorSpec(name="absent", summary="x", target="no_such_module:Detector", frontend="mel")
    declare(
        "hollow", asd_detectors=[absent], asd_systems=[SystemSpec(name="lost", summary="x", members=(Member("kn"),))]
    )
    found = findings("plugins", code=1)
    assert said(found, "broken", "'absent'", "'hollow'", "no_such_module")
    assert said(found, "broken", "no detector called 'kn'", "did you mean 'knn'")


def test_an_allow_list_is_mentioned(findings, monkeypatch, plugins):
    monkeypatch.setenv("ASD_BENCH_BLOCK_PLUGINS", "geco")
    assert said(findings("plugins"), "look", "ASD_BENCH_BLOCK_PLUGINS=geco")


def test_a_check_that_fails_is_a_finding(findings, monkeypatch):
    def stumble():
        raise OSError("no such device")
        yield

    monkeypatch.setattr(doctor_checks, "check_devices", stumble)
    assert said(findings("devices", code=1), "broken", "this check failed: OSError: no such device")


# -- devices -----------------------------------------------------------------------------------------------------------


def test_threads_that_would_slow_things_down_are_noticed(findings, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "999")
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    found = findings("devices")
    assert said(found, "look", "OMP_NUM_THREADS=999 is more than")
    assert said(found, "look", "OMP_WAIT_POLICY is not PASSIVE")


def test_gpus_are_named(findings, monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    properties = SimpleNamespace(name="Tester 3000", total_memory=24e9)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda number: properties)
    assert said(findings("devices"), "ok", "cuda:0: Tester 3000, 24 GB")


def test_a_torch_that_cannot_be_imported_is_broken(findings, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    assert said(findings("devices", code=1), "broken", "torch cannot be imported")


# -- the workspace -----------------------------------------------------------------------------------------------------


def test_a_workspace_is_described(findings, workspace):
    found = findings("workspace", "--workspace", str(workspace))
    assert said(found, "ok", str(workspace))
    assert said(found, "ok", "caches", "clips", "data")
    assert said(found, "ok", "4 finished fits, 1 result")


def test_fits_that_failed_are_told_with_a_log(asd_bench, workspace, tmp_path):
    copy = shutil.copytree(workspace, tmp_path / "copy")
    status = sorted(copy.glob("fits/*/*/status.json"))[0]
    status.write_text(json.dumps(json.loads(status.read_text()) | {"state": "failed"}))
    output = "".join(asd_bench("doctor", "--workspace", str(copy)).output.split())
    assert "1fitfailed" in output
    assert f"{status.parent.name}/log.txt" in output


def test_a_workspace_that_cannot_be_made_is_broken(findings, tmp_path):
    (tmp_path / "file").write_text("")
    found = findings("workspace", "--workspace", str(tmp_path / "file" / "below"), code=1)
    assert said(found, "broken", "file cannot be written to: Not a directory")


def test_scarce_disk_is_noticed(findings, monkeypatch):
    monkeypatch.setattr(doctor_checks, "SCARCE", 1e18)
    assert said(findings("workspace"), "look", "of disk are free")


# -- the tracking store ------------------------------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path):
    """Make an SQLite file whose tables have a version."""

    def make(version: str) -> str:
        with closing(sqlite3.connect(tmp_path / "store.db")) as database, database:
            database.execute("CREATE TABLE alembic_version (version_num TEXT)")
            database.execute("INSERT INTO alembic_version VALUES (?)", (version,))
        return f"sqlite:///{tmp_path / 'store.db'}"

    return make


def test_a_store_of_the_installed_version_is_fine(findings, store):
    newest = doctor_checks._table_versions()[0]
    assert findings("tracking", "--tracking-uri", store(newest))[0][0] == "ok"


@pytest.mark.parametrize(("which", "words"), [(-1, "older MLflow"), (None, "newer MLflow")])
def test_a_store_of_another_version_is_broken(findings, store, which, words):
    version = "ffffffffffff" if which is None else doctor_checks._table_versions()[which]
    assert said(findings("tracking", "--tracking-uri", store(version), code=1), "broken", words)


def test_a_file_that_is_no_store_is_broken(findings, tmp_path):
    (tmp_path / "store.db").write_text("hello")
    found = findings("tracking", "--tracking-uri", f"sqlite:///{tmp_path / 'store.db'}", code=1)
    assert said(found, "broken", "no MLflow store")


def test_a_server_that_does_not_answer_is_broken(findings):
    found = findings("tracking", "--tracking-uri", "http://user:secret@127.0.0.1:9", code=1)
    assert said(found, "broken", "does not answer")
    assert "secret" not in found[0][1]


def test_a_folder_is_no_store(findings, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "mlruns")
    assert said(findings("tracking", code=1), "broken", "no longer takes")


# -- data --------------------------------------------------------------------------------------------------------------


def test_a_shelf_that_is_no_folder_is_noticed(findings, monkeypatch, tmp_path):
    monkeypatch.setenv("ASD_BENCH_DATA", str(tmp_path / "nowhere"))
    found = findings("data")
    assert said(found, "look", "is no folder")
    assert said(found, "look", "not on this machine: dcase2020, ")
