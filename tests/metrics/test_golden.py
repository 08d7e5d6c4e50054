"""Every number the unmodified official evaluators computed from real submissions, reproduced to a relative 1e-12.

Here from the clips on: what `evaluate` makes of them. How the command line reads and writes the same submissions, and
with it the layout of the official files, is ``tests/submissions/test_golden.py``.

The files belong to their authors and are not part of this repository: ``ASD_BENCH_SHARED`` names the folder that holds
``golden/`` (default: ``shared`` beside the repository).
"""

import csv
import os
import sys
from functools import cache
from pathlib import Path

import pandas as pd
import pytest

from asd_bench.metrics.official import RULES, evaluate, harmonic_mean
from asd_bench.submissions.find import SystemFolder
from asd_bench.submissions.names import YEARS
from asd_bench.submissions.scoring import score_system
from asd_bench.submissions.truth import read_truth

REPOSITORY = Path(__file__).resolve().parents[2]
GOLDEN = Path(os.environ.get("ASD_BENCH_SHARED") or REPOSITORY.parent / "shared") / "golden"

pytestmark = pytest.mark.skipif(not GOLDEN.is_dir(), reason="no golden score files: set ASD_BENCH_SHARED")

#: Year, folder and system.
CASES = [
    ("2020", "dev_izorin", "izorin"),
    *[("2020", "eval_Primus_CP-JKU", f"Primus_CP-JKU_task2_{i}") for i in (1, 2, 3, 4)],
    ("2021", "dev_yokaji_ae", "yokaji_ae"),
    ("2022", "dev_baseline_runs", "returncode13_ae"),
    ("2022", "dev_baseline_runs", "returncode13_mobilenetv2"),
    *[("2022", "eval_Xiao_HEU-HIT", f"Xiao_HEU-HIT_task2_{i}") for i in (1, 2, 3, 4)],
]
SINCE_2021 = [case for case in CASES if case[0] != "2020"]
KINDS = ("auc", "pauc", "precision", "recall", "f1")


def approx(expected):
    return pytest.approx(expected, rel=1e-12, abs=0)


def read_rows(path):
    with path.open(newline="") as file:
        return list(csv.reader(file))


@cache
def read_clips(year, folder_name, system):
    folder = GOLDEN / year / folder_name
    submission_year, phase = YEARS[f"dcase{year}"], folder_name.partition("_")[0]
    truth = read_truth(submission_year, phase, folder / "ground_truth" if year == "2020" else folder)
    return score_system(submission_year, phase, truth, SystemFolder(system, folder / "scores" / system)).clips


@cache
def read_evaluation(year, folder_name, system):
    return evaluate(RULES[year], read_clips(year, folder_name, system))


def read_official(year, folder_name, system):
    """The evaluator's CSV as blocks: the machine (None for the overall one) -> its rows without headers."""
    folder = GOLDEN / year / folder_name / "official_output"
    path = folder / (f"result_{system}.csv" if year == "2020" else f"{system}_result.csv")
    blocks, machine = {}, None
    for row in read_rows(path):
        if len(row) == 1:
            machine = row[0]
        elif not row:
            machine = None
        elif row[0] not in ("id", "section", ""):
            blocks.setdefault(machine, []).append(row)
    return blocks


def section_rows(block):
    return [row for row in block if row[0].isdigit()]


def mean_rows(block):
    """Name of the mean -> values of `KINDS`."""
    return {row[0]: dict(zip(KINDS, map(float, row[2:]), strict=True)) for row in block if row[0].endswith(" mean")}


def tables(case):
    evaluation = read_evaluation(*case)
    return (
        evaluation.sections.set_index(["machine", "section", "metric"])["value"],
        evaluation.machines.set_index(["machine", "metric"]),
        evaluation.overall.set_index("metric"),
    )


def of_domain(kind, domain, metrics):
    """The metric of a kind in a domain; a kind without domains (pAUC from 2022 on) stands for itself."""
    return f"{kind}_{domain}" if f"{kind}_{domain}" in metrics else kind


