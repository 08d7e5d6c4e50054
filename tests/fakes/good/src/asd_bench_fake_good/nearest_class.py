"""A detector that tells classes apart, and knows that a test clip's class may be hidden."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from asd_bench import Audio, Context, NoConfig
from asd_bench_fake_good.mean import mean_spectra


class NearestClass:
    """Distance to the nearest mean spectrum among the classes that a clip may belong to."""

    def __init__(self, config: NoConfig) -> None:
        self.means: np.ndarray

    def fit(self, audio: Audio, ctx: Context) -> None:
        spectra = mean_spectra(audio)
        self.means = np.stack(
            [spectra[audio.clips.class_id == number].mean(axis=0) for number in range(len(ctx.classes))]
        )

    def score(self, audio: Audio, ctx: Context) -> dict[str, np.ndarray]:
        distances = np.abs(mean_spectra(audio)[:, None] - self.means[None]).mean(axis=2)
        nearest = [row[list(classes)].min() for row, classes in zip(distances, audio.clips.candidates, strict=True)]
        return {"distance": np.array(nearest)}

    def save(self, folder: Path) -> None:
        np.save(folder / "means.npy", self.means)

    def load(self, folder: Path) -> None:
        self.means = np.load(folder / "means.npy")
