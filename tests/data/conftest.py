"""Small folders of real WAV files in the 2023 layout, and ways to read them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asd_bench.data.dataset import Dataset, open_dataset
from asd_bench.plugins import host
from asd_bench.specs import NoConfig

RATE = 16000


def sound(seed: int, seconds: float = 0.5) -> np.ndarray:
    """Noise that differs with every seed, int16 of shape (samples,)."""
    return (np.random.default_rng(seed).standard_normal(int(RATE * seconds)) * 2000).astype(np.int16)


@pytest.fixture
def toy2023(tmp_path: Path) -> Path:
    """``fan`` of a 2023 development set: 4 source and 2 target training clips, 2 test clips per domain and label."""
    root = tmp_path / "audio"
    names = [f"train/section_00_source_train_normal_{n:04d}_m-n_{'WX'[n % 2]}.wav" for n in range(4)]
    names += [f"train/section_00_target_train_normal_{n:04d}_m-n_Y.wav" for n in range(2)]
    names += [
        f"test/section_00_{domain}_test_{label}_{n:04d}_m-n_Z.wav"
        for domain in ("source", "target")
        for label in ("normal", "anomaly")
        for n in range(2)
    ]
    for number, name in enumerate(names):
        path = root / "fan" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, sound(number), RATE, subtype="PCM_16")
    return root


@pytest.fixture
def read2023(tmp_path: Path) -> Callable[[Path], Dataset]:
    """Open a folder as ``dcase2023`` in a workspace of the test's own."""

    def read(root: Path) -> Dataset:
        return open_dataset(host(), "dcase2023", NoConfig(), root, tmp_path / "workspace")

    return read
