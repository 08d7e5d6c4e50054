"""``asd-bench data make --like``: a challenge year's layout, from the command to a result."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
import soundfile

from asd_bench import records
from asd_bench.builtin.datasets.years import YEARS
from asd_bench.builtin.synthetic.like import FEWEST_CLIPS, additional_like, groups_like
from asd_bench.builtin.synthetic.options import MACHINE_TYPES, STAND_INS
from asd_bench.builtin.synthetic.writing import count_clips
from asd_bench.metrics.official import RULES

TINY = ("--scale", "0.0001", "--seconds", "1")


@pytest.fixture(scope="module", params=YEARS)
def made(request, asd_bench, tmp_path_factory) -> tuple[str, Path]:
    """Every year's layout with the fewest clips: (dataset, folder)."""
    folder = tmp_path_factory.mktemp("like") / request.param
    output = asd_bench("data", "make", "--like", request.param, *TINY, str(folder)).output
    assert f"asd-bench run --system mel-knn --dataset {request.param} --data-root" in output
    return request.param, folder


# -- what is written ---------------------------------------------------------------------------------------------------


def test_folders_and_names_are_the_years(made):
    dataset, folder = made
    year = YEARS[dataset]
    assert {path.name for path in folder.iterdir() if path.is_dir()} == set(year.machines)
    seen = Counter()
    for path in folder.glob("*/*/*.wav"):
        machine, split = path.parts[-3:-1]
        found = year.naming.parse(path.stem)
        assert found, path
        assert split in ("train", *year.naming.test_folders)
        seen[machine, found["section"]] += 1
    assert set(seen) == set(year.counts)


@pytest.mark.parametrize("made", ["dcase2021"], indirect=True)
def test_2021_has_a_folder_of_test_clips_per_domain_and_no_attributes_in_their_names(made):
    _, folder = made
    assert {path.name for path in (folder / "gearbox").iterdir()} == {"train", "source_test", "target_test"}
    assert (folder / "gearbox/target_test/section_02_target_test_anomaly_0000.wav").is_file()
    assert next((folder / "gearbox/train").glob("section_00_target_train_normal_0000_*.wav"))


def test_attribute_tables_are_there_from_2022_on(made):
    dataset, folder = made
    expected = {f"attributes_{section}.csv" for section in YEARS[dataset].machines["fan"]}
    found = {path.name for path in (folder / "fan").glob("*.csv")}
    assert found == (expected if dataset >= "dcase2022" else set())


def test_the_marker_says_what_was_made(made):
    dataset, folder = made
    marker = json.loads((folder / "SYNTHETIC.json").read_text())
    assert (marker["like"], marker["year"], marker["scale"], marker["seconds"]) == (dataset, dataset[5:], 0.0001, 1.0)
    assert not marker["additional"]
    sound = soundfile.info(next(folder.glob("*/train/*.wav")))
    assert (sound.samplerate, sound.frames, sound.channels, sound.subtype) == (16000, 16000, 1, "PCM_16")


# -- how many ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("year", YEARS.values(), ids=lambda year: year.year)
def test_counts_are_the_published_ones_at_full_scale(year):
    counts = count_clips(groups_like(year, 1.0))
    assert {place: train for place, (train, _) in counts.items()} == year.n_train
    assert {place: test for place, (_, test) in counts.items()} == year.n_test


def test_counts_are_scaled_and_never_too_few():
    year = YEARS["dcase2021"]
    source, target, *tests = groups_like(year, 0.05)["gearbox", "00"]
    assert (source.n_clips, target.n_clips) == (50, 3)
    assert [group.n_clips for group in tests] == [10, 5, 5, 5]
    assert {group.n_clips for group in groups_like(year, 1e-6)["fan", "00"]} == {FEWEST_CLIPS}


def test_additional_training_clips_are_made_on_request(asd_bench, tmp_path):
    year = YEARS["dcase2023"]
    assert count_clips(additional_like(year, 0.1)) == dict.fromkeys(((m, "00") for m in year.evaluation), (102, 0))
    asd_bench("data", "make", "--like", "dcase2023", *TINY, "--set", "dataset.additional=true", str(tmp_path))
    assert {path.name for path in tmp_path.iterdir() if path.is_dir()} == {*year.machines, *year.evaluation}
    assert [path.name for path in (tmp_path / "bandsaw").glob("*/")] == ["train"]
    assert json.loads((tmp_path / "SYNTHETIC.json").read_text())["additional"]


def test_every_machine_type_has_a_sound():
    machines = {machine for year in YEARS.values() for machine in (*year.machines, *year.evaluation)}
    assert machines == {*MACHINE_TYPES, *STAND_INS}
    assert set(STAND_INS.values()) <= set(MACHINE_TYPES)


# -- refusals ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--like", "dcase2032", "x"), "no challenge year's dataset is called 'dcase2032'; did you mean 'dcase20"),
        (("--like", "synthetic2020", "x"), "no challenge year's dataset is called 'synthetic2020'"),
        (("--like", "dcase2020", "dcase2020", "x"), "It takes a FOLDER only"),
        (("x",), "It takes a DATASET and a FOLDER"),
        ((), "It takes a DATASET and a FOLDER"),
        (("synthetic", "x", "--scale", "0.5"), "--scale goes with --like"),
        (("synthetic", "x", "--seed", "0"), "--seed goes with --like"),
        (("--like", "dcase2020", "--scale", "0", "x"), "0.0 is not in the range"),
        (("--like", "dcase2020", "--set", "dataset.n_train=3", "x"), "has no option 'n_train'"),
    ],
)
def test_what_makes_no_sense_is_refused(words, message, refused, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert message in refused("data", "make", *words)
    assert not list(tmp_path.iterdir())


def test_real_clips_are_not_mixed_with_made_up_ones(refused, tmp_path):
    real = tmp_path / "fan" / "train" / "normal_id_00_00000910.wav"
    real.parent.mkdir(parents=True)
    real.write_bytes(b"real")
    assert "not part of this synthetic dataset" in refused("data", "make", "--like", "dcase2020", *TINY, str(tmp_path))
    assert [path.name for path in tmp_path.rglob("*.*")] == [real.name]


# -- from the command to a result --------------------------------------------------------------------------------------


def test_a_run_has_the_years_metrics_and_is_no_real_result(made, asd_bench, tmp_path):
    dataset, folder = made
    machines = ("fan", "slider")
    asd_bench(
        *("run", "--system", "mel-knn", "--dataset", dataset, "--data-root", str(folder)),
        *("--machine", ",".join(machines), "--set", "knn.k=1"),
        *("--no-track", "--device", "cpu", "--workspace", str(tmp_path)),
    )
    (path,) = tmp_path.glob("results/*/*/*/result.json")
    document = records.read_json(path)
    assert document["dataset"] == path.parts[-4] == f"{dataset}-synthetic"
    assert document["rule"] == dataset[5:]
    assert "synthetic sounds" in document["unranked_because"]
    places = {f"{machine}/{section}" for machine in machines for section in YEARS[dataset].machines[machine]}
    assert set(document["clips"]) == set(document["metrics"]["sections"]) == places
    metrics = {metric.name for metric in RULES[dataset[5:]].roc_metrics}
    for values in document["metrics"]["sections"].values():
        assert metrics <= set(values)
    assert {"omega", "auc", "pauc", *metrics} <= set(document["metrics"]["overall"])
    rule = "attributes" if dataset == "dcase2023" else "section"
    assert set(document["classes"]["rule"].values()) == {rule}
