"""``claims.csv``: Table 1 of the paper, readable and whole."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from asd_bench_aws import asd_systems

CLAIMS = Path(__file__).resolve().parents[1] / "claims.csv"
MACHINES = ("ToyCar", "ToyConveyor", "fan", "pump", "slider", "valve")

#: Means over machine types, AUC and pAUC, as worked out from the table apart from this.
MEANS = {
    "aws-1-mean": (89.01, 82.22),
    "aws-1-max": (90.12, 83.21),
    "aws-2-mean": (89.94, 82.60),
    "aws-2-max": (89.97, 82.81),
    "aws-3-mean": (89.54, 82.40),
    "aws-3-max": (90.16, 83.07),
    "aws-4": (80.88, 68.26),
}


def read_claims():
    with open(CLAIMS, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_columns():
    assert list(read_claims()[0]) == ["system", "dataset", "machine", "metric", "value", "table"]


def test_every_row_of_the_table_and_no_other():
    rows = [(row["system"], row["machine"], row["metric"]) for row in read_claims()]
    assert sorted(rows) == sorted(
        (system, machine, metric) for system in MEANS for machine in MACHINES for metric in ("auc", "pauc")
    )
    assert set(MEANS) <= {spec.name for spec in asd_systems()}
    assert {(row["dataset"], row["table"]) for row in read_claims()} == {("dcase2020", "Table 1")}


@pytest.mark.parametrize("system", MEANS)
def test_means_over_machine_types(system):
    for metric, mean in zip(("auc", "pauc"), MEANS[system], strict=True):
        values = [float(row["value"]) for row in read_claims() if (row["system"], row["metric"]) == (system, metric)]
        assert sum(values) / len(values) == pytest.approx(mean, abs=0.006)
