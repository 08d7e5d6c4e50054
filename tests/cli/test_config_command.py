"""``asd-bench config``."""

from __future__ import annotations

import json

import pytest

from asd_bench import EnsemblerSpec, Member, SystemSpec

TOY = SystemSpec(
    name="toy",
    summary="two neighbours",
    members=(Member("knn", name="near"), Member("knn", name="far", config={"k": 9})),
    ensembler="toy-mean",
    recipe={"near.k": 2},
    profiles={"quick": {"near.k": 1, "frontend.hop": 1024}},
)


@pytest.fixture
def toy(declare):
    declare(
        "toys", asd_systems=[TOY], asd_ensemblers=[EnsemblerSpec(name="toy-mean", summary="mean", target="nowhere:M")]
    )


@pytest.fixture
def values(asd_bench):
    def call(*words: str) -> dict[str, dict]:
        document = json.loads(asd_bench("config", *words, "--json").stdout)
        return {row["address"]: row for row in document["values"]}

    return call


def test_every_value_is_shown_with_origin_and_documentation(asd_bench):
    output = asd_bench("config", "--system", "mel-knn", "--dataset", "synthetic").output
    for words in ("knn.frontend", "n_mels", "128", "default", "Number of mel bands.", "dataset", "seconds", "0 of 25"):
        assert words in output


def test_a_changed_value_stands_out(asd_bench):
    output = asd_bench("config", "--system", "mel-knn", "--set", "knn.k=3").output
    assert "3 (published: 1)" in output
    assert "--set" in output
    assert "1 of 19 values changed" in output


def test_each_layer_is_an_origin(values, toy, tmp_path):
    file = tmp_path / "my.yaml"
    file.write_text("far:\n  pool: mean\n")
    rows = values("--system", "toy", "--profile", "quick", "--config", str(file), "--set", "near.standardize=no")
    origins = {name: rows[name]["origin"] for name in ("far.k", "far.pool", "near.standardize", "near.pool")}
    assert origins == {
        "far.k": "member",
        "far.pool": "--config my.yaml",
        "near.standardize": "--set",
        "near.pool": "default",
    }
    assert rows["knn.frontend.hop"]["origin"] == "profile quick"
    assert (rows["near.k"]["value"], rows["near.k"]["published"]) == (1, 2)
    assert values("--system", "toy")["near.k"]["origin"] == "recipe"


def test_what_members_with_the_same_detector_have_alike_is_shown_once(values, toy, asd_bench):
    rows = values("--system", "toy")
    assert {address.rpartition(".")[0] for address in rows} >= {"near", "far", "knn.frontend"}
    assert not any(address.startswith(("near.frontend", "far.frontend")) for address in rows)
    # The address that it is shown under reaches them all.
    changed = values("--system", "toy", "--set", "knn.frontend.hop=256")
    assert (changed["knn.frontend.hop"]["value"], changed["knn.frontend.hop"]["published"]) == (256, 512)


def test_members_that_are_not_alike_are_shown_each_with_an_address_of_its_own(asd_bench, values, toy, tmp_path):
    words = ("--system", "toy", "--set", "knn.frontend.hop=256", "--set", "near.frontend.hop=128")
    rows = values(*words)
    assert (rows["near.frontend.hop"]["value"], rows["far.frontend.hop"]["value"]) == (128, 256)
    assert not any(address.startswith("knn.frontend") for address in rows)
    file = tmp_path / "my.yaml"
    file.write_text(asd_bench("config", *words, "--yaml").stdout)
    again = values("--system", "toy", "--config", str(file))
    assert {name: row["value"] for name, row in again.items()} == {name: row["value"] for name, row in rows.items()}


def test_members_with_the_same_detector_have_addresses_of_their_own(values, toy):
    rows = values("--system", "toy", "--set", "far.frontend.hop=256")
    assert rows["near.frontend.hop"]["value"] == 512
    assert rows["far.frontend.hop"]["value"] == 256


@pytest.mark.parametrize("uncommented", [False, True])
@pytest.mark.parametrize(
    "words",
    [
        ("--system", "mel-knn", "--dataset", "synthetic2023", "--set", "knn.k=3", "--set", "dataset.snr_db=-3.5"),
        ("--system", "mel-gmm", "--set", "frontend.f_max=7000", "--set", "gmm.floor=1e-3"),
        ("--system", "toy", "--profile", "quick", "--set", "far.pool=mean"),
    ],
)
def test_a_written_file_gives_the_same_values_again(asd_bench, values, toy, tmp_path, words, uncommented):
    written = asd_bench("config", *words, "--yaml").stdout
    if uncommented:
        lines = written.splitlines()
        written = "\n".join(
            line.removeprefix("# ") if ": " in line and "asd-bench" not in line else line for line in lines
        )
    file = tmp_path / "again.yaml"
    file.write_text(written)
    # What names the system and the dataset stays; profile and values come from the file.
    same = words[:4] if words[2] == "--dataset" else words[:2]
    again = values(*same, "--config", str(file))
    assert {name: row["value"] for name, row in again.items()} == {n: r["value"] for n, r in values(*words).items()}
    if not uncommented:
        assert {name for name, row in again.items() if row["origin"].startswith("--config")} == {
            name for name, row in again.items() if row["changed"]
        }


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--system", "mel-kn"), "did you mean 'mel-knn'"),
        (("--system", "mel-knn", "--profile", "quik"), "did you mean 'quick'"),
        (("--system", "mel-knn", "--set", "knn.kk=3"), "did you mean 'k'"),
        (("--system", "mel-knn", "--set", "kn.k=3"), "did you mean 'knn'"),
        (("--system", "mel-knn", "--set", "knn.k=many"), "whole number"),
        (("--system", "mel-knn", "--set", "dataset.seed=1"), "add --dataset"),
        (("--system", "mel-knn", "--dataset", "synthetic", "--set", "dataset.sed=1"), "did you mean 'seed'"),
        (("--system", "mel-knn", "--json", "--yaml"), "exclude each other"),
        ((), "Missing parameter: system"),
    ],
)
def test_what_makes_no_sense_is_refused(refused, words, message):
    assert message in refused("config", *words)
