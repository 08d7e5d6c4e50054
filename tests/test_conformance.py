"""The checks that plugin authors are given: what comes with the core passes them, and each catches what it is for."""

from __future__ import annotations

import dataclasses
import pickle
import sys
import types
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from asd_bench import (
    BenchError,
    DatasetSpec,
    DetectorSpec,
    EnsemblerSpec,
    Member,
    SystemSpec,
    TopK,
    Use,
    hookimpl,
    option,
)
from asd_bench.plugins import BUILTIN, Host
from asd_bench.testing import ConformanceError, check_detector, check_plugin
from asd_bench.testing.checks import Check, NotApplicable, go_through
from asd_bench.testing.detectors import CHECKS as DETECTOR_CHECKS
from asd_bench.testing.detectors import FITS, _unsafe
from asd_bench.testing.plugins import CHECKS as PLUGIN_CHECKS


def builtin_detectors() -> list[str]:
    host = Host()
    host.load_builtin()
    return host.names("detector")


@pytest.fixture(scope="module", autouse=True)
def importable(fake_sites):
    """Both fakes for all tests: the worker process of the checks is started once per import path."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("good", "badly-behaved"):
            patch.syspath_prepend(fake_sites[name])
        yield


@pytest.fixture
def load(monkeypatch):
    """Have a fake loaded as an installed plugin."""

    def load_plugin(name: str) -> None:
        monkeypatch.setenv("ASD_BENCH_PLUGINS", name)

    return load_plugin


# -- what comes with the core ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", BUILTIN)
def test_every_builtin_plugin_conforms(module):
    check_plugin(module)


@pytest.mark.parametrize("name", builtin_detectors())
def test_every_builtin_detector_conforms(name):
    report = check_detector(name)
    # None of them trains a network.
    assert set(report.skipped) == {"capturable steps"}
    assert len(report.passed) == len(DETECTOR_CHECKS)


def test_the_good_fake_conforms(load):
    load("fake-good")
    assert check_plugin("asd_bench_fake_good").passed == [check.name for check in PLUGIN_CHECKS]


@pytest.mark.parametrize("name", ["fake-mean", "fake-backend", "fake-council", "fake-classes"])
def test_every_detector_of_the_good_fake_conforms(load, name):
    load("fake-good")
    assert set(check_detector(name).skipped) == {"capturable steps"}


def test_a_detector_that_scores_nothing_is_checked_as_far_as_that_goes(load):
    load("fake-good")
    report = check_detector("fake-embedding")
    assert set(report.passed) == {"fits", "plain files", "same seed"}
    assert "it trains nothing" in report.skipped.pop("capturable steps")
    assert all("check the detectors that use it" in reason for reason in report.skipped.values())


# -- bad detectors -----------------------------------------------------------------------------------------------------

BAD = {
    "bad-raises": ("fits", "raised ZeroDivisionError: a fault of the detector's own"),
    "bad-wrong-shape": ("fits", "of shape (23,) for 24 clips"),
    "bad-not-a-number": ("fits", "NaN or infinite"),
    "bad-missing-component": ("fits", "emitted ['likelihood']"),
    "bad-sys-exits": ("fits", "raised SystemExit"),
    "bad-narrow": ("float64", "is float32"),
    "bad-pickles": ("plain files", "model/detector.bin is a pickle"),
    "bad-forgets": ("another process", "is another"),
    "bad-remembers": ("another process", "is another"),
    "bad-wears": ("another process", "is another"),
    "bad-counts-clips": ("other order", "is another"),
    "bad-transductive": ("other order", "is another"),
    "bad-own-neighbour": ("training scores", "all have the same"),
    "bad-inverted": ("easy anomalies", "turned round it would be above"),
    "bad-unseeded": ("same seed", "is another"),
    "bad-asks-the-device": ("capturable steps", "asks the device for a value"),
}


@pytest.mark.parametrize("name", BAD)
def test_each_check_catches_the_detector_that_breaks_its_rule(load, name):
    check, symptom = BAD[name]
    load("fake-badly-behaved")
    with pytest.raises(ConformanceError) as caught:
        check_detector(name)
    text = str(caught.value)
    assert f"FAILED   {check}" in text
    assert symptom in text
    assert {each.name: each.why for each in (FITS, *DETECTOR_CHECKS)}[check] in text


def test_every_check_of_detectors_has_a_detector_that_breaks_it():
    assert {check for check, _ in BAD.values()} == {check.name for check in (FITS, *DETECTOR_CHECKS)}


def test_a_check_left_out_with_a_reason_does_not_fail(load):
    load("fake-badly-behaved")
    report = check_detector("bad-inverted", skip={"easy anomalies": "the fault that this test is about"})
    assert report.skipped["easy anomalies"] == "the fault that this test is about"


def test_values_come_from_the_profile_the_system_and_the_settings(load):
    load("fake-good")
    report = check_detector("fake-mean", system="fake-pair", settings={"low.bands": 128})
    assert report.subject == "the detector 'fake-mean' (as in fake-pair, profile paper)"
    assert "fake-mean, profile smoke" in check_detector("fake-mean").subject
    with pytest.raises(BenchError, match="must be a whole number"):
        check_detector("fake-mean", settings={"detector.bands": "many"})
    with pytest.raises(BenchError, match="'mel-knn' does not use the detector 'fake-mean'"):
        check_detector("fake-mean", system="mel-knn")


@pytest.mark.parametrize(
    ("name", "content", "verdict"),
    [
        ("weights.pt", lambda path: torch.save({"a": torch.zeros(2)}, path), "torch.save"),
        ("state.json", lambda path: path.write_bytes(pickle.dumps({"a": 1}, protocol=2)), "a pickle"),
        ("objects.npy", lambda path: np.save(path, np.array([{}], dtype=object), allow_pickle=True), "Python objects"),
        ("numbers.npy", lambda path: np.save(path, np.zeros(3)), None),
        ("several.npz", lambda path: np.savez(path, a=np.zeros(3)), None),
        ("notes.json", lambda path: path.write_text("{}"), None),
        ("empty", lambda path: path.write_text(""), None),
    ],
)
def test_pickles_are_known_by_their_content(tmp_path, name, content, verdict):
    content(tmp_path / name)
    found = _unsafe(tmp_path / name)
    assert (verdict in found) if verdict else found is None


# -- bad plugins -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sound:
    level: float = option(1.0, "how loud")


@dataclass
class Loose:
    level: float = option(1.0, "how loud")


@dataclass(frozen=True)
class Undocumented:
    level: float = 1.0


@dataclass(frozen=True)
class Misread:
    words: str | None = option("none", "a default that a user could not set")


def local_class() -> type:
    @dataclass(frozen=True)
    class Local:
        level: float = option(1.0, "how loud")

    return Local


def detector(**changes) -> DetectorSpec:
    spec = DetectorSpec(
        name="fake-local",
        summary="a detector of this test",
        target="asd_bench.builtin.detectors.neighbours:Knn",
        frontend="mel",
        config=Sound,
    )
    return dataclasses.replace(spec, **changes)


def system(**changes) -> SystemSpec:
    return dataclasses.replace(SystemSpec(name="fake-sys", summary="of this test", members=(Member("knn"),)), **changes)


def dataset(**changes) -> DatasetSpec:
    spec = DatasetSpec(
        name="fake-data",
        summary="a dataset of this test",
        target="asd_bench.builtin.datasets.dcase:DcaseReader",
        rule="2023",
        machines={"fan": ("00",)},
    )
    return dataclasses.replace(spec, **changes)


@pytest.fixture
def plugin(monkeypatch):
    """A module that declares what it is given, by hook."""

    def make(**declared) -> types.ModuleType:
        module = types.ModuleType("asd_bench_fake_of_a_test")
        for hook, specs in declared.items():
            setattr(module, hook, hookimpl(_returning(specs)))
        monkeypatch.setitem(sys.modules, module.__name__, module)
        return module

    def _returning(specs):
        def hook():
            return specs

        return hook

    return make


BAD_DECLARATIONS = [
    ("registers", {"asd_detectors": ["knn"]}, "which is no DetectorSpec"),
    ("registers", {}, "it implements no hook"),
    ("names", {"asd_detectors": [detector(name="Local Detector")]}, "lower-case letters"),
    ("names", {"asd_detectors": [detector(name="frontend")]}, "means something else in --set"),
    ("names", {"asd_detectors": [detector(name="knn")]}, "declared by asd_bench_fake_of_a_test and builtin-detectors"),
    ("names", {"asd_detectors": [detector(), detector()]}, "declared twice"),
    ("names", {"asd_systems": [system(aliases=("fake-sys",))]}, "declared twice"),
    ("names", {"asd_systems": [system(summary=" ")]}, "needs a summary"),
    ("specs", {"asd_detectors": [detector(scope="everything")]}, "has the scope 'everything'"),
    ("specs", {"asd_detectors": [detector(components=("machine",))]}, "a component 'machine', which is taken"),
    ("specs", {"asd_detectors": [detector(components=("a", "a"))]}, "a component 'a', which is taken"),
    ("specs", {"asd_detectors": [detector(uses=(Use("base", "no-such"),))]}, "uses the detector 'no-such'"),
    (
        "specs",
        {"asd_detectors": [detector(uses=(Use("a", "knn"), Use("a", "gmm")))]},
        "role 'a', which is taken",
    ),
    ("specs", {"asd_detectors": [detector(frontend="no-such")]}, "has the frontend 'no-such'"),
    ("specs", {"asd_detectors": [detector(min_classes=0)]}, "1 means that it needs none"),
    ("specs", {"asd_datasets": [dataset(n_train={("fan", "01"): 3})]}, "counts clips of fan/01"),
    ("targets", {"asd_detectors": [detector(target="no_such_module:Knn")]}, "No module named 'no_such_module'"),
    ("targets", {"asd_detectors": [detector(target="asd_bench.keys:digest")]}, "has no fit, score, save, load"),
    (
        "targets",
        {"asd_ensemblers": [EnsemblerSpec(name="fake-e", summary="of this test", target="asd_bench.keys:digest")]},
        "has no fit, combine",
    ),
    ("configurations", {"asd_detectors": [detector(config=Undocumented)]}, "'level' has no documentation"),
    ("configurations", {"asd_detectors": [detector(config=Loose)]}, "Loose is not frozen"),
    ("configurations", {"asd_detectors": [detector(config=local_class())]}, "a worker cannot import"),
    ("configurations", {"asd_detectors": [detector(config=dict)]}, "is no dataclass"),
    ("configurations", {"asd_detectors": [detector(config=Misread)]}, "'none' of detector 'fake-local'.words"),
    ("systems", {"asd_systems": [system(members=(Member("knn"), Member("gmm")))]}, "2 members and no ensembler"),
    ("systems", {"asd_systems": [system(select=TopK(2))]}, "selects 2 of its 1 members"),
    ("systems", {"asd_systems": [system(members=(Member("no-such"),))]}, "there is no detector called 'no-such'"),
    (
        "systems",
        {"asd_systems": [system(profiles={"quick": {"knn.kk": 1}})]},
        "profile quick: knn has no option",
    ),
    (
        "systems",
        {"asd_systems": [system(recipe={"knn.k": "one"})]},
        "paper: knn.k must be a whole number",
    ),
    (
        "systems",
        {
            "asd_detectors": [detector(uses=(Use("a", "fake-local"),))],
            "asd_systems": [system(members=(Member("fake-local"),))],
        },
        "use one another in a circle",
    ),
]


@pytest.mark.parametrize(("check", "declared", "symptom"), BAD_DECLARATIONS)
def test_each_check_catches_the_declaration_that_breaks_its_rule(plugin, check, declared, symptom):
    # The module is not on disk, so that no process of its own could import it.
    skip = {"imports lightly": "made by this test"}
    with pytest.raises(ConformanceError) as caught:
        check_plugin(plugin(**declared), skip=skip)
    text = str(caught.value)
    assert f"FAILED   {check}" in text
    assert symptom in text


def test_a_sound_declaration_passes(plugin):
    declared = {"asd_detectors": [detector()], "asd_datasets": [dataset()], "asd_systems": [system()]}
    report = check_plugin(plugin(**declared), skip={"imports lightly": "made by this test"})
    assert len(report.passed) == len(PLUGIN_CHECKS) - 1


@pytest.mark.parametrize(
    ("source", "symptom"),
    [
        ("import torch", "imports torch"),
        (
            "import asd_bench\n@asd_bench.hookimpl\ndef asd_systems():\n    import sklearn\n    return []",
            "imports sklearn",
        ),
        ("import a_package_that_nobody_has", "No module named 'a_package_that_nobody_has'"),
    ],
)
def test_an_entry_module_that_imports_much_is_caught(tmp_path, monkeypatch, plugin, source, symptom):
    (tmp_path / "asd_bench_fake_of_a_test.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    module = plugin(asd_systems=[])
    with pytest.raises(ConformanceError, match=symptom):
        check_plugin(module)


def test_every_check_of_plugins_has_a_plugin_that_breaks_it():
    assert {check for check, _, _ in BAD_DECLARATIONS} | {"imports lightly"} == {check.name for check in PLUGIN_CHECKS}


# -- going through checks ----------------------------------------------------------------------------------------------


def never(subject):
    raise NotApplicable("it is not that kind")


def test_checks_that_are_all_left_out_fail():
    with pytest.raises(ConformanceError, match="nothing was checked"):
        go_through([Check("a", "why", list)], [], "it", {"a": "no time"})
    with pytest.raises(ConformanceError, match="nothing was checked"):
        go_through([Check("a", "why", never)], [], "it", {})


def test_a_check_is_left_out_by_its_name_and_with_a_reason():
    checks = [Check("plain files", "why", list)]
    with pytest.raises(BenchError, match="did you mean 'plain files'"):
        go_through(checks, [], "it", {"plain file": "reason"})
    with pytest.raises(BenchError, match="without a reason"):
        go_through(checks, [], "it", {"plain files": " "})


def test_a_check_that_raises_has_failed():
    def breaks(subject):
        raise OSError("the disk is full")

    with pytest.raises(ConformanceError, match="it raised OSError: the disk is full"):
        go_through([Check("a", "why", breaks)], [], "it", {})


def test_the_report_says_what_is_wrong_and_why_it_matters():
    checks = [Check("a", "because of a", lambda subject: [f"fault {n}" for n in range(9)]), Check("b", "because", list)]
    with pytest.raises(ConformanceError) as caught:
        go_through(checks, [], "the detector 'x'", {})
    assert str(caught.value).splitlines() == [
        "the detector 'x' fails 1 of 2 checks",
        "  FAILED   a",
        *(f"             fault {n}" for n in range(6)),
        "             … and 3 more",
        "           why it matters: because of a",
        "  passed   b",
    ]
