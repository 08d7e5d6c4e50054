"""Made-up frames in place of audio, so that what the detectors compute can be worked out by hand."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from asd_bench import Context, Frames, Windows
from asd_bench_geco import ClassifierConfig, GecoConfig, PaeConfig
from asd_bench_geco.pae import PredictiveAutoencoder


@dataclass
class MadeUpAudio:
    """Stands in for `asd_bench.Audio`.

    Attributes:
        clip_frames: of every clip, float32 of shape (frames, bands).
        class_id, machine, candidates: of every clip; class 0, the machine type ``fan``, the own class if left out.
    """

    clip_frames: list[torch.Tensor]
    class_id: list[int] = field(default_factory=list)
    machine: list[str] = field(default_factory=list)
    candidates: list[tuple[int, ...]] = field(default_factory=list)

    def __post_init__(self):
        class_id = np.array(self.class_id or [0] * len(self))
        self.clips = SimpleNamespace(
            clip_id=np.array([f"clip {number}" for number in range(len(self))]),
            class_id=class_id,
            machine=np.array(self.machine or ["fan"] * len(self)),
            candidates=tuple(self.candidates) or tuple((int(number),) for number in class_id),
        )

    def __len__(self):
        return len(self.clip_frames)

    def frames(self):
        offsets = np.concatenate([[0], np.cumsum([len(frames) for frames in self.clip_frames])])
        return Frames(torch.cat(self.clip_frames).float(), offsets)

    def windows(self, n, hop):
        frames = self.frames()
        bounds = itertools.pairwise(frames.offsets)
        starts = [np.arange(first, end - n + 1, hop) for first, end in bounds]
        clip = np.repeat(np.arange(len(self)), [len(start) for start in starts])
        return Windows(frames, n, torch.from_numpy(np.concatenate(starts)), torch.from_numpy(clip))


@dataclass
class Remembered:
    """Stands in for the fit's log of events."""

    written: list = field(default_factory=list)

    def write(self, kind, step, values):
        self.written.append((kind, step, dict(values)))


class Oracle(nn.Module):
    """Stands in for a PAE: its prediction of a frame is the frame itself, moved by some decibels."""

    def __init__(self, n_frames=5, n_bands=8, offset=0.0):
        super().__init__()
        self.n_frames = n_frames
        self.offset = offset
        self.scale = SimpleNamespace(mean=torch.zeros(n_bands))

    def forward(self, windows, position):
        return windows + self.offset


#: Networks and schedules that are made in no time; the widths differ, so that none is taken for another.
SMALL_PAE = {
    "encoder_width": 12,
    "bottleneck_width": 3,
    "decoder_width": 8,
    "heads": 2,
    "ffn_ratio": 2,
    "epochs": 2,
    "batch_size": 16,
}
SMALL_CLASSIFIER = {"channels": (4, 4, 4, 6), "crop_frames": 10, "epochs": 2, "batch_size": 4}


@pytest.fixture(autouse=True)
def one_thread():
    """Networks this small only lose by sharing their work among threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def pae_config():
    """A small PAE: ``pae_config(mask="centre")``."""
    return lambda **values: PaeConfig(**{**SMALL_PAE, **values})


@pytest.fixture
def classifier_config():
    """A small baseline: ``classifier_config(epochs=3)``."""
    return lambda **values: ClassifierConfig(**{**SMALL_CLASSIFIER, **values})


@pytest.fixture
def geco_config():
    """A small GeCo: ``geco_config(pairs="shared")``."""
    return lambda **values: GecoConfig(**{**SMALL_CLASSIFIER, **values})


@pytest.fixture
def small_pae(pae_config):
    """An untrained small PAE in evaluation mode: ``small_pae(bands=8, seed=0, n_frames=5)``."""

    def make(bands=8, seed=0, **values):
        torch.manual_seed(seed)
        return PredictiveAutoencoder(bands, pae_config(**values)).eval()

    return make


@pytest.fixture
def oracle():
    """A made-up PAE: ``oracle(offset=2.0)``."""
    return Oracle


@pytest.fixture
def context(tmp_path):
    """A fit's context: ``context("a seed", n_classes=3, paes={"fan": network})``."""

    def make(seed="a seed", n_classes=1, paes=None):
        folder = tmp_path / f"work {seed}"
        folder.mkdir(exist_ok=True)
        fits = {
            machine: SimpleNamespace(detector=SimpleNamespace(network=network))
            for machine, network in (paes or {}).items()
        }
        return Context(
            seed=seed,
            device=torch.device("cpu"),
            workdir=folder,
            classes=range(n_classes),
            events=Remembered(),
            upstream={"pae": fits},
        )

    return make


@pytest.fixture
def noise():
    """Clips of white noise: ``noise(lengths=[20, 30], bands=8, class_id=[0, 1], machine=["fan", "pump"])``."""

    def make(lengths=(20, 25, 30), bands=8, seed=0, **of_clips):
        rng = np.random.default_rng(seed)
        drawn = [torch.from_numpy(rng.standard_normal((length, bands)).astype(np.float32)) for length in lengths]
        return MadeUpAudio(drawn, **of_clips)

    return make


@pytest.fixture
def hum():
    """Clips whose bands rise and fall together (easy to predict), or each on its own: ``hum(together=True)``."""

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


@pytest.fixture
def tones():
    """Clips of noise with one loud band each: ``tones(bands=[0, 2], of_class=[0, 1], machine=["fan", "pump"])``."""

    def make(bands, of_class, machine=(), frames=30, seed=0):
        rng = np.random.default_rng(seed)
        drawn = []
        for band in bands:
            clip = rng.standard_normal((frames, 8)).astype(np.float32)
            clip[:, band] += 6
            drawn.append(torch.from_numpy(clip))
        return MadeUpAudio(drawn, class_id=list(of_class), machine=list(machine))

    return make


@pytest.fixture
def recipes(monkeypatch):
    """Fits train nothing; the recipes that they asked for are in the list."""
    asked = []

    def train(recipe, ctx):
        asked.append(recipe)
        recipe.model.eval()

    monkeypatch.setattr("asd_bench.training.train", train)
    return asked
