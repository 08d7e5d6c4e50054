"""The back ends: KNN and LOF, which share one search for neighbours, and Gaussian mixtures, over embedded segments."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file as load_arrays
from safetensors.numpy import save_file as save_arrays
from safetensors.torch import load_file, save_file
from sklearn.mixture import GaussianMixture

from asd_bench import Audio, BenchError, Context
from asd_bench_first_shot import SETTINGS, BackEndConfig
from asd_bench_first_shot.aggregation import aggregated
from asd_bench_first_shot.encoder import Encoder
from asd_bench_first_shot.inliers import Inliers
from asd_bench_first_shot.mixtures import as_arrays, fit_mixtures, from_arrays, negative_log_likelihoods
from asd_bench_first_shot.neighbours import Density, Hidden, mean_distances, nearest, outlier_factors

logger = logging.getLogger(__name__)


class BackEnds:
    """KNN, LOF and GMM of every setting over one section's segments, which are embedded once for all.

    KNN is the mean distance to the nearest normal segments, LOF the local outlier factor among them, GMM the negative
    log-likelihood under Gaussian mixtures of them. A training clip's segments are compared with those of other clips
    alone; how dense it is around normal segments is taken over all of them, whichever clip is scored, and mixtures
    score training clips as they are.
    """

    def __init__(self, config: BackEndConfig) -> None:
        self.config = config
        self.inliers: Inliers
        self.density: Density
        self.mixtures: list[GaussianMixture]

    # -- the four methods ------------------------------------------------------------------------------------------

    @torch.inference_mode()
    def fit(self, audio: Audio, ctx: Context) -> None:
        self.inliers = Inliers.of(encoder_of(ctx), audio, self.config.mixes, ctx)
        self.density = self._density(audio)
        rows = self.inliers.rows.double().cpu().numpy()
        sizes = at_most(len(rows), "Gaussians")
        self.mixtures = fit_mixtures(rows, sizes, self.config.covariance, self.config.floor, ctx.seed_of("mixtures"))

    @torch.inference_mode()
    def score(self, audio: Audio, ctx: Context) -> dict[str, np.ndarray]:
        embedding = encoder_of(ctx).segment_embeddings(audio)
        n_segments = embedding.shape[1]
        queries = embedding.flatten(0, 1)
        inliers, density = self.inliers.to(audio.device), self.density.to(audio.device)
        hidden = inliers.hidden_from(audio.clips.clip_id.tolist(), n_segments)
        found = nearest(queries, inliers.rows, max(density.ks), hidden)
        scores = {
            "knn": mean_distances(found, density.ks).cpu().numpy(),
            "lof": outlier_factors(found, density).cpu().numpy(),
            "gmm": negative_log_likelihoods(self.mixtures, queries.double().cpu().numpy()),
        }
        return {
            f"{method}{setting}-{how}": values
            for method, of_method in scores.items()
            for setting, of_setting in zip(SETTINGS, of_method, strict=True)
            for how, values in aggregated(of_setting.reshape(-1, n_segments)).items()
        }

    def save(self, folder: Path) -> None:
        document = {"clip_id": self.inliers.clip_id, "ks": self.density.ks}
        (folder / "neighbours.json").write_text(json.dumps(document), encoding="utf-8")
        arrays = {
            "rows": self.inliers.rows,
            "parents": self.inliers.parents,
            "reach": self.density.reach,
            "density": self.density.density,
        }
        save_file({name: array.contiguous() for name, array in arrays.items()}, folder / "neighbours.safetensors")
        save_arrays(as_arrays(self.mixtures), folder / "mixtures.safetensors")

    def load(self, folder: Path) -> None:
        document = json.loads((folder / "neighbours.json").read_text(encoding="utf-8"))
        arrays = load_file(folder / "neighbours.safetensors")
        self.inliers = Inliers(tuple(document["clip_id"]), arrays["rows"], arrays["parents"])
        self.density = Density(tuple(document["ks"]), arrays["reach"], arrays["density"])
        self.mixtures = from_arrays(load_arrays(folder / "mixtures.safetensors"), self.config.covariance)

    # -- neighbours ------------------------------------------------------------------------------------------------

    def _density(self, audio: Audio) -> Density:
        """How dense it is around every row, for as many neighbours as every clip's segments have among other clips.

        Raises:
            BenchError: a clip has none.
        """
        rows, clips = self.inliers.rows, audio.clips
        fewest = self.inliers.hidden_from(self.inliers.clip_id, 1).fewest_seen()
        if fewest < 1:
            raise BenchError(
                f"{clips.machine[0]} section {clips.section[0]} has too few training clips for neighbours: segments "
                f"are compared with those of other clips, and one of its {len(self.inliers.clip_id)} clips sees none",
                fix="leave the machine out with --machine",
            )
        ks = at_most(fewest, "neighbours")
        return Density.of(nearest(rows, rows, max(ks), Hidden.own(len(rows), rows.device)), ks)


def encoder_of(ctx: Context) -> Encoder:
    """The fitted encoder that the back end uses."""
    (fit,) = ctx.upstream["encoder"].values()
    return fit.detector


def at_most(most: int, what: str) -> tuple[int, ...]:
    """The settings, those that the section has too few segments for replaced by as many as there are.

    scikit-learn's LOF does so, too.
    """
    if most < max(SETTINGS):
        logger.warning("settings of more than %d %s are taken as %d: there are no more segments", most, what, most)
    return tuple(min(setting, most) for setting in SETTINGS)
