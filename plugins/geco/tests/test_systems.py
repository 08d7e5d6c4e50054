"""The systems as a user runs them, and the demands on every plugin and detector."""

from __future__ import annotations

import pytest
import torch

import asd_bench_geco
from asd_bench import BenchError
from asd_bench.config import Layer, resolve_system
from asd_bench.testing import TinyData, check_detector, check_plugin
from asd_bench.testing.running import loaded_host

SYSTEMS = {spec.name: spec for spec in asd_bench_geco.asd_systems()}

#: What the paper's tables compare.
COMPARED = ("pae", "geco-only", "geco", "geco-multi-gamma", "resnet18")


def test_plugin():
    check_plugin(asd_bench_geco)


DETECTORS = [spec.name for spec in asd_bench_geco.asd_detectors()]

SKIP = {
    "easy anomalies": "networks need more steps than a test has time for; test_strange_sounds_score_higher has frames "
    "that need few"
}


@pytest.mark.parametrize("name", DETECTORS)
def test_detectors_conform(name):
    check_detector(name, skip=SKIP)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", DETECTORS)
def test_detectors_conform_on_a_gpu(name):
    check_detector(name, skip=SKIP, device="cuda")


@pytest.mark.parametrize("profile", ["quick", "smoke"])
def test_systems_share_their_fits_configurations(profile):
    """Within a profile a detector has the same values in every system that is compared."""
    host = loaded_host()
    configs: dict[str, list] = {}
    for name in COMPARED:
        for member in resolve_system(host, SYSTEMS[name], profile, []).members:
            for detector in member.detector.walk():
                configs.setdefault(detector.name, []).append(dict(detector.config))
    assert {name: len(found) for name, found in configs.items()} == {"pae": 6, "geco": 3, "resnet18": 1}
    for found in configs.values():
        assert all(config == found[0] for config in found)


def test_classifiers_need_classes_to_tell_apart():
    assert {spec.name for spec in asd_bench_geco.asd_detectors() if spec.min_classes == 2} == {"geco", "resnet18"}


@pytest.mark.parametrize("profile", ["paper", "quick", "smoke"])
@pytest.mark.parametrize("weight", [0.0, 1.0, 10.0])
def test_constant_contrastive_weights_stay_constant_in_every_profile(profile, weight):
    system = resolve_system(loaded_host(), SYSTEMS[f"geco-lambda-{weight:g}"], profile, [])
    config = system.members[0].detector.config
    assert (config["contrastive_weight"], config["ramp"]) == (weight, (0, 0))


def test_options_that_do_not_fit_together_are_refused_before_anything_is_computed():
    with pytest.raises(BenchError, match="5 attention heads cannot share a width of 32"):
        resolve_system(loaded_host(), SYSTEMS["geco"], "smoke", [Layer("--set", {"pae.heads": "5"})])
    with pytest.raises(BenchError, match="cannot rise from epoch 9 to epoch 3"):
        resolve_system(loaded_host(), SYSTEMS["geco"], "smoke", [Layer("--set", {"geco.ramp": "9,3"})])


@pytest.fixture(scope="module")
def tiny2020(tmp_path_factory):
    options = {"n_train": 4, "n_normal": 2, "n_anomaly": 2, "seconds": 1}
    return TinyData(tmp_path_factory.mktemp("tiny2020"), "synthetic2020", options)


def test_systems_that_are_compared_share_their_fits(run, tiny2020):
    outcome = run(",".join(COMPARED), data=tiny2020, profile="smoke").assert_ok()
    paes = {f"pae on {machine}": "done" for machine in ("fan", "pump", "slider", "valve")}
    assert outcome.states() == {**paes, "geco on *": "done", "resnet18 on *": "done"}
    assert outcome.count("done") == 6
    values = {name: outcome.scores(name).score for name in COMPARED}
    for name in COMPARED:
        assert values[name].nunique() > 1
    fused = values["pae"] + 200 * values["geco-only"]
    assert values["geco"].to_numpy() == pytest.approx(fused.to_numpy())
    machine = outcome.scores("geco").machine
    gamma = machine.map({"fan": 495, "pump": 225, "slider": 110, "valve": 125})
    own = values["pae"] + gamma * values["geco-only"]
    assert values["geco-multi-gamma"].to_numpy() == pytest.approx(own.to_numpy())
    assert not outcome.document("geco-multi-gamma")["notes"]
    assert any("grid search" in flag for flag in outcome.document("geco-multi-gamma")["flags"])
    assert (values["resnet18"] != values["geco-only"]).all()


def test_the_rest_runs_where_classes_are_attributes(run):
    """Where a test clip may be of several classes; only one machine type is scored, and GeCo learns from all."""
    others = sorted(set(SYSTEMS) - set(COMPARED))
    outcome = run(",".join([*others, "geco-only"]), profile="smoke", machines=("valve",)).assert_ok()
    assert outcome.count("done") == 4 + len(others) + 1
    scores = {name: tuple(outcome.scores(name).score) for name in (*others, "geco-only")}
    assert len(set(scores.values())) == len(scores)
    for name, values in scores.items():
        assert len(set(values)) > 1, name
    assert outcome.document("geco-only")["trained_on"] == ["fan", "pump", "slider", "valve"]
