"""``asd-bench data``."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import soundfile

from asd_bench import DatasetSpec


@pytest.fixture(scope="module")
def made(asd_bench, tiny, tmp_path_factory):
    """A tiny synthetic2023, written to a folder."""
    folder = tmp_path_factory.mktemp("made") / "synthetic2023"
    asd_bench("data", "make", "synthetic2023", str(folder), *tiny, "--set", "dataset.n_target_train=1")
    return folder


@pytest.fixture
def damaged(made, tmp_path):
    """A copy of it to be damaged."""
    return shutil.copytree(made, tmp_path / "synthetic2023")


@pytest.fixture
def check(asd_bench, tiny, tmp_path):
    def call(folder, code: int = 0, dataset: str = "synthetic2023") -> str:
        options = (*tiny, "--set", "dataset.n_target_train=1") if dataset.startswith("synthetic") else ()
        where = ("--data-root", str(folder), "--workspace", str(tmp_path / "workspace"))
        # Wrapped lines are read as one.
        return " ".join(asd_bench("data", "check", dataset, *where, *options, code=code).output.split())

    return call


def clips_of(folder, split="train"):
    return sorted((folder / split).glob("*.wav"))


# -- where -------------------------------------------------------------------------------------------------------------


def test_every_dataset_is_listed_with_where_it_is(asd_bench, monkeypatch, made, tmp_path):
    monkeypatch.setenv("ASD_BENCH_DATA", str(tmp_path))
    (tmp_path / "dcase2023").symlink_to(made)
    places = {place["name"]: place for place in json.loads(asd_bench("data", "list", "--json").stdout)}
    assert places["dcase2023"]["state"] == "found"
    assert places["dcase2023"]["root"] == str(tmp_path / "dcase2023")
    assert places["dcase2023"]["machines"] == ["fan", "slider", "valve"]
    assert places["synthetic2020"]["state"] == "made when used"
    assert "3 of 7" in asd_bench("data", "list").output


def test_what_is_not_there_is_listed_with_what_to_do(asd_bench, monkeypatch, tmp_path):
    monkeypatch.delenv("ASD_BENCH_DATA", raising=False)
    output = asd_bench("data", "list").output
    assert "not found" in output
    assert "asd-bench data steps dcase2023" in output
    unusable = asd_bench("data", "list", "--data-root", str(tmp_path)).output
    assert "unusable" in unusable


def test_looking_makes_nothing(asd_bench, monkeypatch, tmp_path):
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path)
    asd_bench("data", "list", "--data-root", str(tmp_path / "data"))
    assert [path.name for path in tmp_path.rglob("*")] == ["data"]


def test_a_reader_that_fails_does_not_hide_the_others(asd_bench, declare, tmp_path):
    declare("odd", asd_datasets=[DatasetSpec(name="odd", summary="odd", target="json:loads", rule="2020", machines={})])
    places = {place["name"]: place for place in json.loads(asd_bench("data", "list", "--json").stdout)}
    assert "its reader failed" in places["odd"]["problem"]
    assert "dcase2023" in places


def test_the_steps_to_get_a_dataset(asd_bench):
    steps = asd_bench("data", "steps", "dcase2023").output
    assert "zenodo.org/records/7882613" in steps
    assert "dev_ToyCar.zip" in steps
    assert "--data-root" in steps
    assert "made when it is first used" in asd_bench("data", "steps", "synthetic").output


# -- show --------------------------------------------------------------------------------------------------------------


def test_show_counts_clips_by_machine_section_split_and_domain(asd_bench, tiny, tmp_path):
    place = ("--workspace", str(tmp_path), *tiny, "--set", "dataset.n_target_train=1")
    survey = json.loads(asd_bench("data", "show", "synthetic2023", *place, "--json").stdout)
    assert survey["clips"] == 4 * 7
    assert [section["machine"] for section in survey["sections"]] == ["fan", "pump", "slider", "valve"]
    fan = survey["sections"][0]
    assert (fan["train"], fan["train_published"], fan["test"], fan["test_published"]) == (3, 80, 4, 80)
    assert fan["train_domains"] == {"source": 2, "target": 1}
    assert (fan["test_normal"], fan["test_anomalous"]) == (2, 2)
    assert survey["classes"]["fan"]["rule"] == "attributes"
    assert len(survey["classes"]["fan"]["names"]) == fan["attributes"]
    output = asd_bench("data", "show", "synthetic2023", *place).output
    for words in ("3/80", "2 source", "2 + 2", "16,000 Hz, 1 s", "one per attribute string"):
        assert words in output


def test_show_tells_what_is_missing_and_what_is_made_up(asd_bench, made, tmp_path):
    output = asd_bench("data", "show", "dcase2023", "--data-root", str(made), "--workspace", str(tmp_path)).output
    assert "ToyCar is not there" in output
    assert "dcase2023-synthetic" in output


def test_show_names_foreign_files_and_goes_on(asd_bench, damaged, tmp_path):
    (damaged / "slider" / "train" / "recording 1.wav").write_bytes(b"")
    output = asd_bench("data", "show", "dcase2023", "--data-root", str(damaged), "--workspace", str(tmp_path)).output
    assert "recording 1.wav" in output
    assert "3/1000" in output


def test_show_says_how_to_get_what_is_not_there(refused, monkeypatch, tmp_path):
    monkeypatch.delenv("ASD_BENCH_DATA", raising=False)
    assert "zenodo" in refused("data", "show", "dcase2023", "--workspace", str(tmp_path))
    assert "did you mean 'dcase2023'" in refused("data", "show", "dcase203")


def test_a_value_for_something_else_is_refused(refused):
    assert "concerns no dataset" in refused("data", "show", "synthetic", "--set", "knn.k=3")


# -- check -------------------------------------------------------------------------------------------------------------


def test_a_dataset_without_fault_passes(check, made):
    output = check(made)
    assert "4 machine types with 28 clips can be used, 0 cannot" in output
    assert "section 00 has 3 of 80 training clips" in output


def test_every_bad_file_is_named(check, damaged):
    empty, cut = clips_of(damaged / "fan")[:2]
    empty.write_bytes(b"")
    cut.write_bytes(cut.read_bytes()[:400])
    eight_channels = clips_of(damaged / "fan", "test")[0]
    soundfile.write(eight_channels, np.zeros((16000, 8)), 16000)
    (damaged / "slider" / "train" / "recording 1.wav").write_bytes(b"")
    output = check(damaged, code=1)
    assert f"{empty.name} is empty" in output
    assert f"{cut.name} is truncated" in output
    assert f"{eight_channels.name} has 8 channels" in output
    assert "recording 1.wav" in output
    assert "2 machine types with 14 clips can be used, 2 cannot" in output


def test_more_bad_files_than_a_message_names_are_all_named(check, damaged):
    extra = [damaged / "fan" / "test" / f"section_00_source_test_normal_9{n:03d}_x_1.wav" for n in range(12)]
    for path in extra:
        path.write_bytes(b"")
    output = check(damaged, code=1)
    assert all(path.name in output for path in extra)


def test_oddities_are_told_and_can_be_used(check, damaged):
    first, second, third = clips_of(damaged / "pump")
    soundfile.write(first, np.zeros(16000, dtype=np.int16), 16000)
    shutil.copy(second, third)
    longer = clips_of(damaged / "pump", "test")[0]
    soundfile.write(longer, np.ones(32000, dtype=np.int16), 16000)
    output = check(damaged)
    assert f"{first.name} is silent" in output
    assert f"{second.name} and pump/train/{third.name} hold the same sound" in output
    assert "clips last from 1 s to 2 s" in output


def test_a_section_without_anomalies_cannot_be_used(check, damaged):
    for path in (damaged / "valve" / "test").glob("*anomaly*"):
        path.unlink()
    assert "no anomalous test clips" in check(damaged, code=1)


def test_machines_that_are_not_there_are_told(check, made):
    output = check(made, dataset="dcase2023")
    assert "ToyCar is not there" in output
    assert "3 machine types with 21 clips can be used, 0 cannot" in output


# -- make --------------------------------------------------------------------------------------------------------------


def test_made_clips_can_be_heard_and_used(asd_bench, made, tiny, tmp_path):
    sound = soundfile.info(clips_of(made / "fan")[0])
    assert (sound.samplerate, sound.frames, sound.channels) == (16000, 16000, 1)
    use = ("--data-root", str(made), *tiny, "--set", "dataset.n_target_train=1", "--workspace", str(tmp_path))
    assert json.loads(asd_bench("data", "show", "synthetic2023", *use, "--json").stdout)["root"] == str(made)


def test_only_synthetic_datasets_are_made(refused, tmp_path):
    message = refused("data", "make", "dcase2023", str(tmp_path / "out"))
    assert "asd-bench data steps dcase2023" in message
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_is_said(refused, tmp_path, tiny):
    (tmp_path / "file").write_text("")
    assert "cannot be written" in refused("data", "make", "synthetic", str(tmp_path / "file" / "out"), *tiny)
