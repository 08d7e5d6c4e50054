"""The whole of a detector: fit, score, save, load."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from asd_bench import Audio, Context
from asd_bench_fake_good import MeanConfig


def mean_spectra(audio: Audio) -> np.ndarray:
    """Every clip's mean over time, float64 of shape (clips, features)."""
    return np.stack([frames.double().mean(dim=0).cpu().numpy() for frames in audio.frames()])


class MeanSpectrum:
    """How far a clip's mean spectrum is from that of the training clips."""

    def __init__(self, config: MeanConfig) -> None:
        self.config = config
        self.mean: np.ndarray

    def fit(self, audio: Audio, ctx: Context) -> None:
        spectra = self._heard(audio)
        self.mean = spectra.mean(axis=0)
        ctx.log(step=0, spread=float(spectra.std()))

    def score(self, audio: Audio, ctx: Context) -> dict[str, np.ndarray]:
        return {"distance": np.abs(self._heard(audio) - self.mean).mean(axis=1)}

    def _heard(self, audio: Audio) -> np.ndarray:
        return mean_spectra(audio)[:, : self.config.bands]

    def save(self, folder: Path) -> None:
        np.save(folder / "mean.npy", self.mean)

    def load(self, folder: Path) -> None:
        self.mean = np.load(folder / "mean.npy")
