"""``asd-bench list`` and ``asd-bench show``."""

from __future__ import annotations

import json
import shutil

import pytest

from asd_bench import EnsemblerSpec, Member, Paper, SystemSpec
from asd_bench.cli.present import age, paper_text, type_text, value_text

KINDS = ("systems", "datasets", "detectors", "frontends", "ensemblers")

TOY = SystemSpec(
    name="toy",
    summary="two neighbours",
    members=(Member("knn", name="near"), Member("knn", name="far", config={"k": 9})),
    ensembler="toy-mean",
    recipe={"near.k": 2},
    profiles={"quick": {"near.k": 1, "frontend.hop": 1024}},
    paper=Paper(
        title="Two Neighbours", authors="Ada Lovelace, Charles Babbage", year=1843, venue="Memoirs", url="x.org"
    ),
    tuned_on_labels="k",
    aliases=("plaything",),
)
TOY_MEAN = EnsemblerSpec(name="toy-mean", summary="mean", target="nowhere:Mean", transductive=True)


def documents(outcome):
    return json.loads(outcome.stdout)


# -- list --------------------------------------------------------------------------------------------------------------


def test_the_overview_shows_systems_and_datasets(asd_bench):
    output = asd_bench("list").output
    assert "mel-knn" in output
    assert "dcase2023" in output
    assert "identity" not in output


@pytest.mark.parametrize("kind", KINDS)
def test_every_declared_thing_is_listed_once(asd_bench, plugins, kind):
    listed = [row["name"] for row in documents(asd_bench("list", kind, "--json"))]
    assert listed == sorted({entry.spec.name for found in plugins.entries(kind[:-1]).values() for entry in found})
    for name in listed:
        assert name in asd_bench("list", kind).output


def test_an_alias_is_shown_with_its_target_and_is_no_row_of_its_own(asd_bench):
    assert "or synthetic" in asd_bench("list", "datasets").output
    rows = {row["name"]: row["aliases"] for row in documents(asd_bench("list", "datasets", "--json"))}
    assert rows["synthetic2020"] == ["synthetic"]
    assert "synthetic" not in rows


def test_a_systems_paper_and_plugin_are_listed(asd_bench, declare):
    declare("toys", asd_systems=[TOY], asd_ensemblers=[TOY_MEAN])
    output = asd_bench("list", "systems").output
    assert "quick" in asd_bench("show", TOY.name).output
    assert "toys · Lovelace et al. 1843" in output
    assert output.index("built in") < output.index("mel-knn") < output.index("toys ·") < output.index(TOY.summary)
    assert "test scores" in asd_bench("list", "ensemblers").output


def test_plugins_are_listed_with_their_version_and_what_they_declare(asd_bench, declare):
    declare("toys", asd_systems=[TOY], asd_ensemblers=[TOY_MEAN])
    (row,) = [row for row in documents(asd_bench("list", "plugins", "--json")) if row["name"] == "toys"]
    assert (row["distribution"], row["version"]) == ("asd-bench-toys", "1.0")
    assert (row["declares"]["systems"], row["declares"]["detectors"]) == (1, 0)
    assert row["hooks"] == ["asd_ensemblers", "asd_systems"]
    assert "1 ensembler, 1 system" in asd_bench("list", "plugins").output


def test_a_broken_plugin_is_named_and_the_rest_is_listed(asd_bench, declare):
    declare("broken", asd_systems=RuntimeError("out of order"))
    outcome = asd_bench("list", "--json")
    assert "broken: asd_systems failed: RuntimeError: out of order" in " ".join(outcome.stderr.split())
    assert "mel-knn" in [row["name"] for row in documents(outcome)["systems"]]


def test_an_unknown_kind_is_refused(refused):
    assert "'systems'" in refused("list", "sytems")


def test_results_are_listed_newest_first(asd_bench, workspace, tmp_path):
    copy = shutil.copytree(workspace, tmp_path / "copy")
    (result,) = copy.glob("results/*/*/*/result.json")
    older = json.loads(result.read_text()) | {"key": "0" * 64, "made": "2020-01-01T00:00:00+00:00"}
    (result.parent.parent / "000000000000").mkdir()
    (result.parent.parent / "000000000000" / "result.json").write_text(json.dumps(older))
    rows = documents(asd_bench("list", "results", "--json", "--workspace", str(copy)))
    assert [row["key"][:12] for row in rows] == [result.parent.name, "000000000000"]
    output = asd_bench("list", "results", "--workspace", str(copy)).output
    assert output.index(result.parent.name) < output.index("000000000000")
    assert "mel-knn" in output
    assert " d" in output  # the age of the older


