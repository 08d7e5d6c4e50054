"""Which fits a run makes, what each waits for, and what leaves them as they are."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asd_bench import BenchError, DetectorSpec, Member, Reveals, SystemSpec, Use, hookimpl
from asd_bench.config import layer_from_pairs, resolve_system
from asd_bench.data.store import Store
from asd_bench.fit import FitJob
from asd_bench.plan import Plan, Planner, merge, needs_all_machines
from asd_bench.plugins import Host
from asd_bench.records import Workspace
from asd_bench.testing.running import loaded_host

#: Two machine types as in 2020, with several sections, and one as in 2023, with one.
MACHINES = {"fan": ("00", "02"), "pump": ("00", "02"), "valve": ("00",)}


def store(workspace: Path, machine: str, sections: Iterable[str], n_test: int = 3, n_train: int = 4) -> Store:
    """A packed store, of which a plan looks at nothing but the table."""
    rows = [
        (f"{machine}-{section}-{split}-{number}", machine, section, split, "source", "speed 1")
        for section in sections
        for split, count in (("train", n_train), ("test", n_test))
        for number in range(count)
    ]
    table = pd.DataFrame(rows, columns=["clip_id", "machine", "section", "split", "domain", "attributes"])
    table["digest"] = table.clip_id
    return Store(workspace / "cache" / "clips" / "d" / f"{machine}-0", machine, table, np.zeros(0, np.int16), ())


def dataset_of(workspace: Path, machines: Mapping[str, Iterable[str]] = MACHINES, **counts: int) -> SimpleNamespace:
    stores = {machine: store(workspace, machine, sections, **counts) for machine, sections in machines.items()}
    spec = SimpleNamespace(reveals=Reveals(train=frozenset({"attributes"})))
    return SimpleNamespace(name="data", spec=spec, machines=tuple(stores), stores=stores)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return tmp_path / "workspace"


@pytest.fixture
def plan(install_fakes, workspace):
    """Plan systems of the good fake, or built-in ones, as ``asd-bench run`` would."""
    install_fakes("good")
    host = loaded_host()

    def make(systems: str, *pairs: str, machines=None, seeds=(0,), dataset=None, **policy) -> Plan:
        resolved = [
            resolve_system(host, host.get("system", name).spec, "paper", [layer_from_pairs(pairs)])
            for name in systems.split(",")
        ]
        planner = Planner(Workspace(workspace), policy.get("device", "cpu"), policy.get("rerun", False))
        return planner.plan(resolved, dataset or dataset_of(workspace), seeds, machines)

    return make


def named(plan: Plan) -> dict[str, FitJob]:
    """Jobs by ``detector on scope``; a plan of one seed and configuration has one of each."""
    jobs = {f"{job.spec.detector} on {job.spec.scope_name}": job for job in plan.jobs.values()}
    assert len(jobs) == len(plan.jobs)
    return jobs


def keys(plan: Plan) -> dict[str, str]:
    return {name: job.spec.key for name, job in named(plan).items()}


# -- scopes ------------------------------------------------------------------------------------------------------------


def test_a_fit_of_section_scope_is_made_for_every_section(plan):
    assert list(named(plan("mel-knn"))) == [
        *("knn on fan/00", "knn on fan/02", "knn on pump/00", "knn on pump/02", "knn on valve/00")
    ]


def test_a_fit_of_machine_scope_is_made_for_every_machine_type(plan):
    jobs = named(plan("fake-mean"))
    assert list(jobs) == ["fake-mean on fan", "fake-mean on pump", "fake-mean on valve"]
    assert list(jobs["fake-mean on fan"].stores) == ["fan"]


def test_a_fit_of_dataset_scope_is_made_once(plan):
    jobs = named(plan("fake-council"))
    assert list(jobs["fake-council on *"].stores) == list(MACHINES)
    assert jobs["fake-council on *"].scored == tuple(MACHINES)


def test_a_section_without_training_clips_is_an_error_that_names_it(plan, workspace):
    with pytest.raises(BenchError, match="data has no training clips for knn on section/fan/00"):
        plan("mel-knn", dataset=dataset_of(workspace, n_train=0))


# -- what uses what ----------------------------------------------------------------------------------------------------


def test_a_detector_of_dataset_scope_gets_every_fit_of_machine_scope(plan):
    made = plan("fake-council")
    job = named(made)["fake-council on *"]
    assert set(job.upstream["machines"]) == set(MACHINES)
    used = [named(made)[f"fake-mean on {machine}"] for machine in MACHINES]
    assert job.spec.upstream == {"machines": tuple(sorted(each.spec.key for each in used))}
    assert made.waits[job.score_key] == {each.score_key for each in used}


def test_detectors_of_section_scope_share_one_fit_of_dataset_scope(plan):
    made = plan("fake-two-level")
    embedding = named(made)["fake-embedding on *"]
    backends = [job for name, job in named(made).items() if name.startswith("fake-backend")]
    assert len(backends) == 5
    for backend in backends:
        assert backend.spec.upstream == {"embedding": (embedding.spec.key,)}
        assert list(backend.upstream["embedding"]) == ["*"]
        assert made.waits[backend.score_key] == {embedding.score_key}


def test_what_is_used_comes_first(plan):
    made = plan("fake-two-level,fake-council,fake-pair")
    order = list(made.jobs)
    for key, waits in made.waits.items():
        assert all(order.index(other) < order.index(key) for other in waits)


class Levels:
    """Detectors of section and machine scope that use one another."""

    @hookimpl
    def asd_detectors(self):
        common = {"summary": "", "target": "m:D", "frontend": "mel"}
        return [
            DetectorSpec(name="section", scope="section", **common),
            DetectorSpec(name="machine", scope="machine", **common),
            DetectorSpec(name="machine-over-sections", scope="machine", uses=(Use("base", "section"),), **common),
            DetectorSpec(name="section-over-machine", scope="section", uses=(Use("base", "machine"),), **common),
            DetectorSpec(name="section-over-section", scope="section", uses=(Use("base", "section"),), **common),
        ]


@pytest.mark.parametrize(
    ("detector", "scope", "upstream"),
    [
        ("machine-over-sections", "fan", {"fan/00", "fan/02"}),
        ("machine-over-sections", "valve", {"valve/00"}),
        ("section-over-machine", "fan/02", {"fan"}),
        ("section-over-section", "fan/02", {"fan/02"}),
    ],
)
def test_a_fit_uses_the_fits_whose_clips_it_shares(workspace, detector, scope, upstream):
    host = Host()
    host.load_builtin()
    host.register(Levels(), "levels")
    system = resolve_system(host, SystemSpec(name="s", summary="", members=(Member(detector),)), "paper", [])
    made = Planner(Workspace(workspace), "cpu", False).plan([system], dataset_of(workspace), [0], None)
    assert set(named(made)[f"{detector} on {scope}"].upstream["base"]) == upstream


# -- what is shared ----------------------------------------------------------------------------------------------------


def test_fits_that_systems_share_are_planned_once(plan):
    one, both = plan("fake-two-level"), plan("fake-two-level,fake-pair")
    assert set(one.jobs) < set(both.jobs)
    backends = [job for job in both.jobs.values() if job.spec.detector == "fake-backend"]
    assert len(backends) == 5
    shared = [result.fits["fake-backend"] for result in both.results]
    assert shared[0] == shared[1]


def test_plans_of_several_datasets_are_put_together_without_repetition(plan):
    one, other = plan("mel-knn", machines=("fan",)), plan("mel-knn", machines=("fan", "pump"))
    whole = merge([one, other])
    assert set(whole.jobs) == set(one.jobs) | set(other.jobs)
    assert len(whole.jobs) == 4
    assert [result.machines for result in whole.results] == [("fan",), ("fan", "pump")]


def test_every_seed_has_fits_of_its_own(plan):
    made = plan("mel-knn", seeds=(0, 1, 2), machines=("valve",))
    assert len(made.jobs) == len({job.spec.key for job in made.jobs.values()}) == 3
    assert [result.seed for result in made.results] == [0, 1, 2]


# -- what changes nothing ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("system", ["mel-knn", "fake-mean", "fake-classes"])
def test_adding_a_machine_refits_nothing_else(plan, workspace, system):
    fewer = {machine: MACHINES[machine] for machine in ("fan", "valve")}
    before, after = keys(plan(system, dataset=dataset_of(workspace, fewer))), keys(plan(system))
    assert set(before) < set(after)
    assert all(after[name] == key for name, key in before.items())


def test_adding_a_machine_refits_what_is_trained_on_all_of_them(plan, workspace):
    fewer = {machine: MACHINES[machine] for machine in ("fan", "valve")}
    before, after = keys(plan("fake-council", dataset=dataset_of(workspace, fewer))), keys(plan("fake-council"))
    assert before["fake-council on *"] != after["fake-council on *"]
    assert before["fake-mean on fan"] == after["fake-mean on fan"]


def test_adding_a_section_refits_no_other_section(plan, workspace):
    fewer = {**MACHINES, "fan": ("00",)}
    before, after = keys(plan("mel-knn", dataset=dataset_of(workspace, fewer))), keys(plan("mel-knn"))
    assert set(after) - set(before) == {"knn on fan/02"}
    assert all(after[name] == key for name, key in before.items())


def test_adding_test_clips_refits_nothing_and_scores_again(plan, workspace):
    before, after = plan("fake-two-level"), plan("fake-two-level", dataset=dataset_of(workspace, n_test=5))
    assert keys(before) == keys(after)
    assert not set(before.jobs) & set(after.jobs)


def test_hidden_attributes_are_no_part_of_a_fit_and_revealed_ones_are(plan, workspace):
    base = keys(plan("mel-knn"))
    for column, matters in (("attributes", True), ("domain", False)):
        dataset = dataset_of(workspace)
        for each in dataset.stores.values():
            each.table[column] = "another"
        assert (keys(plan("mel-knn", dataset=dataset)) != base) == matters, column


@given(order=st.permutations(list(MACHINES)), shuffle=st.integers(0, 99))
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_order_in_which_machines_and_clips_are_listed_changes_nothing(plan, workspace, order, shuffle):
    dataset = dataset_of(workspace, {machine: MACHINES[machine] for machine in order})
    for machine, each in dataset.stores.items():
        rows = each.table.sample(frac=1.0, random_state=shuffle).reset_index(drop=True)
        dataset.stores[machine] = Store(each.path, machine, rows, each.audio, ())
    assert set(plan("fake-council,mel-knn", dataset=dataset).jobs) == set(plan("fake-council,mel-knn").jobs)


# -- what --set and --machine change -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pair", "changed"),
    [
        ("low.bands=8", {"fake-mean"}),
        ("low.frontend.hop=256", {"fake-mean"}),
        ("fake-embedding.dimensions=2", {"fake-embedding", "fake-backend"}),
        ("fake-embedding.frontend.n_mels=32", {"fake-embedding", "fake-backend"}),
        ("fake-backend.frontend.n_mels=32", {"fake-backend"}),
        ("frontend.n_fft=2048", {"fake-mean", "fake-embedding", "fake-backend"}),
        ("ensembler.standardize=false", set()),
        # These are the values that it has anyway.
        ("low.bands=16", set()),
        ("fake-embedding.dimensions=4", set()),
    ],
)
def test_a_value_changes_the_fits_that_it_concerns_and_no_others(plan, pair, changed):
    before, after = keys(plan("fake-pair")), keys(plan("fake-pair", pair))
    assert {name.partition(" on ")[0] for name, key in after.items() if before[name] != key} == changed


def test_only_the_machines_asked_for_are_fitted_and_scored(plan):
    made = plan("mel-knn", machines=("pump",))
    assert list(named(made)) == ["knn on pump/00", "knn on pump/02"]
    assert (made.results[0].machines, made.results[0].trained_on) == (("pump",), ("pump",))


def test_a_fit_of_dataset_scope_trains_on_all_machines_though_one_is_scored(plan):
    every, one = plan("fake-council"), plan("fake-council", machines=("pump",))
    job = named(one)["fake-council on *"]
    assert (tuple(job.stores), job.scored) == (tuple(MACHINES), ("pump",))
    assert job.spec.key == named(every)["fake-council on *"].spec.key
    assert job.score_key != named(every)["fake-council on *"].score_key
    assert (one.results[0].machines, one.results[0].trained_on) == (("pump",), tuple(MACHINES))


def test_what_a_fit_of_dataset_scope_uses_is_made_for_all_machines_and_scored_only_where_asked_for(plan):
    jobs = named(plan("fake-council", machines=("pump",)))
    assert {name: job.scored for name, job in jobs.items() if name.startswith("fake-mean")} == {
        "fake-mean on fan": (),
        "fake-mean on pump": ("pump",),
        "fake-mean on valve": (),
    }
    assert not jobs["fake-mean on fan"].scores_test_clips


def test_who_needs_all_machines(install_fakes):
    install_fakes("good")
    host = loaded_host()

    def needs(system: str) -> bool:
        return needs_all_machines([resolve_system(host, host.get("system", system).spec, "paper", [])])

    assert needs("fake-council")
    assert needs("fake-two-level")
    assert not needs("fake-mean")
    assert not needs("mel-knn")


# -- the rest of a plan ------------------------------------------------------------------------------------------------


def test_the_device_can_be_chosen_after_planning(plan):
    made = plan("fake-two-level", device="auto")
    before = set(made.jobs)
    made.compute_on("cuda:1")
    assert set(made.jobs) == before
    assert {job.device for job in made.jobs.values()} == {"cuda:1"}
    assert {job.device for jobs in made.results[0].fits.values() for job in jobs} == {"cuda:1"}


def test_a_job_survives_its_way_to_a_worker(plan):
    for job in plan("fake-two-level,fake-pair,fake-council").jobs.values():
        sent = FitJob.of(json.loads(json.dumps(job.document())))
        assert (sent.spec.key, sent.score_key, sent.folder) == (job.spec.key, job.score_key, job.folder)
        assert sent.document() == FitJob.of(json.loads(json.dumps(sent.document()))).document()


def test_a_job_knows_no_label_and_no_file(tiny, install_fakes, tmp_path):
    host = loaded_host()
    system = resolve_system(host, host.get("system", "mel-knn").spec, "paper", [])
    made = Planner(Workspace(tmp_path), "cpu", False).plan([system], tiny.open(tmp_path), [0], None)
    text = str([job.document() for job in made.jobs.values()])
    assert not any(word in text for word in ("anomaly", "normal_", ".wav", str(tiny.root)))
