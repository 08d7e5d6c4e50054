"""Records are written atomically, read with clear errors, and travel in bundles that cannot reach outside."""

from __future__ import annotations

import contextlib
import io
import json
import os
import stat
import tarfile

import pytest

from asd_bench import records
from asd_bench.errors import BenchError
from asd_bench.records import Workspace


def test_an_interrupted_write_leaves_what_was_there(tmp_path):
    path = tmp_path / "result.json"
    records.write_json(path, {"omega": 0.5})
    with contextlib.suppress(RuntimeError), records.atomic(path) as work:
        work.write_text("half")
        raise RuntimeError
    assert records.read_json(path) == {"omega": 0.5}
    assert [entry.name for entry in tmp_path.iterdir()] == ["result.json"]


def test_numbers_that_json_does_not_know_are_refused(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        records.write_json(tmp_path / "x.json", {"omega": float("nan")})
    assert not list(tmp_path.iterdir())


def test_records_are_readable_by_others(tmp_path):
    records.write_json(tmp_path / "x.json", {})
    assert stat.S_IMODE((tmp_path / "x.json").stat().st_mode) == 0o644


@pytest.mark.parametrize("text", ["", "{", "\x00", "[]"])
def test_a_damaged_record_is_named(text, tmp_path):
    (tmp_path / "fit.json").write_text(text)
    with pytest.raises(BenchError, match=r"record cannot be read") as caught:
        records.read_json(tmp_path / "fit.json")
    assert "fit.json" in str(caught.value)


def test_damaged_scores_are_named(tmp_path):
    (tmp_path / "scores.parquet").write_bytes(b"PAR1 but not really")
    with pytest.raises(BenchError, match="scores cannot be read"):
        records.read_scores(tmp_path / "scores.parquet")


@pytest.mark.parametrize(("state", "key", "done"), [("done", "k", True), ("done", "x", False), ("failed", "k", False)])
def test_only_a_finished_fit_of_that_key_is_done(state, key, done, tmp_path):
    assert not records.is_done(tmp_path, "k")
    records.write_json(tmp_path / "status.json", {"state": state, "key": key})
    assert records.is_done(tmp_path, "k") is done


@pytest.mark.parametrize("text", ["", "{}", "[]", "nonsense"])
def test_a_damaged_status_is_not_done(text, tmp_path):
    (tmp_path / "status.json").write_text(text)
    assert not records.is_done(tmp_path, "k")


def test_a_bundle_mends_failed_records_and_adds_scores(tmp_path):
    workspace, fit, result = filled(tmp_path / "there")
    (fit / "scores").mkdir()
    (fit / "scores" / "new.parquet").write_bytes(b"new")
    records.write_bundle(tmp_path / "out.tar", workspace, [fit, result])

    failed, fit, result = filled(tmp_path / "failed")
    records.write_json(fit / "status.json", {"state": "failed", "key": "a" * 64})
    (fit / "junk").write_text("")
    (result / "result.json").unlink()
    records.unpack_bundle(tmp_path / "out.tar", failed)
    assert records.is_done(fit, "a" * 64)
    assert not (fit / "junk").exists()
    assert (result / "result.json").is_file()

    whole, fit, _ = filled(tmp_path / "whole")
    (fit / "mine").write_text("")
    records.unpack_bundle(tmp_path / "out.tar", whole)
    assert (fit / "mine").exists()
    assert (fit / "scores" / "new.parquet").read_bytes() == b"new"


def test_a_workspace_that_cannot_be_written_to_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(BenchError, match="workspace cannot be written to") as caught:
            Workspace(path).ready()
        assert "--workspace" in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_workspace_is_named(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(BenchError, match="workspace cannot be written to"):
        Workspace(tmp_path).ready()


def filled(path):
    workspace = Workspace(path).ready()
    fit = workspace.fit("knn", "a" * 64)
    records.write_json(fit / "status.json", {"state": "done", "key": "a" * 64})
    (fit / "model").mkdir()
    (fit / "model" / "x.safetensors").write_bytes(b"1234")
    (fit / ".lock").write_text("")
    result = workspace.result("dcase2023", "mel-knn", "b" * 64)
    records.write_json(result / "result.json", {"key": "b" * 64})
    return workspace, fit, result


def test_a_bundle_carries_fits_and_results(tmp_path):
    workspace, fit, result = filled(tmp_path / "here")
    records.write_bundle(tmp_path / "out.tar", workspace, [fit, result, fit])
    there = Workspace(tmp_path / "there").ready()
    fits, results = records.unpack_bundle(tmp_path / "out.tar", there)
    assert [path.relative_to(there.path) for path in fits] == [fit.relative_to(workspace.path)]
    assert [path.relative_to(there.path) for path in results] == [result.relative_to(workspace.path)]
    assert (fits[0] / "model" / "x.safetensors").read_bytes() == b"1234"
    with tarfile.open(tmp_path / "out.tar") as tar:
        assert not any(".lock" in name for name in tar.getnames())
    assert there.find_result("bbb") == results[0]


def test_unpacking_twice_keeps_what_is_there(tmp_path):
    workspace, fit, result = filled(tmp_path / "here")
    records.write_bundle(tmp_path / "out.tar", workspace, [fit, result])
    records.write_json(result / "result.json", {"key": "b" * 64, "mine": True})
    records.unpack_bundle(tmp_path / "out.tar", workspace)
    assert records.read_json(result / "result.json")["mine"]
    assert not list(workspace.path.glob(".bundle-*"))


def tar_with(path, *members):
    with tarfile.open(path, "w") as tar:
        for name, kind in members:
            member = tarfile.TarInfo(name)
            member.type = kind
            member.linkname = "/etc/passwd"
            data = json.dumps({"state": "done"}).encode()
            member.size = len(data) if kind == tarfile.REGTYPE else 0
            tar.addfile(member, io.BytesIO(data))


@pytest.mark.parametrize(
    "member",
    [
        ("../escaped.json", tarfile.REGTYPE),
        ("/tmp/escaped.json", tarfile.REGTYPE),
        ("fits/../../escaped.json", tarfile.REGTYPE),
        ("fits/knn/x/status.json", tarfile.SYMTYPE),
        ("fits/knn/x/status.json", tarfile.LNKTYPE),
        ("notes.txt", tarfile.REGTYPE),
    ],
)
def test_a_hostile_bundle_is_refused(member, tmp_path):
    tar_with(tmp_path / "evil.tar", member)
    workspace = Workspace(tmp_path / "sub" / "workspace").ready()
    with pytest.raises(BenchError, match=r"no bundle of asd-bench|cannot be unpacked|no fit and no result"):
        records.unpack_bundle(tmp_path / "evil.tar", workspace)
    assert not list(tmp_path.rglob("escaped.json"))
    assert not list(workspace.path.iterdir())


def test_a_cut_bundle_is_refused(tmp_path):
    workspace, fit, result = filled(tmp_path / "here")
    (fit / "model" / "x.safetensors").write_bytes(os.urandom(50_000))
    records.write_bundle(tmp_path / "out.tar", workspace, [fit, result])
    os.truncate(tmp_path / "out.tar", 20_000)
    with pytest.raises(BenchError, match="cannot be unpacked"):
        records.unpack_bundle(tmp_path / "out.tar", Workspace(tmp_path / "there").ready())


def test_a_result_is_found_by_the_beginning_of_its_key(tmp_path):
    workspace, _, result = filled(tmp_path)
    records.write_json(workspace.result("dcase2023", "mel-gmm", "bc" * 32) / "result.json", {})
    assert workspace.find_result("bbb") == result
    with pytest.raises(BenchError, match="stands for 2 results"):
        workspace.find_result("b")
    with pytest.raises(BenchError, match="no result whose key starts with 'zz'"):
        workspace.find_result("zz")


def test_a_bundle_that_cannot_be_written_is_named(tmp_path):
    workspace, fit, _ = filled(tmp_path / "here")
    (tmp_path / "file").write_text("")
    with pytest.raises(BenchError, match="the bundle cannot be written"):
        records.write_bundle(tmp_path / "file" / "out.tar", workspace, [fit])
