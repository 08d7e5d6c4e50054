"""One declarative entry per challenge year: machines, counts, names and where the audio is to be had.

Sources: the organisers' data pages, baselines and evaluators. A further year is an entry here, not code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from asd_bench.builtin.datasets.naming import NAMING_2020, NAMING_2021, NAMING_2022, Naming
from asd_bench.specs import Reveals

#: All years so far.
SAMPLE_RATE = 16000


@dataclass(frozen=True)
class Counts:
    """Published numbers of a section's clips, by domain; the empty string where the year has no domains.

    Attributes:
        train: normal training clips.
        test: normal and anomalous test clips.
    """

    train: Mapping[str, int]
    test: Mapping[str, tuple[int, int]]


@dataclass(frozen=True)
class Archives:
    """A part of a year's audio on Zenodo.

    Attributes:
        record: number of the record.
        pattern: name of a machine type's archive, with ``{machine}``.
    """

    record: int
    pattern: str

    @property
    def url(self) -> str:
        return f"https://zenodo.org/records/{self.record}"

    def name(self, machine: str) -> str:
        """A machine type's archive."""
        return self.pattern.format(machine=machine)

    def folder(self, machine: str) -> str:
        """The folder that some tools unzip a machine type's archive into."""
        return self.name(machine).removesuffix(".zip")


@dataclass(frozen=True, kw_only=True)
class Year:
    """The development data of one challenge year, and the additional training data.

    Attributes:
        year: also names the rule of `asd_bench.metrics.official`.
        machines: machine type -> sections (2020: machine IDs) of the development phase.
        evaluation: the same for the evaluation phase, whose training clips are the additional training data.
        counts: (machine, section) -> published numbers of development clips.
        additional_train: training clips of each section of the additional data, by domain; in 2020 about as many.
        development, additional: where the audio is.
        naming: of its files.
        reveals: what the protocol tells a detector.
    """

    year: str
    machines: Mapping[str, tuple[str, ...]]
    evaluation: Mapping[str, tuple[str, ...]]
    counts: Mapping[tuple[str, str], Counts]
    additional_train: Mapping[str, int]
    development: Archives
    additional: Archives
    naming: Naming
    reveals: Reveals

    @property
    def dataset(self) -> str:
        return f"dcase{self.year}"

    @property
    def n_train(self) -> dict[tuple[str, str], int]:
        """(machine, section) -> published number of training clips."""
        return {place: sum(counts.train.values()) for place, counts in self.counts.items()}

    @property
    def n_test(self) -> dict[tuple[str, str], int]:
        """(machine, section) -> published number of test clips."""
        return {place: sum(map(sum, counts.test.values())) for place, counts in self.counts.items()}


# -- 2020: machine IDs, no domains -------------------------------------------------------------------------------------

# Machine ID -> normal training, normal test and anomalous test clips. The training clips of fan, pump, slider and valve
# are the normal recordings of MIMII, which they were taken from, less those 100 of each ID that went into the test set.
_COUNTS_2020: Mapping[str, Mapping[str, tuple[int, int, int]]] = {
    "ToyCar": {"01": (1000, 350, 264), "02": (1000, 350, 265), "03": (1000, 350, 265), "04": (1000, 350, 265)},
    "ToyConveyor": {"01": (1000, 400, 800), "02": (1000, 400, 755), "03": (1000, 400, 754)},
    "fan": {"00": (911, 100, 407), "02": (916, 100, 359), "04": (933, 100, 348), "06": (915, 100, 361)},
    "pump": {"00": (906, 100, 143), "02": (905, 100, 111), "04": (602, 100, 100), "06": (936, 100, 102)},
    "slider": {"00": (968, 100, 356), "02": (968, 100, 267), "04": (434, 100, 178), "06": (434, 100, 89)},
    "valve": {"00": (891, 100, 119), "02": (608, 100, 120), "04": (900, 100, 120), "06": (892, 100, 120)},
}

