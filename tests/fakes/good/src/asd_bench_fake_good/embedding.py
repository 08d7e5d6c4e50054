"""Two levels: an embedding fitted once for the whole dataset, and a back end per section that uses it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from asd_bench import Audio, Context, NoConfig
from asd_bench_fake_good import EmbeddingConfig
from asd_bench_fake_good.mean import mean_spectra


class Embedding:
    """A random projection of mean spectra. It has no components: others use it through `embed`."""

    def __init__(self, config: EmbeddingConfig) -> None:
        self.config = config
        self.projection: np.ndarray

    def fit(self, audio: Audio, ctx: Context) -> None:
        n_features = mean_spectra(audio).shape[1]
        self.projection = ctx.rng("projection").standard_normal((n_features, self.config.dimensions))

    def embed(self, audio: Audio) -> np.ndarray:
        """float64 of shape (clips, dimensions)."""
        return mean_spectra(audio) @ self.projection

    def score(self, audio: Audio, ctx: Context) -> dict[str, np.ndarray]:
        return {}

    def save(self, folder: Path) -> None:
        np.save(folder / "projection.npy", self.projection)

    def load(self, folder: Path) -> None:
        self.projection = np.load(folder / "projection.npy")


class Backend:
    """Distance to the nearest other training clip."""

    def __init__(self, config: NoConfig) -> None:
        self.points: np.ndarray
        self.clip_id: np.ndarray

    def fit(self, audio: Audio, ctx: Context) -> None:
        self.points = _embed(audio, ctx)
        self.clip_id = audio.clips.clip_id

    def score(self, audio: Audio, ctx: Context) -> dict[str, np.ndarray]:
        distances = np.linalg.norm(_embed(audio, ctx)[:, None] - self.points[None], axis=2)
        # A training clip must not be its own neighbour, or training scores would all be zero.
        distances[audio.clips.clip_id[:, None] == self.clip_id[None]] = np.inf
        return {"distance": distances.min(axis=1)}

    def save(self, folder: Path) -> None:
        np.save(folder / "points.npy", self.points)
        np.save(folder / "clip_id.npy", self.clip_id)

    def load(self, folder: Path) -> None:
        self.points = np.load(folder / "points.npy")
        self.clip_id = np.load(folder / "clip_id.npy")


def _embed(audio: Audio, ctx: Context) -> np.ndarray:
    (fit,) = ctx.upstream["embedding"].values()
    return fit.detector.embed(audio)
