"""What each challenge year calls its files and their folders."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Naming:
    """How a year names its clips.

    Attributes:
        patterns: of labelled clips' names without ending, tried in turn, with the groups ``section`` and ``label`` and,
            where the names have them, ``split`` (else the folder says it), ``domain`` and ``attributes``.
        blind: of the evaluation phase's test clips, which carry no label; group ``section``.
        example: an official name, to show when foreign ones are found.
        test_folders: the folders, within a machine's, that may hold test clips.
    """

    patterns: tuple[re.Pattern[str], ...]
    blind: re.Pattern[str]
    example: str
    test_folders: tuple[str, ...] = ("test",)

    def parse(self, stem: str) -> dict[str, str] | None:
        """The groups that a labelled clip's name without ending has, or None if it is none."""
        for pattern in self.patterns:
            match = pattern.fullmatch(stem)
            if match:
                return {name: text for name, text in match.groupdict().items() if text is not None}
        return None

    def blind_section(self, stem: str) -> str | None:
        """The section of a test clip without a label, or None if the name is no such clip's."""
        match = self.blind.fullmatch(stem)
        return match["section"] if match else None


_SECTION = r"section_(?P<section>\d\d)"
_DOMAIN = r"(?P<domain>source|target)"
_ATTRIBUTES = r"(?:_(?P<attributes>.*))?"

#: Names carry the machine ID and the label; the split is the folder's name.
NAMING_2020 = Naming(
    patterns=(re.compile(r"(?P<label>normal|anomaly)_id_(?P<section>\d\d)_\d{8}"),),
    blind=re.compile(r"id_(?P<section>\d\d)_\d{8}"),
    example="normal_id_00_00000000.wav",
)

#: Training clips carry attributes, test clips do not. The organisers' archives have a folder of test clips per domain,
#: their later baselines merge both into one.
NAMING_2021 = Naming(
    patterns=(
        re.compile(rf"{_SECTION}_{_DOMAIN}_(?P<split>train)_(?P<label>normal)_\d{{4}}{_ATTRIBUTES}"),
        re.compile(rf"{_SECTION}_{_DOMAIN}_(?P<split>test)_(?P<label>normal|anomaly)_\d{{4}}"),
    ),
    blind=re.compile(rf"{_SECTION}_(?:source|target)_test_\d{{4}}"),
    example="section_00_source_train_normal_0000_strength_1_ambient.wav",
    test_folders=("test", "source_test", "target_test"),
)

#: 2022 and later. The organisers' pages announce ``section_03_test_0000`` for test clips without a label; the archives
#: have ``section_03_0000``.
NAMING_2022 = Naming(
    patterns=(
        re.compile(rf"{_SECTION}_{_DOMAIN}_(?P<split>train|test)_(?P<label>normal|anomaly)_\d{{4}}{_ATTRIBUTES}"),
    ),
    blind=re.compile(rf"{_SECTION}_(?:test_)?\d{{4}}"),
    example="section_00_source_train_normal_0000_car_A1_spd_28V_mic_1.wav",
)
