"""One declarative entry per challenge year: machines, counts, names and where the audio is to be had.

Sources: the organisers' data pages and baselines, as compiled in the challenge's documentation. A further year is an
entry here, not code.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from asd_bench.specs import Reveals


@dataclass(frozen=True)
class Naming:
    """How a year names its files.

    Attributes:
        patterns: of file names without ending, tried in turn, with the groups ``section`` and ``label`` and, where the
            names have them, ``split`` (else the folder says it), ``domain`` and ``attributes``.
        example: an official name, to show when foreign ones are found.
    """

    patterns: tuple[re.Pattern[str], ...]
    example: str

    def parse(self, stem: str) -> dict[str, str] | None:
        """The groups that a file name without ending has, or None if it is foreign."""
        for pattern in self.patterns:
            match = pattern.fullmatch(stem)
            if match:
                return {name: text for name, text in match.groupdict().items() if text is not None}
        return None


@dataclass(frozen=True, kw_only=True)
class Year:
    """The development phase of one challenge year.

    Attributes:
        year: also names the rule of `asd_bench.metrics.official`.
        machines: machine type -> sections (2020: machine IDs).
        n_train, n_test: clips per (machine, section).
        record: number of the Zenodo record with the development archives.
        archive: name of a machine's archive, with ``{machine}``.
        naming: of its files.
        reveals: what the protocol tells a detector.
    """

    year: str
    machines: Mapping[str, tuple[str, ...]]
    n_train: Mapping[tuple[str, str], int]
    n_test: Mapping[tuple[str, str], int]
    record: int
    archive: str
    naming: Naming
    reveals: Reveals = field(default_factory=Reveals)

    @property
    def dataset(self) -> str:
        return f"dcase{self.year}"


#: All years so far.
SAMPLE_RATE = 16000

#: 2020's names carry the machine ID and the label; the split is the folder's name.
NAMING_2020 = Naming(
    patterns=(re.compile(r"(?P<label>normal|anomaly)_id_(?P<section>\d\d)_\d{8}"),),
    example="normal_id_00_00000000.wav",
)

NAMING_2023 = Naming(
    patterns=(
        re.compile(
            r"section_(?P<section>\d\d)_(?P<domain>source|target)_(?P<split>train|test)_(?P<label>normal|anomaly)_\d{4}"
            r"(?:_(?P<attributes>.*))?"
        ),
    ),
    example="section_00_source_train_normal_0000_car_A1_spd_28V_mic_1.wav",
)

_SEVEN = ("ToyCar", "ToyTrain", "bearing", "fan", "gearbox", "slider", "valve")

DCASE2023 = Year(
    year="2023",
    machines=dict.fromkeys(_SEVEN, ("00",)),
    n_train={(machine, "00"): 1000 for machine in _SEVEN},
    n_test={(machine, "00"): 200 for machine in _SEVEN},
    record=7882613,
    archive="dev_{machine}.zip",
    naming=NAMING_2023,
    # The protocol hides domain and attributes of test clips, though development file names show them.
    reveals=Reveals(train=frozenset({"domain", "attributes"})),
)

YEARS: Mapping[str, Year] = {year.dataset: year for year in (DCASE2023,)}
