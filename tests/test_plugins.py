"""Finding plugins, and living with broken ones.

The fakes are real packages (``tests/fakes``).
"""

from __future__ import annotations

import importlib
import shutil
import sys
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from asd_bench import (
    BenchError,
    Member,
    SystemSpec,
    events,
    hookimpl,
    plugins,
)
from asd_bench.cli import LazyGroup
from asd_bench.executors.inline import InlineExecutor
from asd_bench.plugins import BUILTIN, Host
from asd_bench.source import source_of
from asd_bench.testing.running import loaded_host

#: Fake -> plugin -> what the host says about it.
CAUSES = {
    "broken-import": {
        "fake-broken-import": "cannot be imported: RuntimeError: the licence server does not answer",
        "fake-exits-on-import": "cannot be imported: SystemExit: this plugin needs another computer",
    },
    "missing-dependency": {"fake-missing-dependency": "No module named 'a_package_that_nobody_has'"},
    "misspelled": {
        "fake-misspelled": "implements the unknown hook 'asd_detectorz'; did you mean 'asd_detectors'?",
        "fake-unmarked": "defines 'asd_systems' without @asd_bench.hookimpl: it would never be called",
    },
    "outdated": {
        "fake-outdated-spec": "asd_detectors failed: TypeError: DetectorSpec.__init__() got an unexpected keyword "
        "argument 'front_end'",
        "fake-outdated-hook": "asd_result",
    },
    "not-a-spec": {"fake-not-a-spec": "asd_detectors failed: asd_detectors returned 'knn', which is no DetectorSpec"},
}


def problems(host: Host) -> dict[str, str]:
    """Plugin -> all that is wrong with it, after everything was looked up once."""
    host.names("system")
    found: dict[str, str] = {}
    for problem in host.problems:
        found[problem.plugin] = f"{found.get(problem.plugin, '')}{problem.cause}\n"
    return found


@pytest.fixture
def host(install_fakes):
    """The host with some fakes installed."""

    def load(*fakes: str) -> Host:
        install_fakes(*fakes)
        return loaded_host()

    return load


def registered(**hooks) -> Host:
    """The built-in plugins and one that consists of these functions."""
    host = Host()
    host.load_builtin()
    host.register(SimpleNamespace(**{name: hookimpl(function) for name, function in hooks.items()}), "of-this-test")
    assert not problems(host)
    return host


# -- broken plugins ----------------------------------------------------------------------------------------------------


def test_the_builtin_plugins_have_no_problems():
    host = loaded_host()
    assert problems(host) == {}
    assert [plugin.name for plugin in host.plugins] == [f"builtin-{name.rpartition('.')[2]}" for name in BUILTIN]


@pytest.mark.parametrize(("fake", "plugin"), [(fake, plugin) for fake, causes in CAUSES.items() for plugin in causes])
def test_a_broken_plugin_is_named_with_its_cause_and_the_rest_works(host, fake, plugin):
    made = host("good", fake)
    assert CAUSES[fake][plugin] in problems(made)[plugin]
    assert made.get("system", "fake-mean").plugin.name == "fake-good"
    assert made.get("system", "mel-knn").plugin.name == "builtin-detectors"


@pytest.mark.parametrize("fake", CAUSES)
def test_a_broken_plugin_is_an_error_only_when_what_it_might_have_had_is_asked_for(host, fake):
    made = host(fake)
    assert made.get("detector", "knn")
    problems(made)
    with pytest.raises(BenchError) as caught:
        made.get("detector", "fake-detector-of-a-broken-plugin")
    for plugin, cause in CAUSES[fake].items():
        assert f"a plugin is broken, {plugin}: " in str(caught.value)
        assert cause in str(caught.value)
    assert "asd-bench doctor" in str(caught.value)


def test_a_problem_keeps_its_traceback(host):
    (problem,) = [each for each in host("broken-import").problems if each.plugin == "fake-broken-import"]
    assert "raises.py" in problem.traceback
    assert 'raise RuntimeError("the licence server does not answer")' in problem.traceback


