"""The systems as a user runs them, and the demands on every plugin and detector."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

import asd_bench_aws
from asd_bench.testing import TinyData, check_detector, check_plugin, run_systems

SYSTEMS = [spec.name for spec in asd_bench_aws.asd_systems()]
DETECTORS = [spec.name for spec in asd_bench_aws.asd_detectors()]

#: Machine types run on: what differs between them is not the systems' business.
MACHINES = ("fan", "valve")


SKIP = {
    "easy anomalies": "networks need hundreds of steps; test_sounds_of_another_machine_score_higher has sounds for few"
}


def test_plugin():
    check_plugin(asd_bench_aws)


def test_group_made_conforms():
    # A few steps more than a smoke fit has, so that it knows anomalies.
    check_detector("group-made", settings={"group-made.epochs": 12, "group-made.hop": 2, "group-made.lr": 3e-3})


@pytest.mark.parametrize("name", ["aws-mobilenetv2", "aws-resnet50", "aws-arcface"])
def test_classifiers_conform(name):
    check_detector(name, skip=SKIP)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", DETECTORS)
def test_detectors_conform_on_a_gpu(name):
    check_detector(name, skip=SKIP, device="cuda")


@pytest.fixture(scope="module")
def tiny2020(tmp_path_factory):
    options = {"n_train": 4, "n_normal": 3, "n_anomaly": 3, "seconds": 1}
    return TinyData(tmp_path_factory.mktemp("tiny2020"), "synthetic2020", options)


@pytest.fixture(scope="module")
def everything(tiny2020, tmp_path_factory):
    """A run of every system on machines of two IDs."""
    workspace = tmp_path_factory.mktemp("everything")
    return run_systems(workspace, ",".join(SYSTEMS), tiny2020, profile="smoke", machines=MACHINES).assert_ok()


def test_members_are_fitted_once_for_all_systems(everything):
    assert sorted(everything.states()) == sorted(f"{name} on {machine}" for name in DETECTORS for machine in MACHINES)
    assert everything.count("done") == 4 * len(MACHINES)


def test_the_submissions_have_their_members(everything):
    members = {name: set(everything.document(name)["members"]) for name in SYSTEMS}
    for crit in ("mean", "max"):
        assert members[f"aws-1-{crit}"] == {"aws-mobilenetv2", "aws-resnet50", "group-made"}
        assert members[f"aws-2-{crit}"] == {"aws-mobilenetv2", "group-made"}
        assert members[f"aws-3-{crit}"] == {"aws-mobilenetv2", "aws-arcface", "group-made"}
    assert members["aws-4"] == {"group-made"}


def test_results_say_how_many_classes_there_were(everything):
    assert everything.document("aws-1-max")["classes"]["count"] == dict.fromkeys(MACHINES, 2)


def tables(outcome, member, document):
    """Training and test scores of a member, by clip."""
    folders = [
        outcome.session.workspace.fit(document["members"][member]["detector"], key)
        for key in document["members"][member]["fits"].values()
    ]
    train = pd.concat(pd.read_parquet(folder / "train_scores.parquet") for folder in folders)
    test = pd.concat(pd.read_parquet(path) for folder in folders for path in folder.glob("scores/*.parquet"))
    return train.set_index("clip_id"), test.set_index("clip_id")


@pytest.mark.parametrize("name", [name for name in SYSTEMS if name.endswith(("-mean", "-max"))])
def test_members_are_standardised_by_the_training_clips_of_an_id(everything, name):
    document = everything.document(name)
    standardised = []
    for member, of_member in document["members"].items():
        train, test = tables(everything, member, document)
        component = of_member["component"]
        by_id = train.groupby(["machine", "section"])[component]
        floor = document["config"]["ensembler"]["config"]["floor"]
        statistics = pd.DataFrame({"mean": by_id.mean(), "deviation": by_id.std(ddof=0).clip(lower=floor)})

        def z(table, statistics=statistics, component=component):
            known = table.join(statistics, on=["machine", "section"])
            return (known[component] - known["mean"]) / known.deviation

        moments = z(train).groupby([train.machine, train.section])
        np.testing.assert_allclose(moments.mean(), 0, atol=1e-9)
        np.testing.assert_allclose(moments.var(ddof=0)[statistics.deviation > floor], 1, rtol=1e-9)
        standardised.append(z(test))
    fused = pd.concat(standardised, axis=1)
    fused = fused.mean(axis=1) if name.endswith("-mean") else fused.max(axis=1)
    scores = everything.scores(name).set_index("clip_id").score
    np.testing.assert_allclose(scores, fused.loc[scores.index], rtol=1e-9)


def test_one_member_is_scored_as_it_is(everything):
    for name, member in (("aws-4", "group-made"), *((name, name) for name in DETECTORS if name in SYSTEMS)):
        document = everything.document(name)
        _, test = tables(everything, member, document)
        scores = everything.scores(name).set_index("clip_id").score
        np.testing.assert_array_equal(scores, test.loc[scores.index, document["members"][member]["component"]])


def test_profiles_of_all_systems_agree():
    for profile in ("quick", "smoke"):
        values = {}
        for spec in asd_bench_aws.asd_systems():
            for address, value in spec.profiles[profile].items():
                assert values.setdefault(address, value) == value
        assert {address.split(".")[0] for address in values} == set(DETECTORS)


def test_systems_run_where_attributes_are_the_classes(run):
    names = ("aws-1-max", "aws-3-mean", *DETECTORS[1:])
    outcome = run(",".join(names), profile="smoke", machines=("fan",)).assert_ok()
    assert outcome.count("done") == 4
    assert outcome.document("aws-1-max")["classes"]["rule"] == {"fan": "attributes"}
    assert outcome.document("aws-1-max")["classes"]["count"]["fan"] > 1
    for name in names:
        assert outcome.scores(name).score.nunique() > 1


def test_a_machine_of_one_class_has_a_density_and_nothing_to_tell_apart(run, tmp_path):
    data = TinyData(
        tmp_path / "one", options={"n_train": 1, "n_target_train": 0, "n_normal": 2, "n_anomaly": 2, "seconds": 1}
    )
    outcome = run("aws-4,aws-2-max,aws-arcface", data=data, profile="smoke", machines=("fan",))
    assert outcome.states() == {
        "group-made on fan": "done",
        "aws-mobilenetv2 on fan": "failed",
        "aws-arcface on fan": "failed",
    }
    outcome.assert_failed("aws-mobilenetv2", "needs 2 classes", "fan has 1")
    assert outcome.scores("aws-4").score.nunique() > 1
