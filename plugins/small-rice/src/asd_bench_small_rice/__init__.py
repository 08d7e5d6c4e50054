"""Small Rice, the submission of Cai et al. to DCASE 2021 Task 2: an autoencoder and EfficientNet-B0, learning jointly.

Declarations only, so that importing this costs no torch. `networks`, `losses`, `scores` and `augmentation` hold the
mathematics, `segments` and `training` what the networks are given, `pretraining` first weights, `detector` the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from asd_bench import BenchError, DetectorSpec, Member, Paper, SystemSpec, TopK, hookimpl, option

Backbone = Literal["efficientnet-b0", "mobilenetv2"]
Contrastive = Literal["nt-xent", "eq4", "none"]


@dataclass(frozen=True)
class SmallRiceConfig:
    """The joint model, what it is given and how it is trained; the defaults are the paper's best single model.

    Raises:
        BenchError: values are out of range or do not fit together.
    """

    epochs: int = option(300, "passes over the training segments", minimum=1)
    batch_size: int = option(32, "segments per step", minimum=2)
    lr: float = option(1e-4, "Adam's learning rate at the beginning", minimum=0)
    halve_every: int = option(30, "epochs after each of which the learning rate is halved", minimum=1)
    backbone: Backbone = option("efficientnet-b0", "the classifier's image network")
    stages: int = option(7, "how many of the image network's seven stages are kept", minimum=1)
    dropout: float = option(0.2, "share of the features that is dropped before the last layer in training", minimum=0)
    patch_frames: int = option(
        0, "frames per segment; 0 takes clips as a whole, zero-padded to the longest of the training clips", minimum=0
    )
    patch_hop: int = option(8, "frames from segment to segment, in training and scoring", minimum=1)
    ae_frames: int = option(5, "frames per vector of the autoencoder; 0 takes a segment as one vector", minimum=0)
    ae_bottleneck: int = option(32, "width of the autoencoder's bottleneck", minimum=1)
    contrastive: Contrastive = option(
        "nt-xent",
        "contrastive loss: symmetric NT-Xent, equation 4 as printed (eq4), or none, which takes away the autoencoder",
    )
    contrastive_weight: float = option(1.0, "weight of the contrastive loss", minimum=0)
    temperature: float = option(0.07, "ρ, by which similarities in the contrastive loss are divided", minimum=1e-3)
    median: int = option(
        31, "frames of the median filter along time, an odd number, in training and scoring; 0 is none", minimum=0
    )
    mixup_alpha: float = option(1.0, "α of mixup, whose λ is drawn from Beta(α, α); 0 is no mixup", minimum=0)
    masks: int = option(2, "time masks per training segment", minimum=0)
    mask_share: float = option(0.192, "largest share of a segment that a time mask covers: 60 of 311 frames", minimum=0)
    shift: float = option(0.15, "largest share of a segment by which it is shifted in time, circularly", minimum=0)
    target_share: float = option(
        0.2, "share of the target domain among the segments drawn for training; 0 takes each segment in turn", minimum=0
    )
    mixed_precision: bool = option(True, "compute training steps in bfloat16 on a GPU")

    def __post_init__(self) -> None:
        if self.median and self.median % 2 == 0:
            raise BenchError(
                f"a median filter of {self.median} frames has no middle",
                where="median",
                fix=f"take {self.median + 1}, or 0 for none",
            )
        if self.stages > 7:
            raise BenchError(f"the image network has 7 stages, not {self.stages}", where="stages")
        for name, largest in (("dropout", 0.99), ("mask_share", 1.0), ("shift", 0.5), ("target_share", 1.0)):
            if getattr(self, name) > largest:
                raise BenchError(f"{name} may be {largest:g} at most, got {getattr(self, name):g}", where=name)
        if self.patch_frames and self.ae_frames > self.patch_frames:
            raise BenchError(
                f"a segment of {self.patch_frames} frames has no window of {self.ae_frames}",
                where="patch_frames, ae_frames",
            )


@dataclass(frozen=True)
class PretrainedConfig(SmallRiceConfig):
    """The same, beginning with weights from a file."""

    weights: str = option(
        "",
        "safetensors file of the image network's first weights, with timm's names; the README of asd-bench-small-rice "
        "says how it is made",
        file=True,
        required=True,
    )


_CLASSIFIER = "log-odds of the machine's class by an image network that learned jointly with an autoencoder"


@hookimpl
def asd_detectors() -> list[DetectorSpec]:
    module = "asd_bench_small_rice.detector"
    return [
        DetectorSpec(
            name="small-rice",
            summary=_CLASSIFIER,
            target=f"{module}:SmallRice",
            frontend="mel-small-rice",
            config=SmallRiceConfig,
            components=("log-odds",),
            scope="machine",
            min_classes=2,
        ),
        DetectorSpec(
            name="small-rice-pretrained",
            summary=f"{_CLASSIFIER}, begun with pre-trained weights",
            target=f"{module}:PretrainedSmallRice",
            frontend="mel-small-rice",
            config=PretrainedConfig,
            components=("log-odds",),
            scope="machine",
            min_classes=2,
        ),
    ]


_PAPER = Paper(
    title="The Small Rice Submission to the DCASE2021 Task 2 Challenge: Semi-supervised Anomaly Detection Using "
    "Contrastive Learning",
    authors="X. Cai, H. Dinkel, Z. Yan, Y. Wang, J. Zhang, Z. Wu, Y. Wang",
    year=2021,
    venue="DCASE Challenge",
    url="https://dcase.community/challenge2021/task-unsupervised-detection-of-anomalous-sounds-results",
)

_NO_MEDIAN: Mapping[str, Any] = {"median": 0}
#: The paper explores "mixup along with time masking and shifting": rows without mixup have none of the three.
_NO_MIXUP: Mapping[str, Any] = {"mixup_alpha": 0.0, "masks": 0, "shift": 0.0}

_AUTHOR_CODE: Mapping[str, Any] = {
    **_NO_MEDIAN,
    **_NO_MIXUP,
    "backbone": "mobilenetv2",
    "dropout": 0.5,
    "patch_frames": 64,
    "patch_hop": 8,
    "ae_frames": 0,
    "ae_bottleneck": 8,
    "contrastive_weight": 0.0005,
    "epochs": 100,
    "lr": 1e-5,
    "target_share": 0.0,
}

#: The rows of the paper's table 1 and others of their kind, as members. Systems that share one share its fits.
_MEMBERS: Mapping[str, Member] = {
    label: Member(detector, name=label, config=config)
    for label, detector, config in (
        ("base", "small-rice", {**_NO_MEDIAN, **_NO_MIXUP}),
        ("median", "small-rice", _NO_MIXUP),
        ("mixup", "small-rice", _NO_MEDIAN),
        ("median-mixup", "small-rice", {}),
        ("no-contrastive", "small-rice", {"contrastive": "none"}),
        ("author-code", "small-rice", _AUTHOR_CODE),
        ("pretrained", "small-rice-pretrained", {**_NO_MEDIAN, **_NO_MIXUP}),
        ("pretrained-mixup", "small-rice-pretrained", _NO_MEDIAN),
        ("pretrained-median-mixup", "small-rice-pretrained", {}),
    )
}

#: What is there without pre-trained weights, and what the paper chooses from.
_WITHOUT_WEIGHTS = ("base", "median", "mixup", "median-mixup", "no-contrastive")
_OF_THE_PAPER = ("base", "pretrained", "pretrained-mixup", "pretrained-median-mixup", "median", "median-mixup")

#: In ``quick`` a few hundred steps on patches have to do, at a learning rate that is fit for so few.
_PROFILES: Mapping[str, Mapping[str, Any]] = {
    "quick": {
        "detector.epochs": 5,
        "detector.halve_every": 2,
        "detector.batch_size": 16,
        "detector.lr": 1e-3,
        "detector.patch_frames": 64,
        "detector.patch_hop": 48,
    },
    "smoke": {
        "detector.epochs": 2,
        "detector.halve_every": 1,
        "detector.batch_size": 8,
        "detector.lr": 1e-3,
        "detector.stages": 2,
        "detector.patch_frames": 24,
        "detector.patch_hop": 6,
    },
}


def _system(
    name: str,
    summary: str,
    *labels: str,
    ensembler: str = "identity",
    select: TopK | None = None,
    aliases: tuple[str, ...] = (),
) -> SystemSpec:
    return SystemSpec(
        name=name,
        summary=summary,
        members=tuple(_MEMBERS[label] for label in labels),
        ensembler=ensembler,
        profiles=_PROFILES,
        paper=_PAPER,
        select=select,
        aliases=aliases,
    )


@hookimpl
def asd_systems() -> list[SystemSpec]:
    network, mean, largest, softmax = "EfficientNet-B0 with a contrastive loss", "mean", "max", "mean-probability"
    needs_weights = "; needs detector.weights"
    five, best = "five models without pre-training", f"five best of the paper's six models per machine{needs_weights}"
    return [
        _system(
            "small-rice",
            f"{network}, median filter and mixup: the paper's best single model",
            "median-mixup",
            aliases=("small-rice-median-mixup",),
        ),
        _system("small-rice-base", network, "base"),
        _system("small-rice-median", f"{network} and median filter", "median"),
        _system("small-rice-mixup", f"{network} and mixup", "mixup"),
        _system("small-rice-no-contrastive", "small-rice without its contrastive loss", "no-contrastive"),
        _system("small-rice-author-code", "joint model with the settings of the authors' code", "author-code"),
        _system("small-rice-pretrained", f"{network}, pre-trained{needs_weights}", "pretrained"),
        _system("small-rice-pretrained-mixup", f"{network} and mixup, pre-trained{needs_weights}", "pretrained-mixup"),
        _system(
            "small-rice-pretrained-median-mixup",
            f"{network}, median filter and mixup, pre-trained{needs_weights}",
            "pretrained-median-mixup",
        ),
        _system("small-rice-s2", f"{five}: mean score", *_WITHOUT_WEIGHTS, ensembler=mean),
        _system("small-rice-s3", f"{five}: largest score", *_WITHOUT_WEIGHTS, ensembler=largest),
        _system("small-rice-s4", f"{five}: score of the mean softmax", *_WITHOUT_WEIGHTS, ensembler=softmax),
        _system(
            "small-rice-s1-paper",
            f"submission 1: best of the paper's six models per machine{needs_weights}",
            *_OF_THE_PAPER,
            select=TopK(1),
        ),
        *(
            _system(
                f"small-rice-s{number}-paper",
                f"{what} of the {best}",
                *_OF_THE_PAPER,
                ensembler=ensembler,
                select=TopK(5),
            )
            for number, what, ensembler in (
                (2, "submission 2: mean score", mean),
                (3, "submission 3: largest score", largest),
                (4, "submission 4: score of the mean softmax", softmax),
            )
        ),
    ]
