"""Reading result documents and merging them into a table."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asd_bench.errors import BenchError
from asd_bench.leaderboard.collect import collect, merge, public_text, read_document


def test_a_document_becomes_lines_for_everything_machines_and_sections(make):
    values = {
        "fan/00": {"auc": 0.9, "pauc": 0.7},
        "fan/02": {"auc": 0.7, "pauc": 0.5},
        "pump/00": {"auc": 0.6, "pauc": 0.5},
    }
    result = read_document(make(values))
    assert [(line.machine, line.section) for line in result.lines] == [
        ("all", "all"), ("fan", "all"), ("fan", "00"), ("fan", "02"), ("pump", "all"), ("pump", "00"),
    ]  # fmt: skip
    assert result.line("fan").metrics["auc"] == pytest.approx(0.8)
    assert result.overall.metrics["auc"] == pytest.approx((0.8 + 0.6) / 2)
    assert result.overall.metrics["auc_low"] == pytest.approx(0.7 - 0.02)
    assert result.line("fan", "02").metrics == {"auc": 0.7, "pauc": 0.5}
    assert (result.overall.train_clips, result.line("fan").train_clips, result.line("fan", "00").test_clips) == (
        30,
        20,
        4,
    )


def test_settings_are_told_from_remarks_and_the_profile(make):
    flags = [
        "transductive: standardised with test scores",
        "knn.k=3",
        "knn.frontend.n_fft=512",
        "dataset.additional=True",
    ]
    result = read_document(make(profile="quick", flags=flags))
    assert result.settings == ("knn.k=3", "knn.frontend.n_fft=512", "dataset.additional=True")
    assert result.flags == ("transductive: standardised with test scores",)
    assert result.profile == "quick"


def test_nothing_missing_is_averaged_away(make):
    values = {"fan/00": {"auc": 0.9, "pauc": 0.7}, "pump/00": {"auc": 0.6, "pauc": 0.5}}
    result = read_document(make(values, published=["fan/00", "fan/02", "pump/00", "valve/00"]))
    assert result.overall.metrics == {}
    assert result.line("fan").metrics == {}, "one of its two sections is missing"
    assert result.line("fan", "00").metrics["auc"] == 0.9
    assert result.line("pump").metrics["auc"] == 0.6
    assert (result.overall.train_clips, result.overall.train_clips_published) == (20, 40)
    assert (result.line("valve").test_clips, result.line("valve").test_clips_published) == (None, 4)
    assert result.machines == ("fan", "pump")


@pytest.mark.parametrize(
    ("text", "public"),
    [
        ("ae.weights=/home/me/run 1/model.pt", "ae.weights=…/run 1/model.pt"),
        ("ae.weights=~/models/ae.pt", "ae.weights=…/ae.pt"),
        (r"ae.weights=C:\Users\me\ae.pt", "ae.weights=…/ae.pt"),
        ("tuned on test labels: see /srv/x/notes, k", "tuned on test labels: see …/notes, k"),
        ("AUC/pAUC of 1/2", "AUC/pAUC of 1/2"),
        ("https://example.org/a/b", "https://example.org/a/b"),
        ("knn.k=3", "knn.k=3"),
        ("one\r\nline", "one line"),
    ],
)
def test_paths_of_somebodys_disk_are_not_published(text, public):
    assert public_text(text) == public


def test_a_document_of_another_version_or_without_its_metrics_is_named(make):
    with pytest.raises(BenchError, match="format 99") as caught:
        read_document(make() | {"format": 99})
    assert "knn on toy" in caught.value.where
    incomplete = make()
    del incomplete["intervals"]
    with pytest.raises(BenchError, match="lacks 'intervals'"):
        read_document(incomplete)


@pytest.mark.parametrize("name", ["../../etc/cron", "", "a/b", ".hidden"])
def test_a_dataset_whose_name_cannot_be_a_files_is_refused(make, name):
    with pytest.raises(BenchError, match="cannot be a dataset's name"):
        collect([make() | {"dataset": name}])


# -- merging -----------------------------------------------------------------------------------------------------------


def results_of(*documents):
    return [read_document(document) for document in documents]


def test_the_newest_supersedes_the_same_system_configuration_and_seed(make):
    old, new = make(made="2026-01-01T00:00:00+00:00", code="a"), make(made="2026-01-02T00:00:00+00:00", code="b")
    assert merge(results_of(old), results_of(new)) == results_of(new)
    assert merge(results_of(new), results_of(old)) == results_of(new), "an older result supersedes nothing"


@pytest.mark.parametrize(
    "other",
    [
        {"seed": 1},
        {"system": "gmm"},
        {"flags": ["knn.k=3"]},
        {"profile": "quick"},
        {"trained_on": ["fan", "pump", "valve"]},
        {"values": {"fan/00": {"auc": 0.9, "pauc": 0.9}}, "published": ["fan/00", "pump/00"]},
    ],
    ids=lambda other: "-".join(other),
)
def test_anything_else_stays(make, other):
    committed, found = results_of(make()), results_of(make(made="2026-02-01T00:00:00+00:00", **other))
    assert len(merge(committed, found)) == 2


def test_what_cannot_be_ranked_supersedes_nothing_that_is(make):
    complete = make(made="2026-01-01T00:00:00+00:00")
    with_half_of_the_clips = make(made="2026-03-01T00:00:00+00:00", data="half", reasons=["training clips 10/20"])
    assert merge(results_of(complete), results_of(with_half_of_the_clips)) == results_of(complete)
    assert merge(results_of(with_half_of_the_clips), results_of(complete)) == results_of(complete)


def test_merging_again_changes_nothing(make):
    found = results_of(make(seed=0), make(seed=1), make(system="gmm"))
    once = merge([], found)
    assert merge(once, found) == once == merge(found, once)


@pytest.fixture(scope="module")
def pool(make):
    """Results, many of which compete for the same row and seed."""
    choices = itertools.product(("knn", "gmm"), (0, 1), ("paper", "quick"), (1, 2), ("", "training clips 1/2"))
    return results_of(
        *(
            make(
                system=system, seed=seed, profile=profile, made=f"2026-01-0{day}T00:00:00+00:00", code=f"{day}{reason}"
            )
            | ({"ranked": False, "unranked_because": [reason]} if reason else {})
            for system, seed, profile, day, reason in choices
        )
    )


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_the_order_of_results_does_not_matter(pool, data):
    chosen = data.draw(st.lists(st.sampled_from(pool), max_size=8))
    shuffled = data.draw(st.permutations(chosen))
    cut = data.draw(st.integers(0, len(chosen)))
    merged = merge([], chosen)
    assert merge(shuffled[:cut], shuffled[cut:]) == merged
    assert len({result.identity for result in merged}) == len(merged)
