"""Reading the organisers' archives in any layout in which people have them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from asd_bench.builtin.datasets.folders import FolderReader
from asd_bench.builtin.datasets.options import DcaseConfig
from asd_bench.builtin.datasets.years import YEARS, Archives, Year
from asd_bench.data.manifest import Progress
from asd_bench.errors import BenchError
from asd_bench.specs import DatasetSpec

#: Folders that may hold one year's data, under the root that a user names. Those that name the year come first, so that
#: years lying side by side are not confused.
YEAR_FOLDERS = ("{dataset}", "dcase{year}t2", "")

#: Folders that may hold the development phase's machine folders, under one of those.
DEVELOPMENT_FOLDERS = ("", "dev_data/raw", "dev_data", "dev")

#: The same for the evaluation phase, whose training clips are the additional ones.
EVALUATION_FOLDERS = ("eval_data/raw", "eval_data", "eval")


class DcaseReader(FolderReader):
    """Development data of a year, by its entry in `YEARS`, and on request the additional training clips."""

    def __init__(self, spec: DatasetSpec, config: DcaseConfig) -> None:
        self.year: Year = YEARS[spec.name]
        self.additional = config.additional
        super().__init__(spec.name, self.year.naming, self.year.machines, self.year.evaluation)

    def locate(self, root: Path | None, cache: Path, progress: Progress) -> Path:
        if root is None:
            raise BenchError(f"{self.name} is not on this machine yet", fix=self.steps())
        if not root.is_dir():
            raise BenchError(f"the data root of {self.name} is no folder", where=root, fix=self.steps())
        for name in YEAR_FOLDERS:
            place = root / name.format(dataset=self.name, year=self.year.year)
            if any(self.has_machine(place, machine) for machine in self.machines):
                return place
        raise BenchError(
            f"none of the machine folders of {self.name} ({', '.join(self.machines)}) is here",
            where=root,
            fix=self.steps(),
        )

    def folders(self, root: Path, machine: str) -> Iterable[Path]:
        for name in DEVELOPMENT_FOLDERS:
            yield from _unpacked(root / name, self.year.development, machine)

    def rows(self, root: Path, machines: tuple[str, ...] | None) -> list[dict[str, str]]:
        rows = super().rows(root, machines)
        if self.additional:
            rows += self._additional_rows(root, machines, {row["machine"] for row in rows})
        return rows

    # -- additional training clips -----------------------------------------------------------------------------------

    def _additional_rows(self, root: Path, machines: tuple[str, ...] | None, there: set[str]) -> list[dict[str, str]]:
        """The training clips of the evaluation phase.

        Args:
            there: machine types that have development clips. Those which are in both phases are needed of them only.

        Raises:
            BenchError: some are not there. What is trained on must be known, so half of it will not do.
        """
        rows, missing = [], []
        for machine, sections in self.evaluation.items():
            if machine not in (machines or self.evaluation) or (machine in self.machines and machine not in there):
                continue
            found = self._additional_of(root, machine)
            if {row["section"] for row in found} != set(sections):
                missing.append(machine)
            rows += found
        if missing:
            raise BenchError(
                f"the additional training clips of {', '.join(missing)} are not there, or not all of them",
                where=root,
                fix=f"{self._additional_steps(missing)}\n    Or leave dataset.additional out.",
            )
        return rows

    def _additional_of(self, root: Path, machine: str) -> list[dict[str, str]]:
        for folder in self._evaluation_folders(root, machine):
            rows = self.labelled(root, folder, machine, ("train",))
            additional = [row for row in rows if row["phase"] == "eval"]
            if additional:
                return additional
        return []

    def _evaluation_folders(self, root: Path, machine: str) -> Iterator[Path]:
        """Unzipped beside the development data they lie in its folders, in the years that have the same machines."""
        for name in (*DEVELOPMENT_FOLDERS, *EVALUATION_FOLDERS):
            yield from _unpacked(root / name, self.year.additional, machine)

    # -- how to get them ---------------------------------------------------------------------------------------------

    def steps(self) -> str:
        """The exact steps to get the data."""
        first = next(iter(self.machines))
        return (
            f"get it in three steps:\n"
            f"    1. download {_archives(self.year.development, self.machines)}\n"
            f"    2. unzip them all into one folder, so that it holds {first}/train, "
            f"{first}/{self.naming.test_folders[-1]}, …\n"
            f"    3. name that folder: --data-root FOLDER, or put it at $ASD_BENCH_DATA/{self.name}\n"
            f"    For --set dataset.additional=true, besides: {self._additional_steps(self.evaluation)}\n"
            f"    No download, to try things out: asd-bench data make --like {self.name} FOLDER"
        )

    def _additional_steps(self, machines: Iterable[str]) -> str:
        return (
            f"download {_archives(self.year.additional, machines)}\n"
            f"       and unzip them into the folder that holds the development data"
        )


def _unpacked(place: Path, archives: Archives, machine: str) -> Iterator[Path]:
    """``<machine>/`` or, as some tools unzip, ``<archive>/<machine>/`` or ``<archive>/``."""
    yield place / machine
    yield place / archives.folder(machine) / machine
    yield place / archives.folder(machine)


def _archives(archives: Archives, machines: Iterable[str]) -> str:
    return (
        f"{', '.join(map(archives.name, machines))} from {archives.url}\n"
        f"       (each is {archives.url}/files/<archive>)"
    )
