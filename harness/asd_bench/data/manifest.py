"""Which clips a dataset has, as a table; and the protocol by which a dataset says so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from asd_bench.errors import BenchError
from asd_bench.specs import DatasetSpec

if TYPE_CHECKING:
    import pandas as pd

#: Columns of a listing: what file names and attribute tables tell, without labels. ``path`` is relative to the root;
#: ``phase`` is ``dev``, or ``eval`` for additional training clips.
LISTING = ("path", "machine", "section", "split", "phase", "domain", "attributes")

#: The file that marks a folder of made-up sounds in a year's official layout, written when it is complete.
SYNTHETIC_MARKER = "SYNTHETIC.json"

#: The same while the folder is being filled, or where filling it was interrupted.
UNFINISHED_MARKER = "SYNTHETIC.unfinished.json"

#: Called with (what is being done, steps done, steps in all).
Progress = Callable[[str, int, int], None]


class Reader(Protocol):
    """What a `DatasetSpec`'s target does. Built as ``Reader(spec, config)``."""

    sample_rate: int

    def __init__(self, spec: DatasetSpec, config: Any) -> None: ...

    def locate(self, root: Path | None, cache: Path, progress: Progress) -> Path:
        """The folder that holds the machine folders.

        Args:
            root: what the user or a plugin named, or None.
            cache: a folder for datasets that are made rather than found.
            progress: told how far that is.

        Raises:
            BenchError: it is not there; the message gives the exact steps to get it.
        """
        ...

    def listing(self, root: Path, machines: tuple[str, ...] | None) -> pd.DataFrame:
        """The table of clips, columns `LISTING`, for some machine types or all that are there.

        Where additional training clips were asked for, it has them too, of machine types and sections that are in the
        spec's ``additional``.

        Raises:
            BenchError: foreign file names, a malformed attribute table, or nothing found.
        """
        ...

    def labels(self, listing: pd.DataFrame) -> pd.Series:
        """0 (normal) or 1 (anomaly) for every row of a listing. Called only where results are made."""
        ...


def check_listing(listing: pd.DataFrame, machines: tuple[str, ...]) -> None:
    """Refuse a listing from which no fit or no result could be made.

    A section of the evaluation phase that has training clips only is additional training data: nothing of it is scored.

    Raises:
        BenchError: a machine and section without training clips or without test clips.
    """
    for machine in machines:
        rows = listing[listing.machine == machine]
        for section in sorted(rows.section.unique()):
            clips = rows[rows.section == section]
            additional = (clips.phase == "eval").all()
            for split, purpose in (("train", "a detector learns from"), ("test", "results are made from")):
                if not (clips.split == split).any() and not (additional and split == "test"):
                    raise BenchError(
                        f"{machine} section {section} has no {split} clips, which {purpose}",
                        where=rows.path.iloc[0].rsplit("/", 2)[0] if len(rows) else machine,
                        fix=f"complete the '{split}' folder of {machine}, or leave the machine out with --machine",
                    )


def is_made_up(root: Path, listing: pd.DataFrame) -> bool:
    """Whether any of a listing's clips lies in a folder of made-up sounds, or below one."""
    folders = {path.rpartition("/")[0] for path in listing.path}
    above = {parent for folder in folders for parent in (Path(folder), *Path(folder).parents)}
    markers = (SYNTHETIC_MARKER, UNFINISHED_MARKER)
    return any((root / folder / marker).is_file() for folder in above for marker in markers)
