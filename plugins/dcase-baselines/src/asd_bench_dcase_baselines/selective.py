"""The baseline of 2023 to 2026: one autoencoder, scored by squared error and by selective Mahalanobis distance."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from asd_bench import Audio, BenchError, Context, Windows
from asd_bench_dcase_baselines import SelectiveConfig
from asd_bench_dcase_baselines.mahalanobis import ResidualCovariance, precision, squared_length
from asd_bench_dcase_baselines.reconstruction import N_FRAMES, Reconstruction

DOMAINS = ("source", "target")


class SelectiveMahalanobis(Reconstruction):
    """The autoencoder with a second component, ``mahalanobis``: the distance by the domain that suits a clip better.

    A clip's distance is taken by the residual covariance of the source domain and by that of the target domain, and the
    smaller counts, since a test clip's domain is hidden. Where training clips tell of no target domain the source's
    covariance stands for both.
    """

    config: SelectiveConfig

    def __init__(self, config: SelectiveConfig) -> None:
        super().__init__(config)
        self.precisions: dict[str, torch.Tensor]

    def fit(self, audio: Audio, ctx: Context) -> None:
        windows, train = self._train(audio, ctx)
        of_target = torch.from_numpy(audio.clips.domain == "target").to(ctx.device)[windows.clip]
        # The extra pass is over the vectors trained on, in random batches; those held out have no part in it.
        order = torch.from_numpy(ctx.rng("covariance").permutation(train)).to(ctx.device)
        covariances = self._covariances(windows, of_target, order)
        self.precisions = {
            domain: precision(covariance, f"the {domain} domain's residuals")
            for domain, covariance in covariances.items()
        }

    def save(self, folder: Path) -> None:
        super().save(folder)
        save_file(self.precisions, folder / "precisions.safetensors")

    def load(self, folder: Path) -> None:
        super().load(folder)
        self.precisions = load_file(folder / "precisions.safetensors")

    def score(self, audio: Audio, ctx: Context) -> dict[str, np.ndarray]:
        self.precisions = {domain: matrix.to(ctx.device) for domain, matrix in self.precisions.items()}
        return super().score(audio, ctx)

    def _measures(self, residuals: torch.Tensor) -> dict[str, torch.Tensor]:
        measures = super()._measures(residuals)
        rows = _rows(residuals).double()
        if self.config.distance == "clip-mean":
            return measures | {"row": rows.mean(dim=1)}
        return measures | {
            domain: squared_length(rows, self.precisions[domain]).mean(dim=1, keepdim=True) for domain in DOMAINS
        }

    def _components(self, means: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        if self.config.distance == "clip-mean":
            distances = [squared_length(means["row"], self.precisions[domain]) for domain in DOMAINS]
        else:
            distances = [means[domain][:, 0] for domain in DOMAINS]
        return super()._components(means) | {"mahalanobis": torch.minimum(*distances)}

    @torch.inference_mode()
    def _covariances(self, windows: Windows, of_target: torch.Tensor, order: torch.Tensor) -> dict[str, torch.Tensor]:
        """Both domains' residual covariances, float64 of shape (bands, bands).

        Args:
            windows: the vectors.
            of_target: bool of shape (vectors,).
            order: the vectors to go through, batch after batch.

        Raises:
            BenchError: the source domain has no two vectors.
        """
        n_bands = windows.frames.values.shape[1]
        source, target = (ResidualCovariance(n_bands, order.device) for _ in DOMAINS)
        for index in order.split(self.config.batch_size):
            rows = _rows(self._residuals(windows, index))
            source.add(rows[~of_target[index]])
            target.add(rows[of_target[index]])
        if not source.is_known:
            raise BenchError(
                f"selective Mahalanobis needs training clips of the source domain; they have {source.n_vectors} vectors"
            )
        return {"source": source.value(), "target": (target if target.is_known else source).value()}


def _rows(residuals: torch.Tensor) -> torch.Tensor:
    """Residuals of shape (vectors, 5 * bands) as (vectors, 5, bands)."""
    return residuals.unflatten(1, (N_FRAMES, -1))
