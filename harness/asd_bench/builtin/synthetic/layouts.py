"""How each challenge year lays out its clips: folders, file names, attribute tables, and at which points machines run.

A year is an entry in `LAYOUTS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from asd_bench.builtin.synthetic.machines import OperatingPoint
from asd_bench.builtin.synthetic.sounds import Clip, machine_class


@dataclass(frozen=True)
class Group:
    """Clips of a section that differ in their index only."""

    split: Literal["train", "test"]
    domain: Literal["source", "target"]
    label: Literal["normal", "anomaly"]
    n_clips: int


@dataclass(frozen=True)
class Layout:
    """The layout of one challenge year.

    Attributes:
        points: the operating points, by domain, that a machine type runs at.
        path: a clip's file, relative to the dataset's folder.
        attribute_tables: whether each section has an ``attributes_<section>.csv``.
    """

    points: Callable[[str], Mapping[str, tuple[OperatingPoint, ...]]]
    path: Callable[[Clip, OperatingPoint], str]
    attribute_tables: bool


def _rated_only(machine: str) -> Mapping[str, tuple[OperatingPoint, ...]]:
    """Before domains were introduced, a machine was recorded as it ran: at its rated point."""
    return {"source": machine_class(machine).POINTS["source"][:1]}


def _all_points(machine: str) -> Mapping[str, tuple[OperatingPoint, ...]]:
    return machine_class(machine).POINTS


def _path_2020(clip: Clip, point: OperatingPoint) -> str:
    return f"{clip.machine}/{clip.split}/{clip.label}_id_{clip.section}_{clip.index:08d}.wav"


def _path_2021(clip: Clip, point: OperatingPoint) -> str:
    """Test clips lie in a folder per domain and do not tell their attributes."""
    name = f"section_{clip.section}_{clip.domain}_{clip.split}_{clip.label}_{clip.index:04d}"
    if clip.split == "test":
        return f"{clip.machine}/{clip.domain}_test/{name}.wav"
    return f"{clip.machine}/train/{name}_{_attributes(point)}.wav"


def _path_2022(clip: Clip, point: OperatingPoint) -> str:
    name = f"section_{clip.section}_{clip.domain}_{clip.split}_{clip.label}_{clip.index:04d}"
    return f"{clip.machine}/{clip.split}/{name}_{_attributes(point)}.wav"


def _attributes(point: OperatingPoint) -> str:
    return "_".join(f"{name}_{value}" for name, value in point.attributes)


LAYOUTS: Mapping[str, Layout] = {
    "2020": Layout(_rated_only, _path_2020, attribute_tables=False),
    "2021": Layout(_all_points, _path_2021, attribute_tables=False),
    "2022": Layout(_all_points, _path_2022, attribute_tables=True),
    "2023": Layout(_all_points, _path_2022, attribute_tables=True),
}
