"""A dataset on this machine: located, listed, packed."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asd_bench.data.manifest import Progress, Reader, check_listing, is_made_up
from asd_bench.data.store import Store, pack
from asd_bench.errors import BenchError
from asd_bench.keys import digest, short
from asd_bench.plugins import Host, did_you_mean, resolve
from asd_bench.specs import DatasetSpec

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Dataset:
    """A packed dataset.

    Attributes:
        name: the spec's, with ``-synthetic`` where made-up sounds lie in a real year's layout.
        machines: machine types that are there, or that were asked for.
        stores: machine -> its packed clips; also of machine types that are trained on and not scored.
    """

    spec: DatasetSpec
    config: Any
    name: str
    root: Path
    machines: tuple[str, ...]
    stores: dict[str, Store]
    reader: Reader

    @property
    def notes(self) -> list[str]:
        return [note for store in self.stores.values() for note in store.notes]

    def scored(self, machine: str) -> pd.DataFrame:
        """A machine's clips, of both splits, of the sections that are scored: without additional training clips."""
        table = self.stores[machine].table
        return table[table.section.isin(table.section[table.split == "test"])]

    def truth(self, machines: tuple[str, ...]) -> pd.DataFrame:
        """The test clips' labels: clip_id, machine, section, domain, label. For making results only."""
        import pandas as pd

        parts = []
        for machine in machines:
            store = self.stores[machine]
            rows = store.table.merge(store.files(), on="clip_id")
            rows = rows[rows.split == "test"]
            parts.append(
                rows.assign(label=self.reader.labels(rows))[["clip_id", "machine", "section", "domain", "label"]]
            )
        return pd.concat(parts, ignore_index=True)

    def counts(self, machines: tuple[str, ...]) -> dict[tuple[str, str], tuple[int, int]]:
        """(machine, section) -> number of training and of test clips on this machine, where there are test clips."""
        found = {}
        for machine in machines:
            for section, rows in self.scored(machine).groupby("section"):
                found[machine, str(section)] = (int((rows.split == "train").sum()), int((rows.split == "test").sum()))
        return found

    def digest(self, machines: tuple[str, ...]) -> str:
        """What the data of these machines is, sound and metadata, without additional training clips: 64 digits."""
        tables = [self.scored(machine).drop(columns="offset") for machine in sorted(machines)]
        return digest([sorted(table.astype(str).values.tolist()) for table in tables])


def open_dataset(
    host: Host,
    name: str,
    config: Any,
    data_root: Path | None,
    workspace: Path,
    machines: tuple[str, ...] | None = None,
    progress: Progress = lambda stage, done, total: None,
) -> Dataset:
    """Find a dataset, list its clips and pack them.

    Args:
        host: the plugins.
        name: the dataset's name.
        config: an object of the spec's configuration class.
        data_root: where the user says it lies; else ``ASD_BENCH_DATA/<name>`` and the plugins' answers are tried.
        workspace: holds the packed clips.
        machines: machine types to take; all that are there if None.
        progress: told how far making and packing are.

    Raises:
        BenchError: it is not there, a machine is not part of it, or its files cannot be used.
    """
    spec: DatasetSpec = host.get("dataset", name).spec
    name = spec.name
    reader: Reader = resolve(spec.target, f"the dataset '{name}'")(spec, config)
    known = dict.fromkeys((*spec.machines, *spec.additional))
    unknown = [machine for machine in machines or () if machine not in known]
    if unknown:
        raise BenchError(
            f"{name} has no machine type '{unknown[0]}'{did_you_mean(unknown[0], spec.machines)}",
            fix=f"its machine types are: {', '.join(spec.machines)}",
        )
    root = reader.locate(find_root(host, spec, data_root), workspace / "cache" / "data", progress)
    listing = reader.listing(root, machines)
    there = tuple(machine for machine in known if (listing.machine == machine).any())
    missing = [machine for machine in machines or () if machine not in there]
    if missing:
        raise BenchError(
            f"{name}: no clips of {', '.join(missing)} were found; {', '.join(there) or 'nothing'} is there", where=root
        )
    scored = tuple(machine for machine in there if machine in spec.machines)
    if machines is None and not scored:
        raise BenchError(f"no clips of {name} were found", where=root)
    check_listing(listing, there)
    # Additional clips on request are another set of clips: one does not throw the other's packed form away.
    place = short(digest([str(root.resolve()), vars(config)]))
    cache = workspace / "cache" / "clips" / f"{name}-{place}"
    stores = {
        machine: pack(listing[listing.machine == machine], machine, root, cache, reader.sample_rate, progress)
        for machine in there
    }
    made_up = is_made_up(root, listing) and not spec.synthetic
    return Dataset(spec, config, f"{name}-synthetic" if made_up else name, root, scored, stores, reader)


def find_root(host: Host, spec: DatasetSpec, data_root: Path | None) -> Path | None:
    """Where to look for a dataset: the user's folder, ``ASD_BENCH_DATA/<name>``, a plugin's answer, or nowhere."""
    if data_root is not None:
        # One --data-root serves several datasets when each has a folder of its own name in it.
        return data_root / spec.name if (data_root / spec.name).is_dir() else data_root
    shelf = os.environ.get("ASD_BENCH_DATA")
    if shelf and (Path(shelf) / spec.name).is_dir():
        return Path(shelf) / spec.name
    return host.first("asd_locate_data", dataset=spec)
