"""Decoding every clip of a dataset and collecting everything that is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from asd_bench.cli.data_look import machine_types, reader_of
from asd_bench.config import Layer, resolve_dataset
from asd_bench.data.audio_file import BadAudio, decode
from asd_bench.data.dataset import find_root, open_dataset
from asd_bench.data.manifest import Progress
from asd_bench.errors import BenchError
from asd_bench.metrics.official import check_clips, rule_of
from asd_bench.plugins import Host
from asd_bench.specs import DatasetSpec

if TYPE_CHECKING:
    import pandas as pd

    from asd_bench.data.dataset import Dataset


@dataclass
class MachineCheck:
    """What decoding every clip of a machine type showed.

    Attributes:
        clips, seconds: how many, and how long together; zero where it cannot be used.
        problems: why no result can be made of it.
        notes: what should be known about it.
    """

    machine: str
    clips: int = 0
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def check_dataset(
    host: Host, spec: DatasetSpec, layer: Layer, data_root: Path | None, workspace: Path, progress: Progress
) -> Iterator[MachineCheck]:
    """Decode and pack one machine type after the other.

    Raises:
        BenchError: the dataset is not there at all.
    """
    config, _ = resolve_dataset(spec, [layer])
    reader = reader_of(spec, config)
    root = reader.locate(find_root(host, spec, data_root), workspace / "cache" / "data", progress)
    for machine in machine_types(spec):
        found = MachineCheck(machine)
        try:
            listing = reader.listing(root, (machine,))
        except BenchError as error:
            found.problems.append(error.what)
            yield found
            continue
        if listing.empty:
            if machine in spec.machines:
                found.notes.append("is not there")
                yield found
            continue
        try:
            dataset = open_dataset(host, spec.name, config, data_root, workspace, (machine,), progress)
        except BenchError as error:
            # The message names a few bad files; here all of them are asked for.
            found.problems += _bad_files(listing, root, reader.sample_rate) or [error.what]
        else:
            _look_into(dataset, machine, found)
        yield found


def _bad_files(listing: pd.DataFrame, root: Path, sample_rate: int) -> list[str]:
    problems = []
    for path in listing.path:
        try:
            decode(root / path, sample_rate)
        except BadAudio as error:
            problems.append(f"{path} {error}")
    return problems


def _look_into(dataset: Dataset, machine: str, found: MachineCheck) -> None:
    store, spec = dataset.stores[machine], dataset.spec
    found.clips = len(store.table)
    found.seconds = int(store.table.n_samples.sum()) / dataset.reader.sample_rate
    found.notes += [note.removeprefix(f"{machine}: ") for note in store.notes]
    counts, sections = dataset.counts((machine,)), spec.machines.get(machine, ())
    for section in sections:
        have = counts.get((machine, section), (0, 0))
        for split, n, published in zip(("training", "test"), have, (spec.n_train, spec.n_test), strict=True):
            if n != published.get((machine, section), n):
                found.notes.append(f"section {section} has {n} of {published[machine, section]} {split} clips")
    found.notes += [
        f"section {section} is not of the published ones" for _, section in counts if section not in sections
    ]
    rule = rule_of(spec.rule)
    for section, clips in dataset.truth((machine,)).groupby("section"):
        try:
            check_clips(rule, clips.assign(score=0.0))
        except BenchError as error:
            found.problems.append(f"section {section}: {error.what}")
