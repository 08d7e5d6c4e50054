"""One Gaussian (Mahalanobis distance) and several (mixture likelihood)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors.numpy import load_file
from sklearn.covariance import LedoitWolf
from sklearn.mixture import GaussianMixture

from asd_bench import Audio, Context
from asd_bench.builtin.detectors import GmmConfig, MahalanobisConfig
from asd_bench.builtin.detectors.vectors import Scaler, clip_vectors, need_clips, save_arrays


class Mahalanobis:
    """Squared Mahalanobis distance to the training clips' mean, with a shrunk covariance."""

    def __init__(self, config: MahalanobisConfig) -> None:
        self.config = config
        self.scaler: Scaler
        self.precision: np.ndarray

    def fit(self, audio: Audio, ctx: Context) -> None:
        need_clips(audio, 2, "mahalanobis")
        vectors = clip_vectors(audio, self.config.pool)
        self.scaler = Scaler.of(vectors, self.config)
        # The scaler may leave the mean in place, so the covariance is taken around it here.
        self.centre = self.scaler(vectors).mean(axis=0)
        self.precision = LedoitWolf(assume_centered=True).fit(self.scaler(vectors) - self.centre).precision_

    def score(self, audio: Audio, ctx: Context) -> dict[str, np.ndarray]:
        offsets = self.scaler(clip_vectors(audio, self.config.pool)) - self.centre
        return {"distance": np.einsum("ni,ij,nj->n", offsets, self.precision, offsets, optimize=True)}

    def save(self, folder: Path) -> None:
        arrays = {"mean": self.scaler.mean, "sd": self.scaler.sd, "centre": self.centre, "precision": self.precision}
        save_arrays(folder / "mahalanobis.safetensors", arrays)

    def load(self, folder: Path) -> None:
        arrays = load_file(folder / "mahalanobis.safetensors")
        self.scaler = Scaler(arrays["mean"], arrays["sd"])
        self.centre, self.precision = arrays["centre"], arrays["precision"]


class Gmm:
    """Negative log-likelihood under a Gaussian mixture; training clips are scored as they are."""

    def __init__(self, config: GmmConfig) -> None:
        self.config = config
        self.scaler: Scaler
        self.mixture: GaussianMixture

    def fit(self, audio: Audio, ctx: Context) -> None:
        need_clips(audio, max(2, self.config.components), f"gmm with {self.config.components} components")
        vectors = clip_vectors(audio, self.config.pool)
        self.scaler = Scaler.of(vectors, self.config)
        self.mixture = GaussianMixture(
            self.config.components,
            covariance_type=self.config.covariance,
            reg_covar=self.config.floor,
            random_state=ctx.seed_of("gmm") % 2**32,
        ).fit(self.scaler(vectors))

    def score(self, audio: Audio, ctx: Context) -> dict[str, np.ndarray]:
        return {"nll": -self.mixture.score_samples(self.scaler(clip_vectors(audio, self.config.pool)))}

    def save(self, folder: Path) -> None:
        arrays = {
            "mean": self.scaler.mean,
            "sd": self.scaler.sd,
            "weights": self.mixture.weights_,
            "means": self.mixture.means_,
            "precisions_cholesky": self.mixture.precisions_cholesky_,
        }
        save_arrays(folder / "gmm.safetensors", arrays)

    def load(self, folder: Path) -> None:
        arrays = load_file(folder / "gmm.safetensors")
        self.scaler = Scaler(arrays["mean"], arrays["sd"])
        # Scoring needs no more than these of a fitted mixture.
        self.mixture = GaussianMixture(self.config.components, covariance_type=self.config.covariance)
        self.mixture.weights_ = arrays["weights"]
        self.mixture.means_ = arrays["means"]
        self.mixture.precisions_cholesky_ = arrays["precisions_cholesky"]