def test_a_damaged_record_does_not_hide_the_others(asd_bench, workspace, tmp_path):
    copy = shutil.copytree(workspace, tmp_path / "copy")
    fits = sorted(copy.glob("fits/*/*"))
    (fits[0] / "fit.json").write_text("{")
    (fits[1] / "status.json").write_text("{}")
    outcome = asd_bench("list", "fits", "--json", "--workspace", str(copy))
    assert len(documents(outcome)) == len(fits) - 2
    assert outcome.stderr.count("damaged:") == 2
    assert fits[0].name in "".join(outcome.stderr.split())


def test_fits_show_their_state(asd_bench, workspace, tmp_path):
    copy = shutil.copytree(workspace, tmp_path / "copy")
    first, second, *_ = sorted(copy.glob("fits/*/*/status.json"))
    first.write_text(json.dumps(json.loads(first.read_text()) | {"state": "failed", "message": "no"}))
    # No process has this id: the largest that Linux gives is 2**22.
    second.write_text(json.dumps(json.loads(second.read_text()) | {"state": "running", "pid": 2**22 + 1}))
    rows = documents(asd_bench("list", "fits", "--json", "--workspace", str(copy)))
    assert sorted(row["state"] for row in rows) == ["done", "done", "failed", "interrupted"]
    assert all(row["seconds"] > 0 for row in rows if row["state"] == "done")
    assert "interrupted" in asd_bench("list", "fits", "--workspace", str(copy)).output


def test_looking_makes_no_workspace(asd_bench, tmp_path):
    nowhere = tmp_path / "nowhere"
    assert "no results yet" in asd_bench("list", "results", "--workspace", str(nowhere)).output
    assert documents(asd_bench("list", "fits", "--json", "--workspace", str(nowhere))) == []
    assert not nowhere.exists()


# -- show: what is declared --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind", "said"),
    [
        (
            "mel-knn",
            "system",
            ["nearest neighbour", "knn.frontend", "n_mels", "number of nearest", "paper (as published)"],
        ),
        (
            "synthetic2023",
            "dataset",
            ["seconds", "Length of a clip", "clips per section", "320 for training", "domain"],
        ),
        ("synthetic", "dataset", ["synthetic2020", "synthetic"]),
        ("knn", "detector", ["section", "distance", "mel-knn", "integer", "number of nearest"]),
        ("mel-small-rice", "frontend", ["slaney | htk", "reflect", "number or null"]),
        ("identity", "ensembler", ["training scores", "mel-gmm"]),
    ],
)
def test_everything_about_a_declared_thing_is_shown(asd_bench, name, kind, said):
    output = asd_bench("show", name).output
    for words in (kind, "asd-bench 0.1.0", *said):
        assert words in output
    assert documents(asd_bench("show", name, "--json"))["kind"] == kind


def test_a_system_shows_members_profiles_and_paper(asd_bench, declare):
    declare("toys", asd_systems=[TOY], asd_ensemblers=[TOY_MEAN])
    page = documents(asd_bench("show", "plaything", "--json"))
    assert [(row["member"], row["detector"]) for row in page["members"]] == [("near", "knn"), ("far", "knn")]
    assert page["profile_values"] == [
        {"option": "near.k", "paper": 2, "quick": 1},
        {"option": "frontend.hop", "paper": 512, "quick": 1024},
    ]
    values = {row["address"]: row["value"] for row in page["options"]}
    assert (values["near.k"], values["far.k"]) == (2, 9)
    output = asd_bench("show", "toy").output
    for words in (
        "Two Neighbours",
        "Ada Lovelace, Charles Babbage",
        "Memoirs, 1843",
        "changes 2 values",
        "tuned on labels",
    ):
        assert words in output


def test_a_name_of_two_kinds_is_asked_about(asd_bench, refused, declare):
    declare("toys", asd_ensemblers=[EnsemblerSpec(name="mel", summary="unlucky", target="nowhere:Mel")])
    assert "several things: frontend, ensembler" in refused("show", "mel")
    assert "unlucky" in asd_bench("show", "mel", "--kind", "ensembler").output


def test_an_unknown_name_gets_suggestions(refused, tmp_path):
    message = refused("show", "mel-kn", "--workspace", str(tmp_path / "nowhere"))
    assert "did you mean 'mel-knn'" in message
    assert not (tmp_path / "nowhere").exists()


# -- show: results -----------------------------------------------------------------------------------------------------


