"""Keys: everything that can change a number is in them, and nothing else."""

from __future__ import annotations

import copy
import dataclasses
import json
import random
import shutil
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from asd_bench.config import resolve_system
from asd_bench.data.clips import content
from asd_bench.data.dataset import open_dataset
from asd_bench.fit import FitJob, FitSpec
from asd_bench.keys import canonical, digest
from asd_bench.plan import Planner
from asd_bench.plugins import Host
from asd_bench.records import Workspace
from asd_bench.testing import TinyData

text = st.text(st.characters(codec="utf-8"), max_size=8)
numbers = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | numbers | text
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3), max_leaves=6
)
options = st.dictionaries(text, scalars | st.lists(scalars, max_size=3).map(tuple), max_size=4)
digests = st.integers(0, 2**64).map(lambda number: digest(number))

scopes = st.one_of(
    st.just({"kind": "dataset"}),
    st.builds(lambda machine: {"kind": "machine", "machine": machine}, text),
    st.builds(lambda machine, section: {"kind": "section", "machine": machine, "section": section}, text, text),
)

specs = st.builds(
    FitSpec,
    detector=text,
    target=text,
    plugin=text,
    source=digests,
    scope=scopes,
    config=options,
    config_type=text,
    frontend=st.fixed_dictionaries(
        {"name": text, "target": text, "version": st.integers(1, 9), "config_type": text, "config": options}
    ),
    components=st.lists(text, unique=True, max_size=3).map(tuple),
    min_classes=st.integers(1, 9),
    seed=st.integers(0, 2**31),
    train=digests,
    upstream=st.dictionaries(text, st.lists(digests, max_size=3).map(tuple), max_size=2),
    numerics=st.integers(1, 9),
)


def leaves(value: Any, path: tuple = ()) -> Iterator[tuple]:
    """The paths of everything in a document that is no mapping and no sequence, and of what is empty."""
    if isinstance(value, dict) and value:
        for name, item in value.items():
            yield from leaves(item, (*path, name))
    elif isinstance(value, list) and value:
        for number, item in enumerate(value):
            yield from leaves(item, (*path, number))
    else:
        yield path


def other_than(value: Any) -> Any:
    """A value of the same kind that is another."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return float(np.nextafter(value, np.inf if value < 1 else -np.inf))
    if isinstance(value, str):
        return value + "x"
    if value is None:
        return 0
    return [*value, "x"] if isinstance(value, list) else {"x": []}


def replaced(document: Any, path: tuple, value: Any) -> Any:
    document = copy.deepcopy(document)
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return document


def shuffled(value: Any, rng: random.Random) -> Any:
    """The same mappings with their names in another order."""
    if isinstance(value, dict):
        names = list(value)
        rng.shuffle(names)
        return {name: shuffled(value[name], rng) for name in names}
    return [shuffled(item, rng) for item in value] if isinstance(value, (list, tuple)) else value


def spec_of(document: dict[str, Any]) -> FitSpec:
    """The spec that a worker makes of a job's document."""
    job = {"workspace": "", "dataset": "", "stores": {}, "scored": [], "scored_key": "", "reveals": {}}
    return FitJob.of({"spec": document, **job}).spec


def plain(spec: FitSpec) -> dict[str, Any]:
    return json.loads(json.dumps(dataclasses.asdict(spec)))


# -- what is in a key --------------------------------------------------------------------------------------------------


@given(specs)
def test_flipping_any_leaf_of_a_fit_spec_changes_its_key(spec):
    document = plain(spec)
    assert digest(document) == spec.key
    paths = list(leaves(document))
    assert {path[0] for path in paths} == {field.name for field in dataclasses.fields(FitSpec)}
    for path in paths:
        value = document
        for step in path:
            value = value[step]
        assert digest(replaced(document, path, other_than(value))) != spec.key, path


@given(specs, text, scalars)
def test_one_more_option_changes_the_key(spec, name, value):
    if name not in spec.config:
        assert dataclasses.replace(spec, config={**spec.config, name: value}).key != spec.key


@given(specs, st.randoms(use_true_random=False))
def test_the_order_of_mappings_is_no_part_of_a_key(spec, rng):
    assert spec_of(shuffled(plain(spec), rng)).key == spec.key


@given(specs)
def test_a_worker_finds_the_same_key_in_the_job_that_it_is_sent(spec):
    assert spec_of(plain(spec)).key == spec.key


@given(values, values)
def test_different_values_have_different_canonical_forms(one, other):
    def typed(value: Any) -> str:
        # Equal in Python, but not the same: True == 1 == 1.0, and 0.0 == -0.0.
        return json.dumps(value, sort_keys=True)

    assert (canonical(one) == canonical(other)) == (typed(one) == typed(other))


