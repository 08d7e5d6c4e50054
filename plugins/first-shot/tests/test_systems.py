"""The systems as a user runs them, and the demands on every plugin and detector."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import torch

import asd_bench_first_shot
from asd_bench.testing import TinyData, check_detector, check_plugin

DETECTORS = {spec.name: spec for spec in asd_bench_first_shot.asd_detectors()}
ENCODERS = [name for name in DETECTORS if not name.endswith("-back-ends")]
SYSTEMS = {spec.name: spec for spec in asd_bench_first_shot.asd_systems()}

#: Machine types run on: what differs between them is not the systems' business.
MACHINES = ("fan", "valve")


def test_plugin():
    check_plugin(asd_bench_first_shot)


CONFORMANCE = {
    "data": {"n_train": 8, "n_target_train": 2, "n_normal": 4, "n_anomaly": 4, "seconds": 1},
    "settings": {"detector.epochs": 1},
    "skip": {"easy anomalies": "networks need many steps; test_strange_sounds_score_higher has sounds that need few"},
}


#: All encoders; the back ends are the same behind each.
@pytest.mark.parametrize("name", [*ENCODERS, "first-shot-transformer-back-ends"])
def test_detectors_conform(name):
    check_detector(name, **CONFORMANCE)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", DETECTORS)
def test_detectors_conform_on_a_gpu(name):
    check_detector(name, **CONFORMANCE, device="cuda")


# -- what there is -----------------------------------------------------------------------------------------------------


def test_defaults_are_those_that_were_fixed():
    components = {"knn": "knn1-mean", "lof": "lof16-mean", "gmm": "gmm2-mean"}
    for encoder in ("first-shot-efficientnet", "first-shot-transformer"):
        for method, component in components.items():
            (member,) = SYSTEMS[f"{encoder}-{method}"].members
            assert member.component == component
            assert member.detector == f"{encoder}-back-ends"
    for name in ("first-shot", "first-shot-transductive", "first-shot-oe"):
        assert {member.label: member.component for member in SYSTEMS[name].members} == components


def test_selected_has_every_setting_of_both_encoders():
    spec = SYSTEMS["first-shot-selected"]
    assert spec.select.k == 3
    assert len({member.label for member in spec.members}) == 2 * 3 * 6 * 4
    assert {member.component for member in spec.members} == {
        f"{method}{setting}-{how}"
        for method in ("knn", "lof", "gmm")
        for setting in (1, 2, 4, 8, 16, 32)
        for how in ("mean", "max", "median", "upper")
    }


def test_shared_detectors_have_the_same_values_in_every_systems_profile():
    for profile in ("quick", "smoke"):
        values = {}
        for spec in SYSTEMS.values():
            for address, value in spec.profiles[profile].items():
                assert values.setdefault(address, value) == value, address


# -- runs --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tiny2020(tmp_path_factory):
    options = {"n_train": 8, "n_normal": 2, "n_anomaly": 2, "seconds": 1}
    return TinyData(tmp_path_factory.mktemp("tiny2020"), "synthetic2020", options)


def member_scores(outcome, machine):
    """Training and test scores of the three members of ``first-shot`` on a machine type, by clip."""
    document = outcome.document("first-shot")
    components = {label: member["component"] for label, member in document["members"].items()}
    tables = []
    for kind in ("train_scores.parquet", "scores/*.parquet"):
        (key,) = {
            key
            for member in document["members"].values()
            for scope, key in member["fits"].items()
            if scope.startswith(f"{machine}/")
        }
        folder = outcome.session.workspace.fit("first-shot-efficientnet-back-ends", key)
        table = pd.concat(pd.read_parquet(path) for path in folder.glob(kind)).set_index("clip_id")
        tables.append(table[list(components.values())])
    return tables


def test_all_systems_of_an_encoder_share_its_fit(run, tmp_path):
    systems = "first-shot,first-shot-efficientnet-knn,first-shot-transductive"
    outcome = run(systems, profile="smoke", machines=MACHINES).assert_ok()
    states = outcome.states()
    assert states.pop("first-shot-efficientnet on *") == "done"
    assert states == {f"first-shot-efficientnet-back-ends on {machine}/00": "done" for machine in MACHINES}
    plain, transductive = (outcome.scores(name) for name in ("first-shot", "first-shot-transductive"))
    for scores in (plain, transductive):
        assert scores.score.nunique() > 1
    floor = outcome.document("first-shot")["config"]["ensembler"]["config"]["floor"]
    for machine in MACHINES:
        train, test = member_scores(outcome, machine)
        for name, known in (("first-shot", train), ("first-shot-transductive", test)):
            # Mean 0 and variance 1 over what defines the scale, every member alike.
            fused = ((test - known.mean()) / known.std(ddof=0).clip(lower=floor)).mean(axis=1)
            scores = outcome.scores(name).set_index("clip_id").score
            np.testing.assert_allclose(scores[fused.index], fused, rtol=1e-7, atol=1e-9)
    assert any("test scores" in flag for flag in outcome.document("first-shot-transductive")["flags"])
    assert not any("test" in flag for flag in outcome.document("first-shot")["flags"])
    # Waveforms are all it hears: no clip's frames are made and kept.
    assert not (tmp_path / "workspace" / "cache" / "frames").exists()
    # A fit of the whole dataset learns from every machine type that is there.
    (record,) = (tmp_path / "workspace" / "fits" / "first-shot-efficientnet").iterdir()
    assert json.loads((record / "model" / "encoder.json").read_text())["machines"] == ["fan", "pump", "slider", "valve"]


def test_the_best_are_selected_and_the_result_says_so(run):
    outcome = run("first-shot-selected", profile="smoke", machines=("fan",)).assert_ok()
    assert outcome.count("done") == 2 * 2
    document = outcome.document()
    assert len(document["selected"]["fan"]) == 3
    assert any("best 3 of 144 members" in flag for flag in document["flags"])


def test_outlier_exposure_and_years_without_domains(run, tiny2020):
    outcome = run("first-shot-oe,first-shot-transformer-lof", data=tiny2020, profile="smoke", machines=("fan",))
    outcome.assert_ok()
    # Two IDs of one machine type, each with its own back ends.
    assert outcome.states() == {
        "first-shot-oe on *": "done",
        "first-shot-transformer on *": "done",
        **{
            f"first-shot-{encoder}-back-ends on fan/{section}": "done"
            for encoder in ("oe", "transformer")
            for section in ("00", "02")
        },
    }


def test_clips_shorter_than_a_segment_are_repeated(run):
    settings = ["detector.segment=32000", "detector.epochs=1"]
    outcome = run("first-shot-transformer-knn", profile="smoke", machines=("fan",), settings=settings).assert_ok()
    assert outcome.scores().score.nunique() > 1
