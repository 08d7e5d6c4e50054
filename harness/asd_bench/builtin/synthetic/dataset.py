"""Which clips a year's synthetic dataset has, how its files are named, and how they are written.

A year is a small table (`Year`): its machines, its groups of clips and its file names; another year is another entry in
`YEARS`.
"""

from __future__ import annotations

import csv
import dataclasses
import json
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import soundfile

from asd_bench.builtin.synthetic.machines import OperatingPoint
from asd_bench.builtin.synthetic.options import (
    GENERATOR_VERSION,
    MACHINES_2020,
    MACHINES_2023,
    Synthetic2023Config,
    SyntheticConfig,
)
from asd_bench.builtin.synthetic.signals import RATE
from asd_bench.builtin.synthetic.sounds import MACHINES, Clip, Conditions, operating_point, render
from asd_bench.data.manifest import SYNTHETIC_MARKER
from asd_bench.errors import BenchError

#: Columns of an attribute table; machines with fewer attributes leave the rest empty.
_N_ATTRIBUTES = 3


@dataclass(frozen=True)
class Group:
    """Clips of a section that differ in their index only."""

    split: Literal["train", "test"]
    domain: Literal["source", "target"]
    label: Literal["normal", "anomaly"]
    n_clips: int


@dataclass(frozen=True)
class Year:
    """The dataset of one challenge year.

    Attributes:
        machines: machine type -> sections.
        groups: the clips of each section.
        points: the operating points, by domain, that a machine type runs at.
        path: a clip's file, relative to the dataset's folder.
        attribute_tables: whether each section has an ``attributes_<section>.csv``.
    """

    machines: Mapping[str, tuple[str, ...]]
    groups: Callable[[Any], tuple[Group, ...]]
    points: Callable[[str], Mapping[str, tuple[OperatingPoint, ...]]]
    path: Callable[[Clip, OperatingPoint], str]
    attribute_tables: bool


def clip_counts(year: str, config: SyntheticConfig) -> dict[tuple[str, str], tuple[int, int]]:
    """(machine, section) -> numbers of training and of test clips."""
    groups = _year(year).groups(config)
    n_train, n_test = (sum(group.n_clips for group in groups if group.split == split) for split in ("train", "test"))
    return {(m, section): (n_train, n_test) for m, sections in _year(year).machines.items() for section in sections}


def write_dataset(
    year: str,
    config: SyntheticConfig,
    root: Path,
    progress: Callable[[int, int], None] | None = None,
    workers: int | None = None,
) -> None:
    """Write a year's synthetic dataset: WAV files, attribute tables and, when all is there, the marker file.

    Args:
        year: one of `YEARS`.
        config: of the class that belongs to the year.
        root: folder of the dataset; what an interrupted run left there is written again.
        progress: called with the numbers of clips written and of all clips.
        workers: threads; by default one per core.

    Raises:
        BenchError: the folder holds other clips, or the config asks for the impossible.
    """
    layout = _year(year)
    clips = list(_clips(layout, config))
    placed = [(clip, operating_point(clip, layout.points(clip.machine))) for clip in clips]
    paths = [layout.path(clip, point) for clip, point in placed]
    _refuse_other_clips(root, paths)

    marker = root / SYNTHETIC_MARKER
    marker.unlink(missing_ok=True)
    for folder in {(root / path).parent for path in paths}:
        folder.mkdir(parents=True, exist_ok=True)
    conditions = Conditions(seed=config.seed, seconds=config.seconds, snr_db=config.snr_db)

    def write_clip(path: str, clip: Clip, point: OperatingPoint) -> None:
        soundfile.write(root / path, render(clip, point, conditions), RATE, subtype="PCM_16", format="WAV")

    # Threads suffice: numpy and scipy release the interpreter lock in the work that counts.
    pool = ThreadPoolExecutor(workers or os.cpu_count())
    try:
        written = pool.map(write_clip, paths, *zip(*placed, strict=True))
        for n_done, _ in enumerate(written, start=1):
            if progress is not None:
                progress(n_done, len(paths))
    finally:
        pool.shutdown(cancel_futures=True)  # an interrupt does not wait for the clips that are still to come
    if layout.attribute_tables:
        _write_attribute_tables(root, [(path, clip, point) for path, (clip, point) in zip(paths, placed, strict=True)])

    content = {"generator_version": GENERATOR_VERSION, "year": year, "config": dataclasses.asdict(config)}
    unfinished = marker.with_suffix(".tmp")
    unfinished.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    unfinished.replace(marker)


