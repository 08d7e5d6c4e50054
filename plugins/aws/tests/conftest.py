"""Made-up sounds in place of audio, so that what the detectors compute can be worked out by hand."""

from __future__ import annotations

import pytest

from asd_bench.testing import MadeUpAudio


@pytest.fixture
def noise():
    """Clips of white noise, of one length: ``noise(clips=3, frames=9, bands=2, seed=0, class_id=[0, 1, 0])``."""
    return lambda clips=3, frames=9, bands=2, **asked: MadeUpAudio.noise([frames] * clips, bands, **asked)
