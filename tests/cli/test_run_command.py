"""``asd-bench run`` as a user types it."""

from __future__ import annotations

import json
import tarfile

import pytest
from click.testing import CliRunner

from asd_bench.cli import cli

SMALL = [
    *("--no-track", "--device", "cpu"),
    *(
        word
        for pair in ("n_train=6", "n_normal=3", "n_anomaly=3", "seconds=1")
        for word in ("--set", f"dataset.{pair}")
    ),
]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return tmp_path_factory.mktemp("run") / "workspace"


@pytest.fixture
def run(workspace):
    def call(*words: str, code: int = 0):
        outcome = CliRunner().invoke(
            cli, ["run", "--workspace", str(workspace), *SMALL, *words], standalone_mode=False, catch_exceptions=True
        )
        returned = outcome.return_value if outcome.exception is None else outcome.exception
        assert returned == code or (code == 2 and isinstance(returned, Exception)), (outcome.output, returned)
        return outcome

    return call


SYNTHETIC = ("--system", "mel-knn", "--dataset", "synthetic", "--machine", "fan,pump")


def test_results_per_machine_and_omega_are_shown(run):
    output = run(*SYNTHETIC).output
    assert "synthetic2020" in output
    for machine in ("fan", "pump"):
        assert f"mel-knn            {machine}" in output
    assert "Ω" in output
    assert "4 done" in output


def test_the_same_command_does_nothing_the_second_time(run):
    run(*SYNTHETIC)
    assert "4 skipped" in run(*SYNTHETIC).output


def test_json_is_all_there_is_on_standard_output(run):
    document = json.loads(run(*SYNTHETIC, "--json").stdout)
    assert [result["system"] for result in document["results"]] == ["mel-knn"]
    assert document["results"][0]["machines"] == ["fan", "pump"]
    assert document["failures"] == []


def test_a_dry_run_computes_nothing(run, workspace):
    output = run(
        "--system", "mel-lof", "--dataset", "synthetic", "--machine", "valve", "--set", "lof.k=3", "--dry-run"
    ).output
    assert "2 of 2 fits to do" in output
    assert not (workspace / "fits" / "lof").exists()


def test_on_existing_fail_refuses_and_rerun_computes_again(run, workspace):
    run(*SYNTHETIC)
    refused = run(*SYNTHETIC, "--on-existing", "fail", code=2)
    assert "4 of 4 fits are there already" in str(refused.exception)
    before = {path: path.stat().st_mtime_ns for path in workspace.glob("fits/knn/*/status.json")}
    assert "4 done" in run(*SYNTHETIC, "--on-existing", "rerun").output
    after = {path: path.stat().st_mtime_ns for path in before}
    assert sum(after[path] > before[path] for path in before) == 4


def test_only_what_a_setting_concerns_is_fitted_again(run):
    run(*SYNTHETIC, "--system", "mel-knn,mel-gmm")
    output = run(*SYNTHETIC, "--system", "mel-knn,mel-gmm", "--set", "gmm.components=1").output
    assert "4 done, 4 skipped" in output


def test_a_bundle_holds_the_runs_fits_and_results(run, tmp_path):
    run(*SYNTHETIC, "--bundle", str(tmp_path / "out.tar"))
    with tarfile.open(tmp_path / "out.tar") as tar:
        names = tar.getnames()
    assert sum(name.endswith("status.json") for name in names) == 4
    assert sum(name.endswith("result.json") for name in names) == 1


def test_a_suite_is_systems_by_datasets_by_seeds(run, tmp_path):
    suite = tmp_path / "suite.yaml"
    suite.write_text(
        "systems: [mel-knn, mel-gmm]\ndatasets: synthetic\nmachines: [fan]\nseeds: 3-4\nset: {gmm: {components: 1}}\n"
    )
    document = json.loads(run("--suite", str(suite), "--json").stdout)
    assert sorted((result["system"], result["seed"]) for result in document["results"]) == [
        ("mel-gmm", 3),
        ("mel-gmm", 4),
        ("mel-knn", 3),
        ("mel-knn", 4),
    ]
    assert all(result["machines"] == ["fan"] for result in document["results"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("systems: [mel-knn]\n", "the suite names no datasets"),
        ("systems: [mel-knn]\ndataset: synthetic\n", "no entry 'dataset'; did you mean 'datasets'"),
        ("- mel-knn\n", "must hold a mapping"),
        ("systems: [mel-knn]\ndatasets: synthetic\nset: [1]\n", "'set' must be a mapping"),
        ("systems: [", "is no valid YAML"),
    ],
)
def test_a_malformed_suite_is_named(text, message, run, tmp_path):
    suite = tmp_path / "suite.yaml"
    suite.write_text(text)
    refused = run("--suite", str(suite), code=2)
    assert message in str(refused.exception)
    assert "suite.yaml" in str(refused.exception)


