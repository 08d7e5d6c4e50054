"""Additional training clips: on request only, trained on where a fit's scope holds them, never scored or reported."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from asd_bench import records
from asd_bench.builtin.datasets.options import DcaseConfig
from asd_bench.builtin.datasets.years import YEARS
from asd_bench.builtin.synthetic.like import additional_like, groups_like
from asd_bench.builtin.synthetic.sounds import Conditions
from asd_bench.builtin.synthetic.writing import write_clips
from asd_bench.config import layer_from_pairs, resolve_system
from asd_bench.data.classes import Classes
from asd_bench.data.clips import visible
from asd_bench.errors import BenchError
from asd_bench.leaderboard.collect import read_document
from asd_bench.plan import Planner
from asd_bench.records import Workspace
from asd_bench.session import Request, Session
from asd_bench.testing.running import Display, loaded_host

ADDITIONAL = "dataset.additional=true"


def made(root: Path, dataset: str, machines: tuple[str, ...]) -> Path:
    """Made-up clips like a year's, additional ones too, of some machine types."""
    year = YEARS[dataset]
    groups = {**groups_like(year, 0.001), **additional_like(year, 0.001)}
    chosen = {place: clips for place, clips in groups.items() if place[0] in machines}
    write_clips(year.year, chosen, Conditions(seed=0, seconds=1.0, snr_db=6.0), root, {})
    return root


@pytest.fixture(scope="module")
def root2020(tmp_path_factory) -> Path:
    """Three clips of each group of two machine types; every type has IDs in both phases."""
    return made(tmp_path_factory.mktemp("like2020"), "dcase2020", ("ToyConveyor", "fan"))


@pytest.fixture(scope="module")
def root2023(tmp_path_factory) -> Path:
    """One machine type of the development phase, and all seven of the evaluation phase."""
    year = YEARS["dcase2023"]
    return made(tmp_path_factory.mktemp("like2023"), "dcase2023", ("fan", *year.evaluation))


# -- reading -----------------------------------------------------------------------------------------------------------


def test_without_the_request_they_are_not_there(root2020, root2023, read):
    assert set(read("dcase2020", root2020).stores["fan"].table.section) == {"00", "02", "04", "06"}
    assert list(read("dcase2023", root2023).stores) == ["fan"]


def test_2020_adds_machine_ids(root2020, read):
    dataset = read("dcase2020", root2020, additional=True)
    table = dataset.stores["fan"].table
    added = table[table.phase == "eval"]
    assert set(added.section) == {"01", "03", "05"}
    assert set(added.split) == {"train"}
    assert set(table.section) == {f"{number:02d}" for number in range(7)}
    assert dataset.counts(("fan",)) == dict.fromkeys((("fan", i) for i in ("00", "02", "04", "06")), (3, 6))
    assert set(dataset.truth(("fan",)).section) == {"00", "02", "04", "06"}


def test_2023_adds_machine_types(root2023, read):
    dataset = read("dcase2023", root2023, additional=True)
    assert dataset.machines == ("fan",)
    assert list(dataset.stores) == ["fan", *YEARS["dcase2023"].evaluation]
    assert set(dataset.stores["bandsaw"].table.split) == {"train"}
    assert list(dataset.counts(dataset.machines)) == [("fan", "00")]


def test_what_is_scored_is_the_same_data(root2020, read):
    with_, without = (read("dcase2020", root2020, additional=additional) for additional in (True, False))
    assert with_.digest(with_.machines) == without.digest(without.machines)
    # Both packed forms are kept: asking for one after the other decodes nothing again.
    assert with_.stores["fan"].path.is_dir()
    assert without.stores["fan"].path.is_dir()


@pytest.mark.parametrize(("dataset", "before", "after"), [("dcase2020", 7, 13), ("dcase2023", 5, 40)])
def test_they_change_the_classes(dataset, before, after, root2020, root2023, read):
    root = {"dcase2020": root2020, "dcase2023": root2023}[dataset]
    for additional, expected in ((False, before), (True, after)):
        opened = read(dataset, root, additional=additional)
        train = visible(opened.stores.values(), "train", None, opened.spec.reveals)
        assert len(Classes.of(train)) == expected


