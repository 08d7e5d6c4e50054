"""A first-shot system of DCASE 2023 (Wang et al. 2023): a multi-task encoder, and KNN, LOF and GMM behind it.

Declarations only, so that importing this costs no torch. `segments`, `mixing` and `material` are what encoders learn
from, `networks` what learns, `multitask` and `exposure` the tasks and their losses, `encoder` and `encoders` the
detectors that embed; `inliers` is what back ends compare with, `neighbours` and `mixtures` their mathematics,
`aggregation` a clip's score from its segments', `backends` the detector that scores.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal

from asd_bench import DetectorSpec, Member, Paper, SystemSpec, TopK, Use, hookimpl, option

Weights = Literal["scratch", "noisy-student"]
Standardise = Literal["machine", "clip"]
InlierClips = Literal["all", "held-out"]
AttributeClasses = Literal["all", "own-machine"]
Covariance = Literal["full", "diag"]

#: Numbers of neighbours (KNN, LOF) and of Gaussians (GMM) that back ends score with, all at once.
SETTINGS = (1, 2, 4, 8, 16, 32)

#: How a clip's score is made from those of its segments.
AGGREGATIONS = ("mean", "max", "median", "upper")


#: What the back ends emit: ``knn1-mean``, …, ``gmm32-upper``.
COMPONENTS = tuple(
    f"{method}{setting}-{how}" for method, setting, how in product(("knn", "lof", "gmm"), SETTINGS, AGGREGATIONS)
)


@dataclass(frozen=True)
class EncoderConfig:
    """What the encoders have in common."""

    epochs: int = option(300, "passes over the training clips, each with one random segment per clip", minimum=1)
    batch_size: int = option(128, "segments per step", minimum=2)
    lr: float = option(1e-3, "AdamW's highest learning rate, in the cycle that it goes through", minimum=0)
    weight_decay: float = option(0.0, "AdamW's weight decay", minimum=0)
    mixup: float = option(
        0.2, "α of the Beta distribution by which waveforms are mixed in training; 0 mixes none", minimum=0
    )
    segment: int = option(32_000, "samples per segment, 2.0 s at 16 kHz; shorter clips are repeated", minimum=1)
    n_segments: int = option(10, "segments per clip that are embedded for scoring", minimum=1)
    standardise: Standardise = option(
        "machine",
        "whose waveforms' mean and variance are made 0 and 1: of a machine type's training clips, or a clip's",
    )
    inliers: InlierClips = option(
        "all",
        "clips that back ends compare with: all training clips, or a sixth of the source and a third of the target "
        "clips, held out of the encoder's training",
    )
    embedding_size: int = option(128, "numbers per embedding", minimum=1)
    mixed_precision: bool = option(True, "compute training steps in bfloat16 on a GPU")


@dataclass(frozen=True)
class MultiTaskConfig(EncoderConfig):
    """The paper's task."""

    attribute_weight: float = option(1.0, "weight of the attributes' loss beside the machine types'", minimum=0)
    attribute_classes: AttributeClasses = option(
        "all", "which attributes a clip's are told from: those of all machine types, or of its own"
    )


@dataclass(frozen=True)
class EfficientNetConfig(MultiTaskConfig):
    """The encoder made of EfficientNet-B0."""

    weights: Weights = option(
        "scratch", "first weights: random ones, or Noisy Student's, which timm fetches and keeps in its cache"
    )
    dropout: float = option(0.3, "share of EfficientNet's outputs that are dropped in training", minimum=0)


@dataclass(frozen=True)
class TransformerConfig(MultiTaskConfig):
    """The encoder made of a Transformer; it is as wide as frames have bands."""

    layers: int = option(4, "layers", minimum=1)
    heads: int = option(4, "attention heads of every layer", minimum=1)
    hidden: int = option(128, "width of the layers' feed-forward networks", minimum=1)


@dataclass(frozen=True)
class ExposureConfig(EncoderConfig):
    """The parent recipe's encoders, one EfficientNet-B0 per machine type."""

    batch_size: int = option(128, "segments per step and machine type, half of them of other machine types", minimum=4)
    inliers: InlierClips = option(
        "held-out",
        "clips that back ends compare with: all training clips, or a sixth of the source and a third of the target "
        "clips, held out of the encoder's training",
    )
    section_weight: float = option(10.0, "weight of the sections' loss beside that of the machine type", minimum=0)
    weights: Weights = option(
        "scratch", "first weights: random ones, or Noisy Student's, which timm fetches and keeps in its cache"
    )
    dropout: float = option(0.3, "share of EfficientNet's outputs that are dropped in training", minimum=0)


@dataclass(frozen=True)
class BackEndConfig:
    """What the back ends compare with, and the Gaussian mixtures."""

    mixes: int = option(50, "mixtures of a source and a target clip per section that count as normal, too", minimum=0)
    covariance: Covariance = option("full", "shape of the Gaussians' covariances")
    floor: float = option(1e-6, "added to the diagonals of the Gaussians' covariances", minimum=0)


def _detectors(name: str, summary: str, target: str, frontend: str, config: type) -> list[DetectorSpec]:
    """An encoder and its back ends."""
    package = "asd_bench_first_shot"
    return [
        DetectorSpec(
            name=name,
            summary=summary,
            target=f"{package}.encoders:{target}",
            frontend=frontend,
            config=config,
            components=(),
            scope="dataset",
            min_classes=2,
        ),
        DetectorSpec(
            name=f"{name}-back-ends",
            summary=f"KNN, LOF and GMM of every setting over segments embedded by {name}",
            target=f"{package}.backends:BackEnds",
            frontend=frontend,
            config=BackEndConfig,
            components=COMPONENTS,
            scope="section",
            uses=(Use("encoder", name),),
        ),
    ]


