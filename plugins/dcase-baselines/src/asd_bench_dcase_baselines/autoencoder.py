"""The network of the baselines: pure mathematics, no training and no audio."""

from __future__ import annotations

import itertools

import torch
from torch import nn

from asd_bench_dcase_baselines import Initialisation

#: Units of the four hidden layers on either side of the bottleneck, and of the bottleneck.
HIDDEN = (128, 128, 128, 128)
BOTTLENECK = 8


class DenseAutoencoder(nn.Module):
    """Dense layers with a bottleneck: n_in → 4 × 128 → 8 → 4 × 128 → n_out.

    Every layer but the last is followed by batch normalisation and ReLU, the bottleneck's too. Five frames of 128 bands
    in and out make 267,928 trainable parameters; four in and one out (IDNN) make 185,496.

    The batch normalisation is Keras's default, which the PyTorch baseline of 2023 keeps: epsilon 1e-3, and 1 % of each
    batch's statistics enters the running ones (momentum .99 in Keras's words, .01 in PyTorch's).

    Args:
        n_in, n_out: numbers per vector in and out.
    """

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.n_in = n_in
        self.n_out = n_out
        widths = (n_in, *HIDDEN, BOTTLENECK, *HIDDEN)
        layers: list[nn.Module] = []
        for width_in, width_out in itertools.pairwise(widths):
            layers += [nn.Linear(width_in, width_out), nn.BatchNorm1d(width_out, eps=1e-3, momentum=0.01), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Linear(widths[-1], n_out))

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        """Vectors of shape (vectors, n_in) to (vectors, n_out)."""
        return self.layers(vectors)


def initialise(network: nn.Module, how: Initialisation, generator: torch.Generator) -> None:
    """Draw the first weights of every linear layer, in place.

    Args:
        network: on the CPU, where draws are the same whatever the network is trained on.
        how: ``torch`` is the default of `torch.nn.Linear`, weights and biases uniform within ±1/√(inputs); ``keras``
            that of ``keras.layers.Dense``, Glorot-uniform weights and biases of zero.
        generator: the source of the draws.
    """
    for layer in network.modules():
        if not isinstance(layer, nn.Linear):
            continue
        if how == "keras":
            nn.init.xavier_uniform_(layer.weight, generator=generator)
            nn.init.zeros_(layer.bias)
        else:
            bound = layer.in_features**-0.5
            nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
            nn.init.uniform_(layer.bias, -bound, bound, generator=generator)