def test_a_configuration_file_is_weaker_than_set(run, tmp_path):
    file = tmp_path / "values.yaml"
    file.write_text("knn: {k: 2, pool: mean}\nfrontend: {n_mels: 32}\n")
    document = json.loads(run(*SYNTHETIC, "--config", str(file), "--set", "knn.k=3", "--json").stdout)
    detector = document["results"][0]["config"]["members"][0]["detector"]
    assert detector["config"] == {"k": 3, "pool": "mean", "standardize": True}
    assert detector["frontend"]["config"]["n_mels"] == 32
    assert {"knn.k=3", "knn.pool=mean", "knn.frontend.n_mels=32"} <= set(document["results"][0]["flags"])


def test_a_fit_that_fails_is_code_1_and_the_others_are_kept(run):
    # 16 neighbours among 6 training clips: lof refuses, knn does not.
    outcome = run("--system", "mel-lof,mel-knn", "--dataset", "synthetic", "--machine", "fan", code=1)
    assert "lof with k=16 needs at least 17 training clips, and fan section 00 has 6" in outcome.output
    assert "2 skipped, 2 failed" in outcome.output
    again = run("--system", "mel-lof,mel-knn", "--dataset", "synthetic", "--machine", "fan", code=1)
    assert "2 skipped, 2 failed" in again.output, "a failure satisfied a key"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--system", "mel-knm", "--dataset", "synthetic"), "no system called 'mel-knm'; did you mean 'mel-knn'"),
        (("--system", "mel-knn", "--dataset", "syntetic"), "no dataset called 'syntetic'; did you mean 'synthetic'"),
        (("--dataset", "synthetic"), "--system is missing"),
        (("--system", "mel-knn"), "--dataset is missing"),
        ((*SYNTHETIC, "--set", "knn.kk=3"), "knn has no option 'kk'; did you mean 'k'?"),
        ((*SYNTHETIC, "--set", "kn.k=3"), "nothing in the system 'mel-knn' is called 'kn'; did you mean 'knn'?"),
        ((*SYNTHETIC, "--set", "knn.k=many"), "knn.k must be a whole number, got 'many'"),
        ((*SYNTHETIC, "--set", "knn.k=0"), "knn.k must be at least 1"),
        ((*SYNTHETIC, "--set", "knn.k"), "--set takes PART.OPTION=VALUE"),
        ((*SYNTHETIC, "--set", "dataset.n_trains=3"), "no option 'n_trains'; did you mean 'n_train'"),
        ((*SYNTHETIC, "--profile", "quik"), "no profile 'quik'; did you mean 'quick'?"),
        ((*SYNTHETIC, "--machine", "fann"), "no machine type 'fann'; did you mean 'fan'?"),
        ((*SYNTHETIC, "--seeds", "one"), "no list of seeds"),
        ((*SYNTHETIC, "--seeds", "4-0"), "no list of seeds"),
        ((*SYNTHETIC, "--machine", ""), "names nothing"),
        ((*SYNTHETIC, "--executor", "proces"), "no executor is called 'proces'; did you mean 'process'?"),
        ((*SYNTHETIC, "--executor", "inline", "--workers", "2"), "inline executor makes one fit at a time"),
        ((*SYNTHETIC, "--config", "nowhere.yaml"), "cannot be read"),
        ((*SYNTHETIC, "--device", "warp"), "the device 'warp' cannot be used"),
    ],
)
def test_usage_errors_are_code_2_and_say_what_to_do(words, message, run):
    assert message in str(run(*words, code=2).exception)


def test_nothing_of_the_display_goes_into_a_fits_log(run, workspace):
    """A fit in this process has its prints sent to its log; the progress display must not follow them there."""
    run(*SYNTHETIC, "--on-existing", "rerun")
    logs = [path.read_text() for path in workspace.glob("fits/knn/*/log.txt")]
    assert logs
    assert not any("fits" in log or "knn on" in log for log in logs)