def test_what_a_partly_broken_plugin_declares_soundly_is_there(host):
    made = host("outdated", "not-a-spec")
    assert made.get("frontend", "fake-outdated-mel").plugin.name == "fake-outdated-spec"
    assert made.get("system", "fake-still-there").plugin.name == "fake-not-a-spec"
    assert "asd_frontends failed: TypeError: 'int' object is not iterable" in problems(made)["fake-not-a-spec"]


def test_a_problem_is_named_once_however_often_things_are_looked_up(host):
    made = host("not-a-spec")
    problems(made)
    count = len(made.problems)
    made.register(SimpleNamespace(), "another")
    problems(made)
    assert len(made.problems) == count


def test_a_plugin_whose_specs_have_no_proper_name_is_named():
    host = Host()
    host.load_builtin()
    nameless = SystemSpec(name=None, summary="", members=(Member("knn"),))  # type: ignore[arg-type]
    host.register(SimpleNamespace(asd_systems=hookimpl(lambda: [nameless])), "of-this-test")
    assert "mel-knn" in host.names("system")
    assert "whose name is no text" in problems(host)["of-this-test"]


def test_a_target_that_cannot_be_imported_names_its_owner():
    with pytest.raises(BenchError, match="the detector 'x' cannot be loaded: ModuleNotFoundError") as caught:
        plugins.resolve("no_such_module:X", "the detector 'x'")
    assert caught.value.where == "no_such_module:X"
    with pytest.raises(BenchError, match="AttributeError"):
        plugins.resolve("asd_bench.keys:Nothing", "the detector 'x'")


def test_every_broken_plugin_at_once_in_a_process_of_its_own(cli, install_fakes):
    install_fakes("good", *CAUSES, "duplicate", "noisy")
    finished = cli("run", "--system", "fake-meen", "--dataset", "synthetic2023", "--no-track").assert_code(2)
    assert "there is no system called 'fake-meen'; did you mean 'fake-mean'" in finished.err
    for causes in CAUSES.values():
        for plugin, cause in causes.items():
            assert plugin in finished.err
            assert cause in finished.err


# -- names -------------------------------------------------------------------------------------------------------------


def test_a_name_that_two_plugins_declare_is_an_error_that_names_both(host):
    made = host("duplicate")
    with pytest.raises(BenchError) as caught:
        made.get("system", "mel-knn")
    assert "builtin-detectors (asd-bench) and fake-duplicate (asd-bench-fake-duplicate)" in str(caught.value)
    assert "ASD_BENCH_BLOCK_PLUGINS" in str(caught.value)
    assert made.duplicates() == ["system 'mel-knn' is declared by builtin-detectors and fake-duplicate"]
    assert made.get("system", "fake-other-knn")


def test_a_name_that_one_plugin_declares_twice_is_an_error_that_says_so():
    twice = SystemSpec(name="twice", summary="", members=(Member("knn"),), aliases=("twice",))
    with pytest.raises(BenchError, match="the system 'twice' is declared twice by of-this-test"):
        registered(asd_systems=lambda: [twice]).get("system", "twice")


def test_an_alias_leads_to_the_spec_that_has_it(host):
    made = host("good")
    assert made.get("system", "fake-two").spec is made.get("system", "fake-pair").spec
    assert made.get("dataset", "synthetic").spec.name == "synthetic2020"


@pytest.mark.parametrize(
    ("kind", "name", "suggestion"),
    [
        ("system", "mel-kn", "did you mean 'mel-knn'"),
        ("dataset", "dcase23", "did you mean 'dcase2023'"),
        ("detector", "mahalonobis", "did you mean 'mahalanobis'?"),
        ("frontend", "mell", "did you mean 'mel'"),
        ("ensembler", "identitiy", "did you mean 'identity'?"),
    ],
)
def test_unknown_names_get_suggestions(kind, name, suggestion):
    with pytest.raises(BenchError) as caught:
        loaded_host().get(kind, name)
    assert suggestion in str(caught.value)
    assert f"asd-bench list {kind}s" in str(caught.value)


def test_a_name_like_no_other_gets_no_suggestion():
    with pytest.raises(BenchError) as caught:
        loaded_host().get("system", "xyzzy")
    assert "did you mean" not in str(caught.value)