def _year(year: str) -> Year:
    try:
        return YEARS[year]
    except KeyError:
        raise BenchError(f"There is no synthetic dataset {year!r}.", fix=f"Choose one of {', '.join(YEARS)}.") from None


def _clips(layout: Year, config: SyntheticConfig) -> Iterator[Clip]:
    for machine, sections in layout.machines.items():
        for section in sections:
            for group in layout.groups(config):
                for index in range(group.n_clips):
                    yield Clip(
                        machine=machine,
                        section=section,
                        split=group.split,
                        domain=group.domain,
                        label=group.label,
                        index=index,
                    )


def _refuse_other_clips(root: Path, paths: list[str]) -> None:
    """A folder with clips of another size, year or origin must neither be mixed with these nor marked as them."""
    expected = {root / path for path in paths}
    for found in sorted(root.glob("*/*/*.wav")):
        if found not in expected:
            raise BenchError(
                "The folder holds clips that are not part of this synthetic dataset.",
                where=found,
                fix="Choose an empty folder, or delete this one.",
            )


def _write_attribute_tables(root: Path, rows: list[tuple[str, Clip, OperatingPoint]]) -> None:
    """Write ``<machine>/attributes_<section>.csv``: file name, then name and value of each attribute."""
    header = ["file_name", *(f"d{i}{part}" for i in range(1, _N_ATTRIBUTES + 1) for part in "pv")]
    tables: dict[tuple[str, str], list[list[str]]] = {}
    for path, clip, point in rows:
        cells = [path, *(text for attribute in point.attributes for text in attribute)]
        cells += [""] * (len(header) - len(cells))
        tables.setdefault((clip.machine, clip.section), []).append(cells)
    for (machine, section), table in tables.items():
        with open(root / machine / f"attributes_{section}.csv", "w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows([header, *table])


def _groups_2020(config: SyntheticConfig) -> tuple[Group, ...]:
    return (
        Group("train", "source", "normal", config.n_train),
        Group("test", "source", "normal", config.n_normal),
        Group("test", "source", "anomaly", config.n_anomaly),
    )


def _groups_2023(config: Synthetic2023Config) -> tuple[Group, ...]:
    if config.n_target_train > config.n_train:
        raise BenchError(
            f"n_target_train ({config.n_target_train}) is more than n_train ({config.n_train}), of which it is a part.",
            fix="Lower n_target_train or raise n_train.",
        )
    return (
        Group("train", "source", "normal", config.n_train - config.n_target_train),
        Group("train", "target", "normal", config.n_target_train),
        Group("test", "source", "normal", config.n_normal - config.n_normal // 2),
        Group("test", "target", "normal", config.n_normal // 2),
        Group("test", "source", "anomaly", config.n_anomaly - config.n_anomaly // 2),
        Group("test", "target", "anomaly", config.n_anomaly // 2),
    )


def _rated_only(machine: str) -> Mapping[str, tuple[OperatingPoint, ...]]:
    """Before domains were introduced, a machine was recorded as it ran: at its rated point."""
    return {"source": MACHINES[machine].POINTS["source"][:1]}


def _all_points(machine: str) -> Mapping[str, tuple[OperatingPoint, ...]]:
    return MACHINES[machine].POINTS


def _path_2020(clip: Clip, point: OperatingPoint) -> str:
    return f"{clip.machine}/{clip.split}/{clip.label}_id_{clip.section}_{clip.index:08d}.wav"


def _path_2023(clip: Clip, point: OperatingPoint) -> str:
    attributes = "_".join(f"{name}_{value}" for name, value in point.attributes)
    name = f"section_{clip.section}_{clip.domain}_{clip.split}_{clip.label}_{clip.index:04d}_{attributes}.wav"
    return f"{clip.machine}/{clip.split}/{name}"


YEARS: Mapping[str, Year] = {
    "2020": Year(MACHINES_2020, _groups_2020, _rated_only, _path_2020, attribute_tables=False),
    "2023": Year(MACHINES_2023, _groups_2023, _all_points, _path_2023, attribute_tables=True),
}
