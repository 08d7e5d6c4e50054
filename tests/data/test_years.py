"""Every challenge year: names, numbers, layouts, what a detector may see, classes; and a further year as data."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest

from asd_bench.builtin.datasets import asd_datasets, years
from asd_bench.builtin.datasets.dcase import DcaseReader
from asd_bench.builtin.datasets.naming import NAMING_2022
from asd_bench.builtin.datasets.options import DcaseConfig
from asd_bench.builtin.datasets.years import YEARS, Archives, Counts, Year
from asd_bench.data.classes import Classes
from asd_bench.data.clips import as_clips, visible
from asd_bench.errors import BenchError
from asd_bench.metrics.official import RULES
from asd_bench.plugins import host

from .conftest import write

#: A machine type of each year with a few clips under official names: in every section one normal training clip of each
#: domain, and test clips of each domain and label.
SMALL = {
    "dcase2020": [
        *(f"fan/train/normal_id_{i}_{n:08d}.wav" for i in ("00", "02") for n in range(2)),
        *(f"fan/test/{label}_id_{i}_00000000.wav" for i in ("00", "02") for label in ("normal", "anomaly")),
    ],
    "dcase2021": [
        *(
            f"fan/train/section_{s}_{d}_train_normal_0000_str_{d}.wav"
            for s in ("00", "01")
            for d in ("source", "target")
        ),
        *(
            f"fan/{d}_test/section_{s}_{d}_test_{label}_0000.wav"
            for s in ("00", "01")
            for d in ("source", "target")
            for label in ("normal", "anomaly")
        ),
    ],
    **{
        f"dcase{year}": [
            *(
                f"fan/train/section_{s}_{d}_train_normal_0000_m-n_{d}.wav"
                for s in sections
                for d in ("source", "target")
            ),
            *(
                f"fan/test/section_{s}_{d}_test_{label}_0000_m-n_{d}.wav"
                for s in sections
                for d in ("source", "target")
                for label in ("normal", "anomaly")
            ),
        ]
        for year, sections in (("2022", ("00", "01")), ("2023", ("00",)))
    },
}

#: Clips of the evaluation phase that people have in the same folders: training clips, and test clips without labels.
EVALUATION = {
    "dcase2020": ["fan/train/normal_id_01_00000000.wav", "fan/test/id_01_00000000.wav"],
    "dcase2021": [
        "fan/train/section_03_source_train_normal_0000_str_1.wav",
        "fan/source_test/section_03_source_test_0000.wav",
        "fan/target_test/section_04_target_test_0017.wav",
    ],
    # The organisers' pages announce the second name, the archives have the first.
    "dcase2022": [
        "fan/train/section_03_source_train_normal_0000_m-n_W.wav",
        "fan/test/section_03_0000.wav",
        "fan/test/section_05_test_0199.wav",
    ],
    "dcase2023": ["bandsaw/train/section_00_source_train_normal_0000_vel_10.wav", "bandsaw/test/section_00_0000.wav"],
}


def touch(root: Path, names: list[str]) -> None:
    """Empty files: listings are made by names alone."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def listing(dataset: str, root: Path):
    """What a reader finds under a data root, without decoding it."""
    reader = DcaseReader(spec_of(dataset), DcaseConfig())
    return reader.listing(reader.locate(root, root, lambda *_: None), None)


def spec_of(dataset: str):
    return next(spec for spec in asd_datasets() if spec.name == dataset)


# -- names -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dataset", "stem", "fields"),
    [
        ("dcase2020", "normal_id_00_00000000", ("00", None, None, "normal", None)),
        ("dcase2020", "anomaly_id_01_00000263", ("01", None, None, "anomaly", None)),
        (
            "dcase2021",
            "section_00_source_train_normal_0000_strength_1_ambient",
            ("00", "source", "train", "normal", "strength_1_ambient"),
        ),
        ("dcase2021", "section_02_target_test_anomaly_0099", ("02", "target", "test", "anomaly", None)),
        (
            "dcase2022",
            "section_00_target_test_anomaly_0049_m-n_Z",
            ("00", "target", "test", "anomaly", "m-n_Z"),
        ),
        (
            "dcase2022",
            "section_02_source_train_normal_0989_car_G2_spd_28V_mic_1_noise_6",
            ("02", "source", "train", "normal", "car_G2_spd_28V_mic_1_noise_6"),
        ),
        (
            "dcase2022",
            "section_01_source_test_normal_0003_pat_04_panel_bs-c",
            ("01", "source", "test", "normal", "pat_04_panel_bs-c"),
        ),
        (
            "dcase2023",
            "section_00_target_test_anomaly_0040_volt_1.5_wt_130",
            ("00", "target", "test", "anomaly", "volt_1.5_wt_130"),
        ),
        ("dcase2023", "section_00_source_train_normal_0853_vel_500_ac_0.30", None),
        # Later years have the grammar of 2022: hidden attributes, a bare underscore, fused tokens.
        ("dcase2023", "section_00_source_train_normal_1374_noAttribute", None),
        ("dcase2023", "section_00_target_test_anomaly_0049_", ("00", "target", "test", "anomaly", "")),
        ("dcase2023", "section_00_source_train_normal_0035_spd1000_BckgC", None),
    ],
)
def test_official_names_are_understood(dataset, stem, fields):
    found = YEARS[dataset].naming.parse(stem)
    assert found is not None
    if fields is not None:
        assert tuple(found.get(name) for name in ("section", "domain", "split", "label", "attributes")) == fields