_DCASE2020 = Year(
    year="2020",
    machines={machine: tuple(counts) for machine, counts in _COUNTS_2020.items()},
    evaluation={
        "ToyCar": ("05", "06", "07"),
        "ToyConveyor": ("04", "05", "06"),
        **dict.fromkeys(("fan", "pump", "slider", "valve"), ("01", "03", "05")),
    },
    counts={
        (machine, machine_id): Counts(train={"": train}, test={"": (normal, anomalous)})
        for machine, ids in _COUNTS_2020.items()
        for machine_id, (train, normal, anomalous) in ids.items()
    },
    additional_train={"": 1000},
    development=Archives(3678171, "dev_data_{machine}.zip"),
    additional=Archives(3727685, "eval_data_train_{machine}.zip"),
    naming=NAMING_2020,
    reveals=Reveals(),
)

# -- 2021: sections, and few clips of the target domain ----------------------------------------------------------------

_MACHINES_2021 = ("ToyCar", "ToyTrain", "fan", "gearbox", "pump", "slider", "valve")
_TRAIN_2021 = {"source": 1000, "target": 3}
_EVEN_2021 = Counts(train=_TRAIN_2021, test={"source": (100, 100), "target": (100, 100)})
_UNEVEN_2021 = {
    ("gearbox", "00"): Counts(train=_TRAIN_2021, test={"source": (195, 105), "target": (96, 108)}),
    ("gearbox", "01"): Counts(train=_TRAIN_2021, test={"source": (108, 108), "target": (108, 108)}),
    ("gearbox", "02"): Counts(train=_TRAIN_2021, test={"source": (108, 138), "target": (105, 120)}),
    ("slider", "01"): Counts(train=_TRAIN_2021, test={"source": (100, 100), "target": (98, 100)}),
    ("slider", "02"): Counts(train=_TRAIN_2021, test={"source": (110, 102), "target": (102, 102)}),
}

_DCASE2021 = Year(
    year="2021",
    machines=dict.fromkeys(_MACHINES_2021, ("00", "01", "02")),
    evaluation=dict.fromkeys(_MACHINES_2021, ("03", "04", "05")),
    counts={(machine, section): _EVEN_2021 for machine in _MACHINES_2021 for section in ("00", "01", "02")}
    | _UNEVEN_2021,
    additional_train=_TRAIN_2021,
    development=Archives(4562016, "dev_data_{machine}.zip"),
    # The word order is not that of 2020.
    additional=Archives(4660992, "eval_data_{machine}_train.zip"),
    naming=NAMING_2021,
    # Test clips lie in a folder per domain, in both phases: the domain is known.
    reveals=Reveals(train=frozenset({"domain", "attributes"}), test=frozenset({"domain"})),
)

# -- 2022 and later: the domain of a test clip is hidden ---------------------------------------------------------------

_SEVEN = ("ToyCar", "ToyTrain", "bearing", "fan", "gearbox", "slider", "valve")
_TRAIN_2022 = {"source": 990, "target": 10}
_COUNTS_2022 = Counts(train=_TRAIN_2022, test={"source": (50, 50), "target": (50, 50)})
# Domain and attributes of test clips are hidden, though development file names show them.
_REVEALS_2022 = Reveals(train=frozenset({"domain", "attributes"}))

_DCASE2022 = Year(
    year="2022",
    machines=dict.fromkeys(_SEVEN, ("00", "01", "02")),
    evaluation=dict.fromkeys(_SEVEN, ("03", "04", "05")),
    counts={(machine, section): _COUNTS_2022 for machine in _SEVEN for section in ("00", "01", "02")},
    additional_train=_TRAIN_2022,
    development=Archives(6355122, "dev_{machine}.zip"),
    additional=Archives(6462969, "eval_data_{machine}_train.zip"),
    naming=NAMING_2022,
    reveals=_REVEALS_2022,
)

_DCASE2023 = Year(
    year="2023",
    machines=dict.fromkeys(_SEVEN, ("00",)),
    evaluation=dict.fromkeys(("ToyDrone", "ToyNscale", "ToyTank", "Vacuum", "bandsaw", "grinder", "shaker"), ("00",)),
    counts={(machine, "00"): _COUNTS_2022 for machine in _SEVEN},
    additional_train=_TRAIN_2022,
    development=Archives(7882613, "dev_{machine}.zip"),
    additional=Archives(7830345, "eval_data_{machine}_train.zip"),
    naming=NAMING_2022,
    reveals=_REVEALS_2022,
)

#: Every challenge year that can be read, by the name of its dataset.
YEARS: Mapping[str, Year] = {year.dataset: year for year in (_DCASE2020, _DCASE2021, _DCASE2022, _DCASE2023)}
