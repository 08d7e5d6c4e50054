"""The winning submission to DCASE 2020 Task 2 (Giri et al. 2020): Group-MADE and self-supervised classifiers.

Declarations only, so that importing this costs no torch. `group_made`, `mixture`, `arcface`, `perturbation` and
`scores` hold the mathematics, `density` and `classification` the detectors, `images` what classifiers are trained on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from asd_bench import BenchError, DetectorSpec, Member, Paper, SystemSpec, hookimpl, option

Ordering = Literal["middle-given-rest", "joint", "causal"]
Mixing = Literal["before-log", "after-log", "none"]
Score = Literal["probability", "log-odds"]


@dataclass(frozen=True)
class GroupMadeConfig:
    """The group masked autoencoder and its training."""

    ordering: Ordering = option(
        "middle-given-rest",
        "which density of five frames: the middle one given the rest, all five in the order 1, 2, 4, 5, 3 (joint), or "
        "all five in the order of time (causal)",
    )
    hidden: tuple[int, ...] = option((1024, 1024), "units of the hidden layers", minimum=4)
    n_components: int = option(10, "Gaussians in the mixture for every band of a predicted frame", minimum=1)
    epochs: int = option(100, "passes over the training windows", minimum=1)
    batch_size: int = option(512, "windows per step", minimum=1)
    lr: float = option(1e-3, "Adam's learning rate", minimum=0)
    hop: int = option(1, "frames from window to window, in training and scoring", minimum=1)
    mixed_precision: bool = option(True, "compute training steps in bfloat16 on a GPU")


@dataclass(frozen=True)
class ClassifierConfig:
    """What the classifiers have in common.

    Raises:
        BenchError: two variants of an ID would be the same, or a warp would fold the spectrum.
    """

    epochs: int = option(20, "passes over the training images", minimum=1)
    batch_size: int = option(32, "images per step", minimum=2)
    lr: float = option(1e-4, "Adam's learning rate", minimum=0)
    n_frames: int = option(64, "frames per image", minimum=1)
    hop: int = option(8, "frames from image to image, in training and scoring", minimum=1)
    warps: tuple[float, ...] = option(
        (0.3,),
        "how images are warped along the bands, each way making a class of every ID: a in f' = f + a·f·(1 - f)",
    )
    speeds: tuple[float, ...] = option(
        (0.9, 1.1), "speeds that clips are resampled to, each making a class of every ID", minimum=0.1
    )
    score: Score = option(
        "probability", "negative probability of a clip's ID, as published, or the logarithm of the odds against it"
    )
    norm_momentum: float = option(
        1e-3, "share of a new batch in the running statistics of batch normalisation", minimum=0
    )
    mixed_precision: bool = option(True, "compute training steps in bfloat16 on a GPU")

    def __post_init__(self) -> None:
        for name, values, unchanged in (("warps", self.warps, 0.0), ("speeds", self.speeds, 1.0)):
            if len({*values, unchanged}) != len(values) + 1:
                raise BenchError(
                    f"{name} are to differ from one another and from {unchanged:g}, which changes nothing",
                    where=f"{name}: {', '.join(f'{value:g}' for value in values)}",
                    fix="leave one of the values out",
                )
        if any(abs(warp) >= 1 for warp in self.warps):
            raise BenchError(
                "a warp of 1 or more would turn part of the spectrum round",
                where=f"warps: {', '.join(f'{warp:g}' for warp in self.warps)}",
                fix="choose values between -1 and 1",
            )


@dataclass(frozen=True)
class SoftmaxConfig(ClassifierConfig):
    """A classifier that is to find the proportions of mixtures, too."""

    mixing: Mixing = option(
        "before-log", "whether half of each batch are mixtures of two IDs, of their energies or of their decibels"
    )


@dataclass(frozen=True)
class MobileNetConfig(SoftmaxConfig):
    """MobileNetV2."""

    width: Literal[0.35, 0.5, 0.75, 1.0, 1.4] = option(0.5, "multiplies the numbers of channels")


@dataclass(frozen=True)
class ResNetConfig(SoftmaxConfig):
    """ResNet-50."""

    channels: tuple[int, int, int, int] = option(
        (64, 128, 256, 512), "of the four stages' bottlenecks; embeddings have four times the last", minimum=1
    )
    norm_momentum: float = option(
        1e-2, "share of a new batch in the running statistics of batch normalisation", minimum=0
    )


@dataclass(frozen=True)
class ArcFaceConfig(ClassifierConfig):
    """MobileNetV2 with an angular margin."""

    width: Literal[0.35, 0.5, 0.75, 1.0, 1.4] = option(0.5, "multiplies the numbers of channels")
    scale: float = option(30.0, "s, which cosines are multiplied by", minimum=1e-3)
    margin: float = option(0.5, "m in radians, added to the angle of an image's own class while training", minimum=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.margin >= math.pi:
            raise BenchError(
                f"a margin of {self.margin:g} is as wide as any angle", where="margin", fix="choose one below π"
            )


@hookimpl
def asd_detectors() -> list[DetectorSpec]:
    package, frontend = "asd_bench_aws", "mel-dcase2020"
    return [
        DetectorSpec(
            name="group-made",
            summary="density of a frame given the frames around it, by an autoencoder masked frame by frame",
            target=f"{package}.density:GroupMadeDetector",
            frontend=frontend,
            config=GroupMadeConfig,
            components=("nll",),
            scope="machine",
        ),
        DetectorSpec(
            name="aws-mobilenetv2",
            summary="MobileNetV2 that tells IDs, their mixtures and perturbed versions of them apart",
            target=f"{package}.classification:MobileNetClassifier",
            frontend=frontend,
            config=MobileNetConfig,
            components=("anomaly",),
            scope="machine",
            min_classes=2,
        ),
        DetectorSpec(
            name="aws-resnet50",
            summary="ResNet-50 that tells IDs, their mixtures and perturbed versions of them apart",
            target=f"{package}.classification:ResNetClassifier",
            frontend=frontend,
            config=ResNetConfig,
            components=("anomaly",),
            scope="machine",
            min_classes=2,
        ),
        DetectorSpec(
            name="aws-arcface",
            summary="MobileNetV2 with an angular margin (ArcFace) that tells IDs and perturbed versions of them apart",
            target=f"{package}.classification:ArcFaceClassifier",
            frontend=frontend,
            config=ArcFaceConfig,
            components=("anomaly",),
            scope="machine",
            min_classes=2,
        ),
    ]


_PAPER = Paper(
    title="Unsupervised Anomalous Sound Detection Using Self-Supervised Classification and Group Masked Autoencoder "
    "for Density Estimation",
    authors="R. Giri, S. V. Tenneti, F. Cheng, K. Helwani, U. Isik, A. Krishnaswamy",
    year=2020,
    venue="DCASE Challenge",
    url="https://dcase.community/challenge2020/task-unsupervised-detection-of-anomalous-sounds-results",
)

#: What the classifiers' short profiles have in common. In a few hundred steps, running statistics that take a
#: thousandth of each would hardly leave their first values.
_QUICK = {"epochs": 12, "lr": 1e-3, "hop": 32, "norm_momentum": 0.1}
_SMOKE = {"epochs": 2, "batch_size": 8, "lr": 1e-3, "n_frames": 16, "hop": 16, "norm_momentum": 0.1}

#: Profile -> detector -> what it changes. Every system takes its members' part, so that all share their fits.
_PROFILES: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "quick": {
        "group-made": {"hidden": (256, 256), "epochs": 6, "batch_size": 128, "hop": 2},
        "aws-mobilenetv2": {**_QUICK, "width": 0.35},
        "aws-resnet50": {**_QUICK, "epochs": 8, "channels": (8, 16, 32, 64)},
        "aws-arcface": {**_QUICK, "width": 0.35},
    },
    "smoke": {
        "group-made": {"hidden": (32, 32), "epochs": 4, "batch_size": 64, "hop": 4},
        "aws-mobilenetv2": {**_SMOKE, "width": 0.35},
        "aws-resnet50": {**_SMOKE, "channels": (4, 4, 8, 8)},
        "aws-arcface": {**_SMOKE, "width": 0.35},
    },
}


def _system(
    name: str, summary: str, *detectors: str, ensembler: str = "identity", aliases: tuple[str, ...] = ()
) -> SystemSpec:
    return SystemSpec(
        name=name,
        summary=summary,
        members=tuple(Member(detector) for detector in detectors),
        ensembler=ensembler,
        profiles={
            profile: {
                f"{detector}.{name}": value for detector in detectors for name, value in changes[detector].items()
            }
            for profile, changes in _PROFILES.items()
        },
        paper=_PAPER,
        aliases=aliases,
    )


@hookimpl
def asd_systems() -> list[SystemSpec]:
    mobilenet, resnet, arcface, density = "aws-mobilenetv2", "aws-resnet50", "aws-arcface", "group-made"
    largest, mean = "standardised-max", "standardised-mean"
    first = "submission 1: MobileNetV2, ResNet-50 and Group-MADE, "
    second = "submission 2: MobileNetV2 and Group-MADE, "
    third = "submission 3: MobileNetV2, MobileNetV2 with ArcFace, and Group-MADE, "
    return [
        _system("aws-1-mean", f"{first}mean", mobilenet, resnet, density, ensembler=mean),
        _system("aws-1-max", f"{first}maximum", mobilenet, resnet, density, ensembler=largest, aliases=("aws",)),
        _system("aws-2-mean", f"{second}mean", mobilenet, density, ensembler=mean),
        _system("aws-2-max", f"{second}maximum", mobilenet, density, ensembler=largest),
        _system("aws-3-mean", f"{third}mean", mobilenet, arcface, density, ensembler=mean),
        _system("aws-3-max", f"{third}maximum", mobilenet, arcface, density, ensembler=largest),
        _system("aws-4", "submission 4: Group-MADE", density),
        _system("aws-mobilenetv2", "self-supervised MobileNetV2 alone", mobilenet),
        _system("aws-resnet50", "self-supervised ResNet-50 alone", resnet),
        _system("aws-arcface", "self-supervised MobileNetV2 with ArcFace alone", arcface),
    ]
