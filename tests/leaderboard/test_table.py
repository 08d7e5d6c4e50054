"""The committed CSV file."""

import io
import random
from dataclasses import replace

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asd_bench.errors import BenchError
from asd_bench.leaderboard.collect import public_text, read_document
from asd_bench.leaderboard.table import parse_table, read_table, table_text, write_table

TEXT = st.text(max_size=20).map(public_text).filter(lambda text: text.isprintable())
WORDS = st.lists(TEXT, max_size=3).map(tuple)
SHARE = st.floats(0, 1) | st.sampled_from([0.1 + 0.2, 1 / 3, 5e-324])


@pytest.fixture(scope="module")
def plain(make):
    return read_document(make())


@settings(max_examples=100, deadline=None)
@given(flags=WORDS, reasons=WORDS, changed=WORDS, auc=SHARE, seed=st.integers(0, 10**9))
def test_what_is_written_is_read_back(plain, flags, reasons, changed, auc, seed):
    lines = (replace(plain.overall, metrics={**plain.overall.metrics, "auc": auc}), *plain.lines[1:])
    result = replace(plain, flags=flags, unranked_because=reasons, settings=changed, seed=seed, lines=lines)
    text = table_text([result])
    assert len(text.splitlines()) == 1 + len(lines)
    assert parse_table(text, "toy.csv") == [result]
    assert table_text(parse_table(text, "toy.csv")) == text


def test_any_order_gives_the_same_file(make):
    results = [
        read_document(make(system=system, seed=seed, profile=profile))
        for system in ("knn", "gmm") for seed in (10, 2, 1) for profile in ("paper", "quick")
    ]  # fmt: skip
    text = table_text(results)
    random.Random(0).shuffle(results)
    assert table_text(results) == text
    seeds = [line.split(",")[2] for line in text.splitlines() if line.startswith("gmm,paper") and ",all,all," in line]
    assert seeds == ["1", "2", "10"], "by number, not by text"


def test_a_superseded_seed_changes_its_own_lines_only(make):
    others = [read_document(make(seed=seed)) for seed in (0, 2)]
    old = read_document(make(seed=1))
    new = read_document(
        make({"fan/00": {"auc": 0.81, "pauc": 0.6}, "pump/00": {"auc": 0.6, "pauc": 0.5}}, seed=1, code="b")
    )
    before, after = table_text([*others, old]).splitlines(), table_text([*others, new]).splitlines()
    assert len(before) == len(after)
    changed = {before[number].split(",")[3] for number in range(len(before)) if before[number] != after[number]}
    assert changed == {old.key}


def test_plain_pandas_reads_it(make, tmp_path):
    path = tmp_path / "toy.csv"
    write_table(path, [read_document(make(seed=seed)) for seed in range(3)] + [read_document(make(profile="quick"))])
    table = pd.read_csv(path)
    assert table[table.machine == "fan"].section.tolist() == ["all", "00"] * 4, "sections keep their zeros"
    overall = table[(table.machine == "all") & (table.ranked == True)]  # noqa: E712
    assert overall.groupby("config_key").auc.agg(["mean", "count"]).to_numpy().tolist() == [[pytest.approx(0.7), 3]]
    assert not table.duplicated(["key", "machine", "section"]).any()


def test_no_metric_column_is_there_for_nothing(make):
    table = pd.read_csv(io.StringIO(table_text([read_document(make())])))
    assert "auc" in table
    assert not [name for name in table if name.endswith(("_source", "_target"))]


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (lambda text: text.replace("omega_low", "omega_lo", 1), "column 'omega_lo', which no table has"),
        (lambda text: text.replace(",made", "", 1), "lacks the column 'made'"),
        (lambda text: "<<<<<<< HEAD\n" + text, "lacks the column 'system'"),
        (lambda text: text + "<<<<<<< HEAD\n", "as many cells"),
        (lambda text: text.replace("knn,paper,0", "knn,paper,x", 1), "two systems, profiles or seeds"),
        (lambda text: text.replace("knn,paper,0", "knn,paper,x"), "'x' cannot be a value of the column 'seed'"),
        (lambda text: text.replace("True", "yes", 1), "'yes' cannot be a value of the column 'ranked'"),
        (lambda text: text + "".join(text.splitlines(keepends=True)[1:3]), "two lines for the same place"),
        (
            lambda text: "".join(text.splitlines(keepends=True)[:1] + text.splitlines(keepends=True)[2:]),
            "does not begin",
        ),
        (lambda text: text.replace(",fan,", ',"fan,', 1), "is no CSV"),
    ],
)
def test_damage_is_named_with_its_place(make, tmp_path, damage, what):
    text = table_text([read_document(make())])
    path = tmp_path / "toy.csv"
    path.write_text(damage(text))
    with pytest.raises(BenchError, match=what) as caught:
        read_table(path)
    assert str(path) in caught.value.where


def test_the_same_row_and_seed_twice_is_damage(make):
    result = read_document(make())
    with pytest.raises(BenchError, match="knn, seed 0, twice"):
        parse_table(table_text([result, replace(result, key="000000000000")]), "toy.csv")