@hookimpl
def asd_detectors() -> list[DetectorSpec]:
    return [
        *_detectors(
            "first-shot-efficientnet",
            "EfficientNet-B0 that tells machine types and attributes apart; embeds for its back ends",
            "EfficientNetEncoder",
            "mel-first-shot",
            EfficientNetConfig,
        ),
        *_detectors(
            "first-shot-transformer",
            "Transformer that tells machine types and attributes apart; embeds for its back ends",
            "TransformerEncoder",
            "mel-first-shot-transformer",
            TransformerConfig,
        ),
        *_detectors(
            "first-shot-oe",
            "one EfficientNet-B0 per machine type that tells it from the others; embeds for its back ends",
            "ExposureEncoder",
            "mel-first-shot",
            ExposureConfig,
        ),
    ]


_PAPER = Paper(
    title="Self-Supervised Representation Learning for First-Shot Unsupervised Anomalous Sound Detection",
    authors="Jiajun Wang, Junjie Wang, Shengbing Chen, Zhiqi Xu, Mengyuan Wan",
    year=2023,
    venue="DCASE Challenge, technical report",
)
_PARENT = Paper(
    title="Two-Stage Anomalous Sound Detection Systems Using Domain Generalization and Specialization Techniques",
    authors="I. Kuroyanagi, T. Hayashi, K. Takeda, T. Toda",
    year=2022,
    venue="DCASE Challenge, technical report",
    url="https://github.com/ibkuroyagi/dcase2022_task2_challenge_recipe",
)

#: Fixed before any result was seen: the number of neighbours or of Gaussians, and the mean over segments.
_DEFAULTS = {"knn": "knn1-mean", "lof": "lof16-mean", "gmm": "gmm2-mean"}

#: Profile -> what it changes in every encoder, in its back ends, and in the frontend of either.
_CHANGES: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any], Mapping[str, Any]]] = {
    "quick": ({"epochs": 60, "batch_size": 32}, {}, {"n_mels": 64, "hop": 512}),
    "smoke": (
        {"epochs": 4, "batch_size": 8, "segment": 8000, "n_segments": 5, "embedding_size": 16},
        {"mixes": 6},
        {"n_mels": 32, "hop": 512},
    ),
}


def profiles(*encoders: str) -> dict[str, dict[str, Any]]:
    """The profiles of a system that has these encoders: what ``quick`` and ``smoke`` change."""
    made: dict[str, dict[str, Any]] = {}
    for profile, (of_encoder, of_back_ends, of_frontend) in _CHANGES.items():
        changes = made.setdefault(profile, {})
        for encoder, (suffix, values) in product(encoders, (("", of_encoder), ("-back-ends", of_back_ends))):
            changes |= {f"{encoder}{suffix}.{name}": value for name, value in values.items()}
            changes |= {f"{encoder}{suffix}.frontend.{name}": value for name, value in of_frontend.items()}
    return made


def _member(encoder: str, component: str, name: str) -> Member:
    return Member(f"{encoder}-back-ends", component, name=name)


def _single(encoder: str, method: str) -> SystemSpec:
    return SystemSpec(
        name=f"{encoder}-{method}",
        summary=f"{method.upper()} behind {encoder}: {_DEFAULTS[method]}",
        members=(_member(encoder, _DEFAULTS[method], method),),
        profiles=profiles(encoder),
        paper=_PAPER,
    )


def _ensemble(
    name: str, summary: str, encoder: str, ensembler: str, paper: Paper, recipe: Mapping[str, Any] | None = None
) -> SystemSpec:
    """KNN, LOF and GMM behind one encoder."""
    return SystemSpec(
        name=name,
        summary=summary,
        members=tuple(_member(encoder, component, method) for method, component in _DEFAULTS.items()),
        ensembler=ensembler,
        recipe=recipe or {},
        profiles=profiles(encoder),
        paper=paper,
    )


@hookimpl
def asd_systems() -> list[SystemSpec]:
    encoders = ("first-shot-efficientnet", "first-shot-transformer")
    return [
        *(_single(encoder, method) for encoder, method in product(encoders, _DEFAULTS)),
        _ensemble(
            "first-shot",
            "mean of KNN, LOF and GMM behind one EfficientNet-B0 for all machine types; nothing is selected",
            encoders[0],
            "standardised-mean",
            _PAPER,
        ),
        _ensemble(
            "first-shot-transductive",
            "first-shot, its members' scores standardised with statistics of the test clips",
            encoders[0],
            "transductive-mean",
            _PAPER,
        ),
        SystemSpec(
            name="first-shot-selected",
            summary="mean of the three members that are best on the test labels, of every setting of both encoders",
            members=tuple(
                _member(encoder, component, f"{encoder.removeprefix('first-shot-')}-{component}")
                for encoder, component in product(encoders, COMPONENTS)
            ),
            ensembler="standardised-mean",
            profiles=profiles(*encoders),
            paper=_PAPER,
            select=TopK(3),
        ),
        _ensemble(
            "first-shot-oe",
            "the parent recipe of 2022: outlier exposure per machine type, mean of KNN, LOF and GMM; none is selected",
            "first-shot-oe",
            "transductive-mean",
            _PARENT,
            # The mixtures of the recipe's code never come about.
            recipe={"first-shot-oe-back-ends.mixes": 0},
        ),
    ]
