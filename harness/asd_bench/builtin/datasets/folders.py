"""Reading a machine type's folder: which clips are there, by their names."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from asd_bench.builtin.datasets.naming import Naming
from asd_bench.builtin.datasets.years import SAMPLE_RATE
from asd_bench.data.audio_file import SUFFIXES
from asd_bench.data.manifest import LISTING
from asd_bench.errors import BenchError

#: Attribute strings that say that a machine's attributes are hidden.
HIDDEN_ATTRIBUTES = ("", "noAttribute")

#: Training clips are normal in every year.
_NO_SUCH_CLIPS = ("train", "anomaly")

_FOREIGN_NAMED = 5


class FolderReader:
    """Machine folders with folders of officially named training and test clips.

    Args:
        name: of the dataset.
        naming: of its files.
        machines: machine type -> the sections that are scored.
        evaluation: machine type -> sections of the evaluation phase. Their clips may lie in the same folders, the test
            clips among them without labels; they are left out.
    """

    sample_rate = SAMPLE_RATE

    def __init__(
        self,
        name: str,
        naming: Naming,
        machines: Mapping[str, tuple[str, ...]],
        evaluation: Mapping[str, tuple[str, ...]],
    ) -> None:
        self.name = name
        self.naming = naming
        self.machines = machines
        self.evaluation = evaluation

    def folders(self, root: Path, machine: str) -> Iterable[Path]:
        """Where a machine's folder may be."""
        return (root / machine,)

    def has_machine(self, root: Path, machine: str) -> bool:
        """Whether there is a folder of this machine."""
        splits = ("train", *self.naming.test_folders)
        return any((folder / split).is_dir() for folder in self.folders(root, machine) for split in splits)

    # -- which clips -----------------------------------------------------------------------------------------------

    def listing(self, root: Path, machines: tuple[str, ...] | None) -> pd.DataFrame:
        return pd.DataFrame(self.rows(root, machines), columns=list(LISTING)).astype(str)

    def rows(self, root: Path, machines: tuple[str, ...] | None) -> list[dict[str, str]]:
        """The rows of a listing: every clip of the sections that are scored."""
        return [row for machine in machines or self.machines for row in self._scored(root, machine)]

    def _scored(self, root: Path, machine: str) -> list[dict[str, str]]:
        """A machine's clips of the sections that are scored, from the first of its folders that holds any."""
        for folder in self.folders(root, machine):
            rows = self.labelled(root, folder, machine, ("train", "test"))
            scored = [row for row in rows if row["phase"] == "dev"]
            if scored:
                return scored
        return []

    def labelled(self, root: Path, folder: Path, machine: str, splits: tuple[str, ...]) -> list[dict[str, str]]:
        """The rows of all clips in a machine's folder whose names carry a label, of either phase.

        Raises:
            BenchError: files with foreign names, or of sections that the machine has in neither phase.
        """
        scored, evaluation = self.machines.get(machine, ()), self.evaluation.get(machine, ())
        tables = {path.stem: _attributes(path) for path in sorted(folder.glob("attributes_*.csv"))}
        rows, foreign, strange = [], [], []
        for split in splits:
            for path in self._audio_files(folder, split):
                if split == "test" and self.naming.blind_section(path.stem) in evaluation:
                    continue
                found = self.naming.parse(path.stem)
                if found is None or found.get("split", split) != split or (split, found["label"]) == _NO_SUCH_CLIPS:
                    foreign.append(path)
                    continue
                section, attributes = found["section"], found.get("attributes", "")
                if section not in (*scored, *evaluation):
                    strange.append(path)
                    continue
                if attributes in HIDDEN_ATTRIBUTES:
                    attributes = tables.get(f"attributes_{section}", {}).get(path.stem, "")
                rows.append(
                    {
                        "path": path.relative_to(root).as_posix(),
                        "machine": machine,
                        "section": section,
                        "split": split,
                        "phase": "dev" if section in scored else "eval",
                        "domain": found.get("domain", ""),
                        "attributes": attributes,
                    }
                )
        if foreign:
            raise BenchError(
                f"{len(foreign)} of the audio files of {machine} have no name of {self.name}: {_named(foreign)}",
                where=folder,
                fix=f"move them away; an official name looks like {self.naming.example}",
            )
        if strange:
            raise BenchError(
                f"{len(strange)} of the audio files of {machine} are of sections that {self.name} does not have: "
                + _named(strange),
                where=folder,
                fix=f"is this another year's data? {self.name} has of {machine} {', '.join((*scored, *evaluation))}",
            )
        return rows

    def _audio_files(self, folder: Path, split: str) -> list[Path]:
        """A split's audio files; of files of the same name in several folders the first."""
        files: dict[str, Path] = {}
        for name in self.naming.test_folders if split == "test" else (split,):
            if (folder / name).is_dir():
                for path in sorted((folder / name).iterdir()):
                    if path.suffix.lower() in SUFFIXES and not path.name.startswith("."):
                        files.setdefault(path.name, path)
        return list(files.values())

    def labels(self, listing: pd.DataFrame) -> pd.Series:
        found = [self.naming.parse(Path(path).stem) for path in listing.path]
        return pd.Series([int(name is not None and name["label"] == "anomaly") for name in found], index=listing.index)


def _named(paths: list[Path]) -> str:
    names = ", ".join(f"{path.parent.name}/{path.name}" for path in paths[:_FOREIGN_NAMED])
    more = f" and {len(paths) - _FOREIGN_NAMED} more" if len(paths) > _FOREIGN_NAMED else ""
    return names + more


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
