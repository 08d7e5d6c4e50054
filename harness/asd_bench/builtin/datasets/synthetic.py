"""Synthetic datasets: made on first use, kept in the workspace, read like the real ones."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from asd_bench.builtin.datasets.dcase import DcaseReader
from asd_bench.builtin.datasets.years import DCASE2023, NAMES_2020, Year
from asd_bench.builtin.synthetic.dataset import GENERATOR_VERSION, MARKER, write_dataset
from asd_bench.data.manifest import Progress
from asd_bench.errors import BenchError
from asd_bench.keys import digest, short
from asd_bench.records import locked
from asd_bench.specs import DatasetSpec

#: Year -> patterns of file names.
NAMES = {"2020": NAMES_2020, "2023": DCASE2023.names}


class SyntheticReader(DcaseReader):
    """Made-up sounds in a year's layout."""

    def __init__(self, spec: DatasetSpec, config: Any) -> None:
        self.year = Year(
            year=spec.rule,
            machines=spec.machines,
            n_train=spec.n_train,
            n_test=spec.n_test,
            record=0,
            archive="{machine}.zip",
            names=NAMES[spec.rule],
            example="",
        )
        self.sample_rate = self.year.sample_rate
        self._name = spec.name
        self._config = config

    def locate(self, root: Path | None, cache: Path, progress: Progress) -> Path:
        config = dataclasses.asdict(self._config)
        if root is not None:
            return self._made_before(root, config)
        key = short(digest([GENERATOR_VERSION, self.year.year, config]))
        folder = cache / f"{self._name}-{key}"
        with locked(folder):
            if not (folder / MARKER).is_file():
                write_dataset(
                    self.year.year,
                    self._config,
                    folder,
                    lambda done, total: progress(f"making {self._name}", done, total),
                )
        return folder

    def _made_before(self, root: Path, config: dict[str, Any]) -> Path:
        """A folder that ``asd-bench data make`` wrote.

        Raises:
            BenchError: it is none, or was made with other options.
        """
        if not (root / MARKER).is_file():
            raise BenchError(
                f"this folder holds no complete {self._name} ({MARKER} is missing)",
                where=root,
                fix=f"leave --data-root out to have it made, or asd-bench data make {self._name} FOLDER",
            )
        made = json.loads((root / MARKER).read_text(encoding="utf-8"))
        if made["year"] != self.year.year or made["config"] != config:
            raise BenchError(f"this folder was made with other options than {self._name} has now", where=root / MARKER)
        return root
