"""``claims.csv`` is the paper's table 1, and agrees with itself."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from asd_bench_small_rice import asd_systems

MACHINES = {"ToyCar", "ToyTrain", "fan", "gearbox", "pump", "slider", "valve"}

#: What submission 1 is the best of.
SINGLE = (
    "small-rice-base",
    "small-rice-pretrained",
    "small-rice-pretrained-mixup",
    "small-rice-pretrained-median-mixup",
    "small-rice-median",
    "small-rice",
)


@pytest.fixture(scope="module")
def rows():
    with open(Path(__file__).resolve().parents[1] / "claims.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def omega(rows):
    """System -> machine -> value."""
    table = {}
    for row in rows:
        of_system = table.setdefault(row["system"], {})
        assert row["machine"] not in of_system, f"{row} is there twice"
        of_system[row["machine"]] = float(row["value"])
    return table


def test_rows(rows):
    assert list(rows[0]) == ["system", "dataset", "machine", "metric", "value", "table"]
    names = {spec.name for spec in asd_systems()}
    for row in rows:
        assert row["system"] in names
        assert row["dataset"] == "dcase2021"
        assert row["metric"] == ("omega_over_machines" if row["machine"] == "all" else "omega")
        assert 50 < float(row["value"]) < 80, "a value in percent"


def test_every_row_of_the_table_is_there_with_all_machines(omega):
    submissions = {f"small-rice-s{number}-paper" for number in (1, 2, 3, 4)}
    assert set(omega) == {*SINGLE, *submissions}
    assert all(set(of_system) == {*MACHINES, "all"} for of_system in omega.values())


def test_averages_are_arithmetic_means_over_machine_types(omega):
    for system, of_system in omega.items():
        mean = sum(of_system[machine] for machine in MACHINES) / len(MACHINES)
        assert mean == pytest.approx(of_system["all"], abs=0.011), system


def test_submission_1_is_the_best_single_model_of_every_machine(omega):
    for machine in MACHINES:
        assert omega["small-rice-s1-paper"][machine] == max(omega[system][machine] for system in SINGLE)
