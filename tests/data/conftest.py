"""Small folders of real WAV files in the challenge's layouts, and ways to read them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asd_bench.builtin.datasets.options import DcaseConfig
from asd_bench.data.dataset import Dataset, open_dataset
from asd_bench.plugins import host

RATE = 16000


def sound(seed: int, seconds: float = 0.5) -> np.ndarray:
    """Noise that differs with every seed, int16 of shape (samples,)."""
    return (np.random.default_rng(seed).standard_normal(int(RATE * seconds)) * 2000).astype(np.int16)


def write(root: Path, names: Iterable[str], seconds: float = 0.5) -> None:
    """Write clips, each with a sound of its own."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")
        soundfile.write(path, sound(seed, seconds), RATE, subtype="PCM_16")


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
    write(root, (f"fan/{name}" for name in names))
    return root


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Dataset]:
    """``read("dcase2020", folder, additional=True)`` opens a folder in a workspace of the test's own."""

    def call(dataset: str, root: Path | None, *, additional: bool = False) -> Dataset:
        return open_dataset(host(), dataset, DcaseConfig(additional), root, tmp_path / "workspace")

    return call


@pytest.fixture
def read2023(read: Callable[..., Dataset]) -> Callable[[Path | None], Dataset]:
    """Open a folder as ``dcase2023``."""
    return lambda root: read("dcase2023", root)
