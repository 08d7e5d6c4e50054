"""Reading the organisers' archives in any layout in which people have them."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pandas as pd

from asd_bench.builtin.datasets.years import SAMPLE_RATE, YEARS, Naming, Year
from asd_bench.data.audio_file import SUFFIXES
from asd_bench.data.manifest import LISTING, Progress
from asd_bench.errors import BenchError
from asd_bench.specs import DatasetSpec

#: Folders that each may hold the machine folders, under the root that a user names.
LAYOUTS = (
    "",
    "dev_data/raw",
    "dev_data",
    "dev",
    "{dataset}",
    "{dataset}/dev_data/raw",
    "{dataset}/dev_data",
    "dcase{year}t2/dev_data/raw",
)

#: Attribute strings that say that a machine's attributes are hidden.
HIDDEN_ATTRIBUTES = ("", "noAttribute")

_FOREIGN_NAMED = 5


class FolderReader:
    """Machine folders with ``train`` and ``test`` folders of officially named files.

    Args:
        name: of the dataset.
        machines: machine types that it may have.
        naming: of its files.
    """

    sample_rate = SAMPLE_RATE

    def __init__(self, name: str, machines: tuple[str, ...], naming: Naming) -> None:
        self.name = name
        self.machines = machines
        self.naming = naming

    def folders(self, place: Path, machine: str) -> tuple[Path, ...]:
        """Where a machine's folder may be."""
        return (place / machine,)

    def machine_folder(self, place: Path, machine: str) -> Path | None:
        """The machine's folder, or None where there is none."""
        for folder in self.folders(place, machine):
            if any((folder / split).is_dir() for split in ("train", "test")):
                return folder
        return None

    # -- which clips -----------------------------------------------------------------------------------------------

    def listing(self, root: Path, machines: tuple[str, ...] | None) -> pd.DataFrame:
        rows: list[dict[str, str]] = []
        for machine in machines or self.machines:
            folder = self.machine_folder(root, machine)
            if folder is not None:
                rows += self._machine(machine, folder, root)
        return pd.DataFrame(rows, columns=list(LISTING)).astype(str)

    def _machine(self, machine: str, folder: Path, root: Path) -> list[dict[str, str]]:
        tables = {path.stem: _attributes(path) for path in sorted(folder.glob("attributes_*.csv"))}
        rows, foreign = [], []
        for split in ("train", "test"):
            if not (folder / split).is_dir():
                continue
            for path in sorted((folder / split).iterdir()):
                if path.suffix.lower() not in SUFFIXES or path.name.startswith("."):
                    continue
                found = self.naming.parse(path.stem)
                if found is None or found.get("split", split) != split:
                    foreign.append(f"{split}/{path.name}")
                    continue
                attributes = found.get("attributes", "")
                if attributes in HIDDEN_ATTRIBUTES:
                    attributes = tables.get(f"attributes_{found['section']}", {}).get(path.stem, "")
                rows.append(
                    {
                        "path": path.relative_to(root).as_posix(),
                        "machine": machine,
                        "section": found["section"],
                        "split": split,
                        "phase": "dev",
                        "domain": found.get("domain", ""),
                        "attributes": attributes,
                    }
                )
        if foreign:
            more = f" and {len(foreign) - _FOREIGN_NAMED} more" if len(foreign) > _FOREIGN_NAMED else ""
            raise BenchError(
                f"{len(foreign)} of the audio files of {machine} have no name of {self.name}: "
                + ", ".join(foreign[:_FOREIGN_NAMED])
                + more,
                where=folder,
                fix=f"move them away; an official name looks like {self.naming.example}",
            )
        return rows

    def labels(self, listing: pd.DataFrame) -> pd.Series:
        found = [self.naming.parse(Path(path).stem) for path in listing.path]
        return pd.Series([int(name is not None and name["label"] == "anomaly") for name in found], index=listing.index)


class DcaseReader(FolderReader):
    """Development data of a year, by its entry in `YEARS`."""

    def __init__(self, spec: DatasetSpec, config: Any) -> None:
        self.year: Year = YEARS[spec.name]
        super().__init__(spec.name, tuple(self.year.machines), self.year.naming)

    def folders(self, place: Path, machine: str) -> tuple[Path, ...]:
        """``<machine>/`` or, as some tools unzip, ``dev_<machine>/<machine>/`` or ``dev_<machine>/``."""
        unzipped = place / self.year.archive.format(machine=machine).removesuffix(".zip")
        return (place / machine, unzipped / machine, unzipped)

    def locate(self, root: Path | None, cache: Path, progress: Progress) -> Path:
        if root is None:
            raise BenchError(f"{self.name} is not on this machine yet", fix=self.steps())
        if not root.is_dir():
            raise BenchError(f"the data root of {self.name} is no folder", where=root, fix=self.steps())
        for layout in LAYOUTS:
            place = root / layout.format(dataset=self.name, year=self.year.year)
            if any(self.machine_folder(place, machine) for machine in self.machines):
                return place
        raise BenchError(
            f"none of the machine folders of {self.name} ({', '.join(self.machines)}) is here",
            where=root,
            fix=self.steps(),
        )

    def steps(self) -> str:
        """The exact steps to get the data."""
        archives = [self.year.archive.format(machine=machine) for machine in self.machines]
        url = f"https://zenodo.org/records/{self.year.record}"
        return (
            f"get it in three steps:\n"
            f"    1. download {', '.join(archives)} from {url}\n"
            f"       (each is {url}/files/<archive>)\n"
            f"    2. unzip them all into one folder, so that it holds {self.machines[0]}/train, "
            f"{self.machines[0]}/test, …\n"
            f"    3. name that folder: --data-root FOLDER, or put it at $ASD_BENCH_DATA/{self.name}\n"
            f"    No download, to try things out: --dataset synthetic{self.year.year}"
        )


def _attributes(path: Path) -> dict[str, str]:
    """Attribute strings by file stem, from a table ``file_name,d1p,d1v[,d2p,d2v…]``.

    Raises:
        BenchError: the table is malformed; the message names the line.
    """
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            lines = list(csv.reader(file, strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise BenchError(f"the attribute table cannot be read: {error}", where=path) from error
    if not lines or not lines[0] or lines[0][0] != "file_name":
        raise BenchError("the attribute table's first column must be called file_name", where=path)
    # Evaluation tables of 2022 end in a column of another kind.
    pairs = [column for column in range(1, len(lines[0]) - 1, 2) if lines[0][column].endswith("p")]
    found: dict[str, str] = {}
    for number, line in enumerate(lines[1:], start=2):
        if len(line) != len(lines[0]):
            raise BenchError(
                f"line {number} of the attribute table has {len(line)} cells, its header {len(lines[0])}",
                where=path,
                fix="restore the table from the archive",
            )
        words = [line[column + step] for column in pairs for step in (0, 1) if line[column + step]]
        found[Path(line[0]).stem] = "_".join(words)
    return found
