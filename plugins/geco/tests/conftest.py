"""Made-up frames in place of audio, so that what the detectors compute can be worked out by hand."""

from __future__ import annotations

import functools
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from asd_bench.testing import MadeUpAudio
from asd_bench_geco import ClassifierConfig, GecoConfig, PaeConfig
from asd_bench_geco.pae import PredictiveAutoencoder


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
def one_thread(one_torch_thread):
    """Every test's networks are small."""


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
def context(fit_context):
    """A fit's context: ``context("a seed", n_classes=3, paes={"fan": network})``."""

    def make(seed="a seed", n_classes=1, paes=None):
        fitted = {machine: SimpleNamespace(network=network) for machine, network in (paes or {}).items()}
        return fit_context(seed, n_classes, upstream={"pae": fitted})

    return make


@pytest.fixture
def noise():
    """Clips of white noise: ``noise(lengths=[20, 30], class_id=[0, 1], machine=["fan", "pump"])``."""
    return functools.partial(MadeUpAudio.noise, lengths=(20, 25, 30), bands=8)


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
        return MadeUpAudio(drawn, class_id=of_class, machine=machine)

    return make
