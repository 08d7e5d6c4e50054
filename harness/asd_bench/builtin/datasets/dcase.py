"""Reading the organisers' archives in any layout in which people have them."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from asd_bench.builtin.datasets.years import YEARS, Year
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


class DcaseReader:
    """Development data of a year, by its entry in `YEARS`."""

    def __init__(self, spec: DatasetSpec, config: Any) -> None:
        self.year: Year = YEARS[spec.name]
        self.sample_rate: int = self.year.sample_rate

    # -- where -----------------------------------------------------------------------------------------------------

    def locate(self, root: Path | None, cache: Path, progress: Progress) -> Path:
        if root is None:
            raise BenchError(f"{self.year.dataset} is not on this machine yet", fix=self._steps())
        if not root.is_dir():
            raise BenchError(f"the data root of {self.year.dataset} is no folder", where=root, fix=self._steps())
        for layout in LAYOUTS:
            place = root / layout.format(dataset=self.year.dataset, year=self.year.year)
            if any(self._machine_folders(place, self.year.machines)):
                return place
        raise BenchError(
            f"none of the machine folders of {self.year.dataset} ({', '.join(self.year.machines)}) is here",
            where=root,
            fix=self._steps(),
        )

    def _machine_folders(self, place: Path, machines: Iterable[str]) -> Iterable[tuple[str, Path]]:
        """Machine folders: ``<machine>/`` or, as some tools unzip, ``dev_<machine>/<machine>/``."""
        for machine in machines:
            unzipped = self.year.archive.format(machine=machine).removesuffix(".zip")
            for folder in (place / machine, place / unzipped / machine, place / unzipped):
                if any((folder / split).is_dir() for split in ("train", "test")):
                    yield machine, folder
                    break

    def _steps(self) -> str:
        year = self.year
        archives = [year.archive.format(machine=machine) for machine in year.machines]
        url = f"https://zenodo.org/records/{year.record}"
        return (
            f"get it in three steps:\n"
            f"    1. download {', '.join(archives)} from {url}\n"
            f"       (each is {url}/files/<archive>)\n"
            f"    2. unzip them all into one folder, so that it holds {next(iter(year.machines))}/train, "
            f"{next(iter(year.machines))}/test, …\n"
            f"    3. name that folder: --data-root FOLDER, or put it at $ASD_BENCH_DATA/{year.dataset}\n"
            f"    No download, to try things out: --dataset synthetic{year.year}"
        )

    # -- which clips -----------------------------------------------------------------------------------------------

    def listing(self, root: Path, machines: tuple[str, ...] | None) -> pd.DataFrame:
        rows: list[dict[str, str]] = []
        for machine, folder in self._machine_folders(root, machines or tuple(self.year.machines)):
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
                found = self._parse(path.stem)
                if found is None or found.get("split", split) != split:
                    foreign.append(f"{split}/{path.name}")
                    continue
                attributes = found.get("attributes") or ""
                if attributes in HIDDEN_ATTRIBUTES:
                    attributes = tables.get(f"attributes_{found['section']}", {}).get(path.stem, "")
                rows.append(
                    {
                        "path": path.relative_to(root).as_posix(),
                        "machine": machine,
                        "section": found["section"],
                        "split": split,
                        "phase": "dev",
                        "domain": found.get("domain") or "",
                        "attributes": attributes,
                    }
                )
        if foreign:
            more = f" and {len(foreign) - _FOREIGN_NAMED} more" if len(foreign) > _FOREIGN_NAMED else ""
            raise BenchError(
                f"{len(foreign)} audio files of {machine} do not have a {self.year.dataset} name: "
                + ", ".join(foreign[:_FOREIGN_NAMED])
                + more,
                where=folder,
                fix=f"move them away; an official name looks like {self.year.example}",
            )
        return rows

    def _parse(self, stem: str) -> dict[str, str] | None:
        for pattern in self.year.names:
            match = pattern.fullmatch(stem)
            if match:
                return match.groupdict()
        return None

    def labels(self, listing: pd.DataFrame) -> pd.Series:
        found = [self._parse(Path(path).stem) for path in listing.path]
        return pd.Series([int(name is not None and name["label"] == "anomaly") for name in found], index=listing.index)


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
