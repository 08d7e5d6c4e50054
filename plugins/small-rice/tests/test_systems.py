"""The systems as a user runs them, and the demands on every plugin and detector."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import asd_bench_small_rice
from asd_bench import BenchError, backbones
from asd_bench.testing import TinyData, check_detector, check_plugin, run_systems

SYSTEMS = {spec.name: spec for spec in asd_bench_small_rice.asd_systems()}
NEED_WEIGHTS = [
    name for name, spec in SYSTEMS.items() if any(member.detector == "small-rice-pretrained" for member in spec.members)
]

REASON = "an image network needs hundreds of steps; test_sounds_that_are_not_of_their_class_score_higher needs few"

#: Paper's rows that its submissions choose from.
OF_THE_PAPER = {"base", "pretrained", "pretrained-mixup", "pretrained-median-mixup", "median", "median-mixup"}


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    torch.manual_seed(3)
    path = tmp_path_factory.mktemp("weights") / "efficientnet.safetensors"
    save_file(backbones.efficientnet_b0().state_dict(), path)
    return f"detector.weights={path}"


def test_plugin():
    check_plugin(asd_bench_small_rice)


@pytest.mark.parametrize(
    "settings",
    [{}, {"small-rice.patch_frames": 0, "small-rice.contrastive": "eq4"}, {"small-rice.ae_frames": 0}],
    ids=["patches", "whole clips, equation 4", "segments as vectors"],
)
def test_the_detector_conforms(settings):
    check_detector("small-rice", system="small-rice", settings=settings, skip={"easy anomalies": REASON})


def test_the_pretrained_detector_conforms(weights):
    address, path = weights.split("=")
    check_detector(
        "small-rice-pretrained",
        system="small-rice-pretrained-mixup",
        settings={address: path},
        skip={"easy anomalies": REASON},
    )


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_the_detector_conforms_on_a_gpu():
    check_detector("small-rice", system="small-rice", skip={"easy anomalies": REASON}, device="cuda")


# -- what the systems are ----------------------------------------------------------------------------------------------


def test_systems():
    singles = {name: spec.members[0] for name, spec in SYSTEMS.items() if len(spec.members) == 1}
    assert {name.removeprefix("small-rice-") for name in singles} - {"small-rice"} == {
        *("base", "median", "mixup", "no-contrastive", "author-code"),
        *("pretrained", "pretrained-mixup", "pretrained-median-mixup"),
    }
    for number, ensembler in (("2", "mean"), ("3", "max"), ("4", "mean-probability")):
        free, paper = SYSTEMS[f"small-rice-s{number}"], SYSTEMS[f"small-rice-s{number}-paper"]
        assert (free.ensembler, free.select) == (ensembler, None)
        assert {member.label for member in free.members} == {
            *("base", "median", "mixup", "median-mixup", "no-contrastive")
        }
        assert (paper.ensembler, paper.select.k) == (ensembler, 5)
        assert {member.label for member in paper.members} == OF_THE_PAPER
    first = SYSTEMS["small-rice-s1-paper"]
    assert (first.ensembler, first.select.k) == ("identity", 1)
    assert {member.label for member in first.members} == OF_THE_PAPER


@pytest.mark.parametrize(
    ("label", "median", "augmented"),
    [
        ("base", 0, False),
        ("median", 31, False),
        ("mixup", 0, True),
        ("no-contrastive", 31, True),
        ("pretrained", 0, False),
        ("pretrained-mixup", 0, True),
        ("pretrained-median-mixup", 31, True),
    ],
)
def test_rows_of_the_paper(label, median, augmented):
    (member,) = SYSTEMS[f"small-rice-{label}"].members
    config = asd_bench_small_rice.PretrainedConfig(**member.config)
    assert config.median == median
    expected = (1.0, 2, 0.15) if augmented else (0.0, 0, 0.0)
    assert (config.mixup_alpha, config.masks, config.shift) == expected
    assert config.contrastive == ("none" if label == "no-contrastive" else "nt-xent")
    assert (config.epochs, config.batch_size, config.lr, config.halve_every) == (300, 32, 1e-4, 30)
    assert (config.temperature, config.target_share, config.patch_frames) == (0.07, 0.2, 0)
    assert (config.backbone, config.dropout, config.contrastive_weight) == ("efficientnet-b0", 0.2, 1.0)


def test_the_settings_of_the_authors_code():
    (member,) = SYSTEMS["small-rice-author-code"].members
    config = asd_bench_small_rice.SmallRiceConfig(**member.config)
    assert (config.backbone, config.dropout, config.epochs, config.lr) == ("mobilenetv2", 0.5, 100, 1e-5)
    assert (config.patch_frames, config.patch_hop, config.ae_frames, config.ae_bottleneck) == (64, 8, 0, 8)
    assert (config.contrastive, config.contrastive_weight, config.target_share) == ("nt-xent", 0.0005, 0.0)
    assert (config.median, config.mixup_alpha, config.masks, config.shift) == (0, 0.0, 0, 0.0)


# -- runs --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tiny2021(tmp_path_factory):
    """Sections and domains."""
    options = {"n_train": 5, "n_target_train": 1, "n_normal": 4, "n_anomaly": 4, "seconds": 1}
    return TinyData(tmp_path_factory.mktemp("tiny2021"), "synthetic2021", options)


@pytest.fixture(scope="module")
def everything(tiny2021, weights, tmp_path_factory):
    """A run of every system on one machine type."""
    workspace = tmp_path_factory.mktemp("everything")
    names = ",".join(SYSTEMS)
    return run_systems(workspace, names, tiny2021, settings=[weights], profile="smoke", machines=("fan",)).assert_ok()


def test_systems_share_their_fits(everything):
    # Five without weights, the authors' settings, and three with weights, for sixteen systems.
    assert len(SYSTEMS) == 16
    assert everything.count("done") == 9
    assert set(everything.states()) == {"small-rice on fan", "small-rice-pretrained on fan"}


def test_what_needs_weights_says_so_and_what_is_chosen_on_labels_is_marked(everything):
    assert set(NEED_WEIGHTS) == {name for name, spec in SYSTEMS.items() if "needs detector.weights" in spec.summary}
    for name in SYSTEMS:
        flags = " ".join(everything.document(name)["flags"])
        assert ("selected on test labels" in flags) == name.endswith("-paper")


def test_no_two_variants_score_alike(everything):
    singles = [name for name, spec in SYSTEMS.items() if len(spec.members) == 1]
    scores = np.stack([everything.scores(name).score for name in singles])
    assert len(np.unique(scores.round(9), axis=0)) == len(singles) == 9
    assert (scores.std(axis=1) > 0).all()


def test_fusions(everything):
    labels = {"base": "small-rice-base", "median-mixup": "small-rice"}
    labels |= {name: f"small-rice-{name}" for name in ("median", "mixup", "no-contrastive")}
    scores = np.stack([everything.scores(name).score for name in labels.values()])
    np.testing.assert_allclose(everything.scores("small-rice-s2").score, scores.mean(axis=0))
    np.testing.assert_allclose(everything.scores("small-rice-s3").score, scores.max(axis=0))
    normal = (1 / (1 + np.exp(scores))).mean(axis=0)
    np.testing.assert_allclose(everything.scores("small-rice-s4").score, np.log((1 - normal) / normal))


def test_results_are_of_three_sections_in_two_domains(everything):
    document = everything.document("small-rice")
    assert document["classes"]["count"] == {"fan": 3}
    assert set(everything.scores("small-rice").domain) == {"source", "target"}


def test_fits_without_weights_are_found_again_whatever_weights_others_have(tiny2021, everything):
    workspace, names = everything.session.workspace.path, "small-rice-base,small-rice-median-mixup"
    again = run_systems(workspace, names, tiny2021, profile="smoke", machines=("fan",)).assert_ok()
    assert again.count("skipped") == 2
    assert again.document("small-rice")["key"] == everything.document("small-rice")["key"]


def test_without_weights_a_pretrained_system_says_how_to_get_them(tiny2021, tmp_path):
    """Before any of its members is fitted."""
    with pytest.raises(BenchError, match=r"needs pretrained\.weights: .* README of asd-bench-small-rice") as error:
        run_systems(tmp_path, "small-rice-s1-paper", tiny2021, profile="smoke", machines=("fan",))
    assert "--set detector.weights=" in error.value.fix


@pytest.fixture(scope="module")
def tiny2020(tmp_path_factory):
    options = {"n_train": 4, "n_normal": 2, "n_anomaly": 2, "seconds": 1}
    return TinyData(tmp_path_factory.mktemp("tiny2020"), "synthetic2020", options)


def test_where_there_are_no_domains(tiny2020, tmp_path):
    outcome = run_systems(tmp_path, "small-rice", tiny2020, profile="smoke", machines=("fan",)).assert_ok()
    assert outcome.scores().score.nunique() > 1


def test_where_classes_are_attributes_and_hidden_in_the_test(run):
    outcome = run("small-rice", profile="smoke", machines=("fan",)).assert_ok()
    assert outcome.document()["classes"]["count"]["fan"] > 2
    assert outcome.scores().score.nunique() > 1


def test_one_class_is_not_enough(tmp_path, tmp_path_factory):
    options = {"n_train": 1, "n_target_train": 0, "n_normal": 2, "n_anomaly": 2, "seconds": 1}
    data = TinyData(tmp_path_factory.mktemp("one class"), "synthetic2023", options)
    outcome = run_systems(tmp_path, "small-rice", data, profile="smoke", machines=("valve",))
    outcome.assert_failed("needs 2 classes", "valve has 1")
