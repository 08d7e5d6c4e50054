"""``claims.csv``: what was published, readable and plausible; and independent reruns of the official code beside it."""

from __future__ import annotations

import csv
import os
import statistics
from pathlib import Path

import pytest

from asd_bench_dcase_baselines import asd_systems

PLUGIN = Path(__file__).resolve().parents[1]
REPOSITORY = PLUGIN.parents[1]
GOLDEN = Path(os.environ.get("ASD_BENCH_SHARED") or REPOSITORY.parent / "shared") / "golden"

#: How far an independent rerun may be from the published value, in points.
RERUN = 3.0

METRICS = {"auc", "pauc", "auc_source", "auc_target", "pauc_source", "pauc_target", "omega"}


def read_claims():
    with open(PLUGIN / "claims.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def claimed(system, dataset, machine, metric):
    values = [
        float(row["value"])
        for row in read_claims()
        if (row["system"], row["dataset"], row["machine"], row["metric"]) == (system, dataset, machine, metric)
    ]
    assert len(values) == 1, f"{len(values)} claims of {system}'s {metric} on {dataset} {machine}"
    return values[0]


def test_columns():
    assert list(read_claims()[0]) == ["system", "dataset", "machine", "metric", "value", "table"]


@pytest.mark.parametrize("row", read_claims(), ids=lambda row: "-".join(list(row.values())[:4]))
def test_rows(row):
    assert row["system"] in {spec.name for spec in asd_systems()}
    assert row["dataset"].removesuffix("-eval") in {f"dcase{year}" for year in range(2020, 2027)}
    assert row["metric"].removesuffix("_arithmetic") in METRICS
    assert 30 < float(row["value"]) < 100, "a value in percent"
    assert row["table"]


def test_no_value_is_claimed_twice():
    keys = [(row["system"], row["dataset"], row["machine"], row["metric"]) for row in read_claims()]
    assert len(set(keys)) == len(keys)


def test_averages_of_2020_are_those_of_the_ids():
    rows = [row for row in read_claims() if row["dataset"] == "dcase2020"]
    for row in (row for row in rows if "/" not in row["machine"]):
        of_ids = [
            float(other["value"])
            for other in rows
            if other["machine"].startswith(row["machine"] + "/") and other["metric"] == row["metric"]
        ]
        assert sum(of_ids) / len(of_ids) == pytest.approx(float(row["value"]), abs=2e-4)


@pytest.mark.parametrize("machine", ["fan", "valve"])
@pytest.mark.parametrize(
    ("dataset", "metric", "of_sections", "rounding"),
    [
        ("dcase2021", "auc", ("auc_source", "auc_target"), 1e-4),
        ("dcase2021", "pauc", ("pauc_source", "pauc_target"), 1e-4),
        # The README of 2022 gives three digits at most, and cuts some off where it might have rounded.
        ("dcase2022", "auc_source", ("auc_source",), 0.2),
        ("dcase2022", "auc_target", ("auc_target",), 0.2),
        ("dcase2022", "pauc", ("pauc",), 0.2),
    ],
)
def test_means_of_the_classifiers_are_those_of_the_sections(dataset, metric, of_sections, rounding, machine):
    system = f"{dataset}-mobilenetv2"
    values = [claimed(system, dataset, f"{machine}/{section:02}", part) for section in range(3) for part in of_sections]
    harmonic, arithmetic = (claimed(system, dataset, machine, f"{metric}{suffix}") for suffix in ("", "_arithmetic"))
    assert harmonic == pytest.approx(statistics.harmonic_mean(values), abs=rounding)
    assert arithmetic == pytest.approx(statistics.mean(values), abs=rounding)


# -- independent reruns ------------------------------------------------------------------------------------------------

needs_golden = pytest.mark.skipif(not GOLDEN.is_dir(), reason="no golden score files: set ASD_BENCH_SHARED")


def official_rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


@needs_golden
def test_rerun_of_2020():
    rows = official_rows(GOLDEN / "2020/dev_izorin/official_output/result_izorin.csv")
    machine, compared = "", 0
    for row in rows:
        if len(row) == 1:
            machine = row[0]
        elif row and row[0] == "Average":
            for metric, value in zip(("auc", "pauc"), row[1:], strict=True):
                assert 100 * float(value) == pytest.approx(
                    claimed("dcase2020-ae", "dcase2020", machine, metric), abs=RERUN
                )
                compared += 1
    assert compared == 6


def overall_means(path):
    """Name of the mean -> AUC and pAUC in percent."""
    over_all = "mean over all machine types, sections, and domains"
    rows = [row for row in official_rows(path) if row and row[0].endswith(over_all)]
    return {row[0].removesuffix(f" {over_all}"): (100 * float(row[2]), 100 * float(row[3])) for row in rows}


@needs_golden
def test_rerun_of_2021():
    means = overall_means(GOLDEN / "2021/dev_yokaji_ae/official_output/yokaji_ae_result.csv")
    for mean, suffix in (("harmonic", ""), ("arithmetic", "_arithmetic")):
        expected = [claimed("dcase2021-ae", "dcase2021", "all", f"{kind}{suffix}") for kind in ("auc", "pauc")]
        assert means[mean] == pytest.approx(expected, abs=RERUN)


@needs_golden
@pytest.mark.parametrize(("system", "rerun"), [("dcase2021-ae", "ae"), ("dcase2022-mobilenetv2", "mobilenetv2")])
def test_reruns_of_2022(system, rerun):
    means = overall_means(GOLDEN / f"2022/dev_baseline_runs/official_output/returncode13_{rerun}_result.csv")
    pauc = claimed(system, "dcase2022", "all", "pauc")
    for domain in ("source", "target"):
        expected = [claimed(system, "dcase2022", "all", f"auc_{domain}"), pauc]
        assert means[f"{domain} harmonic"] == pytest.approx(expected, abs=RERUN)
    of_domains = [claimed(system, "dcase2022", "all", f"auc_{domain}_arithmetic") for domain in ("source", "target")]
    expected = [sum(of_domains) / 2, claimed(system, "dcase2022", "all", "pauc_arithmetic")]
    assert means["arithmetic"] == pytest.approx(expected, abs=RERUN)
