"""Synthetic datasets: made on first use, kept in the workspace, read like the real ones."""

from __future__ import annotations

import dataclasses
import functools
import json
from pathlib import Path
from typing import Any

from asd_bench.builtin.datasets.folders import FolderReader
from asd_bench.builtin.datasets.years import YEARS
from asd_bench.builtin.synthetic.options import GENERATOR_VERSION
from asd_bench.data.manifest import SYNTHETIC_MARKER, Progress
from asd_bench.errors import BenchError
from asd_bench.keys import digest, short
from asd_bench.records import locked
from asd_bench.specs import DatasetSpec


class SyntheticReader(FolderReader):
    """Made-up sounds in a year's layout."""

    def __init__(self, spec: DatasetSpec, config: Any) -> None:
        super().__init__(spec.name, YEARS[f"dcase{spec.rule}"].naming, spec.machines, evaluation={})
        self.year = spec.rule
        self.config = config

    def locate(self, root: Path | None, cache: Path, progress: Progress) -> Path:
        """A folder that ``asd-bench data make`` wrote, or one made in the cache."""
        if root is not None and any(self.has_machine(root, machine) for machine in self.machines):
            return self._made_before(root)
        key = short(digest([GENERATOR_VERSION, self.year, dataclasses.asdict(self.config)]))
        folder = cache / f"{self.name}-{key}"
        with locked(folder):
            if not (folder / SYNTHETIC_MARKER).is_file():
                # The generator imports scipy's signal processing: a second that a run on finished data need not wait.
                from asd_bench.builtin.synthetic.dataset import write_dataset

                report = functools.partial(progress, f"making {self.name}")
                write_dataset(self.year, self.config, folder, report)
        return folder

    def _made_before(self, root: Path) -> Path:
        """Take a folder that is there.

        Raises:
            BenchError: it is not complete, or was made with other options.
        """
        if not (root / SYNTHETIC_MARKER).is_file():
            raise BenchError(
                f"this folder holds no complete {self.name} ({SYNTHETIC_MARKER} is missing)",
                where=root,
                fix=f"leave --data-root out to have it made, or asd-bench data make {self.name} FOLDER",
            )
        made = json.loads((root / SYNTHETIC_MARKER).read_text(encoding="utf-8"))
        if made["year"] != self.year or made.get("config") != dataclasses.asdict(self.config):
            raise BenchError(
                f"this folder was made with other options than {self.name} has now", where=root / SYNTHETIC_MARKER
            )
        return root
