"""Made-up frames in place of audio, so that what the detectors compute can be worked out by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from asd_bench import Context, Frames, Windows


@dataclass
class MadeUpAudio:
    """Stands in for `asd_bench.Audio`.

    Attributes:
        clip_frames: of every clip, float32 of shape (frames, bands).
        domain, clip_id, class_id, candidates: of every clip.
    """

    clip_frames: list[torch.Tensor]
    domain: list[str] = field(default_factory=list)
    clip_id: list[str] = field(default_factory=list)
    class_id: list[int] = field(default_factory=list)
    candidates: list[tuple[int, ...]] = field(default_factory=list)

    def __post_init__(self):
        self.clips = SimpleNamespace(
            domain=np.array(self.domain or [""] * len(self)),
            clip_id=np.array(self.clip_id or [str(number) for number in range(len(self))]),
            class_id=np.array(self.class_id, dtype=np.int64),
            candidates=tuple(self.candidates),
        )

    def __len__(self):
        return len(self.clip_frames)

    def windows(self, n, hop):
        lengths = [len(frames) for frames in self.clip_frames]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        starts = [np.arange(0, length - n + 1, hop) + offset for length, offset in zip(lengths, offsets, strict=False)]
        clip = np.repeat(np.arange(len(self)), [len(start) for start in starts])
        frames = Frames(torch.cat(self.clip_frames).float(), offsets)
        return Windows(frames, n, torch.from_numpy(np.concatenate(starts)), torch.from_numpy(clip))

    def vectors(self, hop=1):
        """Every vector with the number of its clip: (vectors, 5, bands) and (vectors,), as plain arrays."""
        stacked, clips = [], []
        for number, frames in enumerate(self.clip_frames):
            for start in range(0, len(frames) - 4, hop):
                stacked.append(frames[start : start + 5].double().numpy())
                clips.append(number)
        return np.stack(stacked), np.array(clips)


@dataclass
class Remembered:
    """Stands in for the fit's log of events."""

    written: list = field(default_factory=list)

    def write(self, kind, step, values):
        self.written.append((kind, step, dict(values)))


@pytest.fixture
def context(tmp_path):
    """A fit's context: ``context(seed="a seed", n_classes=2)``."""

    def make(seed="a seed", n_classes=0):
        folder = tmp_path / f"work {seed}"
        folder.mkdir(exist_ok=True)
        classes = range(n_classes)
        return Context(seed=seed, device=torch.device("cpu"), workdir=folder, classes=classes, events=Remembered())

    return make


@pytest.fixture
def noise():
    """Clips of white noise: ``noise(clips=3, frames=9, bands=2, domain=["source", …])``."""

    def make(clips=3, frames=9, bands=2, seed=0, **of_clips):
        rng = np.random.default_rng(seed)
        drawn = [torch.from_numpy(rng.standard_normal((frames, bands)).astype(np.float32)) for _ in range(clips)]
        return MadeUpAudio(drawn, **of_clips)

    return make


@pytest.fixture
def hum():
    """Clips whose bands rise and fall together (easy to compress), or each on its own: ``hum(together=True)``."""

    def make(together, clips=8, frames=40, bands=8, seed=0):
        rng = np.random.default_rng(seed)
        drawn = []
        for _ in range(clips):
            level = rng.standard_normal((frames, 1 if together else bands))
            # Slow enough for a frame to resemble its neighbours, so that it can be told from them.
            slow = np.cumsum(level, axis=0) / 4
            drawn.append(torch.from_numpy((slow + np.zeros((frames, bands))).astype(np.float32)))
        return MadeUpAudio(drawn)

    return make
