"""Group-MADE: a masked autoencoder whose groups are frames (Giri et al. 2020, section 2.1). No training, no audio.

A masked autoencoder (Germain et al. 2015) gives every input, hidden unit and output a degree. A hidden unit sees what
has at most its own degree, an output sees hidden units of a smaller degree than its own; so an output depends on inputs
of smaller degree alone. Here all bands of a frame share one degree: a frame is predicted from frames before it in the
order, and never from itself.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from asd_bench_aws import Ordering
from asd_bench_aws.mixture import Mixture, negative_log_likelihood

#: Frames per window.
N_FRAMES = 5

ALL_FRAMES = tuple(range(N_FRAMES))


@dataclass(frozen=True)
class Factorisation:
    """How the density of five frames is cut into conditional ones.

    Attributes:
        degrees: every frame's place in the order, from 1; frames of one degree are predicted from the same ones.
        given: positions of the frames that the network is given.
        predicted: positions of the frames whose densities it puts out.
    """

    degrees: tuple[int, ...]
    given: tuple[int, ...] = ALL_FRAMES
    predicted: tuple[int, ...] = ALL_FRAMES


FACTORISATIONS: dict[Ordering, Factorisation] = {
    # Eq. 4 without its second factor. With the degrees 1, 1, 2, 1, 1 nothing depends on frame 3, and the outputs for
    # the other frames depend on nothing: leaving them out leaves a dense network, and changes no number.
    "middle-given-rest": Factorisation((1, 1, 2, 1, 1), given=(0, 1, 3, 4), predicted=(2,)),
    # Eq. 4 with both factors, in the order 1, 2, 4, 5, 3.
    "joint": Factorisation((1, 2, 5, 3, 4)),
    # Eq. 3.
    "causal": Factorisation((1, 2, 3, 4, 5)),
}


class GroupMade(nn.Module):
    """Windows of five frames to a mixture of Gaussians for every band of the frames that are predicted.

    With 128 bands, two hidden layers of 1024 and ten components it has 21,385,984 parameters where all frames are given
    and predicted, and 5,510,912 as ``middle-given-rest``.

    Args:
        factorisation: one of `FACTORISATIONS`.
        n_bands: numbers per frame.
        hidden: units of the hidden layers; their degrees go round 1, 2, … in turn.
        n_components: Gaussians per mixture.
    """

    def __init__(
        self,
        factorisation: Factorisation,
        *,
        n_bands: int,
        hidden: Sequence[int],
        n_components: int,
    ) -> None:
        super().__init__()
        # Tensors, since a list as an index would be sent to the device in every step.
        self.register_buffer("given", torch.tensor(factorisation.given), persistent=False)
        self.register_buffer("predicted", torch.tensor(factorisation.predicted), persistent=False)
        self._shape = (len(self.predicted), n_bands, 3, n_components)
        frames = torch.tensor(factorisation.degrees)
        # An output needs a hidden unit of a smaller degree, so the largest would be of no use to one.
        usable = int(frames.max()) - 1
        degrees = [
            frames[self.given].repeat_interleave(n_bands),
            *(1 + torch.arange(units) % usable for units in hidden),
            frames[self.predicted].repeat_interleave(n_bands * 3 * n_components),
        ]
        *into_hidden, (last, out) = itertools.pairwise(degrees)
        self.hidden = nn.ModuleList(MaskedLinear(below[None, :] <= above[:, None]) for below, above in into_hidden)
        self.output = MaskedLinear(last[None, :] < out[:, None])

    def forward(self, windows: torch.Tensor) -> Mixture:
        """Standardised frames, shape (windows, 5, bands), to mixtures, (windows, predicted, bands, components)."""
        values = windows.index_select(1, self.given).flatten(1)
        for layer in self.hidden:
            values = functional.relu(layer(values))
        # A mean in bfloat16 would be rounded by as much as the smallest σ.
        with torch.autocast(windows.device.type, enabled=False):
            parameters = self.output(values.to(self.output.weight.dtype))
        return Mixture(*parameters.unflatten(1, self._shape).unbind(dim=3))

    def negative_log_likelihoods(self, windows: torch.Tensor) -> torch.Tensor:
        """−log p(frame | frames before it) in nats, summed over bands, for every predicted frame.

        Args:
            windows: standardised frames, shape (windows, 5, bands).

        Returns:
            shape (windows, predicted).
        """
        return negative_log_likelihood(windows.index_select(1, self.predicted), self(windows)).sum(dim=2)

    @property
    def masks(self) -> tuple[torch.Tensor, ...]:
        """Which inputs each unit of a layer sees, from the first layer to the output: bool of shape (units, inputs)."""
        return tuple(layer.mask for layer in (*self.hidden, self.output))


class MaskedLinear(nn.Linear):
    """A linear layer of which only the weights under a mask count.

    Args:
        mask: bool of shape (outputs, inputs). It is no part of the layer's state, which may be loaded into another.
    """

    mask: torch.Tensor

    def __init__(self, mask: torch.Tensor) -> None:
        super().__init__(mask.shape[1], mask.shape[0])
        self.register_buffer("mask", mask, persistent=False)
        self._dense = bool(mask.all())

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Shape (…, inputs) to (…, outputs)."""
        return functional.linear(values, self.weight if self._dense else self.weight * self.mask, self.bias)
