"""The paper's task: tell machine types apart, and within them the attributes that clips were recorded with."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from asd_bench_first_shot import MultiTaskConfig
from asd_bench_first_shot.material import Labels, drawn, heard, with_target
from asd_bench_first_shot.mixing import mixing_probability
from asd_bench_first_shot.networks import Embedder
from asd_bench_first_shot.segments import Segments


class Heads(nn.Module):
    """One linear layer per task.

    Args:
        size: of the embedding.
        n_machines, n_classes: outputs of the two.
    """

    def __init__(self, size: int, n_machines: int, n_classes: int) -> None:
        super().__init__()
        self.machine = nn.Linear(size, n_machines)
        self.attribute = nn.Linear(size, n_classes)


class MultiTaskTraining:
    """How one embedder learns both tasks, of all machine types together.

    Args:
        embedder: new.
        segments: of all training clips.
        labels: theirs.
        learned: numbers of the clips to learn from.
        config: batches, mixing, weights.
        transform: the frontend.
        device: where steps are made.

    Attributes:
        model: everything trainable.
    """

    def __init__(
        self,
        embedder: Embedder,
        segments: Segments,
        labels: Labels,
        learned: np.ndarray,
        config: MultiTaskConfig,
        transform: Callable[[torch.Tensor], torch.Tensor],
        device: torch.device,
    ) -> None:
        self.embedder = embedder
        self.heads = Heads(config.embedding_size, len(labels.machines), len(labels.machine_of_class))
        self.model = nn.ModuleDict({"embedder": self.embedder, "heads": self.heads})
        self.segments = segments
        self.learned = learned
        self.is_target = labels.is_target[learned]
        self.config = config
        self.transform = transform
        self.machine = torch.from_numpy(labels.machine).to(device)
        self.class_id = torch.from_numpy(labels.class_id).to(device)
        self.machine_of_class = torch.from_numpy(labels.machine_of_class).to(device)

    def plan(self, epoch: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """An epoch: every clip comes at least once, with one random segment."""
        clip = with_target(self.learned, self.is_target, self.config.batch_size, rng)
        probability = mixing_probability(epoch, self.config.epochs)
        return drawn(self.segments, clip[:, None], self.config.mixup, probability, rng)

    def loss(self, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Cross-entropy of the machine type plus that of the attributes."""
        embedding = self.embedder(heard(self.segments, self.transform, batch))
        first, second = batch["clip"], batch["clip"][batch["partner"]]
        of_machine = mixed_cross_entropy(
            *[self.heads.machine(embedding)] * 2, self.machine[first], self.machine[second], batch["share"]
        )
        of_attribute = mixed_cross_entropy(
            *self._attribute_logits(embedding, first, second),
            self.class_id[first],
            self.class_id[second],
            batch["share"],
        )
        return of_machine + self.config.attribute_weight * of_attribute

    def _attribute_logits(
        self, embedding: torch.Tensor, first: torch.Tensor, second: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """What each of a mixture's two clips is one of."""
        logits = self.heads.attribute(embedding)
        if self.config.attribute_classes == "all":
            return logits, logits
        own, other = (of_one_machine(logits, self.machine[clip], self.machine_of_class) for clip in (first, second))
        return own, other


def mixed_cross_entropy(
    first_logits: torch.Tensor,
    second_logits: torch.Tensor,
    first: torch.Tensor,
    second: torch.Tensor,
    share: torch.Tensor,
) -> torch.Tensor:
    """Mean over segments of λ · CE(first label) + (1 - λ) · CE(second label).

    Args:
        first_logits, second_logits: what each label is one of, shape (segments, classes); may be the same.
        first, second: labels of the two clips in a mixture, int64 of shape (segments,).
        share: λ, shape (segments,).
    """
    of_first = functional.cross_entropy(first_logits, first, reduction="none")
    of_second = functional.cross_entropy(second_logits, second, reduction="none")
    return (share * of_first + (1 - share) * of_second).mean()


def of_one_machine(logits: torch.Tensor, machine: torch.Tensor, machine_of_class: torch.Tensor) -> torch.Tensor:
    """Logits in which classes of other machine types have no probability.

    Args:
        logits: shape (segments, classes).
        machine: number of every segment's machine type, shape (segments,).
        machine_of_class: the same of every class, shape (classes,).
    """
    return logits.masked_fill(machine.unsqueeze(1) != machine_of_class, -torch.inf)
