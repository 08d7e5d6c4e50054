"""What each challenge year calls things in a submission: one declarative entry per year.

Sources: the organisers' evaluators and baselines, and files of real submissions. A further year is an entry here, not
code.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from asd_bench.errors import BenchError
from asd_bench.metrics.official import RULES, YearRule

Phase = Literal["dev", "eval"]
Kind = Literal["anomaly_score", "decision_result"]

#: The phases as people call them.
PHASES: Mapping[Phase, str] = {"dev": "development", "eval": "evaluation"}


class Part(NamedTuple):
    """The test clips of one score file: a section (2020: a machine ID), in 2021 of one domain."""

    machine: str
    section: str
    domain: str = ""

    def __str__(self) -> str:
        return " ".join(word for word in (self.machine, self.section, self.domain) if word)


@dataclass(frozen=True, kw_only=True)
class SubmissionYear:
    """How one challenge year writes its submissions and its ground truth.

    Attributes:
        year: also names the rule of `asd_bench.metrics.official`.
        machines: phase -> machine type -> sections (2020: machine IDs), machine types in the order of official tables.
        file_name: the official name of a score or decision file, with ``{kind}``, ``{machine}``, ``{section}`` and, in
            2021, ``{domain}``.
        patterns: file names accepted, with groups of the same names.
        clip: a development test clip's name without ``.wav``, with the groups ``section``, ``label`` and ``domain``.
        dev_clips: published number of development test clips in each part.
        truth: how the organisers publish labels: one list (2020); a file per section and domain (2021); a file of
            labels and a file of domains per section.
        has_translations: whether labelled clip names are accepted, by the ground truth's own table of them. Not in
            2022, whose tables are wrong: 608 of the 1,200 labels of ToyCar and ToyTrain contradict the ground truth.
        decisions: whether a decision such as 1.7 is truncated to a whole number or refused.
        has_ci95: whether the evaluator prints an "official score ci95".
        evaluator: where the ground truth of the evaluation data is published.
    """

    year: str
    machines: Mapping[Phase, Mapping[str, tuple[str, ...]]]
    file_name: str
    patterns: tuple[re.Pattern[str], ...]
    clip: re.Pattern[str]
    dev_clips: Mapping[Part, int] = field(repr=False)
    truth: Literal["list", "by domain", "labels and domains"] = "labels and domains"
    has_translations: bool = True
    decisions: Literal["truncated", "exact"] = "truncated"
    has_ci95: bool = True
    evaluator: str

    @property
    def dataset(self) -> str:
        return f"dcase{self.year}"

    @property
    def rule(self) -> YearRule:
        return RULES[self.year]

    def parts(self, phase: Phase) -> tuple[Part, ...]:
        """What a complete submission holds a score file for."""
        domains = ("source", "target") if self.truth == "by domain" else ("",)
        return tuple(
            Part(machine, section, domain)
            for machine, sections in self.machines[phase].items()
            for section in sections
            for domain in domains
        )

    def phase_of(self, part: Part) -> Phase | None:
        """The phase whose test data a part belongs to; None where the year has no such part."""
        return next((phase for phase in PHASES if part in self.parts(phase)), None)

    def file_of(self, kind: Kind, part: Part) -> str:
        """The official name of a part's file."""
        return self.file_name.format(kind=kind, **part._asdict())

    def parse(self, file_name: str) -> tuple[Kind, Part] | None:
        """What a file of that name holds; None where it is no score or decision file of this year."""
        for pattern in self.patterns:
            match = pattern.fullmatch(file_name)
            if match:
                found = match.groupdict()
                kind: Kind = "decision_result" if found["kind"] == "decision_result" else "anomaly_score"
                return kind, Part(found["machine"], found["section"], found.get("domain", ""))
        return None


_KIND = r"(?P<kind>anomaly_score|decision_result)"
_MACHINE = r"(?P<machine>[A-Za-z0-9]+?)"
_SECTION = r"section_(?P<section>\d\d)"
_SECTION_CLIP = re.compile(
    r"section_(?P<section>\d\d)_(?P<domain>source|target)_test_(?P<label>normal|anomaly)_\d+(?:_.*)?"
)


def _baseline_patterns(year: str) -> tuple[re.Pattern[str], ...]:
    """Names that the organisers' baseline of 2023 and later gives its own files, which their evaluators accept, too."""
    start, end = rf"{_KIND}_DCASE{year}T2{_MACHINE}", r"_seed\d+_id\([\d_]*\)(?:_Eval)?\.csv"
    return (
        re.compile(rf"{start}_{_SECTION}_test{end}"),
        # The first release of 2023 forgot two underscores.
        re.compile(rf"{start}{_SECTION}test{end}"),
    )


def _since_2023(year: str, dev: tuple[str, ...], evaluation: tuple[str, ...]) -> SubmissionYear:
    return SubmissionYear(
        year=year,
        machines={"dev": dict.fromkeys(dev, ("00",)), "eval": dict.fromkeys(evaluation, ("00",))},
        file_name="{kind}_{machine}_section_{section}_test.csv",
        patterns=(re.compile(rf"{_KIND}_{_MACHINE}_{_SECTION}_test\.csv"), *_baseline_patterns(year)),
        clip=_SECTION_CLIP,
        dev_clips={Part(machine, "00"): 200 for machine in dev},
        evaluator=f"https://github.com/nttcslab/dcase{year}_task2_evaluator",
    )


# 2020: machine IDs, no domains, no decisions.

