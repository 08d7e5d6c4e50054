"""First weights from a file: what the paper's rows with pre-training begin with."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from asd_bench import BenchError

_HOW = "the README of asd-bench-small-rice says how such a file is made"


def load_weights(network: nn.Module, path: str) -> None:
    """Load an image network's weights from a safetensors file, in place.

    The file has every tensor of the network under the name that timm gives it. What it has besides is left out: a last
    layer, or stages that the network was cut by.

    Args:
        network: as `asd_bench.backbones` builds it.
        path: of the file.

    Raises:
        BenchError: it is no safetensors file, or its tensors are not the network's.
    """
    file = Path(path)
    try:
        found = load_file(file)
    except (SafetensorError, OSError) as error:
        raise BenchError(f"this file of pre-trained weights cannot be read: {error}", where=file, fix=_HOW) from error
    state = network.state_dict()
    for name, values in state.items():
        if name not in found:
            raise BenchError(f"these pre-trained weights lack the tensor '{name}'", where=file, fix=_HOW)
        if found[name].shape != values.shape:
            raise BenchError(
                f"the tensor '{name}' of these pre-trained weights has the shape {_shape(found[name])}, and the "
                f"network's has {_shape(values)}",
                where=file,
                fix=_HOW,
            )
    network.load_state_dict({name: found[name] for name in state})


def _shape(values: torch.Tensor) -> str:
    return " x ".join(map(str, values.shape)) or "scalar"