# -- which plugins are loaded ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("allowed", "blocked", "loaded"),
    [
        (None, None, {"fake-good", "fake-duplicate"}),
        ("fake-good", None, {"fake-good"}),
        ("asd-bench-fake-good", None, {"fake-good"}),
        (" fake-good , fake-duplicate ", None, {"fake-good", "fake-duplicate"}),
        ("", None, set()),
        (None, "fake-duplicate", {"fake-good"}),
        (None, "asd-bench-fake-duplicate", {"fake-good"}),
        (None, "", {"fake-good", "fake-duplicate"}),
        ("fake-good,fake-duplicate", "fake-good", {"fake-duplicate"}),
    ],
)
def test_allow_list_and_block_list(install_fakes, monkeypatch, allowed, blocked, loaded):
    install_fakes("good", "duplicate")
    for variable, value in (("ASD_BENCH_PLUGINS", allowed), ("ASD_BENCH_BLOCK_PLUGINS", blocked)):
        if value is None:
            monkeypatch.delenv(variable, raising=False)
        else:
            monkeypatch.setenv(variable, value)
    names = {plugin.name for plugin in loaded_host().plugins if not plugin.name.startswith("builtin-")}
    assert {name for name in names if name.startswith("fake-")} == loaded
    if allowed is not None:
        assert names == loaded


def test_a_plugin_that_is_left_out_is_not_even_imported(install_fakes, monkeypatch):
    install_fakes("good", "broken-import")
    monkeypatch.setenv("ASD_BENCH_PLUGINS", "fake-good")
    assert problems(loaded_host()) == {}
    assert "asd_bench_fake_broken_import.raises" not in sys.modules


def test_an_allowed_plugin_that_is_not_installed_is_named(install_fakes, monkeypatch):
    install_fakes("good")
    monkeypatch.setenv("ASD_BENCH_PLUGINS", "fake-gud")
    assert "is named in ASD_BENCH_PLUGINS and not installed" in problems(loaded_host())["fake-gud"]
    assert "did you mean 'fake-good'" in problems(loaded_host())["fake-gud"]


def test_a_plugin_is_known_with_its_distribution_and_version(host):
    (good,) = [plugin for plugin in host("good").plugins if plugin.name == "fake-good"]
    assert (good.distribution, good.version) == ("asd-bench-fake-good", "1.2.0")


def test_the_second_plugin_of_a_name_is_refused_and_the_first_goes_on():
    heard: list[str] = []
    host = Host()
    for distribution in ("one", "other"):
        listener = hookimpl(lambda run, distribution=distribution: heard.append(distribution))
        host.register(SimpleNamespace(asd_run_finished=listener), "p", distribution)
    assert problems(host) == {"p": "this name of other's plugin is taken by that of one, which is used\n"}
    host.tell("asd_run_finished", run=events.RunFinished(0))
    assert heard == ["one"]


def test_a_hook_may_be_implemented_under_another_name():
    @hookimpl(specname="asd_systems")
    def my_systems():
        return [SystemSpec(name="mine", summary="", members=(Member("knn"),))]

    host = Host()
    host.register(SimpleNamespace(my_systems=my_systems), "of-this-test")
    assert host.names("system") == ["mine"]


def test_a_hook_cannot_be_wrapped():
    @hookimpl(wrapper=True)
    def asd_systems():
        return (yield)

    host = Host()
    host.register(SimpleNamespace(asd_systems=asd_systems), "of-this-test")
    assert "wraps the hook 'asd_systems'" in problems(host)["of-this-test"]


