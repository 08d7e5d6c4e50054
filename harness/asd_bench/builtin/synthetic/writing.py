"""Writing clips: WAV files, attribute tables and, when all is there, the marker file."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import soundfile

from asd_bench.builtin.synthetic.layouts import LAYOUTS, Group
from asd_bench.builtin.synthetic.machines import OperatingPoint
from asd_bench.builtin.synthetic.options import GENERATOR_VERSION
from asd_bench.builtin.synthetic.signals import RATE
from asd_bench.builtin.synthetic.sounds import Clip, Conditions, operating_point, render
from asd_bench.data.manifest import SYNTHETIC_MARKER, UNFINISHED_MARKER
from asd_bench.errors import BenchError

#: (machine, section) -> its clips.
Groups = Mapping[tuple[str, str], tuple[Group, ...]]

#: Columns of an attribute table; machines with fewer attributes leave the rest empty.
_N_ATTRIBUTES = 3


def count_clips(groups: Groups) -> dict[tuple[str, str], tuple[int, int]]:
    """(machine, section) -> numbers of training and of test clips."""
    counts = {}
    for place, of_section in groups.items():
        n_train, n_test = (sum(g.n_clips for g in of_section if g.split == split) for split in ("train", "test"))
        counts[place] = (n_train, n_test)
    return counts


def write_clips(
    year: str,
    groups: Groups,
    conditions: Conditions,
    root: Path,
    about: Mapping[str, Any],
    progress: Callable[[int, int], None] | None = None,
    workers: int | None = None,
) -> None:
    """Write clips in the layout of a challenge year.

    Args:
        year: one of `asd_bench.builtin.synthetic.layouts.LAYOUTS`.
        groups: which clips.
        conditions: what they share.
        root: folder of the dataset; what an interrupted run left there is written again.
        about: what the marker file says of the clips beside generator and year.
        progress: called with the numbers of clips written and of all clips.
        workers: threads; by default one per core.

    Raises:
        BenchError: the folder holds other clips.
    """
    layout = LAYOUTS[year]
    placed = [(clip, operating_point(clip, layout.points(clip.machine))) for clip in _clips(groups)]
    paths = [layout.path(clip, point) for clip, point in placed]
    _refuse_other_clips(root, paths)

    root.mkdir(parents=True, exist_ok=True)
    # From the first clip on the folder says that its sounds are made up, and only with the last that it is complete.
    marker, unfinished = root / SYNTHETIC_MARKER, root / UNFINISHED_MARKER
    content = {"generator_version": GENERATOR_VERSION, "year": year, **about}
    unfinished.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    marker.unlink(missing_ok=True)
    for folder in {(root / path).parent for path in paths}:
        folder.mkdir(parents=True, exist_ok=True)

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
    unfinished.replace(marker)


def _clips(groups: Groups) -> Iterator[Clip]:
    for (machine, section), of_section in groups.items():
        for group in of_section:
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
