"""The DCASE Challenge Task 2 baselines: the organisers' autoencoders of 2020 to 2026 and classifiers, and IDNN.

Declarations only, so that importing this costs no torch. `autoencoder` and `mobilenetv2` hold the networks,
`mahalanobis` the distances, `odds` the classifiers' scores; `reconstruction`, `interpolation`, `selective` and
`classification` the detectors made of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from asd_bench import DetectorSpec, Member, Paper, SystemSpec, hookimpl, option

Initialisation = Literal["torch", "keras"]
Validation = Literal["random", "last", "none"]
Distance = Literal["clip-mean", "per-frame"]
Width = Literal[0.35, 0.5, 0.75, 1.0, 1.4]
BracketSlip = Literal["scores-and-threshold", "threshold", "none"]


@dataclass(frozen=True)
class AutoencoderConfig:
    """How a dense network is trained on vectors of five frames; the defaults are the baseline's of 2023 to 2026."""

    epochs: int = option(100, "passes over the training vectors", minimum=1)
    batch_size: int = option(256, "vectors per step", minimum=2)
    lr: float = option(1e-3, "Adam's learning rate", minimum=0)
    adam_eps: float = option(1e-8, "Adam's epsilon: 1e-8 is PyTorch's default, 1e-7 Keras's", minimum=0)
    init: Initialisation = option(
        "torch", "first weights: PyTorch's defaults (torch), or Glorot-uniform with zero biases (keras)"
    )
    validation: Validation = option(
        "random", "the tenth of the vectors that is held out of training: random ones, the last in order, or none"
    )
    hop: int = option(1, "frames from vector to vector, in training and scoring", minimum=1)


@dataclass(frozen=True)
class KerasAutoencoderConfig(AutoencoderConfig):
    """The same as the Keras baselines of 2020 to 2022 have it."""

    batch_size: int = option(512, "vectors per step", minimum=2)
    adam_eps: float = option(1e-7, "Adam's epsilon: 1e-8 is PyTorch's default, 1e-7 Keras's", minimum=0)
    init: Initialisation = option(
        "keras", "first weights: PyTorch's defaults (torch), or Glorot-uniform with zero biases (keras)"
    )
    validation: Validation = option(
        "last", "the tenth of the vectors that is held out of training: random ones, the last in order, or none"
    )


@dataclass(frozen=True)
class SelectiveConfig(AutoencoderConfig):
    """The 2023 baseline with both of its scores."""

    distance: Distance = option(
        "clip-mean",
        "the Mahalanobis distance of the clip's mean residual, as published (clip-mean), or the mean of every frame's "
        "distance, as described (per-frame)",
    )


@dataclass(frozen=True)
class IdnnConfig(AutoencoderConfig):
    """IDNN in the form of its re-implementation by the authors of STgram-MFN."""

    epochs: int = option(300, "passes over the training vectors", minimum=1)
    batch_size: int = option(128, "vectors per step", minimum=2)
    validation: Validation = option(
        "none", "the tenth of the vectors that is held out of training: random ones, the last in order, or none"
    )


@dataclass(frozen=True)
class MobileNetConfig:
    """How the classifiers of 2021 and 2022 are trained on log-mel images, and what they score."""

    epochs: int = option(20, "passes over the training images", minimum=1)
    batch_size: int = option(32, "images per step", minimum=2)
    lr: float = option(1e-5, "Adam's learning rate", minimum=0)
    width: Width = option(0.5, "multiplies MobileNetV2's numbers of channels")
    norm_momentum: float = option(
        1e-3, "share of a new batch in the running statistics of batch normalisation", minimum=0
    )
    n_frames: int = option(64, "frames per image", minimum=1)
    hop: int = option(8, "frames from image to image in training", minimum=1)
    score_hop: int = option(1, "frames from image to image in scoring", minimum=1)
    bracket_slip: BracketSlip = option(
        "scores-and-threshold",
        "what is computed with the published code's misplaced bracket, log((1 - p) - log(p)) for log((1 - p) / p): all "
        "scores, as in 2021, those of training clips, which make the threshold, as in 2022 (threshold), or none",
    )
    mixed_precision: bool = option(True, "compute training steps in bfloat16 on a GPU")


@hookimpl
def asd_detectors() -> list[DetectorSpec]:
    package = "asd_bench_dcase_baselines"
    return [
        DetectorSpec(
            name="dcase2023-ae",
            summary="autoencoder of five frames: squared error, and selective Mahalanobis distance of the residuals",
            target=f"{package}.selective:SelectiveMahalanobis",
            frontend="mel",
            config=SelectiveConfig,
            components=("mse", "mahalanobis"),
            scope="machine",
        ),
        DetectorSpec(
            name="dcase2021-ae",
            summary="autoencoder of five frames as trained by the Keras baselines of 2021 and 2022: squared error",
            target=f"{package}.reconstruction:Reconstruction",
            frontend="mel",
            config=KerasAutoencoderConfig,
            components=("mse",),
            scope="machine",
        ),
        DetectorSpec(
            name="dcase2020-ae",
            summary="autoencoder of five frames as trained by the Keras baseline of 2020: squared error",
            target=f"{package}.reconstruction:Reconstruction",
            frontend="mel-dcase2020",
            config=KerasAutoencoderConfig,
            components=("mse",),
            scope="machine",
        ),
        DetectorSpec(
            name="idnn",
            summary="predicts a frame from two before and two after it: squared error",
            target=f"{package}.interpolation:Interpolation",
            frontend="mel-dcase2020",
            config=IdnnConfig,
            components=("mse",),
            scope="machine",
        ),
        DetectorSpec(
            name="dcase-mobilenetv2",
            summary="MobileNetV2 that tells sections apart: mean log-odds against a clip's own section",
            target=f"{package}.classification:Classification",
            frontend="mel",
            config=MobileNetConfig,
            components=("log-odds",),
            scope="machine",
            min_classes=2,
        ),
    ]


