"""Values as the types that a configuration declares: from text and YAML, from defaults, and from a worker's JSON."""

from __future__ import annotations

import dataclasses
import json
import re
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asd_bench import BenchError, option
from asd_bench.coerce import coerce, default_values
from asd_bench.config import Node, build
from asd_bench.keys import canonical


@dataclass(frozen=True)
class Options:
    flag: bool = option(True, "a switch")
    count: int = option(3, "a number of things")
    rate: float = option(0.1, "a step", minimum=0)
    word: str = option("plain", "some text")
    limit: float | None = option(2.0, "a bound, or none", minimum=0)
    mode: Literal["add", "max"] = option("add", "one of two words")
    power: Literal[1, 2] = option(2, "one of two numbers")
    sizes: tuple[int, ...] = option((1, 2), "several numbers", minimum=1)
    band: tuple[float, float] = option((0.0, 1.0), "two numbers")
    names: tuple[str, ...] | None = option(None, "several words, or none")


def put(name: str, value: Any) -> Any:
    """A value as one option of `Options` takes it."""
    node = Node.of("part", (), Options)
    node.put(name, value, "--set")
    return node.values[name]


# -- types -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "given_", "value"),
    [
        ("rate", "1e-3", 0.001),
        ("rate", 1, 1.0),
        ("count", "1e3", 1000),
        ("count", 3.0, 3),
        ("flag", "Yes", True),
        ("flag", "off", False),
        ("word", "none", "none"),
        ("limit", "~", None),
        ("limit", "0", 0.0),
        ("mode", "max", "max"),
        ("power", "1", 1),
        ("sizes", "3, 4", (3, 4)),
        ("sizes", "[3]", (3,)),
        ("sizes", [3.0], (3,)),
        ("band", "0.5,2", (0.5, 2.0)),
        ("names", "a,b", ("a", "b")),
    ],
)
def test_values_are_read_by_the_type_that_is_declared(name, given_, value):
    read = put(name, given_)
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("name", "given_", "complaint"),
    [
        ("count", "three", "part.count must be a whole number, got 'three'"),
        ("count", 2.5, "must be a whole number"),
        ("count", True, "must be a whole number"),
        ("count", None, "must be a whole number"),
        ("count", [1], "must be a whole number"),
        ("rate", "fast", "must be a number"),
        ("rate", "nan", "must be a number"),
        ("rate", "inf", "must be a number"),
        ("flag", "maybe", "must be true or false"),
        ("flag", 1, "must be true or false"),
        ("word", 3, "must be text"),
        ("mode", "mean", "must be one of add, max"),
        ("power", 3, "must be one of 1, 2"),
        ("sizes", 3, "must be a list"),
        ("sizes", "1,x", "must be a whole number"),
        ("band", "1", "must be a list of 2"),
        ("band", [1, 2, 3], "must be a list of 2"),
        ("limit", "much", "must be float | None"),
        ("rate", -0.1, "part.rate must be at least 0, got -0.1"),
        ("limit", -1, "part.limit must be at least 0"),
        ("sizes", [2, 0], "part.sizes must be at least 1"),
    ],
)
def test_what_is_not_of_the_type_is_refused_with_name_and_origin(name, given_, complaint):
    with pytest.raises(BenchError, match=re.escape(complaint)) as caught:
        put(name, given_)
    assert caught.value.where == "--set"


def test_unions_take_the_first_type_that_fits():
    assert coerce("3", int | str, "x", "") == 3
    assert coerce("three", int | str, "x", "") == "three"
    assert coerce("none", int | Literal["none"], "x", "") == "none"
    assert coerce("2.5", int | float, "x", "") == 2.5


@dataclass(frozen=True)
class WithoutDefault:
    count: int


@dataclass(frozen=True)
class WrongDefault:
    count: int = 2.5  # type: ignore[assignment]


@dataclass(frozen=True)
class UnknownType:
    count: NoSuchType = 1  # type: ignore[name-defined]  # noqa: F821


@dataclass(frozen=True)
class WholeDefault:
    rate: float = 1


@pytest.mark.parametrize("schema", [WithoutDefault, WrongDefault, UnknownType, dict])
def test_an_unsound_configuration_class_is_the_plugins_fault_and_named(schema):
    with pytest.raises(BenchError, match="gamma"):
        default_values(schema, "gamma")


def test_a_default_gives_the_same_key_as_the_same_value_set():
    node, same = Node.of("gamma", (), WholeDefault), Node.of("gamma", (), WholeDefault)
    same.put("rate", "1", "--set")
    assert canonical(node.document()) == canonical(same.document())


# -- to a worker and back ----------------------------------------------------------------------------------------------

finite = st.floats(allow_nan=False, allow_infinity=False)

configurations = st.builds(
    Options,
    flag=st.booleans(),
    count=st.integers(-(2**53) + 1, 2**53 - 1),
    rate=finite.map(abs),
    word=st.text(),
    limit=st.none() | finite.map(abs),
    mode=st.sampled_from(["add", "max"]),
    power=st.sampled_from([1, 2]),
    sizes=st.lists(st.integers(1, 9)).map(tuple),
    band=st.tuples(finite, finite).map(lambda pair: tuple(sorted(pair))),
    names=st.none() | st.lists(st.text()).map(tuple),
)


@given(configurations)
def test_a_configuration_survives_json(config):
    values = json.loads(json.dumps(dataclasses.asdict(config)))
    assert build(Options, values) == config
    assert canonical(dataclasses.asdict(build(Options, values))) == canonical(dataclasses.asdict(config))


@given(configurations)
def test_a_resolved_value_is_read_as_itself(config):
    node = Node.of("part", (), Options)
    for name, value in dataclasses.asdict(config).items():
        node.put(name, value, "--set")
        assert node.values[name] == value


@given(st.integers(-(2**53) + 1, 2**53 - 1), finite, st.booleans())
def test_numbers_and_switches_written_as_text_are_read_exactly(count, number, flag):
    assert put("count", str(count)) == count
    assert put("rate", repr(abs(number))) == abs(number)
    assert put("flag", str(flag)) is flag
