"""The names of files, clips, machine types and sections of every challenge year."""

from __future__ import annotations

import pytest

from asd_bench.builtin.datasets.years import YEARS as DATASETS
from asd_bench.errors import BenchError
from asd_bench.metrics.official import RULES
from asd_bench.submissions.names import PHASES, YEARS, Part, year_of

N_PARTS = {
    # year: (development, evaluation); 2021 has a file per domain
    "2020": (23, 18),
    "2021": (42, 42),
    "2022": (21, 21),
    "2023": (7, 7),
    "2024": (7, 9),
    "2025": (7, 8),
    "2026": (7, 5),
}


@pytest.mark.parametrize(
    ("dataset", "name", "kind", "part"),
    [
        ("dcase2020", "anomaly_score_ToyCar_id_05.csv", "anomaly_score", ("ToyCar", "05")),
        (
            "dcase2021",
            "anomaly_score_fan_section_03_source_test.csv",
            "anomaly_score",
            ("fan", "03", "source"),
        ),
        (
            "dcase2021",
            "decision_result_fan_section_03_target_test.csv",
            "decision_result",
            ("fan", "03", "target"),
        ),
        ("dcase2022", "anomaly_score_bearing_section_05_test.csv", "anomaly_score", ("bearing", "05")),
        ("dcase2022", "anomaly_score_bearing_section_05.csv", "anomaly_score", ("bearing", "05")),
        ("dcase2022", "decision_result_bearing_section_05.csv", "decision_result", ("bearing", "05")),
        ("dcase2023", "decision_result_ToyTank_section_00_test.csv", "decision_result", ("ToyTank", "00")),
        (
            "dcase2023",
            "anomaly_score_DCASE2023T2Vacuum_section_00_test_seed13711_id(0_)_Eval.csv",
            "anomaly_score",
            ("Vacuum", "00"),
        ),
        (
            "dcase2023",
            "anomaly_score_DCASE2023T2fan_section_00_test_seed13711_id(0_).csv",
            "anomaly_score",
            ("fan", "00"),
        ),
        (
            "dcase2023",
            "decision_result_DCASE2023T2fansection_00test_seed13711_id(0_).csv",
            "decision_result",
            ("fan", "00"),
        ),
        ("dcase2024", "anomaly_score_3DPrinter_section_00_test.csv", "anomaly_score", ("3DPrinter", "00")),
        (
            "dcase2024",
            "anomaly_score_DCASE2024T23DPrinter_section_00_test_seed13711_id(0_)_Eval.csv",
            "anomaly_score",
            ("3DPrinter", "00"),
        ),
        ("dcase2025", "anomaly_score_ToyRCCar_section_00_test.csv", "anomaly_score", ("ToyRCCar", "00")),
        (
            "dcase2025",
            "anomaly_score_DCASE2025T2ToyRCCar_section_00_test_seed13711_id(0_)_Eval.csv",
            "anomaly_score",
            ("ToyRCCar", "00"),
        ),
        ("dcase2026", "decision_result_Sander_section_00_test.csv", "decision_result", ("Sander", "00")),
        (
            "dcase2026",
            "decision_result_DCASE2026T2bearingEmu_section_00_test_seed1_id(0_).csv",
            "decision_result",
            ("bearingEmu", "00"),
        ),
    ],
)
def test_spellings_found_in_the_wild(dataset, name, kind, part):
    assert YEARS[dataset].parse(name) == (kind, Part(*part))


@pytest.mark.parametrize(
    ("dataset", "name"),
    [
        ("dcase2020", "decision_result_fan_id_01.csv"),
        ("dcase2020", "anomaly_score_fan_section_00_test.csv"),
        ("dcase2021", "anomaly_score_fan_section_03_test.csv"),
        ("dcase2022", "anomaly_score_fan_section_03_source_test.csv"),
        ("dcase2023", "anomaly_score_fan_section_00.csv"),
        ("dcase2023", "anomaly_score_DCASE2024T2fan_section_00_test_seed13711_id(0_).csv"),
        ("dcase2023", "._anomaly_score_fan_section_00_test.csv"),
        ("dcase2023", "result.csv"),
    ],
)
def test_other_names_are_none_of_the_year(dataset, name):
    assert YEARS[dataset].parse(name) is None


@pytest.mark.parametrize("year", YEARS.values(), ids=lambda year: year.year)
def test_official_names_are_read_back(year):
    for phase, n_parts in zip(PHASES, N_PARTS[year.year], strict=True):
        parts = year.parts(phase)
        assert len(set(parts)) == len(parts) == n_parts
        for part in parts:
            assert year.parse(year.file_of("anomaly_score", part)) == ("anomaly_score", part)
    assert year.dev_clips.keys() == set(year.parts("dev"))
    assert not set(year.parts("dev")) & set(year.parts("eval"))


def test_every_rule_has_its_names():
    assert [year.year for year in YEARS.values()] == list(RULES)


@pytest.mark.parametrize("dataset", sorted(DATASETS.keys() & YEARS.keys()))
def test_development_sections_and_counts_are_the_datasets(dataset):
    year, declared = YEARS[dataset], DATASETS[dataset]
    assert {machine: set(sections) for machine, sections in year.machines["dev"].items()} == {
        machine: set(sections) for machine, sections in declared.machines.items()
    }
    counts = dict.fromkeys(declared.n_test, 0)
    for part, n_clips in year.dev_clips.items():
        counts[part.machine, part.section] += n_clips
    assert counts == dict(declared.n_test)


def test_an_unknown_year_has_a_suggestion():
    with pytest.raises(BenchError, match="'dcase2027'; did you mean 'dcase20"):
        year_of("dcase2027")
    with pytest.raises(BenchError, match="'dcase-2022'; did you mean 'dcase2022'"):
        year_of("dcase-2022")