@given(values)
def test_canonical_json_is_json_and_says_the_same(value):
    assert json.loads(canonical(value)) == value


def test_neighbouring_floats_have_different_keys():
    assert digest(0.1) != digest(np.nextafter(0.1, 1.0).item())
    assert digest(1) != digest(1.0) != digest(True)
    assert digest("1") != digest(1)
    assert digest([1, [2]]) != digest([[1], 2])
    assert digest(None) != digest([]) != digest({})


def test_keys_are_the_same_everywhere():
    # Written down: a key that changed would make every record of the world unfindable.
    assert digest({"b": [1, 2.5, None, True], "a": "Ω"}) == digest({"a": "Ω", "b": (1, 2.5, None, True)})
    assert canonical({"b": [1, 2.5, None, True], "a": "Ω"}) == '{"a":"Ω","b":[1,2.5,null,true]}'
    assert digest({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_json_has_not_are_refused(number):
    with pytest.raises(ValueError, match="not JSON compliant"):
        digest({"config": {"rate": number}})


@pytest.mark.parametrize("thing", [np.int64(3), np.zeros(2), object(), b"bytes", {1: "a"}, {None: "a"}, {"a": {2: 3}}])
def test_what_json_has_not_is_refused(thing):
    with pytest.raises(TypeError):
        digest({"config": thing})


def test_sets_are_put_in_order():
    assert digest({"a", "b", "c"}) == digest(frozenset("cab"))


# -- what is not -------------------------------------------------------------------------------------------------------


@pytest.fixture
def fit_keys(tmp_path):
    """The keys of every fit and of its scores, as a run would plan them."""

    def keys(
        data: TinyData, workspace: str = "workspace", *, device: str = "cpu", rerun: bool = False, root=None
    ) -> set[tuple[str, str]]:
        host = Host()
        host.load_builtin()
        systems = [resolve_system(host, host.get("system", name).spec, "paper", []) for name in ("mel-knn", "mel-gmm")]
        spec = host.get("dataset", data.dataset).spec
        config = spec.config(**data.options)
        dataset = open_dataset(host, data.dataset, config, root or data.root, tmp_path / workspace)
        plan = Planner(Workspace(tmp_path / workspace), device, rerun).plan(systems, dataset, [0], None)
        return {(job.spec.key, job.score_key) for job in plan.jobs.values()}

    return keys


def test_neither_places_nor_devices_nor_policies_are_part_of_a_key(tiny, fit_keys, tmp_path):
    keys = fit_keys(tiny)
    assert len(keys) == 8
    assert fit_keys(tiny, "another/workspace") == keys
    assert fit_keys(tiny, device="cuda:3") == keys
    assert fit_keys(tiny, rerun=True) == keys
    shutil.copytree(tiny.root, tmp_path / "elsewhere")
    assert fit_keys(tiny, "third", root=tmp_path / "elsewhere") == keys


def test_files_with_other_names_and_in_another_order_give_the_same_keys(tiny, fit_keys, tmp_path):
    root = tmp_path / "renamed"
    shutil.copytree(tiny.root, root)
    for attributes in root.glob("*/attributes_*.csv"):
        attributes.unlink()
    # section_00_source_test_normal_0003_….wav: with its number turned round, the last clip is listed first.
    for path in root.glob("*/test/*.wav"):
        words = path.stem.split("_")
        words[5] = f"{9999 - int(words[5])}"
        path.rename(path.with_name("_".join(words) + ".wav"))
    assert fit_keys(tiny, "renamed-workspace", root=root) == fit_keys(tiny)


def test_other_sound_gives_other_keys(tiny, fit_keys, tmp_path):
    root = tmp_path / "retouched"
    shutil.copytree(tiny.root, root)
    path = sorted(root.glob("fan/train/*.wav"))[0]
    samples, rate = soundfile.read(path, dtype="int16")
    samples[100] += 1
    soundfile.write(path, samples, rate, subtype="PCM_16")
    before, after = fit_keys(tiny), fit_keys(tiny, "retouched-workspace", root=root)
    assert len(before - after) == 2
    test_clip = sorted(root.glob("pump/test/*.wav"))[0]
    test_clip.unlink()
    third = fit_keys(tiny, "retouched-workspace", root=root)
    changed = third - after
    # Pump's fits stay what they are: only their scores are of other clips.
    assert len(changed) == 2
    assert {fit for fit, _ in changed} <= {fit for fit, _ in after}


def test_the_order_of_rows_is_no_part_of_what_clips_are(tiny):
    table = next(iter(tiny.open().stores.values())).table
    assert content(table) == content(table.sample(frac=1.0, random_state=1))
    assert content(table) != content(table.iloc[1:])
    for column in ("digest", "section", "domain", "attributes"):
        assert content(table) != content(table.assign(**{column: "another"})), column