_FIRST_SHOT = Paper(
    title="First-Shot Anomaly Sound Detection for Machine Condition Monitoring: A Domain Generalization Baseline",
    authors="N. Harada, D. Niizumi, Y. Ohishi, D. Takeuchi, M. Yasuda",
    year=2023,
    venue="EUSIPCO",
    url="https://arxiv.org/abs/2303.00455",
)
_TASK_2021 = Paper(
    title="Description and Discussion on DCASE 2021 Challenge Task 2: Unsupervised Anomalous Sound Detection for "
    "Machine Condition Monitoring under Domain Shifted Conditions",
    authors="Y. Kawaguchi, K. Imoto, Y. Koizumi, N. Harada, D. Niizumi, K. Dohi, R. Tanabe, H. Purohit, T. Endo",
    year=2021,
    venue="DCASE Workshop",
    url="https://arxiv.org/abs/2106.04492",
)
_TASK_2022 = Paper(
    title="Description and Discussion on DCASE 2022 Challenge Task 2: Unsupervised Anomalous Sound Detection for "
    "Machine Condition Monitoring Applying Domain Generalization Techniques",
    authors="K. Dohi, K. Imoto, N. Harada, D. Niizumi, Y. Koizumi, T. Nishida, H. Purohit, R. Tanabe, T. Endo, "
    "M. Yamamoto, Y. Kawaguchi",
    year=2022,
    venue="DCASE Workshop",
    url="https://arxiv.org/abs/2206.05876",
)
_TASK_2020 = Paper(
    title="Description and Discussion on DCASE2020 Challenge Task2: Unsupervised Anomalous Sound Detection for "
    "Machine Condition Monitoring",
    authors="Y. Koizumi, Y. Kawaguchi, K. Imoto, T. Nakamura, Y. Nikaido, R. Tanabe, H. Purohit, K. Suefusa, T. Endo, "
    "M. Yasuda, N. Harada",
    year=2020,
    venue="DCASE Workshop",
    url="https://arxiv.org/abs/2006.05822",
)
_IDNN = Paper(
    title="Anomalous Sound Detection Based on Interpolation Deep Neural Network",
    authors="K. Suefusa, T. Nishida, H. Purohit, R. Tanabe, T. Endo, Y. Kawaguchi",
    year=2020,
    venue="ICASSP",
    url="https://arxiv.org/abs/2005.09234",
)

#: Every fourth vector still touches every frame. The smaller batches make up for some of the steps that this saves.
_PROFILES: Mapping[str, Mapping[str, Any]] = {
    "quick": {"detector.epochs": 30, "detector.batch_size": 128, "detector.hop": 4},
    "smoke": {"detector.epochs": 10, "detector.batch_size": 64, "detector.hop": 4},
}

#: In some hundred steps the published learning rate teaches nothing, and running statistics that take a thousandth of
#: each step would hardly leave their first values.
_MOBILENET_PROFILES: Mapping[str, Mapping[str, Any]] = {
    "quick": {
        "detector.epochs": 6,
        "detector.batch_size": 16,
        "detector.lr": 1e-3,
        "detector.width": 0.35,
        "detector.norm_momentum": 0.1,
        "detector.hop": 32,
        "detector.score_hop": 32,
    },
    "smoke": {
        "detector.epochs": 2,
        "detector.batch_size": 8,
        "detector.lr": 1e-3,
        "detector.width": 0.35,
        "detector.norm_momentum": 0.1,
        "detector.n_frames": 16,
        "detector.hop": 16,
        "detector.score_hop": 8,
    },
}


@hookimpl
def asd_systems() -> list[SystemSpec]:
    return [
        SystemSpec(
            name="dcase2023-ae-mse",
            summary="official baseline of 2023 to 2026, simple autoencoder mode",
            members=(Member("dcase2023-ae", "mse"),),
            profiles=_PROFILES,
            paper=_FIRST_SHOT,
        ),
        SystemSpec(
            name="dcase2023-ae-mahalanobis",
            summary="official baseline of 2023 to 2026, selective Mahalanobis mode",
            members=(Member("dcase2023-ae", "mahalanobis"),),
            profiles=_PROFILES,
            paper=_FIRST_SHOT,
        ),
        SystemSpec(
            name="dcase2021-ae",
            summary="official autoencoder baseline of 2021 and 2022, one network per machine type",
            members=(Member("dcase2021-ae"),),
            profiles=_PROFILES,
            paper=_TASK_2021,
            aliases=("dcase2022-ae",),
        ),
        SystemSpec(
            name="dcase2020-ae",
            summary="official baseline of 2020, one autoencoder per machine type for all of its IDs",
            members=(Member("dcase2020-ae"),),
            profiles=_PROFILES,
            paper=_TASK_2020,
        ),
        SystemSpec(
            name="idnn",
            summary="interpolation network: the centre of five frames predicted from the others",
            members=(Member("idnn"),),
            profiles=_PROFILES,
            paper=_IDNN,
        ),
        SystemSpec(
            name="dcase2021-mobilenetv2",
            summary="official classifying baseline of 2021, one MobileNetV2 per machine type",
            members=(Member("dcase-mobilenetv2"),),
            profiles=_MOBILENET_PROFILES,
            paper=_TASK_2021,
        ),
        SystemSpec(
            name="dcase2022-mobilenetv2",
            summary="official classifying baseline of 2022: that of 2021, scored without its misplaced bracket",
            members=(Member("dcase-mobilenetv2", config={"bracket_slip": "threshold"}),),
            profiles=_MOBILENET_PROFILES,
            paper=_TASK_2022,
        ),
    ]
