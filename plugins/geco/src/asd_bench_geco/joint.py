"""How GeCo is trained: on crops and their reconstructions (paper, section 2.2)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from asd_bench import Clips, Windows
from asd_bench_geco import GecoConfig
from asd_bench_geco.classification import Classification
from asd_bench_geco.contrast import PairContrast, SupervisedContrast
from asd_bench_geco.network import CropClassifier
from asd_bench_geco.pae import PredictiveAutoencoder
from asd_bench_geco.prediction import predicted_frames
from asd_bench_geco.schedules import ramped


class JointTraining(Classification):
    """Plan and loss of GeCo: what `Classification` does, for crops and their reconstructions, plus λ times a contrast.

    The autoencoders are frozen, so an epoch's frames are predicted when it is planned, all crops of a machine type
    together; a step puts them into its crops.

    Args:
        network: the classifier.
        contrast: the contrastive loss.
        crops: every crop of every training clip.
        clips: the training clips.
        config: the batches, and the schedule of λ.
        autoencoders: machine type -> its frozen PAE, on the device, in evaluation mode. All have windows of one length,
            and a crop is a whole number of them.
    """

    def __init__(
        self,
        network: CropClassifier,
        contrast: PairContrast | SupervisedContrast,
        crops: Windows,
        clips: Clips,
        config: GecoConfig,
        autoencoders: Mapping[str, PredictiveAutoencoder],
    ) -> None:
        super().__init__(network, crops, clips.class_id, config.batch_size)
        self.contrast = contrast
        self.model = nn.ModuleDict({"network": network, "contrast": contrast})
        start, end = config.ramp
        self.tables = {"contrast_weight": ramped(config.contrastive_weight, start, end, config.epochs)}
        self.mixed_precision = config.mixed_precision
        self.autoencoders = autoencoders
        (self.n_frames,) = {autoencoder.n_frames for autoencoder in autoencoders.values()}
        self.n_groups = crops.n // self.n_frames
        self.machine = clips.machine

    def plan(self, epoch: int, rng: np.random.Generator) -> dict[str, np.ndarray | torch.Tensor]:
        """The baseline's plan, and what turns its crops into their reconstructions.

        ``position``, int64 of shape (steps, batch, groups), is the frame of each group that is replaced; ``predicted``,
        of shape (steps, batch, groups, bands), is what replaces it.
        """
        plan = super().plan(epoch, rng)
        position = rng.integers(self.n_frames, size=(*plan["crop"].shape, self.n_groups))
        return plan | {"position": position, "predicted": self._predict(plan["crop"], position)}

    def loss(self, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Equation 3, over a step's crops and reconstructions, which pass through the network together."""
        originals = self.crops.gather(batch["crop"])
        reconstructions = reconstruct(originals, batch["position"], batch["predicted"])
        embeddings, logits = self.network(torch.cat([originals, reconstructions]))
        cross_entropy = functional.cross_entropy(logits, batch["label"].repeat(2))
        return cross_entropy + batch["contrast_weight"] * self.contrast(*embeddings.chunk(2), batch["label"])

    def _predict(self, crop: np.ndarray, position: np.ndarray) -> torch.Tensor:
        """The predicted frames, for crops of shape (steps, batch) and positions of shape (steps, batch, groups)."""
        device = self.crops.start.device
        n_bands = self.crops.frames.values.shape[1]
        predicted = torch.empty((crop.size, self.n_groups, n_bands), device=device)
        flat_crop, flat_position = crop.ravel(), position.reshape(-1, self.n_groups)
        machines = self.machine[self.clip_of(flat_crop)]
        for machine in np.unique(machines).tolist():
            rows = np.flatnonzero(machines == machine)
            windows = self.crops.gather(torch.from_numpy(flat_crop[rows]).to(device)).unflatten(1, (-1, self.n_frames))
            masked = torch.from_numpy(flat_position[rows]).to(device)
            frames = predicted_frames(
                self.autoencoders[machine], windows.flatten(0, 1), masked.flatten(), self.mixed_precision
            )
            predicted[torch.from_numpy(rows).to(device)] = frames.unflatten(0, (-1, self.n_groups))
        return predicted.unflatten(0, crop.shape)


def new_contrast(config: GecoConfig, network: CropClassifier) -> PairContrast | SupervisedContrast:
    """The form of the contrastive loss that a configuration asks for, with its first weights."""
    if config.contrastive == "supcon":
        return SupervisedContrast()
    n_classes, width = network.head.weight.shape
    return PairContrast(n_classes if config.pairs == "per-id" else 1, width)


def reconstruct(crops: torch.Tensor, position: torch.Tensor, predicted: torch.Tensor) -> torch.Tensor:
    """Crops with one frame of every group replaced.

    Args:
        crops: shape (crops, groups · frames, bands).
        position: int64 of shape (crops, groups), which frame of its group is replaced.
        predicted: what replaces it, shape (crops, groups, bands).

    Returns:
        of the crops' shape.
    """
    groups = crops.unflatten(1, (position.shape[1], -1))
    order = torch.arange(groups.shape[2], device=crops.device)
    masked = (position[:, :, None] == order).unsqueeze(3)
    return torch.where(masked, predicted.unsqueeze(2), groups).flatten(1, 2)
