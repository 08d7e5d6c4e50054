"""A synthetic dataset so small that a system runs on it in a second, made and packed once and then shared."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asd_bench.config import Layer, resolve_dataset
from asd_bench.plugins import Host
from asd_bench.specs import DatasetSpec

if TYPE_CHECKING:
    from asd_bench.data.dataset import Dataset

#: Four machine types with 16 clips of a second each; two domains, and attributes that make several classes.
OPTIONS: Mapping[str, Any] = {"n_train": 8, "n_target_train": 2, "n_normal": 4, "n_anomaly": 4, "seconds": 1}


@dataclass(frozen=True)
class TinyData:
    """Made-up clips on disk, and their packed form.

    Attributes:
        folder: holds both; what is made in it is kept.
        dataset: one of the synthetic datasets.
        options: its options, those of ``--set dataset.x``.
    """

    folder: Path
    dataset: str = "synthetic2023"
    options: Mapping[str, Any] = field(default_factory=lambda: OPTIONS)

    @property
    def layer(self) -> Layer:
        """The options as a layer of a run's configuration."""
        return Layer("tiny data", {f"dataset.{name}": value for name, value in self.options.items()})

    @property
    def root(self) -> Path:
        """The folder of the WAV files, what ``--data-root`` takes; they are made when it is first asked for."""
        from asd_bench.builtin.synthetic.dataset import write_dataset
        from asd_bench.data.manifest import SYNTHETIC_MARKER

        spec, config = self._declared()
        root = self.folder / "data"
        if not (root / SYNTHETIC_MARKER).is_file():
            write_dataset(spec.rule, config, root)
        return root

    def open(self, workspace: Path | None = None, machines: tuple[str, ...] | None = None) -> Dataset:
        """The packed dataset.

        Args:
            workspace: where the packed clips are; they stay in ``folder`` if None.
            machines: machine types to take; all if None.
        """
        from asd_bench.data.dataset import open_dataset

        _, config = self._declared()
        packed = self.folder / "cache" / "clips"
        if workspace is not None and packed.is_dir() and not (workspace / "cache" / "clips").is_dir():
            # Packed clips are found by the place of their dataset, which stays where it is: nothing is decoded again.
            shutil.copytree(packed, workspace / "cache" / "clips")
        return open_dataset(_builtin(), self.dataset, config, self.root, workspace or self.folder, machines)

    def _declared(self) -> tuple[DatasetSpec, Any]:
        spec = _builtin().get("dataset", self.dataset).spec
        return spec, resolve_dataset(spec, [self.layer])[0]


@functools.cache
def _builtin() -> Host:
    """A host that no installed plugin can disturb."""
    host = Host()
    host.load_builtin()
    return host
