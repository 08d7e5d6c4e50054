"""The image networks that papers of this field use, for spectrograms: timm's, with one input channel.

Each function builds a network without its classifier: images of shape (batch, channels, height, width) to embeddings
(batch, ``num_features``). ``network.forward_features(images)`` is the map before pooling, shape (batch,
``num_features``, height', width'). First weights come from torch's default generator: seed it before, for example by
``torch.manual_seed(ctx.seed_of("weights"))``.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from asd_bench.errors import BenchError

#: Operators to which torchvision's Python code adds behaviour while it is imported.
_TORCHVISION_OPERATORS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)

#: Holds the declarations, which end with it.
_declared: list[torch.library.Library] = []


def _make_torchvision_importable() -> None:
    """Declare torchvision's operators where its compiled part, which does so, cannot be loaded.

    That part is linked to CUDA, and beside a CPU build of torch every import of torchvision, and so of timm, fails for
    want of these declarations. No network calls the operators.
    """
    spec = importlib.util.find_spec("torchvision")
    if _declared or spec is None or spec.origin is None:
        return
    try:
        for compiled in Path(spec.origin).parent.glob("_C.*"):
            torch.ops.load_library(str(compiled))
        torch.ops.torchvision.nms  # noqa: B018
    except (OSError, ImportError, AttributeError):
        library = torch.library.Library("torchvision", "DEF")
        for operator in _TORCHVISION_OPERATORS:
            library.define(operator)
        _declared.append(library)


_make_torchvision_importable()

import timm  # noqa: E402
from timm.models.resnet import BasicBlock, Bottleneck, ResNet  # noqa: E402

#: timm's name for the weights of Xie et al. 2020.
_NOISY_STUDENT = "tf_efficientnet_b0.ns_jft_in1k"


def resnet18(*, in_channels: int = 1, channels: Sequence[int] = (64, 128, 256, 512)) -> nn.Module:
    """ResNet-18 as torchvision has it (He et al. 2016): 11,170,240 parameters with one channel.

    Args:
        in_channels: of the images.
        channels: of the four stages; the last is the embedding's size.
    """
    return _resnet(BasicBlock, (2, 2, 2, 2), in_channels, channels)


def resnet50(*, in_channels: int = 1, channels: Sequence[int] = (64, 128, 256, 512)) -> nn.Module:
    """ResNet-50 as torchvision has it (He et al. 2016): 23,501,760 parameters with one channel.

    Args:
        in_channels: of the images.
        channels: of the four stages' bottlenecks; four times the last is the embedding's size.
    """
    return _resnet(Bottleneck, (3, 4, 6, 3), in_channels, channels)


def mobilenet_v2(
    width: float = 1.0, *, in_channels: int = 1, norm_eps: float = 1e-5, norm_momentum: float = 0.1
) -> nn.Module:
    """MobileNetV2 (Sandler et al. 2018) without dropout: 2,223,296 parameters with one channel, 687,392 at half width.

    Args:
        width: 0.35, 0.5, 0.75, 1.0 or 1.4.
        in_channels: of the images.
        norm_eps: of the batch normalisation; Keras has 1e-3.
        norm_momentum: the share of a new batch in its running statistics; Keras has 0.001.
    """
    return timm.create_model(
        f"mobilenetv2_{round(100 * width):03d}",
        in_chans=in_channels,
        num_classes=0,
        bn_eps=norm_eps,
        bn_momentum=norm_momentum,
    )


def efficientnet_b0(*, in_channels: int = 1, drop_rate: float = 0.0, drop_path_rate: float = 0.0) -> nn.Module:
    """EfficientNet-B0 (Tan and Le 2019): 4,006,972 parameters with one channel.

    Args:
        in_channels: of the images.
        drop_rate: of the embedding's dropout.
        drop_path_rate: the share of residual branches that are dropped in the last block; fewer in those before it.
    """
    return timm.create_model(
        "efficientnet_b0", in_chans=in_channels, num_classes=0, drop_rate=drop_rate, drop_path_rate=drop_path_rate
    )


def tf_efficientnet_b0(*, in_channels: int = 1, weights: Literal["scratch", "noisy-student"] = "scratch") -> nn.Module:
    """EfficientNet-B0 as TensorFlow has it, padding at the far end and an epsilon of 1e-3 in its normalisations.

    The Noisy-Student weights (Xie et al. 2020), learned from photographs, are of this form. timm fetches them when they
    are first used, 21 MB from the Hugging Face hub, and keeps them in its cache. With other than three channels the
    first layer's are added up (timm's rule), as if the image had been copied to three.

    Args:
        in_channels: of the images; 4,007,548 parameters with three.
        weights: random first weights (scratch), or those of Noisy Student.

    Raises:
        BenchError: the weights are not in the cache and cannot be fetched.
    """
    if weights == "scratch":
        return timm.create_model(_NOISY_STUDENT, pretrained=False, in_chans=in_channels, num_classes=0)
    try:
        return timm.create_model(_NOISY_STUDENT, pretrained=True, in_chans=in_channels, num_classes=0)
    except Exception as error:
        # From the hub's client, its HTTP library or the disk, each with exceptions of its own.
        raise BenchError(
            "the Noisy-Student weights of EfficientNet-B0 are not in timm's cache and cannot be fetched "
            f"({type(error).__name__}: {' '.join(str(error).split())})",
            where=f"https://huggingface.co/timm/{_NOISY_STUDENT}",
            fix="run once where the Hugging Face hub can be reached and copy its cache here (HF_HOME says where it "
            "is), or take random first weights (weights=scratch)",
        ) from error


def _resnet(block: Any, layers: tuple[int, ...], in_channels: int, channels: Sequence[int]) -> nn.Module:
    # timm would begin with the last normalisation of each block at zero; torchvision and the papers do not.
    return ResNet(block, layers, num_classes=0, in_chans=in_channels, channels=tuple(channels), zero_init_last=False)