@pytest.mark.parametrize(
    ("dataset", "stem", "section"),
    [
        ("dcase2020", "id_01_00000000", "01"),
        ("dcase2021", "section_03_source_test_0000", "03"),
        ("dcase2022", "section_03_0000", "03"),
        ("dcase2022", "section_03_test_0000", "03"),
        ("dcase2023", "section_00_0200", "00"),
        ("dcase2020", "normal_id_00_00000000", None),
        ("dcase2021", "section_00_source_test_normal_0000", None),
    ],
)
def test_unlabelled_names_tell_their_section(dataset, stem, section):
    assert YEARS[dataset].naming.blind_section(stem) == section


@pytest.mark.parametrize(
    ("dataset", "stem"),
    [
        ("dcase2020", "section_00_source_train_normal_0000_m-n_W"),
        ("dcase2020", "normal_id_00_0000"),
        ("dcase2021", "section_00_target_test_anomaly_0049_m-n_Z"),
        ("dcase2021", "normal_id_00_00000000"),
        ("dcase2022", "section_0_source_train_normal_0000_m-n_W"),
        ("dcase2023", "section_00_source_train_normal"),
    ],
)
def test_other_names_are_foreign(dataset, stem):
    assert YEARS[dataset].naming.parse(stem) is None


@pytest.mark.parametrize("year", YEARS.values(), ids=lambda year: year.year)
def test_examples_are_names_of_the_year(year):
    assert year.naming.parse(year.naming.example.removesuffix(".wav"))


def test_a_training_clip_named_an_anomaly_is_refused(tmp_path):
    touch(tmp_path, [*SMALL["dcase2020"], "fan/train/anomaly_id_00_00000000.wav"])
    with pytest.raises(BenchError, match="1 of the audio files of fan have no name of dcase2020"):
        listing("dcase2020", tmp_path)


# -- numbers and archives ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("year", YEARS.values(), ids=lambda year: year.year)
def test_every_section_is_counted_and_in_one_phase(year):
    places = {(machine, section) for machine, sections in year.machines.items() for section in sections}
    assert set(year.counts) == places
    assert not places & {(machine, section) for machine, sections in year.evaluation.items() for section in sections}
    assert year.year in RULES


@pytest.mark.parametrize(
    ("dataset", "train", "test"),
    [
        (
            "dcase2020",
            {"ToyCar": 4000, "ToyConveyor": 3000, "fan": 3675, "pump": 3349, "slider": 2804, "valve": 3291},
            {"ToyCar": 2459, "ToyConveyor": 3509, "fan": 1875, "pump": 856, "slider": 1290, "valve": 879},
        ),
        (
            "dcase2021",
            dict.fromkeys(("ToyCar", "ToyTrain", "fan", "gearbox", "pump", "slider", "valve"), 3009),
            {**dict.fromkeys(("ToyCar", "ToyTrain", "fan", "pump", "valve"), 1200), "gearbox": 1407, "slider": 1214},
        ),
        (
            "dcase2022",
            dict.fromkeys(("ToyCar", "ToyTrain", "bearing", "fan", "gearbox", "slider", "valve"), 3000),
            dict.fromkeys(("ToyCar", "ToyTrain", "bearing", "fan", "gearbox", "slider", "valve"), 600),
        ),
        (
            "dcase2023",
            dict.fromkeys(("ToyCar", "ToyTrain", "bearing", "fan", "gearbox", "slider", "valve"), 1000),
            dict.fromkeys(("ToyCar", "ToyTrain", "bearing", "fan", "gearbox", "slider", "valve"), 200),
        ),
    ],
)
def test_published_numbers_of_clips(dataset, train, test):
    for published, found in ((train, YEARS[dataset].n_train), (test, YEARS[dataset].n_test)):
        totals = Counter()
        for (machine, _), n_clips in found.items():
            totals[machine] += n_clips
        assert totals == published