@pytest.fixture
def result(workspace):
    (path,) = workspace.glob("results/*/*/*/result.json")
    return json.loads(path.read_text())


def test_a_result_is_shown_by_any_length_of_its_key(asd_bench, workspace, result):
    for length in (4, 12, 64):
        page = documents(asd_bench("show", result["key"][:length], "--json", "--workspace", str(workspace)))
        assert page["key"] == result["key"]


def test_a_result_shows_metrics_thresholds_flags_and_fits(asd_bench, workspace, result):
    output = asd_bench("show", result["key"][:8], "--workspace", str(workspace)).output
    omega, (low, high) = result["metrics"]["overall"]["omega"], result["intervals"]["overall"]["omega"]
    words = [f"{100 * omega:.2f}", f"{100 * low:.2f}–{100 * high:.2f}", "2 of 4", "dataset.n_train=3", "fan 02", "pump"]
    words += [f"{threshold['value']:.5g}" for threshold in result["thresholds"].values()]
    words += [key[:12] for key in result["members"]["knn"]["fits"].values()]
    for said in words[:2] + words[3:]:
        assert said in output


def test_a_fit_that_several_members_share_bears_its_detectors_name(asd_bench, workspace, result, tmp_path):
    copy = shutil.copytree(workspace, tmp_path / "copy")
    (path,) = copy.glob("results/*/*/*/result.json")
    document = json.loads(path.read_text())
    path.write_text(
        json.dumps(document | {"members": {"near": result["members"]["knn"], "far": result["members"]["knn"]}})
    )
    fits = documents(asd_bench("show", result["key"][:8], "--json", "--workspace", str(copy)))["fits"]
    assert len(fits) == len(result["members"]["knn"]["fits"])
    assert {fit["for"] for fit in fits} == {"knn"}
    shutil.rmtree(copy / "fits")
    fits = documents(asd_bench("show", result["key"][:8], "--json", "--workspace", str(copy)))["fits"]
    assert {fit["for"] for fit in fits} == {"near and 1 more"}


def test_plots_beside_a_result_are_named(asd_bench, workspace, result, tmp_path):
    copy = shutil.copytree(workspace, tmp_path / "copy")
    (folder,) = copy.glob("results/*/*/*")
    (folder / "plots").mkdir(exist_ok=True)
    (folder / "plots" / "mine.png").write_bytes(b"")
    page = documents(asd_bench("show", result["key"][:8], "--json", "--workspace", str(copy)))
    assert str(folder / "plots" / "mine.png") in page["plots"]
    assert "plots/mine.png" in asd_bench("show", result["key"][:8], "--workspace", str(copy)).output


def test_a_result_whose_fits_are_elsewhere_is_shown(asd_bench, workspace, result, tmp_path):
    copy = shutil.copytree(workspace, tmp_path / "copy")
    shutil.rmtree(copy / "fits")
    assert "not in this workspace" in asd_bench("show", result["key"][:8], "--workspace", str(copy)).output


def test_a_prefix_of_two_results_is_asked_about(refused, workspace, result, tmp_path):
    copy = shutil.copytree(workspace, tmp_path / "copy")
    (folder,) = copy.glob("results/*/*/*")
    shutil.copytree(folder, folder.with_name(folder.name[:6] + "ffffff"))
    message = refused("show", result["key"][:6], "--workspace", str(copy))
    assert "2 results" in message
    assert folder.name in message


# -- words -------------------------------------------------------------------------------------------------------------


def test_values_read_as_they_are_written():
    assert [value_text(value) for value in (None, True, 0.5, 1e-10, (1, 2), "x")] == [
        *("null", "true", "0.5", "1e-10", "[1, 2]", "x"),
    ]
    assert type_text(float | None) == "number or null"
    assert type_text(tuple[int, ...]) == "list of integer"


@pytest.mark.parametrize(
    ("authors", "words"),
    [
        ("A. Turing", "Turing 1950"),
        ("A. Turing and B. Russell", "Turing et al. 1950"),
        ("Turing et al.", "Turing et al. 1950"),
    ],
)
def test_a_paper_is_named_by_its_first_author(authors, words):
    assert paper_text(Paper(title="", authors=authors, year=1950)) == words


def test_ages_are_told_in_their_largest_unit():
    from datetime import UTC, datetime, timedelta

    now = datetime.now(UTC)
    assert [age(now - timedelta(seconds=s)) for s in (5, 120, 7200, 200_000)] == ["now", "2 min", "2 h", "2 d"]