@pytest.mark.parametrize(
    "place", ["eval_data_train_fan/fan", "eval_data_train_fan", "eval_data/raw/fan", "eval_data/fan"]
)
def test_they_are_found_beside_the_development_data(place, tmp_path, read, root2020):
    for machine_id in ("00", "02", "04", "06"):
        _link(root2020 / "fan", tmp_path / "dev_data" / "fan", f"*_id_{machine_id}_*")
    for machine_id in ("01", "03", "05"):
        _link(root2020 / "fan", tmp_path / place, f"*_id_{machine_id}_*")
    table = read("dcase2020", tmp_path, additional=True).stores["fan"].table
    assert len(table) == 4 * 9 + 3 * 3


def _link(source: Path, target: Path, names: str) -> None:
    for path in source.glob(f"*/{names}"):
        link = target / path.relative_to(source)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(path)


def test_what_is_absent_is_named_with_the_steps_to_get_it(tmp_path, read, root2020):
    for machine in ("fan", "ToyConveyor"):
        _link(root2020 / machine, tmp_path / machine, "*")
    for path in tmp_path.glob("fan/train/normal_id_03_*"):
        path.unlink()
    with pytest.raises(BenchError) as caught:
        read("dcase2020", tmp_path, additional=True)
    message = str(caught.value)
    assert "the additional training clips of fan are not there, or not all of them" in message
    assert "eval_data_train_fan.zip from https://zenodo.org/records/3727685" in message
    assert "ToyConveyor.zip" not in message


def test_evaluation_machine_types_that_are_absent_are_named(tmp_path, read, root2023):
    _link(root2023 / "fan", tmp_path / "fan", "*")
    _link(root2023 / "shaker", tmp_path / "shaker", "*")
    with pytest.raises(BenchError) as caught:
        read("dcase2023", tmp_path, additional=True)
    message = str(caught.value)
    assert "bandsaw, grinder are not there" in message
    assert "eval_data_bandsaw_train.zip" in message
    assert "shaker" not in message


def test_development_clips_must_have_tests_all_the_same(tmp_path, read, root2020):
    _link(root2020 / "fan", tmp_path / "fan", "*")
    for path in tmp_path.glob("fan/test/*_id_02_*"):
        path.unlink()
    with pytest.raises(BenchError, match="fan section 02 has no test clips"):
        read("dcase2020", tmp_path, additional=True)


# -- planning ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def planned(install_fakes, read, tmp_path):
    """``planned("mel-knn", "dcase2020", root)`` is the fits that a run would make, by ``detector on scope``."""
    install_fakes("good")
    host = loaded_host()

    def plan(system: str, dataset: str, root: Path):
        opened = read(dataset, root, additional=True)
        resolved = resolve_system(host, host.get("system", system).spec, "paper", [])
        made = Planner(Workspace(tmp_path / "workspace"), "cpu", rerun=False).plan([resolved], opened, [0], None)
        return {f"{job.spec.detector} on {job.spec.scope_name}": job for job in made.jobs.values()}

    return plan


def test_a_section_scope_fit_is_made_for_scored_sections_only(planned, root2020, root2023):
    assert list(planned("mel-knn", "dcase2023", root2023)) == ["knn on fan/00"]
    scopes = [name.rpartition("/")[2] for name in planned("mel-knn", "dcase2020", root2020) if "fan" in name]
    assert scopes == ["00", "02", "04", "06"]


def test_a_machine_scope_fit_trains_on_its_machines_additional_ids(planned, read, root2020, root2023):
    assert list(planned("fake-mean", "dcase2023", root2023)) == ["fake-mean on fan"]
    jobs = planned("fake-mean", "dcase2020", root2020)
    assert list(jobs) == ["fake-mean on ToyConveyor", "fake-mean on fan"]
    plain = read("dcase2020", root2020).stores["fan"].table
    full = read("dcase2020", root2020, additional=True).stores["fan"].table
    assert (sum(plain.split == "train"), sum(full.split == "train")) == (12, 21)


def test_a_dataset_scope_fit_trains_on_every_machine_and_scores_those_with_tests(planned, root2023):
    job = planned("fake-two-level", "dcase2023", root2023)["fake-embedding on *"]
    assert list(job.stores) == ["fan", *YEARS["dcase2023"].evaluation]
    assert job.scored == ("fan",)