_CLIPS_2020 = {
    "fan": {"00": 507, "02": 459, "04": 448, "06": 461},
    "pump": {"00": 243, "02": 211, "04": 200, "06": 202},
    "slider": {"00": 456, "02": 367, "04": 278, "06": 189},
    "valve": {"00": 219, "02": 220, "04": 220, "06": 220},
    "ToyCar": {"01": 614, "02": 615, "03": 615, "04": 615},
    "ToyConveyor": {"01": 1200, "02": 1155, "03": 1154},
}

_DCASE2020 = SubmissionYear(
    year="2020",
    machines={
        "dev": {machine: tuple(counts) for machine, counts in _CLIPS_2020.items()},
        "eval": {
            **dict.fromkeys(("fan", "pump", "slider", "valve"), ("01", "03", "05")),
            "ToyCar": ("05", "06", "07"),
            "ToyConveyor": ("04", "05", "06"),
        },
    },
    file_name="{kind}_{machine}_id_{section}.csv",
    patterns=(re.compile(rf"(?P<kind>anomaly_score)_{_MACHINE}_id_(?P<section>\d\d)\.csv"),),
    clip=re.compile(r"(?P<label>normal|anomaly)_id_(?P<section>\d\d)_\d+"),
    dev_clips={Part(machine, i): n for machine, counts in _CLIPS_2020.items() for i, n in counts.items()},
    truth="list",
    has_translations=False,
    has_ci95=False,
    evaluator="https://zenodo.org/records/3951620",
)

# 2021: every section in two files, one per domain.

_MACHINES_2021 = ("ToyCar", "ToyTrain", "fan", "gearbox", "pump", "slider", "valve")
_UNEVEN_2021 = {
    Part("gearbox", "00", "source"): 300,
    Part("gearbox", "00", "target"): 204,
    Part("gearbox", "01", "source"): 216,
    Part("gearbox", "01", "target"): 216,
    Part("gearbox", "02", "source"): 246,
    Part("gearbox", "02", "target"): 225,
    Part("slider", "01", "target"): 198,
    Part("slider", "02", "source"): 212,
    Part("slider", "02", "target"): 204,
}

_DCASE2021 = SubmissionYear(
    year="2021",
    machines={
        "dev": dict.fromkeys(_MACHINES_2021, ("00", "01", "02")),
        "eval": dict.fromkeys(_MACHINES_2021, ("03", "04", "05")),
    },
    file_name="{kind}_{machine}_section_{section}_{domain}_test.csv",
    patterns=(re.compile(rf"{_KIND}_{_MACHINE}_{_SECTION}_(?P<domain>source|target)_test\.csv"),),
    clip=_SECTION_CLIP,
    dev_clips={
        Part(machine, section, domain): 200
        for machine in _MACHINES_2021
        for section in ("00", "01", "02")
        for domain in ("source", "target")
    }
    | _UNEVEN_2021,
    truth="by domain",
    has_translations=False,
    decisions="exact",
    has_ci95=False,
    evaluator="https://github.com/y-kawagu/dcase2021_task2_evaluator",
)

# 2022: three sections. The task asks for names without ``_test``, the evaluator opens those with it.

_MACHINES_2022 = ("ToyCar", "ToyTrain", "bearing", "fan", "gearbox", "slider", "valve")

_DCASE2022 = SubmissionYear(
    year="2022",
    machines={
        "dev": dict.fromkeys(_MACHINES_2022, ("00", "01", "02")),
        "eval": dict.fromkeys(_MACHINES_2022, ("03", "04", "05")),
    },
    file_name="{kind}_{machine}_section_{section}_test.csv",
    patterns=(re.compile(rf"{_KIND}_{_MACHINE}_{_SECTION}(?:_test)?\.csv"),),
    clip=_SECTION_CLIP,
    dev_clips={Part(machine, section): 200 for machine in _MACHINES_2022 for section in ("00", "01", "02")},
    has_translations=False,
    evaluator="https://github.com/Kota-Dohi/dcase2022_evaluator",
)

_DCASE2023 = _since_2023(
    "2023", _MACHINES_2022, ("ToyDrone", "ToyNscale", "ToyTank", "Vacuum", "bandsaw", "grinder", "shaker")
)
_DCASE2024 = _since_2023(
    "2024",
    _MACHINES_2022,
    (
        "3DPrinter",
        "AirCompressor",
        "BrushlessMotor",
        "HairDryer",
        "HoveringDrone",
        "RoboticArm",
        "Scanner",
        "ToothBrush",
        "ToyCircuit",
    ),
)
_DCASE2025 = _since_2023(
    "2025",
    _MACHINES_2022,
    ("AutoTrash", "BandSealer", "CoffeeGrinder", "HomeCamera", "Polisher", "ScrewFeeder", "ToyPet", "ToyRCCar"),
)
_DCASE2026 = _since_2023(
    "2026",
    ("ToyCar", "ToyCarEmu", "bearingEmu", "fan", "gearboxEmu", "sliderEmu", "valveEmu"),
    ("BlowerDustCollector", "Sander", "SewingMachine", "ToothBrush", "ToyDrone"),
)

#: Every challenge year, by the name of its dataset.
YEARS: Mapping[str, SubmissionYear] = {
    year.dataset: year for year in (_DCASE2020, _DCASE2021, _DCASE2022, _DCASE2023, _DCASE2024, _DCASE2025, _DCASE2026)
}


def year_of(dataset: str) -> SubmissionYear:
    """The entry of a dataset, e.g. ``dcase2022``.

    Raises:
        BenchError: no challenge year's dataset is called that.
    """
    if dataset not in YEARS:
        from asd_bench.plugins import did_you_mean

        raise BenchError(
            f"no challenge year's dataset is called {dataset!r}{did_you_mean(dataset, YEARS)}",
            fix=f"submissions can be scored for {', '.join(YEARS)}",
        )
    return YEARS[dataset]