@pytest.mark.parametrize("case", [case for case in CASES if case[0] == "2020"], ids=lambda case: case[2])
def test_2020(case):
    sections, machines, _ = tables(case)
    official = read_official(*case)
    assert set(official) == set(machines.index.get_level_values("machine"))
    n_values = 0
    for machine, block in official.items():
        for name, *values in block:
            for metric, value in zip(("auc", "pauc"), map(float, values), strict=True):
                mean = machines.loc[(machine, metric), "value"]
                assert (mean if name == "Average" else sections[machine, name, metric]) == approx(value)
                n_values += 1
    assert n_values == 2 * (len(sections) // 2 + len(official))


@pytest.mark.parametrize("case", SINCE_2021, ids=lambda case: case[2])
def test_sections(case):
    sections, _, _ = tables(case)
    official = {}
    for machine, block in read_official(*case).items():
        for row in section_rows(block):
            if case[0] == "2021":
                section, domain, *values = row
                names = [f"{kind}_{domain}" for kind in KINDS]
            else:
                section, _, *values = row[0], None, *row[1:]
                names = ["auc_all", "auc_source", "auc_target", "pauc"]
                names += [f"{kind}_{domain}" for kind in KINDS[2:] for domain in ("source", "target")]
            for name, value in zip(names, map(float, values), strict=True):
                official[machine, section, name] = value
    assert official.keys() == set(sections.index)
    for key, value in official.items():
        assert sections[key] == approx(value), key


@pytest.mark.parametrize("case", SINCE_2021, ids=lambda case: case[2])
def test_machine_means(case):
    _, machines, _ = tables(case)
    official = {machine: mean_rows(block) for machine, block in read_official(*case).items() if machine}
    assert set(official) == set(machines.index.get_level_values("machine"))
    for machine, means in official.items():
        for kind in KINDS:
            assert machines.loc[(machine, kind), "arithmetic"] == approx(means["arithmetic mean"][kind])
            assert machines.loc[(machine, kind), "harmonic"] == approx(means["harmonic mean"][kind])


def test_2021_machine_means_of_a_domain():
    case = ("2021", "dev_yokaji_ae", "yokaji_ae")
    _, machines, _ = tables(case)
    for machine, block in read_official(*case).items():
        if machine:
            for domain in ("source", "target"):
                for kind, value in mean_rows(block)[f"{domain} harmonic mean"].items():
                    assert machines.loc[(machine, f"{kind}_{domain}"), "harmonic"] == approx(value)


@pytest.mark.parametrize("case", [case for case in CASES if case[0] == "2022"], ids=lambda case: case[2])
def test_2022_machine_means_of_a_domain_are_the_evaluators_slip(case):
    """It takes the first section's source value for "source" and all the other values for "target"."""
    sections, machines, overall = tables(case)
    for machine, block in read_official(*case).items():
        if machine:
            numbers = sorted({section for m, section, _ in sections.index if m == machine})
            for kind in KINDS:
                # Its list: source of every section, then target of every section; pAUC stands in both.
                metrics = [of_domain(kind, domain, overall.index) for domain in ("source", "target")]
                values = [sections[machine, section, metric] for metric in metrics for section in numbers]
                means = mean_rows(block)
                assert means["source harmonic mean"][kind] == approx(harmonic_mean(values[:1]))
                assert means["target harmonic mean"][kind] == approx(harmonic_mean(values[1:]))
            assert machines.loc[(machine, "auc_source"), "harmonic"] != approx(means["source harmonic mean"]["auc"])


@pytest.mark.parametrize("case", SINCE_2021, ids=lambda case: case[2])
def test_overall_means_and_official_score(case):
    _, _, overall = tables(case)
    rows = {row[0]: row[2:] for row in read_official(*case)[None]}
    suffix = "mean over all machine types, sections, and domains"
    for kind, arithmetic, harmonic, source, target in zip(
        KINDS,
        rows[f"arithmetic {suffix}"],
        rows[f"harmonic {suffix}"],
        rows[f"source harmonic {suffix}"],
        rows[f"target harmonic {suffix}"],
        strict=True,
    ):
        assert overall.loc[kind, "arithmetic"] == approx(float(arithmetic))
        assert overall.loc[kind, "harmonic"] == approx(float(harmonic))
        assert overall.loc[of_domain(kind, "source", overall.index), "harmonic"] == approx(float(source))
        assert overall.loc[of_domain(kind, "target", overall.index), "harmonic"] == approx(float(target))
    (official_score,) = rows["official score"]
    assert read_evaluation(*case).omega == approx(float(official_score))
    assert overall.loc["omega", "value"] == approx(float(official_score))


@pytest.mark.parametrize("system", ["returncode13_ae", "returncode13_mobilenetv2"])
def test_the_baselines_own_report(system):
    """The 2022 baselines print AUC and pAUC themselves; an independent implementation of the same rule."""
    sections, _, _ = tables(("2022", "dev_baseline_runs", system))
    path = GOLDEN / "2022" / "dev_baseline_runs" / "repo_own_result" / f"{system}_result.csv"
    machine, n_values = None, 0
    for row in read_rows(path):
        if len([cell for cell in row if cell]) == 1:
            machine = row[0]
        elif row and row[0].isdigit():
            for metric, value in zip(("auc_source", "auc_target", "pauc"), row[1:4], strict=True):
                assert sections[machine, row[0], metric] == approx(float(value))
                n_values += 1
    assert n_values == 63


def test_real_submissions_hold_zero_precisions():
    """Else the clipping of harmonic means would not be exercised by real data."""
    sections, _, overall = tables(("2022", "eval_Xiao_HEU-HIT", "Xiao_HEU-HIT_task2_1"))
    assert (sections == 0).any()
    assert 0 < overall.loc["precision", "harmonic"] < 10 * sys.float_info.epsilon


@pytest.mark.parametrize("case", SINCE_2021, ids=lambda case: case[2])
def test_a_subset_of_machines_keeps_its_numbers(case):
    clips = read_clips(*case)
    some = evaluate(RULES[case[0]], clips[clips["machine"].isin(["fan", "valve"])])
    whole = read_evaluation(*case).machines
    expected = whole[whole["machine"].isin(["fan", "valve"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(some.machines, expected, check_exact=True)


def test_no_golden_folder_is_left_out():
    present = {(path.parts[-4], path.parts[-3], path.name) for path in GOLDEN.glob("*/*/scores/*")}
    assert present == set(CASES)
