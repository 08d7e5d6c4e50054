"""``claims.csv``: what the paper's tables say, readable and complete."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from asd_bench_geco import asd_systems

PLUGIN = Path(__file__).resolve().parents[1]

MACHINES = ["ToyCar", "ToyConveyor", "fan", "pump", "slider", "valve"]

TABLE_1 = ["pae", "resnet18", "geco-only", "geco", "geco-multi-gamma"]
TABLE_2 = ["geco-lambda-0", "geco-lambda-1", "geco-lambda-10"]


def read_claims():
    with open(PLUGIN / "claims.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def claimed():
    return {(row["system"], row["machine"], row["metric"]): float(row["value"]) for row in read_claims()}


def test_columns():
    assert list(read_claims()[0]) == ["system", "dataset", "machine", "metric", "value", "table"]


def test_every_cell_of_both_tables_is_there_once():
    expected = {(system, machine) for system in TABLE_1 for machine in [*MACHINES, "all"]}
    expected |= {(system, "all") for system in TABLE_2}
    assert set(claimed()) == {(*cell, metric) for cell in expected for metric in ("auc", "pauc")}
    assert len(read_claims()) == len(claimed())
    assert {system for system, _, _ in claimed()} == {spec.name for spec in asd_systems()}
    assert {row["dataset"] for row in read_claims()} == {"dcase2020"}


@pytest.mark.parametrize("metric", ["auc", "pauc"])
@pytest.mark.parametrize("system", TABLE_1)
def test_averages_are_those_of_the_machine_types(system, metric):
    """To half of the last digit that is printed."""
    values = claimed()
    of_machines = [values[system, machine, metric] for machine in MACHINES]
    assert sum(of_machines) / len(of_machines) == pytest.approx(values[system, "all", metric], abs=0.0051)
