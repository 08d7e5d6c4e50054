"""What is known about a dataset's files on this machine without decoding them: where they are, what they are called."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from asd_bench.config import Layer, layer_from_pairs, resolve_dataset
from asd_bench.data.classes import Classes
from asd_bench.data.dataset import find_root
from asd_bench.data.manifest import SYNTHETIC_MARKER, Progress, Reader, check_listing, is_made_up
from asd_bench.errors import BenchError
from asd_bench.plugins import Host, resolve
from asd_bench.specs import DatasetSpec

if TYPE_CHECKING:
    import pandas as pd


# -- where -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """Where a dataset was looked for.

    Attributes:
        state: ``found``; ``made when used``; ``not found``, where nobody named a folder; ``unusable``, where the folder
            that was named is not this dataset.
        root: the folder that holds its machine folders.
        machines: machine types that have clips there.
        problem: why it cannot be used.
    """

    spec: DatasetSpec
    state: Literal["found", "made when used", "not found", "unusable"]
    root: Path | None = None
    machines: tuple[str, ...] = ()
    problem: str = ""

    def document(self) -> dict[str, Any]:
        return {
            "name": self.spec.name,
            "state": self.state,
            "root": self.root and str(self.root),
            "machines": list(self.machines),
            "machines_published": list(self.spec.machines),
            "problem": self.problem,
        }


def look_for(host: Host, spec: DatasetSpec, data_root: Path | None) -> Place:
    """Look for a dataset, without making one that could be made."""
    named = find_root(host, spec, data_root)
    if spec.synthetic and (named is None or not (named / SYNTHETIC_MARKER).is_file()):
        return Place(spec, "made when used")
    try:
        reader = reader_of(spec, spec.config())
        root = reader.locate(named, Path(), _silently)
        listing = reader.listing(root, None)
    except Exception as error:
        # A reader may be anybody's; what it stumbles over must not hide the other datasets.
        problem = error.what if isinstance(error, BenchError) else f"its reader failed: {type(error).__name__}: {error}"
        return Place(spec, "not found" if named is None else "unusable", problem=problem)
    there = tuple(machine for machine in spec.machines if (listing.machine == machine).any())
    return Place(spec, "found", root, there)


def dataset_layer(pairs: tuple[str, ...]) -> Layer:
    """``--set dataset.x=…`` of a command that concerns a dataset alone.

    Raises:
        BenchError: a value for something else.
    """
    layer = layer_from_pairs(pairs)
    for address in layer.values:
        if not address.startswith("dataset."):
            raise BenchError(f"'{address}' concerns no dataset", where="--set", fix="for example --set dataset.seed=1")
    return layer


def steps_to_get(spec: DatasetSpec) -> str:
    """What to do to have a dataset on this machine."""
    if spec.synthetic:
        return (
            f"nothing: {spec.name} is made when it is first used, and kept in the workspace\n"
            f"    to listen to it: asd-bench data make {spec.name} FOLDER"
        )
    try:
        reader_of(spec, spec.config()).locate(None, Path(), _silently)
    except BenchError as error:
        return error.fix or error.what
    return "nothing: it is on this machine"


def reader_of(spec: DatasetSpec, config: Any) -> Reader:
    """The dataset's reader."""
    return resolve(spec.target, f"the dataset '{spec.name}'")(spec, config)


def machine_types(spec: DatasetSpec) -> tuple[str, ...]:
    """The machine types that a dataset may have: those scored, then those that are only trained on, on request."""
    return tuple(dict.fromkeys((*spec.machines, *spec.additional)))


def _silently(stage: str, done: int, total: int) -> None:
    pass


# -- what its files are called -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Survey:
    """A dataset by its file names and attribute tables; only the first clip's header was read.

    Attributes:
        clips: the rows of its listing with their labels.
        n_bytes: size of all clips.
        first_clip: rate and length of the first, in words.
        notes: what is missing or wrong.
    """

    spec: DatasetSpec
    root: Path
    clips: pd.DataFrame
    n_bytes: int
    first_clip: str
    notes: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """The survey as plain data."""
        return {
            "dataset": self.spec.name,
            "root": str(self.root),
            "clips": len(self.clips),
            "bytes": self.n_bytes,
            "first_clip": self.first_clip,
            "sections": list(self._sections()),
            "classes": self._classes(),
            "notes": list(self.notes),
        }

    def _sections(self) -> Iterator[dict[str, Any]]:
        for machine in machine_types(self.spec):
            for section, rows in self.clips[self.clips.machine == machine].groupby("section"):
                place = (machine, str(section))
                train, test = rows[rows.split == "train"], rows[rows.split == "test"]
                yield {
                    "machine": machine,
                    "section": section,
                    "train": len(train),
                    "train_published": self.spec.n_train.get(place),
                    "train_domains": _counts(train.domain),
                    "test": len(test),
                    "test_published": self.spec.n_test.get(place),
                    "test_domains": _counts(test.domain),
                    "test_normal": int((test.label == 0).sum()),
                    "test_anomalous": int((test.label == 1).sum()),
                    "attributes": train.attributes[train.attributes != ""].nunique(),
                }

    def _classes(self) -> dict[str, Any]:
        """The classes that discriminative detectors would tell apart, by machine."""
        train = self.clips[self.clips.split == "train"]
        hidden = {"domain", "attributes"} - self.spec.reveals.train
        classes = Classes.of(train.assign(**dict.fromkeys(hidden, "")))
        return {
            machine: {
                "rule": rule,
                "names": [name for name, key in zip(classes.names, classes.keys, strict=True) if key[0] == machine],
            }
            for machine, rule in classes.rules.items()
        }


def _counts(column: pd.Series) -> dict[str, int]:
    """How often each value is there; empty ones do not count."""
    return {str(value): int(n) for value, n in column[column != ""].value_counts().sort_index().items()}


def survey(
    host: Host, spec: DatasetSpec, layer: Layer, data_root: Path | None, workspace: Path, progress: Progress
) -> Survey:
    """Locate a dataset, or make it where it is synthetic, and list its clips.

    Raises:
        BenchError: it is not there.
    """
    import pandas as pd

    config, _ = resolve_dataset(spec, [layer])
    reader = reader_of(spec, config)
    root = reader.locate(find_root(host, spec, data_root), workspace / "cache" / "data", progress)
    listings, notes = [], []
    for machine in machine_types(spec):
        # One by one, so that a machine with foreign files does not hide the others.
        try:
            listing = reader.listing(root, (machine,))
            if listing.empty:
                if machine in spec.machines:
                    notes.append(f"{machine} is not there")
                continue
            listings.append(listing.assign(label=reader.labels(listing)))
            check_listing(listing, (machine,))
        except BenchError as error:
            notes.append(error.what)
    if not listings:
        raise BenchError(f"no machine of {spec.name} can be used: {'; '.join(notes)}", where=root)
    clips = pd.concat(listings, ignore_index=True)
    if is_made_up(root, clips) and not spec.synthetic:
        notes.append(f"made-up sounds in the layout of {spec.name}: results are listed as {spec.name}-synthetic")
    n_bytes = sum((root / path).stat().st_size for path in clips.path)
    return Survey(spec, root, clips, n_bytes, _header(root / clips.path.iloc[0]), tuple(notes))


def _header(path: Path) -> str:
    import soundfile

    try:
        found = soundfile.info(path)
    except (OSError, RuntimeError) as error:
        return f"cannot be read: {error}"
    return f"{found.samplerate:,} Hz, {found.duration:g} s, {found.subtype_info}, {found.format}"
