"""Nothing leaks: what the protocol hides about test clips changes no score, and no fit sees it at all."""

from __future__ import annotations

import os
import random
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from asd_bench.builtin.synthetic.dataset import write_dataset
from asd_bench.config import layer_from_pairs
from asd_bench.plugins import host
from asd_bench.session import Request, Session
from asd_bench.testing.running import Display

SIZES = {"n_train": 8, "n_target_train": 2, "n_normal": 4, "n_anomaly": 4, "seconds": 1.0}


def run(root: Path, workspace: Path, *more: str) -> Session:
    layer = layer_from_pairs([*(f"dataset.{name}={value}" for name, value in SIZES.items()), *more])
    request = Request(
        systems=("mel-knn", "mel-gmm"),
        datasets=("synthetic2023",),
        machines=("fan", "valve"),
        layers=(layer,),
        data_root=root,
        workspace=workspace,
        device="cpu",
        tracking=False,
    )
    session = Session(request)
    session.prepare(Display())
    report = session.run(Display())
    assert not report.failures
    return session


def scores(session: Session, name: str) -> pd.DataFrame:
    """Scores of all test or training clips of both systems, by system and clip."""
    parts = [pd.read_parquet(path).assign(system=path.parts[-3]) for path in session.workspace.results.rglob(name)]
    table = pd.concat(parts).sort_values(["system", "clip_id"]).reset_index(drop=True)
    return table[["system", "clip_id", "score"]]


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("made")
    config = host().get("dataset", "synthetic2023").spec.config(**SIZES)
    write_dataset("2023", config, root)
    return root


@pytest.fixture(scope="module")
def original(root, tmp_path_factory) -> Session:
    return run(root, tmp_path_factory.mktemp("original"))


def disguise(root: Path, copy: Path) -> None:
    """The same sounds with other test names: renumbered, attributes exchanged, another order in the folder."""
    draws = random.Random(3)
    for machine in ("fan", "pump", "slider", "valve"):
        for split in ("train", "test"):
            (copy / machine / split).mkdir(parents=True)
        for path in (root / machine / "train").iterdir():
            os.link(path, copy / machine / "train" / path.name)
        tests = sorted((root / machine / "test").iterdir())
        draws.shuffle(tests)
        for number, path in enumerate(tests):
            words = path.name.split("_")
            name = "_".join([*words[:5], f"{9999 - number:04d}", "foo", f"{number}.wav"])
            os.link(path, copy / machine / "test" / name)
    os.link(root / "SYNTHETIC.json", copy / "SYNTHETIC.json")


def test_renaming_shuffling_and_hidden_attributes_change_no_score(root, original, tmp_path):
    disguise(root, tmp_path / "copy")
    disguised = run(tmp_path / "copy", tmp_path / "workspace")
    for name in ("scores.parquet", "train_scores.parquet"):
        pd.testing.assert_frame_equal(scores(original, name), scores(disguised, name), check_exact=True)
    assert sorted(original.plan.jobs) == sorted(disguised.plan.jobs)


def test_a_domain_swapped_in_test_names_changes_no_score_but_the_result(root, original, tmp_path):
    """The test domain is hidden since 2022: it decides which metric a clip enters, and nothing before that."""
    disguise(root, tmp_path / "copy")
    for path in list((tmp_path / "copy").glob("*/test/*_source_*")):
        path.rename(path.with_name(path.name.replace("_source_", "_target_").replace("_9", "_8")))
    for path in list((tmp_path / "copy").glob("*/test/*_target_test_*_9*")):
        path.rename(path.with_name(path.name.replace("_target_", "_source_")))
    swapped = run(tmp_path / "copy", tmp_path / "workspace")
    pd.testing.assert_frame_equal(
        scores(original, "scores.parquet"), scores(swapped, "scores.parquet"), check_exact=True
    )
    before, after = (
        {result.system.spec.name: result for result in session.plan.results} for session in (original, swapped)
    )
    assert before.keys() == after.keys()
    domains = [session.datasets[0].truth(("fan",)).set_index("clip_id").domain for session in (original, swapped)]
    assert (domains[0] != domains[1].loc[domains[0].index]).all()


def test_a_changed_training_attribute_is_another_fit(root, original, tmp_path):
    disguise(root, tmp_path / "copy")
    path = next((tmp_path / "copy" / "fan" / "train").iterdir())
    path.rename(path.with_name(path.stem + "x.wav"))
    changed = run(tmp_path / "copy", tmp_path / "workspace")
    before, after = (
        {(job.spec.detector, job.spec.scope_name): job.spec.key for job in session.plan.jobs.values()}
        for session in (original, changed)
    )
    assert {place for place in before if before[place] != after[place]} == {("knn", "fan/00"), ("gmm", "fan/00")}


def test_fits_know_no_labels_and_no_file_names(original):
    """What a fit is given on disk, its record and its packed clips, names no file and no label."""
    for path in original.workspace.fits.rglob("*"):
        if path.is_file() and path.suffix in (".json", ".jsonl", ".txt"):
            text = path.read_text()
            assert "anomaly" not in text, path
            assert ".wav" not in text, path
    for store in original.datasets[0].stores.values():
        assert not store.table.astype(str).map(lambda cell: "anomaly" in cell or ".wav" in cell).to_numpy().any()


def test_the_order_of_clips_tells_nothing_about_labels(original):
    """Clips are ordered by content digest: normal and anomalous ones are mixed like the digests are."""
    store = original.datasets[0].stores["fan"]
    test = store.table[store.table.split == "test"]
    assert test.clip_id.is_monotonic_increasing
    truth = original.datasets[0].truth(("fan",)).set_index("clip_id").label.loc[test.clip_id].to_numpy()
    assert 0 < np.abs(np.diff(truth)).sum() < len(truth)
