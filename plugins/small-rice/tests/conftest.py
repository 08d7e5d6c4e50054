"""Made-up frames in place of audio, so that what the detector computes can be worked out by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from asd_bench import BenchError, Context, Frames, Windows
from asd_bench_small_rice import SmallRiceConfig


@dataclass
class MadeUpAudio:
    """Stands in for `asd_bench.Audio`.

    Attributes:
        clip_frames: of every clip, shape (frames, bands).
        class_id, domain, candidates: of every clip.
    """

    clip_frames: list[torch.Tensor]
    class_id: list[int] = field(default_factory=list)
    domain: list[str] = field(default_factory=list)
    candidates: list[tuple[int, ...]] = field(default_factory=list)

    def __post_init__(self):
        self.clips = SimpleNamespace(
            clip_id=np.array([f"clip {number}" for number in range(len(self))]),
            class_id=np.array(self.class_id or [-1] * len(self), dtype=np.int64),
            domain=np.array(self.domain or [""] * len(self)),
            candidates=self.candidates or [(0,)] * len(self),
        )
        offsets = np.cumsum([0, *(len(frames) for frames in self.clip_frames)])
        self._frames = Frames(torch.cat(self.clip_frames).float(), offsets)

    def __len__(self):
        return len(self.clip_frames)

    def frames(self):
        return self._frames

    def windows(self, n, hop):
        lengths = [len(clip) for clip in self.clip_frames]
        if min(lengths) < n:
            raise BenchError(f"the clip clip {int(np.argmin(lengths))} is shorter than a window of {n} frames")
        starts = [
            np.arange(0, length - n + 1, hop) + offset
            for length, offset in zip(lengths, self._frames.offsets, strict=False)
        ]
        clip = np.repeat(np.arange(len(self)), [len(start) for start in starts])
        return Windows(self._frames, n, torch.from_numpy(np.concatenate(starts)), torch.from_numpy(clip))


@dataclass
class Remembered:
    """Stands in for the fit's log of events."""

    written: list = field(default_factory=list)

    def write(self, kind, step, values):
        self.written.append((kind, step, dict(values)))

    def curve(self, name):
        """Epoch -> value."""
        return {epoch: values[name] for kind, epoch, values in self.written if kind == "metric" and name in values}


@pytest.fixture
def context(tmp_path):
    """A fit's context with a folder of its own: ``context(seed="a seed", n_classes=2)``."""
    made = []

    def make(seed="a seed", n_classes=2):
        made.append(tmp_path / f"work {len(made)}")
        made[-1].mkdir()
        classes = range(n_classes)
        return Context(seed=seed, device=torch.device("cpu"), workdir=made[-1], classes=classes, events=Remembered())

    return make


@pytest.fixture
def noise():
    """Clips of white noise: ``noise(lengths=[40, 40, 36], bands=16, seed=0, class_id=[0, 1, 0])``."""

    def make(lengths=(40, 40, 40), bands=16, seed=0, **of_clips):
        rng = np.random.default_rng(seed)
        drawn = [torch.from_numpy(10 * rng.standard_normal((n, bands)).astype(np.float32)) for n in lengths]
        return MadeUpAudio(drawn, **of_clips)

    return make


#: Of the paper's settings what can be left out, and little of the rest.
PLAIN = {"median": 0, "mixup_alpha": 0.0, "masks": 0, "shift": 0.0, "target_share": 0.0}
SMALL = {"stages": 1, "epochs": 2, "batch_size": 4, "lr": 1e-3}


@pytest.fixture
def config():
    """A small configuration without augmentation, and what is asked for: ``config(median=3)``."""
    return lambda **settings: SmallRiceConfig(**(PLAIN | SMALL | settings))


@pytest.fixture
def untrained(monkeypatch):
    """Fits get no training; the recipes that they asked for are in the list."""
    recipes = []

    def train(recipe, ctx):
        recipes.append(recipe)
        recipe.model.eval()

    monkeypatch.setattr("asd_bench.training.train", train)
    return recipes
