"""Ground truth of the organisers, and the labels in development clips' names."""

from __future__ import annotations

from pathlib import Path

import pytest

from asd_bench.errors import BenchError
from asd_bench.submissions.names import YEARS, Part
from asd_bench.submissions.truth import read_truth, truth_of_names


def test_2020_is_one_list(tmp_path):
    (tmp_path / "eval_data_list.csv").write_text(
        "fan\nid_01_00000000.wav,normal_id_01_00000003.wav,0\nid_03_00000000.wav,anomaly_id_03_00000001.wav,1\n"
        "pump\nid_01_00000000.wav,anomaly_id_01_00000000.wav,1\n"
    )
    truth = read_truth(YEARS["dcase2020"], "eval", tmp_path)
    assert {part: (of_part.labels, of_part.domains) for part, of_part in truth.items()} == {
        Part("fan", "01"): ({"id_01_00000000": 0}, {"id_01_00000000": ""}),
        Part("fan", "03"): ({"id_03_00000000": 1}, {"id_03_00000000": ""}),
        Part("pump", "01"): ({"id_01_00000000": 1}, {"id_01_00000000": ""}),
    }


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("id_01_00000000.wav,normal_id_01_00000003.wav,0\n", "line 1 is no line of the ground truth"),
        ("fan\nid_01_00000000.wav,0\n", "line 2 is no line of the ground truth"),
        ("fan\nid_01_00000000.wav,x,2\n", "line 2 is no line of the ground truth"),
        ("fan\nid_01_00000000.wav,x,0\nid_01_00000000.wav,y,1\n", "line 3: id_01_00000000 of fan stands here a second"),
        ("fan\nid_00_00000000.wav,x,0\n", "evaluation data has no fan 00"),
    ],
)
def test_a_malformed_list_is_refused(lines, message, tmp_path):
    (tmp_path / "eval_data_list.csv").write_text(lines)
    with pytest.raises(BenchError, match=message):
        read_truth(YEARS["dcase2020"], "eval", tmp_path)


def test_2021_has_the_domain_in_the_file_name(make_toy):
    toy = make_toy("2021")
    truth = read_truth(toy.year, "eval", toy.truth)
    of_part = truth[Part("fan", "03", "target")]
    assert list(of_part.labels.values()) == [0, 0, 1, 1]
    assert set(of_part.domains.values()) == {"target"}
    assert truth.keys() == set(toy.year.parts("eval"))


def _append(path: Path, line: str) -> None:
    path.parent.mkdir(exist_ok=True)
    with path.open("a") as file:
        file.write(line + "\n")


GRINDER = "ground_truth_grinder_section_00_test.csv"


@pytest.mark.parametrize(
    ("file", "line", "message"),
    [
        (f"ground_truth_data/{GRINDER}", "section_00_0099.wav,2", "line 9: 2 is neither 0 nor 1"),
        (f"ground_truth_data/{GRINDER}", "section_00_0099.wav,1", "do not hold the same clips: 1 in one only"),
        ("ground_truth_data/ground_truth_grinder.csv", "", "the name of this file of the ground truth is unknown"),
        (f"ground_truth_attributes/{GRINDER}", "section_00_0099.wav,x", "line 1 does not name another name of a clip"),
        (f"ground_truth_attributes/{GRINDER}", "section_00_0000.wav", "line 1 does not name another name of a clip"),
        (
            f"ground_truth_attributes/{GRINDER}",
            "section_00_0000.wav,x\nsection_00_0001.wav,x",
            "line 2: x is also the name of section_00_0000",
        ),
    ],
)
def test_malformed_folders_are_refused(file, line, message, toy):
    _append(toy.truth / file, line)
    with pytest.raises(BenchError, match=message) as refused:
        read_truth(toy.year, "eval", toy.truth)
    assert Path(file).name in refused.value.where


def test_missing_files_are_refused_with_the_place_where_they_are_to_be_had(toy, tmp_path):
    (toy.truth / "ground_truth_domain" / GRINDER).unlink()
    with pytest.raises(BenchError, match="the domains of these clips are missing"):
        read_truth(toy.year, "eval", toy.truth)
    for year in YEARS.values():
        with pytest.raises(BenchError, match="there is no") as refused:
            read_truth(year, "eval", tmp_path)
        assert year.evaluator in refused.value.fix
        with pytest.raises(BenchError, match="the ground truth is no folder"):
            read_truth(year, "eval", tmp_path / "nowhere")


def test_the_wrong_tables_of_2022_are_not_used(make_toy):
    toy = make_toy("2022")
    _append(toy.truth / "ground_truth_attributes" / "ground_truth_fan_section_03_test.csv", "nonsense,at,all,here")
    assert read_truth(toy.year, "eval", toy.truth)[Part("fan", "03")].translations == {}


@pytest.mark.parametrize(
    ("dataset", "part", "clip", "label", "domain"),
    [
        ("dcase2020", Part("fan", "00"), "anomaly_id_00_00000000", 1, ""),
        ("dcase2021", Part("fan", "01", "target"), "section_01_target_test_normal_0007", 0, "target"),
        ("dcase2022", Part("fan", "02"), "section_02_source_test_anomaly_0049_m-n_Z", 1, "source"),
        ("dcase2023", Part("ToyCar", "00"), "section_00_target_test_normal_0001_car_A1_spd_28V_mic_1", 0, "target"),
        ("dcase2024", Part("slider", "00"), "section_00_source_test_anomaly_0001_", 1, "source"),
        ("dcase2025", Part("bearing", "00"), "section_00_source_test_normal_0199_noAttribute", 0, "source"),
        ("dcase2026", Part("fan", "00"), "section_00_target_test_anomaly_0003_", 1, "target"),
    ],
)
def test_development_names_tell_label_and_domain(dataset, part, clip, label, domain):
    truth = truth_of_names(YEARS[dataset], part, [clip], Path("x.csv"))
    assert truth.labels == {clip: label}
    assert truth.domains == {clip: domain}


@pytest.mark.parametrize(
    ("dataset", "part", "clip", "message"),
    [
        ("dcase2023", Part("fan", "00"), "section_00_0000", "does not say whether it is normal"),
        ("dcase2023", Part("fan", "00"), "section_00_source_train_normal_0000", "does not say whether it is normal"),
        ("dcase2022", Part("fan", "00"), "section_01_source_test_normal_0000_m-n_W", "is no clip of fan 00"),
        ("dcase2021", Part("fan", "00", "source"), "section_00_target_test_normal_0000", "no clip of fan 00 source"),
        ("dcase2020", Part("fan", "00"), "normal_id_02_00000000", "is no clip of fan 00"),
    ],
)
def test_other_development_names_are_refused(dataset, part, clip, message):
    with pytest.raises(BenchError, match=message):
        truth_of_names(YEARS[dataset], part, [clip], Path("x.csv"))
