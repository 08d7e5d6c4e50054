"""One value out of many layers: precedence, presence, addresses, and runs of several systems."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import Any

import pytest

from asd_bench import BenchError, DetectorSpec, EnsemblerSpec, FrontendSpec, Member, SystemSpec, Use, hookimpl, option
from asd_bench.config import (
    Layer,
    knows_address,
    layer_from_file,
    layer_from_pairs,
    resolve_dataset,
    resolve_system,
)
from asd_bench.plugins import Host
from asd_bench.session import Request, Session
from asd_bench.testing.running import Display


@dataclass(frozen=True)
class Alpha:
    flag: bool = option(True, "a switch")
    count: int = option(3, "a number of things")
    rate: float = option(0.1, "a step", minimum=0)
    word: str = option("plain", "some text")
    limit: float | None = option(2.0, "a bound, or none", minimum=0)
    sizes: tuple[int, ...] = option((1, 2), "several numbers", minimum=1)
    band: tuple[float, float] = option((0.0, 1.0), "two numbers")
    names: tuple[str, ...] | None = option(None, "several words, or none")
    table: str = option("", "a file, or none", file=True)

    def __post_init__(self) -> None:
        if self.band[0] > self.band[1]:
            raise ValueError("a band begins below its end")


@dataclass(frozen=True)
class Beta:
    depth: int = option(1, "how deep", minimum=1)


@dataclass(frozen=True)
class Gamma:
    table: str = option("", "a file that there has to be", file=True, required=True)


@dataclass(frozen=True)
class Front:
    bands: int = option(128, "how many bands", minimum=1)


@dataclass(frozen=True)
class Fusion:
    weight: float = option(0.5, "how much of the first")


DETECTORS = [
    DetectorSpec(name="alpha", summary="", target="m:A", frontend="front", config=Alpha, components=("low", "high")),
    DetectorSpec(name="beta", summary="", target="m:B", frontend="wide", config=Beta, uses=(Use("base", "alpha"),)),
    DetectorSpec(name="gamma", summary="", target="m:G", frontend="front", config=Gamma, components=("low",)),
]

FRONTENDS = [
    FrontendSpec(name="front", summary="", target="m:F", config=Front),
    FrontendSpec(name="wide", summary="", target="m:F", config=Front, defaults={"bands": 256}),
]

SYSTEMS = [
    SystemSpec(
        name="one",
        summary="",
        members=(Member("alpha", "low", config={"count": 4, "frontend.bands": 64}),),
        ensembler="fusion",
        recipe={"alpha.count": 5},
        profiles={"quick": {"alpha.count": 6}, "slow": {"alpha.limit": None}},
    ),
    SystemSpec(name="two", summary="", members=(Member("beta"),), ensembler="fusion"),
    SystemSpec(name="needy", summary="", members=(Member("gamma"),), ensembler="fusion"),
    SystemSpec(
        name="both",
        summary="",
        members=(Member("alpha", "low", "left"), Member("alpha", "high", "right"), Member("beta")),
        ensembler="fusion",
    ),
]


class Plugin:
    """Detectors alpha and beta, which uses alpha; systems of one, the other, and both."""

    @hookimpl
    def asd_detectors(self):
        return DETECTORS

    @hookimpl
    def asd_frontends(self):
        return FRONTENDS

    @hookimpl
    def asd_ensemblers(self):
        return [EnsemblerSpec(name="fusion", summary="", target="m:E", config=Fusion)]

    @hookimpl
    def asd_systems(self):
        return SYSTEMS


@pytest.fixture(scope="module")
def host() -> Host:
    made = Host()
    made.register(Plugin(), "of-this-test")
    return made


def resolved(host: Host, system: str, *layers: Layer, profile: str = "paper") -> dict[str, Any]:
    """``"alpha.count"`` -> (value, origin) of every option of a system."""
    result = resolve_system(host, host.get("system", system).spec, profile, layers)
    options = [(node, name) for node in result.nodes for name in node.values]
    return {f"{node.title}.{name}": (node.values[name], node.origins[name]) for node, name in options}


# -- layers ------------------------------------------------------------------------------------------------------------


def test_a_stronger_layer_wins_and_every_value_knows_its_origin(host):
    file, pairs = Layer("--config my.yaml", {"alpha.count": 7}), Layer("--set", {"alpha.count": "8"})
    assert resolved(host, "one")["alpha.count"] == (5, "recipe")
    assert resolved(host, "one", profile="quick")["alpha.count"] == (6, "profile quick")
    assert resolved(host, "one", file, profile="quick")["alpha.count"] == (7, "--config my.yaml")
    assert resolved(host, "one", file, pairs, profile="quick")["alpha.count"] == (8, "--set")
    assert resolved(host, "both")["alpha.count"] == (3, "default")
    assert resolved(host, "one")["alpha.frontend.bands"] == (64, "member")
    assert resolved(host, "two")["beta.frontend.bands"] == (256, "preset wide")


@pytest.mark.parametrize(
    ("name", "value"),
    [("flag", False), ("count", 0), ("rate", 0.0), ("word", ""), ("limit", None), ("sizes", []), ("names", [])],
)
@pytest.mark.parametrize("layer", ["recipe", "profile", "file"])
def test_presence_decides_and_not_truth(host, name, value, layer):
    spec = SystemSpec(name="s", summary="", members=(Member("alpha", "low"),), ensembler="fusion")
    # Below it lies a value that is neither the default nor what is set.
    below = {"flag": True, "count": 9, "rate": 9.0, "word": "below", "limit": 9.0, "sizes": [9], "names": ["below"]}
    spec = dataclasses.replace(spec, members=(Member("alpha", "low", config={name: below[name]}),))
    values, profile, layers = {f"alpha.{name}": value}, "paper", []
    if layer == "recipe":
        spec = dataclasses.replace(spec, recipe=values)
    elif layer == "profile":
        spec, profile = dataclasses.replace(spec, profiles={"quick": values}), "quick"
    else:
        layers = [Layer("--config", values)]
    system = resolve_system(host, spec, profile, layers)
    assert system.members[0].detector.config[name] == (tuple(value) if isinstance(value, list) else value)


@pytest.mark.parametrize(
    ("pair", "value"),
    [
        ("alpha.flag=false", False),
        ("alpha.count=0", 0),
        ("alpha.word=", ""),
        ("alpha.limit=null", None),
        ("alpha.sizes=[]", ()),
        ("alpha.sizes=", ()),
        ("alpha.names=none", None),
    ],
)
def test_presence_decides_on_the_command_line_as_well(host, pair, value):
    address = pair.partition("=")[0]
    assert resolved(host, "one", layer_from_pairs([pair]))[address] == (value, "--set")


def test_the_last_of_two_pairs_wins():
    assert layer_from_pairs(["a.b=1", "a.b=2"]).values == {"a.b": "2"}


@pytest.mark.parametrize("pair", ["alpha.count", "=3", " =3"])
def test_a_pair_without_address_or_value_is_refused(pair):
    with pytest.raises(BenchError, match=r"takes PART\.OPTION=VALUE"):
        layer_from_pairs([pair])


def test_a_config_file_may_be_nested_or_dotted(host, tmp_path):
    path = tmp_path / "my.yaml"
    path.write_text("alpha:\n  rate: 1e-3\n  frontend: {bands: 32}\nalpha.word: yes it is\nensembler.weight: 1\n")
    values = resolved(host, "one", layer_from_file(path))
    assert values["alpha.rate"] == (1e-3, "--config my.yaml")
    assert values["alpha.frontend.bands"] == (32, "--config my.yaml")
    assert values["alpha.word"] == ("yes it is", "--config my.yaml")
    assert values["ensembler.weight"] == (1.0, "--config my.yaml")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("- a\n- b\n", "must hold a mapping"),
        ("a: [1, 2\n", "is no valid YAML"),
        ("!!python/object/apply:os.system ['true']", "is no valid YAML"),
        ("a: \udc80", "is no valid YAML"),
    ],
)
def test_a_bad_config_file_is_named(tmp_path, content, complaint):
    path = tmp_path / "bad.yaml"
    path.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(BenchError, match=complaint) as caught:
        layer_from_file(path)
    assert caught.value.where == str(path)


def test_an_empty_config_file_says_nothing(tmp_path):
    (tmp_path / "empty.yaml").write_text("# nothing yet\n")
    assert layer_from_file(tmp_path / "empty.yaml").values == {}
    with pytest.raises(BenchError, match="cannot be read: No such file"):
        layer_from_file(tmp_path / "missing.yaml")


def test_a_file_counts_by_what_is_in_it(host, tmp_path):
    def with_file(name, content):
        (tmp_path / name).write_text(content)
        layer = Layer("--set", {"alpha.table": str(tmp_path / name)})
        return resolve_system(host, host.get("system", "one").spec, "paper", [layer])

    first, other = with_file("a.csv", "1"), with_file("a.csv", "22")
    moved, without = with_file("b.csv", "1"), resolve_system(host, host.get("system", "one").spec, "paper", [])
    assert first.document() == moved.document()
    assert first.document() != other.document()
    assert without.members[0].detector.files == {}
    # The fit on this machine is told the path; nobody else is.
    assert moved.members[0].detector.files == {"table": str(tmp_path / "b.csv")}
    assert str(tmp_path) not in str(moved.document())
    assert re.fullmatch(r"alpha\.table=sha256:[0-9a-f]{16}", *moved.user_changes)


def test_a_file_has_to_be_there_before_anything_runs(host, tmp_path):
    weak = Layer("--config my.yaml", {"alpha.table": str(tmp_path / "none.csv")})
    with pytest.raises(BenchError, match=r"alpha\.table is to be a file, and .*none\.csv cannot be read: No such file"):
        resolved(host, "one", weak)
    # What a stronger layer replaces need not be there.
    assert resolved(host, "one", weak, Layer("--set", {"alpha.table": ""}))["alpha.table"] == ("", "--set")


def test_only_detectors_have_files(host):
    @dataclass(frozen=True)
    class Listening:
        table: str = option("", "a file", file=True)

    class Other:
        @hookimpl
        def asd_frontends(self):
            return [FrontendSpec(name="from-file", summary="", target="m:F", config=Listening)]

        @hookimpl
        def asd_detectors(self):
            return [DetectorSpec(name="gamma", summary="", target="m:G", frontend="from-file", components=("low",))]

        @hookimpl
        def asd_systems(self):
            return [SystemSpec(name="three", summary="", members=(Member("gamma"),))]

    made = Host()
    made.register(Other(), "of-this-test")
    with pytest.raises(
        BenchError, match="the frontend 'from-file' has the option 'table', a file, which only detectors"
    ):
        resolve_system(made, made.get("system", "three").spec, "paper", [])


def test_a_value_that_a_system_cannot_do_without(host, tmp_path):
    (tmp_path / "a.csv").write_text("1")
    spec = host.get("system", "needy").spec
    # It can be shown, but not run.
    bare = resolve_system(host, spec, "paper", [])
    with pytest.raises(
        BenchError, match=r"the system 'needy' needs gamma\.table: a file that there has to be"
    ) as error:
        bare.check_complete()
    assert error.value.fix == "add --set detector.table=…"
    resolve_system(host, spec, "paper", [Layer("--set", {"gamma.table": str(tmp_path / "a.csv")})]).check_complete()


def test_profiles(host):
    assert resolved(host, "one", profile="slow")["alpha.limit"] == (None, "profile slow")
    with pytest.raises(BenchError, match=re.escape("no profile 'quik'; did you mean 'quick'?")):
        resolved(host, "one", profile="quik")
    with pytest.raises(BenchError, match="its profiles are: paper"):
        resolved(host, "two", profile="smoke")


def test_options_that_do_not_fit_together_are_refused_before_anything_runs(host):
    with pytest.raises(BenchError, match="the options of alpha do not fit together: a band begins below its end"):
        resolved(host, "one", layer_from_pairs(["alpha.band=2,1"]))
    builtin = Host()
    builtin.load_builtin()
    with pytest.raises(BenchError, match="a mel range of 0 to 9000 Hz does not fit"):
        resolved(builtin, "mel-knn", layer_from_pairs(["frontend.f_max=9000"]))


# -- addresses ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pair", "changed"),
    [
        ("left.count=9", {"left.count"}),
        ("right.count=9", {"right.count"}),
        # The third alpha is the one that beta uses.
        ("alpha.count=9", {"left.count", "right.count", "alpha.count"}),
        ("detector.count=9", {"left.count", "right.count", "alpha.count"}),
        ("detector.depth=9", {"beta.depth"}),
        ("beta.depth=9", {"beta.depth"}),
        ("left.frontend.bands=9", {"left.frontend.bands"}),
        ("beta.frontend.bands=9", {"beta.frontend.bands"}),
        ("frontend.bands=9", {f"{part}.frontend.bands" for part in ("left", "right", "alpha", "beta")}),
        ("ensembler.weight=9", {"ensembler.weight"}),
    ],
)
def test_an_address_reaches_what_it_names_and_nothing_else(host, pair, changed):
    values = resolved(host, "both", layer_from_pairs([pair]))
    assert {address for address, (_, origin) in values.items() if origin == "--set"} == changed
    assert all(values[address][0] == 9 for address in changed)


@pytest.mark.parametrize(
    ("pair", "complaint"),
    [
        ("alpha.cuont=1", "alpha has no option 'cuont'; did you mean 'count'?"),
        ("alfa.count=1", "nothing in the system 'one' is called 'alfa'; did you mean 'alpha'?"),
        ("count=1", "nothing in the system 'one' is called 'count'"),
        ("alpha.frontend.band=1", "alpha.frontend has no option 'band'; did you mean 'bands'?"),
        ("detector.depth=1", "alpha has no option 'depth'"),
        ("beta.depth=1", "nothing in the system 'one' is called 'beta'"),
    ],
)
def test_an_unknown_address_is_an_error_with_a_suggestion(host, pair, complaint):
    with pytest.raises(BenchError, match=re.escape(complaint)) as caught:
        resolved(host, "one", layer_from_pairs([pair]))
    assert "--set" in caught.value.where


def test_two_members_of_one_name_are_refused(host):
    spec = SystemSpec(
        name="s", summary="", members=(Member("alpha", "low"), Member("alpha", "high")), ensembler="fusion"
    )
    with pytest.raises(BenchError, match="two members called 'alpha'"):
        resolve_system(host, spec, "paper", [])


@pytest.mark.parametrize("component", [None, "hihg"])
def test_a_component_must_be_one_that_the_detector_emits(host, component):
    spec = SystemSpec(name="s", summary="", members=(Member("alpha", component),), ensembler="fusion")
    with pytest.raises(BenchError, match="which emits low, high"):
        resolve_system(host, spec, "paper", [])


def test_dataset_options(host):
    builtin = Host()
    builtin.load_builtin()
    spec = builtin.get("dataset", "synthetic2023").spec
    config, node = resolve_dataset(spec, [layer_from_pairs(["dataset.n_train=9", "knn.k=3"])])
    assert (config.n_train, node.origins["n_train"], node.origins["seed"]) == (9, "--set", "default")
    with pytest.raises(BenchError, match="did you mean 'n_train'"):
        resolve_dataset(spec, [layer_from_pairs(["dataset.ntrain=9"])])


# -- several systems in one run ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "one", "two"),
    [
        ("alpha.count", True, True),
        ("beta.depth", False, True),
        ("beta.dpeth", False, True),
        ("detector.depth", False, True),
        ("detector.dpeth", False, False),
        ("frontend.bands", True, True),
        ("ensembler.weight", True, True),
        ("ensembler.wieght", False, False),
        ("gamma.x", False, False),
    ],
)
def test_a_system_knows_which_addresses_concern_it(host, address, one, two):
    assert [knows_address(host, host.get("system", name).spec, address) for name in ("one", "two")] == [one, two]


def prepared(tiny, workspace, *pairs: str) -> dict[str, dict[str, Any]]:
    """The resolved detector configurations of mel-knn and mel-gmm in one run."""
    request = Request(
        systems=("mel-knn", "mel-gmm"),
        datasets=("synthetic2023",),
        layers=(tiny.layer, layer_from_pairs(pairs)),
        machines=("fan",),
        data_root=tiny.root,
        workspace=workspace,
        device="cpu",
    )
    session = Session(request)
    session.prepare(Display())
    return {system.spec.name: dict(system.members[0].detector.config) for system in session.systems}


def test_in_a_run_of_several_systems_a_value_reaches_those_that_it_concerns(tiny, tmp_path):
    configs = prepared(tiny, tmp_path, "knn.k=2", "detector.floor=0.5", "detector.pool=mean")
    assert (configs["mel-knn"]["k"], configs["mel-knn"]["pool"]) == (2, "mean")
    assert (configs["mel-gmm"]["floor"], configs["mel-gmm"]["pool"]) == (0.5, "mean")


@pytest.mark.parametrize(
    ("pair", "complaint"),
    [
        ("knn.kk=2", "knn has no option 'kk'; did you mean 'k'?"),
        ("gmm.floors=2", "gmm has no option 'floors'; did you mean 'floor'?"),
        ("lof.k=2", "is called 'lof'"),
        ("detector.kk=2", "has no option 'kk'"),
    ],
)
def test_in_a_run_of_several_systems_a_value_that_concerns_none_is_an_error(tiny, tmp_path, pair, complaint):
    with pytest.raises(BenchError, match=re.escape(complaint)):
        prepared(tiny, tmp_path, pair)