def test_fits_that_a_dataset_scope_fit_uses_are_made_for_additional_machines(planned, root2023):
    jobs = planned("fake-council", "dcase2023", root2023)
    used = {name: job for name, job in jobs.items() if name.startswith("fake-mean")}
    assert set(used) == {f"fake-mean on {machine}" for machine in ("fan", *YEARS["dcase2023"].evaluation)}
    assert not used["fake-mean on bandsaw"].scores_test_clips
    assert used["fake-mean on fan"].scores_test_clips


# -- results -----------------------------------------------------------------------------------------------------------


def run(systems: str, dataset: str, root: Path, workspace: Path, *pairs: str) -> dict[str, dict]:
    """Results' documents by system."""
    request = Request(
        systems=tuple(systems.split(",")),
        datasets=(dataset,),
        layers=(layer_from_pairs(pairs),),
        data_root=root,
        workspace=workspace,
        device="cpu",
        tracking=False,
    )
    session = Session(request, loaded_host())
    session.prepare(Display())
    report = session.run(Display())
    assert not report.failures
    documents = [records.read_json(folder / "result.json") for folder in report.results]
    return {document["system"]: document for document in documents}


def test_a_result_with_additional_machines_is_a_row_of_its_own(install_fakes, root2023, tmp_path):
    install_fakes("good")
    (plain,) = run("fake-council", "dcase2023", root2023, tmp_path / "workspace").values()
    (more,) = run("fake-council", "dcase2023", root2023, tmp_path / "workspace", ADDITIONAL).values()
    assert "dataset.additional=True" in more["flags"]
    assert more["config_key"] != plain["config_key"]
    assert more["machines"] == plain["machines"] == ["fan"]
    assert more["trained_on"] == ["fan", *YEARS["dcase2023"].evaluation]
    assert sum(more["classes"]["count"].values()) > sum(plain["classes"]["count"].values())
    assert more["clips"] == plain["clips"] == {"fan/00": {"train": 6, "test": 12}}
    assert set(more["metrics"]["machines"]) == {"fan"}
    assert more["data"] == plain["data"]
    line = read_document(more).line("bandsaw")
    assert (line.test_clips, line.metrics) == (None, {})


def test_members_of_different_scope_are_fused_on_what_is_reported(install_fakes, root2020, tmp_path):
    """One member learned from the additional IDs, the other has a fit per ID and never saw them."""
    install_fakes("good")
    (document,) = run("fake-pair", "dcase2020", root2020, tmp_path / "workspace", ADDITIONAL).values()
    assert set(document["metrics"]["sections"]) == {
        *(f"fan/{i}" for i in ("00", "02", "04", "06")),
        *(f"ToyConveyor/{i}" for i in ("01", "02", "03")),
    }
    assert set(document["thresholds"]) == set(document["metrics"]["sections"])
    assert document["classes"]["count"] == {"ToyConveyor": 6, "fan": 7}


# -- commands ----------------------------------------------------------------------------------------------------------


def test_data_show_counts_them(cli, root2023):
    where = ("--data-root", root2023, "--set", ADDITIONAL, "--json")
    survey = json.loads(cli("data", "show", "dcase2023", *where).assert_code(0).out)
    rows = {row["machine"]: row for row in survey["sections"]}
    assert set(rows) == {"fan", *YEARS["dcase2023"].evaluation}
    assert (rows["bandsaw"]["train"], rows["bandsaw"]["test"]) == (6, 0)


def test_an_additional_machine_type_cannot_be_scored(root2023, tmp_path):
    request = Request(
        systems=("mel-knn",),
        datasets=("dcase2023",),
        machines=("bandsaw",),
        layers=(layer_from_pairs([ADDITIONAL]),),
        data_root=root2023,
        workspace=tmp_path / "workspace",
        device="cpu",
    )
    with pytest.raises(BenchError, match="dcase2023 has no machine type 'bandsaw'"):
        Session(request, loaded_host()).prepare(Display())


def test_it_is_off_unless_asked_for():
    assert not DcaseConfig().additional
