"""Made-up frames in place of audio, so that what the detector computes can be worked out by hand."""

from __future__ import annotations

import functools

import pytest

from asd_bench.testing import MadeUpAudio
from asd_bench_small_rice import SmallRiceConfig


@pytest.fixture
def noise():
    """Clips of white noise: ``noise([40, 40, 36], seed=0, class_id=[0, 1, 0])``."""
    return functools.partial(MadeUpAudio.noise, bands=16, scale=10.0)


#: Of the paper's settings what can be left out, and little of the rest.
PLAIN = {"median": 0, "mixup_alpha": 0.0, "masks": 0, "shift": 0.0, "target_share": 0.0}
SMALL = {"stages": 1, "epochs": 2, "batch_size": 4, "lr": 1e-3}


@pytest.fixture
def config():
    """A small configuration without augmentation, and what is asked for: ``config(median=3)``."""
    return lambda **settings: SmallRiceConfig(**(PLAIN | SMALL | settings))
