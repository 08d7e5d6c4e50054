"""What a detector is given besides the sound: randomness, a device, a place to work, classes, what it uses, a log."""

from __future__ import annotations

import functools
import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from asd_bench import records
from asd_bench.config import build, file_options
from asd_bench.data.classes import Classes
from asd_bench.keys import canonical
from asd_bench.plugins import resolve

if TYPE_CHECKING:
    import pandas as pd
    import torch

    from asd_bench.protocols import Detector
    from asd_bench.training import Recipe


class EventLog:
    """The fit's ``events.jsonl``: one JSON object per line, appended as things happen and tailed by the driver."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, kind: str, step: int | None, values: Mapping[str, float]) -> None:
        line = json.dumps(
            {
                "time": time.time(),
                "kind": kind,
                "step": step,
                "values": {name: float(value) for name, value in values.items()},
            }
        )
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(line + "\n")


@dataclass(frozen=True)
class UpstreamFit:
    """A finished fit of a detector that this one uses.

    Attributes:
        scope: ``machine/section``, ``machine`` or ``*``.
        folder: its record.
    """

    scope: str
    folder: Path

    @functools.cached_property
    def detector(self) -> Detector:
        """The fitted detector, loaded from its record."""
        spec = records.read_json(self.folder / "fit.json")
        schema = resolve(spec["config_type"], spec["detector"])
        # Of files the record says what was in them, not where they are: a fitted detector does without.
        config = build(schema, {**spec["config"], **dict.fromkeys(file_options(schema), "")})
        detector = resolve(spec["target"], spec["detector"])(config)
        detector.load(self.folder / "model")
        return detector

    def train_scores(self) -> pd.DataFrame:
        """Its scores of the training clips: clip_id, machine, section, components."""
        return records.read_scores(self.folder / "train_scores.parquet")


@dataclass(frozen=True)
class Context:
    """Given to `Detector.fit` and `Detector.score`.

    Attributes:
        seed: the fit's seed, already mixed with detector and scope; draw through `rng`.
        device: where to compute.
        workdir: a folder that survives an interrupted fit, for checkpoints.
        classes: the classes among the training clips.
        upstream: role -> scope -> finished fit of what the detector uses.
    """

    seed: str
    device: torch.device
    workdir: Path
    classes: Classes
    events: EventLog
    upstream: Mapping[str, Mapping[str, UpstreamFit]] = field(default_factory=dict)
    _trained: list[Recipe] = field(default_factory=list, repr=False)

    def seed_of(self, *axis: Any) -> int:
        """A 63-bit seed for a named axis, e.g. ``seed_of("crops", epoch)``: the same on every machine."""
        text = canonical([self.seed, *axis])
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1

    def rng(self, *axis: Any) -> np.random.Generator:
        """A generator for a named axis."""
        return np.random.default_rng(self.seed_of(*axis))

    def train(self, recipe: Recipe) -> None:
        """Train a recipe's model in place; see `asd_bench.training`."""
        from asd_bench.training import train

        if self._trained:
            # Its checkpoints and its axes of randomness are those of the first.
            raise RuntimeError(
                "a fit trains one recipe; put what is trained together into one, or use another detector"
            )
        self._trained.append(recipe)
        train(recipe, self)

    def log(self, step: int | None = None, **values: float) -> None:
        """Record numbers of the fit, for curves: ``ctx.log(step=epoch, loss=0.3)``."""
        self.events.write("metric", step, values)
