"""One declarative entry per challenge year: machines, counts, names and where the audio is to be had.

Sources: the organisers' data pages and baselines, as compiled in the challenge's documentation. A further year is an
entry here, not code.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from asd_bench.specs import Reveals


@dataclass(frozen=True, kw_only=True)
class Year:
    """The development phase of one challenge year.

    Attributes:
        year: also names the rule of `asd_bench.metrics.official`.
        machines: machine type -> sections (2020: machine IDs).
        n_train, n_test: clips per (machine, section).
        record: number of the Zenodo record with the development archives.
        archive: name of a machine's archive, with ``{machine}``.
        names: patterns of official file names (without ending), tried in turn, with the groups ``section``, ``split``,
            ``label`` and, where the year has them, ``domain`` and ``attributes``. ``split`` may come from the folder.
        example: a file name to show when foreign ones are found.
        reveals: what the protocol tells a detector.
        clip_seconds: how long clips are, for people.
    """

    year: str
    machines: Mapping[str, tuple[str, ...]]
    n_train: Mapping[tuple[str, str], int]
    n_test: Mapping[tuple[str, str], int]
    record: int
    archive: str
    names: tuple[re.Pattern[str], ...]
    example: str
    reveals: Reveals = field(default_factory=Reveals)
    sample_rate: int = 16000

    @property
    def dataset(self) -> str:
        return f"dcase{self.year}"


#: 2020's names carry the machine ID and the label; the split is the folder's name.
NAMES_2020 = (re.compile(r"(?P<label>normal|anomaly)_id_(?P<section>\d\d)_\d{8}"),)

_SEVEN = ("ToyCar", "ToyTrain", "bearing", "fan", "gearbox", "slider", "valve")

_SECTIONED_NAME = re.compile(
    r"section_(?P<section>\d\d)_(?P<domain>source|target)_(?P<split>train|test)_(?P<label>normal|anomaly)_\d{4}"
    r"(?:_(?P<attributes>.*))?"
)

DCASE2023 = Year(
    year="2023",
    machines=dict.fromkeys(_SEVEN, ("00",)),
    n_train={(machine, "00"): 1000 for machine in _SEVEN},
    n_test={(machine, "00"): 200 for machine in _SEVEN},
    record=7882613,
    archive="dev_{machine}.zip",
    names=(_SECTIONED_NAME,),
    example="section_00_source_train_normal_0000_car_A1_spd_28V_mic_1.wav",
    # The protocol hides domain and attributes of test clips, though development file names show them.
    reveals=Reveals(train=frozenset({"domain", "attributes"})),
)

YEARS: Mapping[str, Year] = {year.dataset: year for year in (DCASE2023,)}