@pytest.mark.parametrize(
    ("dataset", "development", "additional"),
    [
        ("dcase2020", "3678171/files/dev_data_fan.zip", "3727685/files/eval_data_train_fan.zip"),
        ("dcase2021", "4562016/files/dev_data_fan.zip", "4660992/files/eval_data_fan_train.zip"),
        ("dcase2022", "6355122/files/dev_fan.zip", "6462969/files/eval_data_fan_train.zip"),
        ("dcase2023", "7882613/files/dev_fan.zip", "7830345/files/eval_data_bandsaw_train.zip"),
    ],
)
def test_the_steps_name_every_archive(dataset, development, additional):
    steps = DcaseReader(spec_of(dataset), DcaseConfig()).steps()
    for address in (development, additional):
        record, _, archive = address.split("/")
        assert f"https://zenodo.org/records/{record}/files/" in steps
        assert archive in steps


# -- layouts -----------------------------------------------------------------------------------------------------------


def layouts(dataset: str) -> list[str]:
    """Folders, under a data root, in which people have a machine type of a year."""
    archive = YEARS[dataset].development.folder("fan")
    return [
        "fan",
        f"{archive}/fan",
        archive,
        "dev_data/fan",
        "dev_data/raw/fan",
        f"{dataset}/fan",
        f"{dataset}t2/dev_data/raw/fan",
        f"{dataset}/dev_data/{archive}/fan",
    ]


@pytest.mark.parametrize("dataset", YEARS)
def test_a_machine_is_found_in_any_layout(dataset, tmp_path):
    touch(tmp_path, SMALL[dataset])
    expected = None
    for number, layout in enumerate(layouts(dataset)):
        root = tmp_path / str(number)
        shutil.copytree(tmp_path / "fan", root / layout)
        found = listing(dataset, root)
        clips = found.assign(path=[Path(path).name for path in found.path])
        expected = clips if expected is None else expected
        assert clips.equals(expected), layout
    assert len(expected) == len(SMALL[dataset])
    assert set(expected.phase) == {"dev"}


@pytest.mark.parametrize("root", ["{dataset}", "{dataset}t2/dev_data/raw"])
def test_years_side_by_side_are_not_confused(root, tmp_path):
    for dataset, names in SMALL.items():
        touch(tmp_path / root.format(dataset=dataset), names)
    for dataset, names in SMALL.items():
        found = listing(dataset, tmp_path)
        assert sorted(Path(path).name for path in found.path) == sorted(Path(name).name for name in names)
        assert found.path.str.startswith(("fan/", "dev_data/raw/fan/")).all()


def test_a_year_that_is_not_there_is_not_taken_from_another(tmp_path):
    touch(tmp_path / "dcase2022", SMALL["dcase2022"])
    with pytest.raises(BenchError, match="none of the machine folders of dcase2023"):
        listing("dcase2023", tmp_path)


@pytest.mark.parametrize(
    ("dataset", "other", "message"),
    [
        ("dcase2023", "dcase2022", "of sections that dcase2023 does not have: train/section_01_"),
        ("dcase2021", "dcase2022", "have no name of dcase2021"),
        ("dcase2020", "dcase2021", "have no name of dcase2020"),
        ("dcase2022", "dcase2020", "have no name of dcase2022"),
    ],
)
def test_another_years_data_are_refused(dataset, other, message, tmp_path):
    touch(tmp_path, SMALL[other])
    with pytest.raises(BenchError) as caught:
        listing(dataset, tmp_path)
    assert message in str(caught.value)


def test_2021_may_have_its_test_folders_merged(tmp_path):
    touch(tmp_path, SMALL["dcase2021"])
    apart = listing("dcase2021", tmp_path)
    merged = tmp_path / "fan" / "test"
    merged.mkdir()
    for path in [*tmp_path.glob("fan/*_test/*.wav")]:
        path.rename(merged / path.name)
    together = listing("dcase2021", tmp_path)
    names = [sorted(Path(path).name for path in found.path) for found in (apart, together)]
    assert names[0] == names[1]
    assert together.path.str.startswith(("fan/train/", "fan/test/")).all()
    # Copied rather than moved, every clip is there twice, and counts once.
    touch(tmp_path, SMALL["dcase2021"])
    assert len(listing("dcase2021", tmp_path)) == len(apart)


@pytest.mark.parametrize("dataset", YEARS)
def test_clips_of_the_evaluation_phase_are_left_out(dataset, tmp_path):
    touch(tmp_path, SMALL[dataset])
    before = listing(dataset, tmp_path)
    touch(tmp_path, EVALUATION[dataset])
    assert listing(dataset, tmp_path).equals(before)


