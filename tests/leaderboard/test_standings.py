"""Rows and ranks, against values computed by hand."""

import pytest

from asd_bench.errors import BenchError
from asd_bench.leaderboard.collect import read_document
from asd_bench.leaderboard.standings import PAPERS_AVERAGE, make_board


def board_of(*documents):
    return make_board("toy", [read_document(document) for document in documents])


def uniform(value, rule="2023"):
    """Two machine types whose every AUC and pAUC is the same, so that every mean is too."""
    metrics = {"2020": ("auc", "pauc"), "2023": ("auc_source", "auc_target", "pauc")}[rule]
    return {place: dict.fromkeys(metrics, value) for place in ("fan/00", "pump/00")}


def ranking(board):
    return [(rank, row.system) for rank, row in board.ranked]


def test_mean_and_standard_deviation_over_seeds(make):
    board = board_of(*(make(uniform(value), rule="2023", seed=seed) for seed, value in enumerate((0.6, 0.7, 0.8))))
    [(rank, row)] = board.ranked
    assert rank == 1
    assert row.seeds == (0, 1, 2)
    assert row.mean("omega") == pytest.approx(0.7)
    assert row.sd("omega") == pytest.approx(0.1), "the sample's: n - 1"
    assert row.interval("omega") == (pytest.approx(0.68), pytest.approx(0.73))


def test_one_seed_has_no_standard_deviation(make):
    [(_, row)] = board_of(make()).ranked
    assert row.sd("omega") is None


def test_the_best_seed_does_not_make_the_rank(make):
    steady = [make(uniform(0.7), rule="2023", system="steady", seed=seed) for seed in range(2)]
    lucky = [make(uniform(value), rule="2023", system="lucky", seed=seed) for seed, value in enumerate((0.9, 0.4))]
    assert ranking(board_of(*lucky, *steady)) == [(1, "steady"), (2, "lucky")]


def test_2020_is_ranked_by_the_papers_averages_and_not_by_omega(make):
    # a: (0.75 + 0.75) / 2 = 0.75 with Ω 0.75; b: AUC (1.0 + 0.6) / 2 = 0.8, pAUC the same, with a lower Ω of 0.75.
    a = {"fan/00": {"auc": 0.76, "pauc": 0.76}, "pump/00": {"auc": 0.76, "pauc": 0.76}}
    b = {"fan/00": {"auc": 1.0, "pauc": 1.0}, "pump/00": {"auc": 0.6, "pauc": 0.6}}
    board = board_of(make(a, system="a"), make(b, system="b"))
    assert ranking(board) == [(1, "b"), (2, "a")]
    (_, first), (_, second) = board.ranked
    assert first.mean(PAPERS_AVERAGE) == pytest.approx(0.8)
    assert first.mean("omega") == pytest.approx(4 / (2 / 1.0 + 2 / 0.6)) == pytest.approx(0.75)
    assert second.mean("omega") == pytest.approx(0.76)


def test_from_2021_on_omega_ranks(make):
    a = {"fan/00": {"auc_source": 1.0, "auc_target": 0.5, "pauc": 0.6}}
    b = {"fan/00": {"auc_source": 0.68, "auc_target": 0.68, "pauc": 0.68}}
    board = board_of(make(a, rule="2023", system="a"), make(b, rule="2023", system="b"))
    assert ranking(board) == [(1, "b"), (2, "a")]
    assert board.ranked[1][1].mean("omega") == pytest.approx(3 / (1 / 1.0 + 1 / 0.5 + 1 / 0.6))


def test_equal_scores_share_a_rank(make):
    documents = [make(uniform(v), rule="2023", system=s) for s, v in (("a", 0.7), ("b", 0.7), ("c", 0.6), ("d", 0.8))]
    assert ranking(board_of(*documents)) == [(1, "d"), (2, "a"), (2, "b"), (4, "c")]


def test_what_is_incomplete_is_neither_ranked_nor_averaged(make):
    partial = make(system="partial", published=["fan/00", "pump/00", "valve/00"])
    board = board_of(make(), partial)
    assert ranking(board) == [(1, "knn")]
    [row] = board.incomplete
    assert row.shortcomings == ("2 of 3 sections",)
    assert row.mean("omega") is None
    assert row.mean(PAPERS_AVERAGE) is None
    assert row.mean("auc", "fan") == 0.8, "what is there is shown"


def test_a_seed_on_fewer_machine_types_is_no_seed_of_the_row(make):
    whole = [make(seed=seed) for seed in (0, 1)]
    part = make({"fan/00": {"auc": 1.0, "pauc": 1.0}}, published=["fan/00", "pump/00"], seed=2)
    board = board_of(*whole, part)
    assert board.ranked[0][1].seeds == (0, 1)
    assert board.incomplete[0].seeds == (2,)


def test_a_metric_that_one_seed_lacks_has_no_mean(make):
    first, second = make(seed=0), make(seed=1)
    del second["metrics"]["sections"]["fan/00"]["pauc"]
    [(_, row)] = board_of(first, second).ranked
    assert row.mean("pauc", "fan", "00") is None
    assert row.mean("auc", "fan", "00") == 0.8


def test_profiles_are_kept_apart(make):
    board = board_of(
        make(uniform(0.9), rule="2023", profile="quick"),
        make(uniform(0.8), rule="2023", profile="smoke", seed=0),
        make(uniform(0.6), rule="2023", seed=0),
        make(uniform(0.95), rule="2023", profile="quick", system="gmm"),
    )
    assert ranking(board) == [(1, "knn")]
    assert board.ranked[0][1].mean("omega") == pytest.approx(0.6)
    assert {profile: [row.system for row in rows] for profile, rows in board.profiles.items()} == {
        "quick": ["gmm", "knn"],
        "smoke": ["knn"],
    }


def test_seeds_whose_dataset_scope_fits_trained_on_others_are_never_one_row(make):
    board = board_of(make(seed=0), make(seed=1, trained_on=["fan", "pump", "valve"]))
    assert [row.seeds for _, row in board.ranked] == [(0,), (1,)]


def test_seeds_on_other_clips_are_never_one_row_and_are_pointed_out(make):
    board = board_of(make(seed=0), make(seed=1), make(system="gmm"), make(seed=2, data="revised"))
    assert sorted(row.seeds for _, row in board.ranked) == [(0,), (0, 1), (2,)]
    assert [row.seeds for _, row in board.ranked if board.has_other_data(row)] == [(2,)]


def test_configurations_are_rows_of_their_own(make):
    board = board_of(make(seed=0), make(seed=1, flags=["knn.k=3"]))
    assert sorted(row.first.settings for _, row in board.ranked) == [(), ("knn.k=3",)]


def test_a_table_of_two_years_is_refused(make):
    with pytest.raises(BenchError, match="2020 and 2023"):
        board_of(make(), make(uniform(0.6), rule="2023", system="b"))
