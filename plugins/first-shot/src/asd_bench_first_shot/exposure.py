"""The parent recipe's task, outlier exposure: one network per machine type learns to tell it from all others.

All networks learn side by side in the same steps, each from batches of its own; none has a part in another's loss.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from asd_bench_first_shot import ExposureConfig
from asd_bench_first_shot.material import Labels, drawn, heard, with_target
from asd_bench_first_shot.mixing import mixing_probability
from asd_bench_first_shot.networks import Embedder
from asd_bench_first_shot.segments import Segments


class ExposureHeads(nn.Module):
    """What is the machine's own, by the embedding's length alone, and which of its classes it is.

    Args:
        size: of the embedding.
        n_classes: of the machine type.
    """

    def __init__(self, size: int, n_classes: int) -> None:
        super().__init__()
        self.own = nn.Linear(1, 1)
        self.section = nn.Linear(size, n_classes, bias=False)

    def forward(self, embedding: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Log-odds of being the machine's own, shape (segments,), and of being each class, (segments, classes)."""
        length = embedding.float().square().mean(dim=1, keepdim=True)
        return self.own(length).squeeze(1), self.section(embedding)


class ExposureTraining:
    """How the embedders of all machine types learn, side by side.

    A batch of each is half its own clips and half those of other machine types.

    Args:
        embedders: new, one per machine type.
        segments, labels, learned, config, transform, device: as in `MultiTaskTraining`.

    Attributes:
        model: everything trainable.
    """

    def __init__(
        self,
        embedders: Sequence[Embedder],
        segments: Segments,
        labels: Labels,
        learned: np.ndarray,
        config: ExposureConfig,
        transform: Callable[[torch.Tensor], torch.Tensor],
        device: torch.device,
    ) -> None:
        numbers = range(len(labels.machines))
        own_classes = [np.flatnonzero(labels.machine_of_class == number) for number in numbers]
        self.embedders = nn.ModuleList(embedders)
        self.heads = nn.ModuleList(ExposureHeads(config.embedding_size, len(classes)) for classes in own_classes)
        self.model = nn.ModuleDict({"embedders": self.embedders, "heads": self.heads})
        self.segments = segments
        self.config = config
        self.transform = transform
        self.own = [learned[labels.machine[learned] == number] for number in numbers]
        self.others = [learned[labels.machine[learned] != number] for number in numbers]
        self.own_target = [labels.is_target[clips] for clips in self.own]
        self.class_id = torch.from_numpy(labels.class_id).to(device)
        self.own_classes = [torch.from_numpy(classes).to(device) for classes in own_classes]
        # The first half of a batch is the machine's own.
        self.is_own = (torch.arange(config.batch_size, device=device) < self.n_own).float()

    @property
    def n_own(self) -> int:
        """Segments of its own in a machine type's batch."""
        return self.config.batch_size // 2

    def plan(self, epoch: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """An epoch: of the machine type with the most clips every one comes, those of the others come more often."""
        own = [with_target(*clips, self.n_own, rng) for clips in zip(self.own, self.own_target, strict=True)]
        steps = max(len(rows) for rows in own)
        groups = []
        for rows, clips, is_target, others in zip(own, self.own, self.own_target, self.others, strict=True):
            while len(rows) < steps:
                rows = np.concatenate([rows, with_target(clips, is_target, self.n_own, rng)])
            strange = rng.choice(others, size=(steps, self.config.batch_size - self.n_own))
            groups.append(np.concatenate([rows[:steps], strange], axis=1))
        probability = mixing_probability(epoch, self.config.epochs)
        return drawn(self.segments, np.stack(groups, axis=1), self.config.mixup, probability, rng)

    def loss(self, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """The networks' losses added up, so that each learns as it would alone."""
        frames = heard(self.segments, self.transform, batch)
        size = self.config.batch_size
        losses = []
        for number, (embedder, heads, classes) in enumerate(
            zip(self.embedders, self.heads, self.own_classes, strict=True)
        ):
            group = slice(number * size, (number + 1) * size)
            partner, share = batch["partner"][group] - number * size, batch["share"][group]
            own_logit, section_logits = heads(embedder(frames[group]))
            is_class = (self.class_id[batch["clip"][group]].unsqueeze(1) == classes).float()
            of_machine = mixed_binary_cross_entropy(own_logit, self.is_own, self.is_own[partner], share)
            of_section = mixed_binary_cross_entropy(
                section_logits[: self.n_own],
                is_class[: self.n_own],
                is_class[partner[: self.n_own]],
                share[: self.n_own].unsqueeze(1),
            )
            losses.append(of_machine + self.config.section_weight * of_section)
        return torch.stack(losses).sum()


def mixed_binary_cross_entropy(
    logits: torch.Tensor, first: torch.Tensor, second: torch.Tensor, share: torch.Tensor
) -> torch.Tensor:
    """Mean binary cross-entropy with the labels λ · first + (1 - λ) · second, over all outputs of all segments.

    Args:
        logits: shape (segments, …).
        first, second: labels of the two clips in a mixture, 0 or 1, of the logits' shape.
        share: λ, broadcast to that shape.
    """
    return functional.binary_cross_entropy_with_logits(logits.float(), share * first + (1 - share) * second)