def test_a_folder_that_holds_the_evaluation_phase_only_is_empty(tmp_path, read):
    write(tmp_path, ["fan/train/normal_id_01_00000000.wav"])
    with pytest.raises(BenchError, match="no clips of dcase2020 were found"):
        read("dcase2020", tmp_path)


# -- what detectors see ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dataset", "train", "test"),
    [
        ("dcase2020", {"domain": {""}, "attributes": {""}}, {"domain": {""}, "attributes": {""}}),
        (
            "dcase2021",
            {"domain": {"source", "target"}, "attributes": {"str_source", "str_target"}},
            {"domain": {"source", "target"}, "attributes": {""}},
        ),
        (
            "dcase2022",
            {"domain": {"source", "target"}, "attributes": {"m-n_source", "m-n_target"}},
            {"domain": {""}, "attributes": {""}},
        ),
        (
            "dcase2023",
            {"domain": {"source", "target"}, "attributes": {"m-n_source", "m-n_target"}},
            {"domain": {""}, "attributes": {""}},
        ),
    ],
)
def test_a_detector_sees_what_the_years_protocol_gives(dataset, train, test, tmp_path, read):
    write(tmp_path, SMALL[dataset])
    opened = read(dataset, tmp_path)
    for split, seen in (("train", train), ("test", test)):
        rows = visible(opened.stores.values(), split, None, opened.spec.reveals)
        assert {name: set(rows[name]) for name in seen} == seen


@pytest.mark.parametrize(
    ("dataset", "names"),
    [
        ("dcase2020", ("fan/00", "fan/02")),
        ("dcase2021", ("fan/00", "fan/01")),
        ("dcase2022", ("fan/00", "fan/01")),
        ("dcase2023", ("fan/00/m-n_source", "fan/00/m-n_target")),
    ],
)
def test_classes_by_the_years_rule(dataset, names, tmp_path, read):
    write(tmp_path, SMALL[dataset])
    opened = read(dataset, tmp_path)
    train, test = (visible(opened.stores.values(), split, None, opened.spec.reveals) for split in ("train", "test"))
    classes = Classes.of(train)
    assert classes.names == names
    # With sections a test clip's class is known; with attributes it may be any of its section.
    assert {len(candidates) for candidates in as_clips(test, "test", classes).candidates} == {
        2 if dataset == "dcase2023" else 1
    }


@pytest.mark.parametrize("dataset", YEARS)
def test_the_truth_suits_the_years_metrics(dataset, tmp_path, read):
    write(tmp_path, SMALL[dataset])
    truth = read(dataset, tmp_path).truth(("fan",))
    assert set(truth.domain) == set(RULES[YEARS[dataset].year].domains)
    assert truth.label.mean() == 0.5


# -- a further year ----------------------------------------------------------------------------------------------------


def test_a_further_year_is_data(monkeypatch, tmp_path, read):
    """2024 as one entry: declared, found, read, with its irregular names and hidden attributes."""
    counts = Counts(train={"source": 990, "target": 10}, test={"source": (50, 50), "target": (50, 50)})
    entry = Year(
        year="2024",
        machines=dict.fromkeys(("fan", "slider"), ("00",)),
        evaluation={"3DPrinter": ("00",)},
        counts={(machine, "00"): counts for machine in ("fan", "slider")},
        additional_train=counts.train,
        development=Archives(10902294, "dev_{machine}.zip"),
        additional=Archives(11259435, "eval_data_{machine}_train.zip"),
        naming=NAMING_2022,
        reveals=YEARS["dcase2023"].reveals,
    )
    monkeypatch.setitem(years.YEARS, entry.dataset, entry)
    spec = host().get("dataset", "dcase2024").spec
    assert (spec.rule, spec.n_train["fan", "00"], spec.n_test["fan", "00"]) == ("2024", 1000, 200)

    write(
        tmp_path / "dev_slider" / "slider",
        [
            "train/section_00_source_train_normal_0000_noAttribute.wav",
            "train/section_00_target_train_normal_0001_noAttribute.wav",
            *(
                f"test/section_00_{d}_test_{label}_0001_.wav"
                for d in ("source", "target")
                for label in ("normal", "anomaly")
            ),
        ],
    )
    opened = read("dcase2024", tmp_path)
    assert opened.machines == ("slider",)
    assert set(opened.stores["slider"].table.attributes) == {""}
    assert "dev_fan.zip" in DcaseReader(spec, DcaseConfig()).steps()


def test_no_year_needs_a_reader_of_its_own():
    real = [spec for spec in asd_datasets() if not spec.synthetic]
    assert {spec.target for spec in real} == {"asd_bench.builtin.datasets.dcase:DcaseReader"}
    assert [spec.rule for spec in real] == [year.year for year in YEARS.values()]
