"""The systems as a user runs them, and the demands on every plugin and detector."""

from __future__ import annotations

import pytest

import asd_bench_dcase_baselines
from asd_bench.testing import TinyData, check_detector, check_plugin

SYSTEMS = [spec.name for spec in asd_bench_dcase_baselines.asd_systems()]


def test_plugin():
    check_plugin(asd_bench_dcase_baselines)


@pytest.mark.parametrize("name", [spec.name for spec in asd_bench_dcase_baselines.asd_detectors()])
def test_detectors_conform(name):
    reason = "networks of decibels need thousands of steps; test_strange_sounds_score_higher has frames that need few"
    check_detector(name, skip={"easy anomalies": reason})


@pytest.fixture(scope="module")
def tiny2020(tmp_path_factory):
    options = {"n_train": 4, "n_normal": 2, "n_anomaly": 2, "seconds": 1}
    return TinyData(tmp_path_factory.mktemp("tiny2020"), "synthetic2020", options)


#: Machine types run on: what differs between them is not the systems' business.
MACHINES = ("fan", "valve")


def test_systems_run_on_2023(run):
    outcome = run(",".join(SYSTEMS), profile="smoke", machines=MACHINES).assert_ok()
    # The five systems have four detectors: those of 2023 share their fits.
    assert outcome.count("done") == 4 * len(MACHINES)
    for system in SYSTEMS:
        assert outcome.scores(system).score.nunique() > 1
    squared, selective = (outcome.scores(f"dcase2023-ae-{mode}") for mode in ("mse", "mahalanobis"))
    assert (squared.score != selective.score).all()


def test_systems_run_where_there_are_no_domains(run, tiny2020):
    outcome = run(",".join(SYSTEMS), data=tiny2020, profile="smoke", machines=MACHINES).assert_ok()
    assert outcome.count("done") == 4 * len(MACHINES)