# -- the source of a plugin, which enters keys -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fake", "plugin", "changed"),
    [
        ("good", "fake-good", "asd_bench_fake_good/average.py"),
        ("good", "fake-good", "asd_bench_fake_good/__init__.py"),
        ("noisy", "fake-noisy", "asd_bench_fake_noisy.py"),
        ("outdated", "fake-outdated-spec", "asd_bench_fake_outdated/unknown_argument.py"),
    ],
)
def test_any_change_of_a_plugins_source_shows(install_fakes, fake_sites, tmp_path, fake, plugin, changed):
    def source() -> str:
        (found,) = [each for each in loaded_host().plugins if each.name == plugin]
        return source_of(found.module)

    install_fakes(fake)
    file = fake_sites[fake] / changed
    before, kept = source(), tmp_path / "kept.py"
    shutil.copy(file, kept)
    try:
        file.write_text(file.read_text() + "# changed\n")
        assert source() != before
    finally:
        shutil.copy(kept, file)
    assert source() == before


def test_the_source_of_a_target_elsewhere_counts(tmp_path, monkeypatch):
    """The entry module is one file, and the detector's class lies in another beside it."""
    (tmp_path / "single_entry.py").write_text("")
    (tmp_path / "single_model.py").write_text("x = 1")
    monkeypatch.syspath_prepend(str(tmp_path))
    entry = importlib.import_module("single_entry")
    before = source_of(entry, ["single_model:Model"])
    (tmp_path / "single_model.py").write_text("x = 2")
    assert source_of(entry, ["single_model:Model"]) != before
    assert source_of(entry) == source_of(entry, ["no_such_module:Model"])


def test_the_source_does_not_depend_on_where_it_lies(tmp_path, monkeypatch):
    found = []
    for place in ("here", "there"):
        package = tmp_path / place / "placed"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("")
        (package / "model.py").write_text("x = 1")
        with monkeypatch.context() as patch:
            patch.syspath_prepend(str(tmp_path / place))
            sys.modules.pop("placed", None)
            found.append(source_of(importlib.import_module("placed")))
    sys.modules.pop("placed")
    assert found[0] == found[1]


# -- plugins that raise while a run goes on ----------------------------------------------------------------------------


def test_event_hooks_that_raise_do_not_stop_a_run(run, install_fakes, tmp_path):
    quiet = run("mel-knn", workspace=tmp_path / "quiet").assert_ok()
    install_fakes("noisy")
    noisy = run("mel-knn", workspace=tmp_path / "noisy").assert_ok()
    assert noisy.scores().equals(quiet.scores())
    causes = problems(noisy.session.host)["fake-noisy"]
    for hook, noise in [
        ("asd_run_started", "noise at the start of the run"),
        ("asd_fit_started", "noise at the start of a fit"),
        ("asd_fit_progress", "noise during a fit"),
        ("asd_fit_finished", "noise at the end of a fit"),
        ("asd_result", "noise about a result"),
        ("asd_run_finished", "noise at the end of the run"),
        ("asd_make_executor", "noise instead of an executor"),
    ]:
        assert causes.count(f"{hook} failed: RuntimeError: {noise}") == 1


def test_the_same_noise_of_two_plugins_names_both():
    def asd_run_finished(run):
        raise RuntimeError("noise")

    host = Host()
    for name in ("one", "other"):
        host.register(SimpleNamespace(asd_run_finished=hookimpl(asd_run_finished)), name)
    host.tell("asd_run_finished", run=events.RunFinished(0))
    assert set(problems(host)) == {"one", "other"}


def test_a_plugin_that_raises_leaves_the_answer_to_the_next_one(host):
    made = host("noisy")
    assert isinstance(made.first("asd_make_executor", name="inline", options={}), InlineExecutor)
    assert made.first("asd_locate_data", dataset=made.get("dataset", "dcase2023").spec) is None
    assert "asd_locate_data failed: RuntimeError: noise instead of a folder" in problems(made)["fake-noisy"]


def test_what_a_plugin_says_to_the_user_reaches_the_user():
    def asd_make_executor(name):
        raise BenchError("there is no sbatch on this machine")

    with pytest.raises(BenchError, match="there is no sbatch"):
        registered(asd_make_executor=asd_make_executor).first("asd_make_executor", name="slurm", options={})


def test_noisy_commands_leave_the_command_line_alone(install_fakes):
    install_fakes("noisy")
    result = CliRunner().invoke(LazyGroup("asd-bench"), ["--help"])
    assert result.exit_code == 0
    assert "leaderboard" in result.output
