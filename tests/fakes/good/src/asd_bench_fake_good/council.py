"""A detector of dataset scope that uses one fit per machine type."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from asd_bench import Audio, Context, NoConfig


class Council:
    """The smallest distance that any machine type's `MeanSpectrum` gives a clip."""

    def __init__(self, config: NoConfig) -> None:
        self.machines: list[str]

    def fit(self, audio: Audio, ctx: Context) -> None:
        self.machines = sorted(ctx.upstream["machines"])

    def score(self, audio: Audio, ctx: Context) -> dict[str, np.ndarray]:
        fits = ctx.upstream["machines"].values()
        return {"distance": np.min([fit.detector.score(audio, ctx)["distance"] for fit in fits], axis=0)}

    def save(self, folder: Path) -> None:
        (folder / "machines.json").write_text(json.dumps(self.machines))

    def load(self, folder: Path) -> None:
        self.machines = json.loads((folder / "machines.json").read_text())
