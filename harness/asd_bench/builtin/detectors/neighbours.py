"""Nearest neighbours and the local outlier factor.

A training clip is never its own neighbour, so training scores mean the same as test scores.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors.numpy import load_file
from scipy.spatial.distance import cdist

from asd_bench import Audio, Context
from asd_bench.builtin.detectors import KnnConfig, LofConfig
from asd_bench.builtin.detectors.vectors import Scaler, clip_vectors, need_clips, save_arrays
from asd_bench.records import read_json, write_json


class Neighbours:
    """The training clips' vectors, and distances to them.

    Attributes:
        vectors: scaled, float64 of shape (training clips, dimensions).
        clip_id: text of shape (training clips,).
    """

    def __init__(self, scaler: Scaler, vectors: np.ndarray, clip_id: np.ndarray) -> None:
        self.scaler = scaler
        self.vectors = vectors
        self.clip_id = clip_id

    def distances(self, audio: Audio, config: KnnConfig | LofConfig) -> np.ndarray:
        """Euclidean distances of clips to the training clips, infinite to themselves: (clips, training clips)."""
        distances = cdist(self.scaler(clip_vectors(audio, config.pool)), self.vectors)
        distances[audio.clips.clip_id[:, None] == self.clip_id[None, :]] = np.inf
        return distances

    @classmethod
    def of(cls, audio: Audio, config: KnnConfig | LofConfig, what: str) -> Neighbours:
        need_clips(audio, config.k + 1, what)
        vectors = clip_vectors(audio, config.pool)
        scaler = Scaler.of(vectors, config)
        return cls(scaler, scaler(vectors), audio.clips.clip_id)

    def save(self, folder: Path) -> None:
        arrays = {"vectors": self.vectors, "mean": self.scaler.mean, "sd": self.scaler.sd}
        save_arrays(folder / "neighbours.safetensors", arrays)
        write_json(folder / "clips.json", {"clip_id": self.clip_id.tolist()})

    @classmethod
    def load(cls, folder: Path) -> Neighbours:
        arrays = load_file(folder / "neighbours.safetensors")
        clip_id = np.array(read_json(folder / "clips.json")["clip_id"])
        return cls(Scaler(arrays["mean"], arrays["sd"]), arrays["vectors"], clip_id)


class Knn:
    """Mean Euclidean distance to the k nearest training clips."""

    def __init__(self, config: KnnConfig) -> None:
        self.config = config
        self.neighbours: Neighbours

    def fit(self, audio: Audio, ctx: Context) -> None:
        self.neighbours = Neighbours.of(audio, self.config, f"knn with k={self.config.k}")

    def score(self, audio: Audio, ctx: Context) -> dict[str, np.ndarray]:
        distances = self.neighbours.distances(audio, self.config)
        nearest = np.partition(distances, self.config.k - 1, axis=1)[:, : self.config.k]
        return {"distance": nearest.mean(axis=1)}

    def save(self, folder: Path) -> None:
        self.neighbours.save(folder)

    def load(self, folder: Path) -> None:
        self.neighbours = Neighbours.load(folder)


class Lof:
    """Local outlier factor (Breunig et al. 2000): how much sparser it is around a clip than around its neighbours.

    The training clips' own densities stay as fitted, whichever clip is scored.
    """

    def __init__(self, config: LofConfig) -> None:
        self.config = config
        self.neighbours: Neighbours
        self.reach: np.ndarray
        self.density: np.ndarray

    def fit(self, audio: Audio, ctx: Context) -> None:
        self.neighbours = Neighbours.of(audio, self.config, f"lof with k={self.config.k}")
        distances = self.neighbours.distances(audio, self.config)
        self.reach = np.partition(distances, self.config.k - 1, axis=1)[:, self.config.k - 1]
        self.density = self._density(distances)[0]

    def score(self, audio: Audio, ctx: Context) -> dict[str, np.ndarray]:
        density, nearest = self._density(self.neighbours.distances(audio, self.config))
        return {"factor": self.density[nearest].mean(axis=1) / density}

    def _density(self, distances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Local reachability densities (clips,) and the k nearest training clips (clips, k)."""
        nearest = np.argpartition(distances, self.config.k - 1, axis=1)[:, : self.config.k]
        reachable = np.maximum(np.take_along_axis(distances, nearest, axis=1), self.reach[nearest])
        # Clips that repeat one another have no distance at all.
        return 1.0 / np.maximum(reachable.mean(axis=1), 1e-10), nearest

    def save(self, folder: Path) -> None:
        self.neighbours.save(folder)
        save_arrays(folder / "lof.safetensors", {"reach": self.reach, "density": self.density})

    def load(self, folder: Path) -> None:
        self.neighbours = Neighbours.load(folder)
        arrays = load_file(folder / "lof.safetensors")
        self.reach, self.density = arrays["reach"], arrays["density"]
