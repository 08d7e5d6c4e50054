"""The systems as a user runs them, and the demands on every plugin and detector."""

from __future__ import annotations

import pandas as pd
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

#: The systems' fits per machine type: the autoencoders of 2023 share theirs, each classifier has its own.
N_FITS = len(SYSTEMS) - 1


def test_systems_run_on_2023(run):
    outcome = run(",".join(SYSTEMS), profile="smoke", machines=MACHINES).assert_ok()
    assert outcome.count("done") == N_FITS * len(MACHINES)
    for system in SYSTEMS:
        assert outcome.scores(system).score.nunique() > 1
    squared, selective = (outcome.scores(f"dcase2023-ae-{mode}") for mode in ("mse", "mahalanobis"))
    assert (squared.score != selective.score).all()


def test_systems_run_where_there_are_no_domains(run, tiny2020):
    outcome = run(",".join(SYSTEMS), data=tiny2020, profile="smoke", machines=MACHINES).assert_ok()
    assert outcome.count("done") == N_FITS * len(MACHINES)


def test_the_classifiers_of_two_years_differ_in_the_scores_of_test_clips_alone(run):
    """Their networks are the same, and both make their threshold of slipped scores."""
    names = ("dcase2021-mobilenetv2", "dcase2022-mobilenetv2")
    outcome = run(",".join(names), profile="smoke", machines=("fan",)).assert_ok()
    of_training, other = (
        pd.read_parquet(job.folder / "train_scores.parquet") for job in outcome.session.plan.jobs.values()
    )
    pd.testing.assert_frame_equal(of_training, other)
    slipped, right = (outcome.scores(name).score for name in names)
    assert (slipped != right).all()
