"""GeCo: joint generative-contrastive representation learning for anomalous sound detection (Zeng et al. 2023).

Declarations only, so that importing this costs no torch. `pae` and `network` hold the two networks, `contrast` the
losses between originals and reconstructions, `classification` and `joint` what is trained, `prediction` and `cosine`
the detectors, `fusion` the ensemblers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from asd_bench import BenchError, DetectorSpec, EnsemblerSpec, Member, Paper, SystemSpec, Use, hookimpl, option

Mask = Literal["all", "centre", "random"]
Scaling = Literal["standardised", "decibel"]
Pieces = Literal["crops", "whole"]
Centre = Literal["mean", "weights"]
Contrastive = Literal["bce", "supcon"]
Pairs = Literal["per-id", "shared"]


@dataclass(frozen=True)
class PaeConfig:
    """The Predictive AutoEncoder and its training."""

    epochs: int = option(60, "passes over the training windows", minimum=1)
    batch_size: int = option(512, "windows per step", minimum=1)
    lr: float = option(1e-3, "Adam's learning rate", minimum=0)
    lr_drop_epoch: int = option(30, "epoch, counted from 0, from which on the learning rate is a tenth", minimum=0)
    n_frames: int = option(5, "frames per window, one of which is masked", minimum=2)
    hop: int = option(1, "frames from window to window, in training and scoring", minimum=1)
    encoder_width: int = option(512, "width of the encoder's two transformer blocks", minimum=1)
    bottleneck_width: int = option(64, "width of the bottleneck between encoder and decoder", minimum=1)
    decoder_width: int = option(256, "width of the decoder's two transformer blocks", minimum=1)
    heads: int = option(8, "attention heads of every block", minimum=1)
    ffn_ratio: int = option(4, "how many times wider than its block a block's hidden layer is", minimum=1)
    mask: Mask = option(
        "all", "frames masked in scoring: each of a window in turn, its centre, or one drawn for every window"
    )
    mixed_precision: bool = option(True, "compute training steps in bfloat16 on a GPU")

    def __post_init__(self) -> None:
        for name in ("encoder_width", "decoder_width"):
            if getattr(self, name) % self.heads:
                raise BenchError(
                    f"{self.heads} attention heads cannot share a width of {getattr(self, name)}",
                    where=f"heads, {name}",
                    fix="choose widths that are multiples of the heads",
                )


@dataclass(frozen=True)
class ClassifierConfig:
    """The ResNet-18 baseline of the paper: training and scoring."""

    epochs: int = option(120, "passes over the training clips, each with one random crop per clip", minimum=1)
    batch_size: int = option(32, "crops per step, not counting reconstructions", minimum=2)
    lr: float = option(0.1, "learning rate of stochastic gradient descent", minimum=0)
    milestones: tuple[int, ...] = option(
        (50, 90), "epochs, counted from 0, from each of which on the learning rate is a tenth", minimum=0
    )
    momentum: float = option(0.9, "momentum of stochastic gradient descent", minimum=0)
    weight_decay: float = option(1e-4, "weight decay", minimum=0)
    crop_frames: int = option(65, "frames per crop, in training and scoring", minimum=1)
    channels: tuple[int, int, int, int] = option(
        (64, 128, 256, 512), "channels of the four stages of ResNet-18; the last is the embedding's size", minimum=1
    )
    scaling: Scaling = option(
        "standardised", "the network's input: standardised per band with statistics of training frames, or decibels"
    )
    pieces: Pieces = option(
        "crops", "what a clip's embedding is the mean over: consecutive crops, or the clip as one piece"
    )
    centre: Centre = option(
        "mean", "a class's centre: the mean embedding of its training clips, or the classifier's weights for it"
    )
    mixed_precision: bool = option(True, "compute training steps in bfloat16 on a GPU")


@dataclass(frozen=True)
class GecoConfig(ClassifierConfig):
    """GeCo: the same with reconstructions and a contrastive loss."""

    contrastive: Contrastive = option(
        "bce", "form of the contrastive loss: binary with weight vectors (bce), or equation 2 on embeddings (supcon)"
    )
    pairs: Pairs = option("per-id", "bce: one pair of weight vectors per class, or one that all classes share")
    contrastive_weight: float = option(10.0, "λ, the weight of the contrastive loss, after its ramp", minimum=0)
    ramp: tuple[int, int] = option(
        (30, 90), "epochs, counted from 0, between which λ rises from 0; it jumps where they are one", minimum=0
    )

    def __post_init__(self) -> None:
        start, end = self.ramp
        if end < start:
            raise BenchError(f"λ cannot rise from epoch {start} to epoch {end}", where="ramp")


@dataclass(frozen=True)
class FusionConfig:
    """How the two scores are weighed."""

    gamma: float = option(200.0, "γ, the weight of the cosine distance beside the squared error in dB²", minimum=0)


@hookimpl
def asd_detectors() -> list[DetectorSpec]:
    package = "asd_bench_geco"
    return [
        DetectorSpec(
            name="pae",
            summary="predictive autoencoder with self-attention: squared error of masked frames",
            target=f"{package}.prediction:Prediction",
            frontend="mel-dcase2020",
            config=PaeConfig,
            components=("mse",),
            scope="machine",
        ),
        DetectorSpec(
            name="geco",
            summary="ResNet-18 of crops and their reconstructions by PAEs: cosine distance to the class's centre",
            target=f"{package}.cosine:Geco",
            frontend="mel-dcase2020",
            config=GecoConfig,
            components=("cosine",),
            scope="dataset",
            uses=(Use("pae", "pae"),),
            min_classes=2,
        ),
        DetectorSpec(
            name="resnet18",
            summary="ResNet-18 that tells the dataset's classes apart: cosine distance to the class's centre",
            target=f"{package}.cosine:CosineDistance",
            frontend="mel-dcase2020",
            config=ClassifierConfig,
            components=("cosine",),
            scope="dataset",
            min_classes=2,
        ),
    ]


@hookimpl
def asd_ensemblers() -> list[EnsemblerSpec]:
    package = "asd_bench_geco"
    return [
        EnsemblerSpec(
            name="geco-fusion",
            summary="squared error of PAE plus γ times cosine distance of GeCo",
            target=f"{package}.fusion:Fusion",
            config=FusionConfig,
        ),
        EnsemblerSpec(
            name="geco-fusion-per-machine",
            summary="the same with the γ that the paper gives for each machine type",
            target=f"{package}.fusion:FusionPerMachine",
            config=FusionConfig,
        ),
    ]


_PAPER = Paper(
    title="Joint Generative-Contrastive Representation Learning for Anomalous Sound Detection",
    authors="X.-M. Zeng, Y. Song, Z. Zhuo, Y. Zhou, Y.-H. Li, H. Xue, L.-R. Dai, I. McLoughlin",
    year=2023,
    venue="ICASSP",
    url="https://arxiv.org/abs/2305.12111",
)

#: What the baseline and GeCo have in common in each profile. ``quick`` has a fifth of the published epochs. Its
#: learning rate drops late: in so few steps a lower one does not learn to tell reconstructions apart.
_QUICK_CROPS: Mapping[str, Any] = {
    "epochs": 24,
    "batch_size": 8,
    "milestones": (16, 21),
    "crop_frames": 40,
    "channels": (16, 32, 64, 128),
}
_SMOKE_CROPS: Mapping[str, Any] = {
    "epochs": 6,
    "batch_size": 8,
    "milestones": (3, 5),
    "crop_frames": 20,
    "channels": (4, 4, 8, 8),
}

#: Profile -> detector -> the values that it changes. Systems share fits, so all of them take theirs from here.
_CHANGES: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "quick": {
        "pae": {
            "epochs": 14,
            "batch_size": 64,
            "lr": 2e-3,
            "lr_drop_epoch": 10,
            "hop": 5,
            "encoder_width": 64,
            "bottleneck_width": 16,
            "decoder_width": 32,
            "heads": 4,
            "ffn_ratio": 2,
        },
        "geco": {**_QUICK_CROPS, "ramp": (6, 18)},
        "resnet18": _QUICK_CROPS,
    },
    "smoke": {
        "pae": {
            "epochs": 6,
            "batch_size": 64,
            "lr_drop_epoch": 4,
            "hop": 4,
            "encoder_width": 32,
            "bottleneck_width": 16,
            "decoder_width": 16,
            "heads": 2,
            "ffn_ratio": 2,
        },
        "geco": {**_SMOKE_CROPS, "ramp": (2, 4)},
        "resnet18": _SMOKE_CROPS,
    },
}


def _profiles(*detectors: str, keep: tuple[str, ...] = ()) -> dict[str, dict[str, Any]]:
    """The profiles of a system that has these detectors.

    Args:
        detectors: their names.
        keep: options that stay as the system's members have them.
    """
    return {
        profile: {
            f"{detector}.{name}": value
            for detector in detectors
            for name, value in changes[detector].items()
            if name not in keep
        }
        for profile, changes in _CHANGES.items()
    }


def _constant(weight: float) -> SystemSpec:
    """GeCo alone with a λ that is there from the first epoch on (paper, table 2)."""
    return SystemSpec(
        name=f"geco-lambda-{weight:g}",
        summary=f"GeCo alone with λ = {weight:g} in all epochs, an ablation of the paper",
        members=(Member("geco", config={"contrastive_weight": weight, "ramp": (0, 0)}),),
        profiles=_profiles("pae", "geco", keep=("ramp",)),
        paper=_PAPER,
    )


@hookimpl
def asd_systems() -> list[SystemSpec]:
    both = (Member("pae"), Member("geco"))
    return [
        SystemSpec(
            name="pae",
            summary="GeCo's generative half: a masked frame predicted from its neighbours, per machine type",
            members=(Member("pae"),),
            profiles=_profiles("pae"),
            paper=_PAPER,
        ),
        SystemSpec(
            name="resnet18",
            summary="GeCo's baseline: a ResNet-18 that tells all classes apart",
            members=(Member("resnet18"),),
            profiles=_profiles("resnet18"),
            paper=_PAPER,
        ),
        SystemSpec(
            name="geco-only",
            summary="GeCo's discriminative half alone: a ResNet-18 that learned from reconstructions, too",
            members=(Member("geco"),),
            profiles=_profiles("pae", "geco"),
            paper=_PAPER,
        ),
        SystemSpec(
            name="geco",
            summary="PAE + GeCo, fused with γ = 200: the paper's main result",
            members=both,
            ensembler="geco-fusion",
            profiles=_profiles("pae", "geco"),
            paper=_PAPER,
        ),
        SystemSpec(
            name="geco-multi-gamma",
            summary="PAE + GeCo, fused with the paper's γ for each machine type",
            members=both,
            ensembler="geco-fusion-per-machine",
            profiles=_profiles("pae", "geco"),
            paper=_PAPER,
            tuned_on_labels="γ per machine type, by the paper's grid search on the development data",
        ),
        *(_constant(weight) for weight in (0.0, 1.0, 10.0)),
    ]
