"""Made-up sounds in place of audio, so that what the detectors compute can be worked out by hand."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from asd_bench import Context, Frames, Windows


@dataclass
class MadeUpAudio:
    """Stands in for `asd_bench.Audio`, with a frontend whose frames are samples side by side.

    Attributes:
        clip_frames: of every clip, shape (frames, bands).
        class_id: of every clip.
        candidates: of every clip.
    """

    clip_frames: list[torch.Tensor]
    class_id: list[int] = field(default_factory=list)
    candidates: list[tuple[int, ...]] = field(default_factory=list)
    device: torch.device = torch.device("cpu")

    def __post_init__(self):
        self.n_bands = self.clip_frames[0].shape[1]
        self.clips = SimpleNamespace(
            clip_id=np.array([f"clip {number}" for number in range(len(self))]),
            class_id=np.array(self.class_id, dtype=np.int64),
            candidates=self.candidates,
            n_samples=np.array([frames.numel() for frames in self.clip_frames], dtype=np.int64),
        )

    def __len__(self):
        return len(self.clip_frames)

    def frames(self):
        offsets = np.cumsum([0, *(len(frames) for frames in self.clip_frames)])
        return Frames(torch.cat(self.clip_frames).float(), offsets)

    def windows(self, n, hop):
        frames = self.frames()
        starts = [
            np.arange(0, len(clip) - n + 1, hop) + offset
            for clip, offset in zip(self.clip_frames, frames.offsets, strict=False)
        ]
        clip = np.repeat(np.arange(len(self)), [len(start) for start in starts])
        return Windows(frames, n, torch.from_numpy(np.concatenate(starts)), torch.from_numpy(clip))

    def waveform(self, rows):
        waves = torch.stack([self.clip_frames[row].flatten().round().to(torch.int16) for row in rows])
        return waves, torch.from_numpy(self.clips.n_samples[rows])

    def transform(self, wave):
        n_frames = wave.shape[1] // self.n_bands
        return wave[:, : n_frames * self.n_bands].float().unflatten(1, (n_frames, self.n_bands))


@dataclass
class Remembered:
    """Stands in for the fit's log of events."""

    written: list = field(default_factory=list)

    def write(self, kind, step, values):
        self.written.append((kind, step, dict(values)))

    def curve(self):
        """Epoch -> mean loss."""
        return {epoch: values["loss"] for kind, epoch, values in self.written if kind == "metric"}


@pytest.fixture
def context(tmp_path):
    """A fit's context with a folder of its own: ``context(seed="a seed", n_classes=2)``."""
    made = []

    def make(seed="a seed", n_classes=0):
        made.append(tmp_path / f"work {len(made)}")
        made[-1].mkdir()
        classes = range(n_classes)
        return Context(seed=seed, device=torch.device("cpu"), workdir=made[-1], classes=classes, events=Remembered())

    return make


@pytest.fixture
def noise():
    """Clips of white noise: ``noise(clips=3, frames=9, bands=2, seed=0, class_id=[0, 1, 0])``."""

    def make(clips=3, frames=9, bands=2, seed=0, scale=1.0, **of_clips):
        rng = np.random.default_rng(seed)
        drawn = [
            torch.from_numpy((scale * rng.standard_normal((frames, bands))).astype(np.float32)) for _ in range(clips)
        ]
        return MadeUpAudio(drawn, **of_clips)

    return make


@pytest.fixture
def break_off(monkeypatch):
    """Begin a fit and break it off before its third epoch, with a checkpoint behind it; the context to go on with."""

    def begin(detector, audio, ctx):
        train = Context.train

        def train_two_epochs(self, recipe):
            def plan(epoch, rng):
                if epoch == 2:
                    raise KeyboardInterrupt
                return recipe.plan(epoch, rng)

            train(self, replace(recipe, plan=plan))

        with monkeypatch.context() as patched:
            patched.setenv("ASD_BENCH_CHECKPOINT_SECONDS", "0")
            patched.setattr(Context, "train", train_two_epochs)
            with pytest.raises(KeyboardInterrupt):
                detector.fit(audio, ctx)
        assert len(ctx.events.curve()) == 2
        assert (ctx.workdir / "checkpoint.pt").is_file()
        return replace(ctx, _trained=[])

    return begin
