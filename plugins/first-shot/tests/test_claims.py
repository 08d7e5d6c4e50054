"""``claims.csv``: the paper's table, and that its headline is another number."""

from __future__ import annotations

import csv
from pathlib import Path
from statistics import harmonic_mean

import pytest

from asd_bench_first_shot import asd_systems

PLUGIN = Path(__file__).resolve().parents[1]
MACHINES = {"ToyCar", "ToyTrain", "fan", "gearbox", "bearing", "slider", "valve"}
METRICS = {"auc_source", "auc_target", "pauc"}


def read_claims():
    with open(PLUGIN / "claims.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_rows():
    rows = read_claims()
    assert list(rows[0]) == ["system", "dataset", "machine", "metric", "value", "table"]
    for row in rows:
        assert row["system"] in {spec.name for spec in asd_systems()}
        assert row["dataset"] == "dcase2023"
        assert 40 < float(row["value"]) < 100, "a value in percent"
    keys = [(row["machine"], row["metric"], row["table"]) for row in rows]
    assert len(set(keys)) == len(keys) == 7 * 3 * 4 + 1


@pytest.mark.parametrize(("column", "omega"), [(1, 65.46), (2, 65.43), (3, 64.65), (4, 64.72)])
def test_the_tables_omegas(column, omega):
    rows = [row for row in read_claims() if row["table"] == f"Table 1, Scores {column}"]
    assert {(row["machine"], row["metric"]) for row in rows} == {(one, other) for one in MACHINES for other in METRICS}
    assert harmonic_mean(float(row["value"]) for row in rows) == pytest.approx(omega, abs=0.005)


def test_the_headline_is_as_stated_and_names_the_tables_omegas():
    (row,) = [row for row in read_claims() if row["machine"] == "all"]
    assert (row["metric"], row["value"]) == ("omega", "63.16")
    assert all(omega in row["table"] for omega in ("65.46", "65.43", "64.65", "64.72"))
