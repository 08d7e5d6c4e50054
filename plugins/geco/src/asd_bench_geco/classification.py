"""How the paper's baseline is trained: every step tells the classes of a batch of crops apart."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from asd_bench import Windows
from asd_bench.training import batches
from asd_bench_geco.network import CropClassifier


class Classification:
    """Plan and loss of the ResNet-18 baseline: one random crop per training clip and epoch, cross-entropy of classes.

    Args:
        network: the classifier.
        crops: every crop of every training clip.
        class_id: the training clips' classes.
        batch_size: crops per step.

    Attributes:
        model: all that is trained.
        tables: weights of the loss that change while training.
    """

    def __init__(self, network: CropClassifier, crops: Windows, class_id: np.ndarray, batch_size: int) -> None:
        self.network = network
        self.model: nn.Module = network
        self.tables: Mapping[str, np.ndarray] = {}
        self.crops = crops
        self.class_id = class_id
        self.batch_size = batch_size
        #: How many crops each clip has, and which is its first.
        self.n_crops = torch.bincount(crops.clip, minlength=len(class_id)).cpu().numpy()
        self.first_crop = np.cumsum(self.n_crops) - self.n_crops

    def plan(self, epoch: int, rng: np.random.Generator) -> dict[str, np.ndarray | torch.Tensor]:
        """``crop`` and ``label`` of every step, int64 of shape (steps, batch)."""
        clip = batches(len(self.class_id), self.batch_size, rng)
        crop = self.first_crop[clip] + rng.integers(self.n_crops[clip])
        return {"crop": crop, "label": self.class_id[clip]}

    def clip_of(self, crop: np.ndarray) -> np.ndarray:
        """Which clips crops are of: int64 of the shape of their numbers."""
        return np.searchsorted(self.first_crop, crop, side="right") - 1

    def loss(self, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Mean cross-entropy of a step's crops."""
        _, logits = self.network(self.crops.gather(batch["crop"]))
        return functional.cross_entropy(logits, batch["label"])
