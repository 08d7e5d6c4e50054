"""Results: a pure function of scores and labels, recomputed here by hand; and what keeps one from being ranked."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import gamma, hmean
from sklearn.metrics import roc_auc_score

from asd_bench import records
from asd_bench.builtin.synthetic.dataset import write_dataset
from asd_bench.config import layer_from_pairs
from asd_bench.plugins import host
from asd_bench.session import Request, Session
from asd_bench.testing.running import Display

SIZES = {"n_train": 12, "n_target_train": 2, "n_normal": 6, "n_anomaly": 6, "seconds": 1.0}


def session_of(workspace: Path, *pairs: str, **request) -> Session:
    layer = layer_from_pairs([*(f"dataset.{name}={value}" for name, value in SIZES.items()), *pairs])
    defaults = {"systems": ("mel-knn",), "datasets": ("synthetic2023",), "device": "cpu", "tracking": False}
    session = Session(Request(**{**defaults, **request}, layers=(layer,), workspace=workspace))
    session.prepare(Display())
    return session


def results(session: Session) -> list[dict]:
    report = session.run(Display())
    assert not report.failures
    return [records.read_json(folder / "result.json") for folder in report.results]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    workspace = tmp_path_factory.mktemp("result")
    (document,) = results(session_of(workspace))
    folder = next(workspace.glob("results/*/*/*/result.json")).parent
    return (
        workspace,
        document,
        pd.read_parquet(folder / "scores.parquet"),
        pd.read_parquet(folder / "train_scores.parquet"),
    )


def test_the_metrics_are_those_of_the_score_file(made):
    _, document, scores, _ = made
    values = []
    for machine, clips in scores.groupby("machine"):
        section = document["metrics"]["sections"][f"{machine}/00"]
        anomalies = clips[clips.label == 1]
        for domain in ("source", "target"):
            chosen = pd.concat([clips[(clips.label == 0) & (clips.domain == domain)], anomalies])
            assert section[f"auc_{domain}"] == pytest.approx(roc_auc_score(chosen.label, chosen.score), rel=1e-12)
        assert section["pauc"] == pytest.approx(roc_auc_score(clips.label, clips.score, max_fpr=0.1), rel=1e-12)
        values += [section["auc_source"], section["auc_target"], section["pauc"]]
    assert len(values) == 12
    assert document["metrics"]["overall"]["omega"] == pytest.approx(hmean(values), rel=1e-12)
    assert document["omega_is_official"]


def test_decisions_come_from_the_training_scores_gamma_percentile(made):
    _, document, scores, train = made
    for machine, clips in scores.groupby("machine"):
        threshold = document["thresholds"][f"{machine}/00"]
        ours = train[train.machine == machine].score
        if threshold["method"] == "gamma":
            shape, location, scale = gamma.fit(ours)
            assert threshold["value"] == pytest.approx(gamma.ppf(0.9, shape, location, scale), rel=1e-9)
        else:
            assert threshold["value"] == pytest.approx(np.quantile(ours, 0.9))
        assert (clips.decision == (clips.score > threshold["value"])).all()


def test_training_scores_are_kept_for_every_training_clip(made):
    *_, train = made
    assert len(train) == 4 * SIZES["n_train"]
    assert (train.score > 0).all(), "a training clip was its own neighbour"


def test_intervals_hold_the_value(made):
    _, document, _, _ = made
    low, high = document["intervals"]["overall"]["omega"]
    assert low < document["metrics"]["overall"]["omega"] < high


def test_the_same_request_finds_the_same_result(made):
    workspace, document, _, _ = made
    (again,) = results(session_of(workspace))
    assert again == document


def test_a_result_remade_from_scores_alone_is_the_same(made):
    """Metrics are a function of the records: no fit is made again for them."""
    workspace, document, _, _ = made
    folder = next(workspace.glob("results/*/*/*/result.json")).parent
    (folder / "result.json").unlink()
    before = {path: path.stat().st_mtime_ns for path in workspace.glob("fits/*/*/status.json")}
    (again,) = results(session_of(workspace))
    assert {**again, "made": None} == {**document, "made": None}
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_seeds_share_a_row_and_settings_do_not(made):
    workspace, document, _, _ = made
    other_seed, *_ = results(session_of(workspace, seeds=(1,)))
    other_setting, *_ = results(session_of(workspace, "knn.k=2"))
    other_profile, *_ = results(session_of(workspace, profile="quick"))
    assert other_seed["config_key"] == document["config_key"]
    keys = {document["key"], other_seed["key"], other_setting["key"], other_profile["key"]}
    assert len(keys) == 4
    assert len({document["config_key"], other_setting["config_key"], other_profile["config_key"]}) == 3
    assert "knn.k=2" in other_setting["flags"]
    assert "profile: quick" in other_profile["flags"]
    assert "profile quick" in other_profile["unranked_because"]


def test_other_counts_than_published_are_not_ranked(made):
    _, document, _, _ = made
    assert not document["ranked"]
    assert "training clips 48/320" in document["unranked_because"]
    assert "test clips 48/320" in document["unranked_because"]
    assert "dataset.n_train=12" in document["flags"]


def test_a_machine_alone_is_not_ranked_and_keeps_its_fits(made):
    workspace, _, _, _ = made
    session = session_of(workspace, machines=("fan",))
    assert not session.plan.todo()
    (document,) = results(session)
    assert document["machines"] == ["fan"]
    assert "1 of 4 sections" in document["unranked_because"]


def test_the_published_counts_are_ranked():
    from asd_bench.result import _unranked

    spec = host().get("dataset", "synthetic2020").spec
    counts = {place: (spec.n_train[place], spec.n_test[place]) for place in spec.n_train}

    class Plan:
        class system:
            profile = "paper"

        class dataset:
            name = "synthetic2020"

    Plan.dataset.spec = spec
    assert _unranked(Plan, counts) == []
    missing = dict(counts)
    del missing["fan", "02"]
    assert _unranked(Plan, missing) == ["7 of 8 sections"]
    short = {**counts, ("fan", "02"): (39, 40)}
    assert _unranked(Plan, short) == ["training clips 319/320"]
    Plan.dataset.spec = dataclasses.replace(spec, n_train={("fan", "02"): 40}, n_test={})
    assert _unranked(Plan, {**counts, ("pump", "00"): (1, 1)}) == [], "a number that is not published was compared"
    assert _unranked(Plan, short) == ["training clips 39/40"]
    Plan.dataset.spec = spec
    Plan.dataset.name = "synthetic2020-synthetic"
    assert _unranked(Plan, counts) == ["synthetic sounds"]


def test_a_one_class_test_set_is_named_and_the_scores_are_kept(tmp_path):
    config = host().get("dataset", "synthetic2023").spec.config(**SIZES)
    root = tmp_path / "audio"
    write_dataset("2023", config, root)
    for path in (root / "fan" / "test").glob("*anomaly*"):
        path.unlink()
    session = session_of(tmp_path / "workspace", data_root=root, machines=("fan", "pump"))
    report = session.run(Display())
    assert len(report.failures) == 1
    assert "no anomalous test clips" in report.failures[0]
    assert "machine fan, section 00" in report.failures[0]
    assert len(list((tmp_path / "workspace").glob("fits/knn/*/scores/*.parquet"))) == 2


def test_a_rerun_that_was_killed_is_made_again(tmp_path):
    """Killed right after what was there was cleared: the fit must not count as done."""
    from asd_bench.fit import _begin

    session = session_of(tmp_path, machines=("fan",))
    results(session)
    (job,) = session.plan.jobs.values()
    _begin(dataclasses.replace(job, rerun=True))
    again = session_of(tmp_path, machines=("fan",))
    assert len(again.plan.todo()) == 1
    results(again)
    assert (job.folder / "model" / "neighbours.safetensors").is_file()


def test_a_damaged_result_is_made_again_and_hinders_no_other(tmp_path):
    session = session_of(tmp_path, machines=("fan",), systems=("mel-knn", "mel-gmm"))
    documents = results(session)
    damaged = next(tmp_path.glob("results/*/mel-knn/*/result.json"))
    damaged.write_text("")
    again = results(session_of(tmp_path, machines=("fan",), systems=("mel-knn", "mel-gmm")))
    assert [document["metrics"] for document in again] == [document["metrics"] for document in documents]


def test_training_clips_are_scored_as_test_clips_are_seen(tmp_path, monkeypatch):
    """No domain, no attributes, no class of their own: else their scores would not be those of normal clips."""
    from asd_bench.builtin.detectors.neighbours import Knn

    seen = []
    score = Knn.score

    def watched(self, audio, ctx):
        seen.append(audio.clips)
        return score(self, audio, ctx)

    monkeypatch.setattr(Knn, "score", watched)
    results(session_of(tmp_path, machines=("fan",)))
    train, test = seen
    assert len(train) == SIZES["n_train"]
    for clips in (train, test):
        assert set(clips.domain) == set(clips.attributes) == {""}
        assert (clips.class_id == -1).all()
        assert len(set(clips.candidates)) == 1
        assert len(clips.candidates[0]) > 1
