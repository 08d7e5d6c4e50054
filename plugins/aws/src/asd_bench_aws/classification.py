"""The classifiers: a sound that does not look like the machine that it comes from is anomalous."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional

from asd_bench import Audio, Context, Windows, clip_means, of_the_likeliest
from asd_bench.training import Adam, Batch, Recipe
from asd_bench_aws import ArcFaceConfig, ClassifierConfig, MobileNetConfig, ResNetConfig, SoftmaxConfig
from asd_bench_aws.arcface import ArcFace
from asd_bench_aws.images import training_images
from asd_bench_aws.networks import ImageClassifier, mobilenet_v2, resnet50
from asd_bench_aws.perturbation import (
    kl_divergence,
    mix_after_log,
    mix_before_log,
    mixture_targets,
    warp,
    warp_tables,
)
from asd_bench_aws.scores import negative_log_odds, negative_probabilities

#: Logits of shape (images, classes) and the number of IDs to scores of shape (images, IDs).
SCORES: Mapping[str, Callable[[torch.Tensor, int], torch.Tensor]] = {
    "probability": negative_probabilities,
    "log-odds": negative_log_odds,
}

#: Two batches of images and the share of the first to mixtures.
MIXES: Mapping[str, Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "before-log": mix_before_log,
    "after-log": mix_after_log,
}


class Classifier(ABC):
    """Tells the IDs of a machine type apart, and perturbed sounds of each from its true ones.

    A clip's ``anomaly`` is the negative mean over its images of the probability of its ID among all classes, or the
    mean logarithm of the odds against it. Where a clip may be of several classes the likeliest counts.
    """

    def __init__(self, config: ClassifierConfig) -> None:
        self.config = config
        self.n_ids: int
        self.network: ImageClassifier

    # -- what sets one apart from another --------------------------------------------------------------------------

    @abstractmethod
    def _backbone(self) -> nn.Module:
        """The image network with its first weights."""

    @abstractmethod
    def _head(self, n_features: int, n_classes: int) -> nn.Module:
        """The last layer with its first weights."""

    @abstractmethod
    def _n_mixed(self) -> int:
        """How many images of a batch are for mixing."""

    @abstractmethod
    def _loss(self, images: torch.Tensor, batch: Batch, windows: Windows) -> torch.Tensor:
        """The loss of a step.

        Args:
            images: of the batch, warped where they should be, shape (batch, frames, bands), in dB.
            batch: as `TrainingImages.plan` drew it.
            windows: where it finds the images to mix in.
        """

    # -- the four methods ------------------------------------------------------------------------------------------

    def fit(self, audio: Audio, ctx: Context) -> None:
        config = self.config
        self.n_ids = len(ctx.classes)
        images = training_images(
            audio,
            self.n_ids,
            n_frames=config.n_frames,
            hop=config.hop,
            speeds=config.speeds,
            n_warps=len(config.warps),
        )
        windows = images.windows
        frames = audio.frames().values
        # The first row is that of images which are not warped.
        tables = warp_tables((0.0, *config.warps), frames.shape[1])
        lower, upper_share = (table.to(ctx.device) for table in tables)
        torch.manual_seed(ctx.seed_of("weights"))
        self.network = self._new_network(frames.shape[1]).to(ctx.device)
        self.network.bands.learn(frames)

        def plan(epoch: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
            return images.plan(config.batch_size, self._n_mixed(), rng)

        def loss(batch: Batch) -> torch.Tensor:
            warped = warp(windows.gather(batch["image"]), lower[batch["warp"]], upper_share[batch["warp"]])
            return self._loss(warped, batch, windows)

        ctx.train(
            Recipe(
                model=self.network,
                plan=plan,
                loss=loss,
                epochs=config.epochs,
                optimizer=Adam(lr=config.lr),
                autocast=config.mixed_precision and ctx.device.type == "cuda",
            )
        )

    def score(self, audio: Audio, ctx: Context) -> dict[str, np.ndarray]:
        self.network.to(ctx.device).eval()

        def measure(images: torch.Tensor) -> torch.Tensor:
            return SCORES[self.config.score](self.network(images), self.n_ids)

        windows = audio.windows(self.config.n_frames, self.config.hop)
        by_id = clip_means([windows], len(audio), measure)
        return {"anomaly": of_the_likeliest(by_id, audio.clips.candidates).cpu().numpy()}

    def save(self, folder: Path) -> None:
        state = {name: values.contiguous() for name, values in self.network.state_dict().items()}
        save_file(state, folder / "network.safetensors")
        shape = {"n_ids": self.n_ids, "n_bands": len(self.network.bands.mean)}
        (folder / "network.json").write_text(json.dumps(shape), encoding="utf-8")

    def load(self, folder: Path) -> None:
        shape = json.loads((folder / "network.json").read_text(encoding="utf-8"))
        self.n_ids = shape["n_ids"]
        self.network = self._new_network(shape["n_bands"])
        self.network.load_state_dict(load_file(folder / "network.safetensors"))

    def _new_network(self, n_bands: int) -> ImageClassifier:
        backbone = self._backbone()
        n_variants = 1 + len(self.config.warps) + len(self.config.speeds)
        return ImageClassifier(n_bands, backbone, self._head(backbone.num_features, self.n_ids * n_variants))


class SoftmaxClassifier(Classifier):
    """Ends in a softmax, and is to find the proportions of mixtures of two IDs besides."""

    config: SoftmaxConfig

    def _head(self, n_features: int, n_classes: int) -> nn.Module:
        return nn.Linear(n_features, n_classes)

    def _n_mixed(self) -> int:
        return 0 if self.config.mixing == "none" else self.config.batch_size // 2

    def _loss(self, images: torch.Tensor, batch: Batch, windows: Windows) -> torch.Tensor:
        if self.config.mixing != "none":
            n_mixed, partners = self._n_mixed(), windows.gather(batch["partner"])
            mixed = MIXES[self.config.mixing](images[:n_mixed], partners, batch["share"])
            images = torch.cat([mixed, images[n_mixed:]])
        logits = self.network(images)
        target = mixture_targets(batch["label"], batch["partner_label"], batch["share"], logits.shape[1])
        return kl_divergence(logits, target)


class MobileNetClassifier(SoftmaxClassifier):
    """MobileNetV2."""

    config: MobileNetConfig

    def _backbone(self) -> nn.Module:
        return mobilenet_v2(self.config.width, self.config.norm_momentum)


class ResNetClassifier(SoftmaxClassifier):
    """ResNet-50."""

    config: ResNetConfig

    def _backbone(self) -> nn.Module:
        return resnet50(self.config.channels, self.config.norm_momentum)


class ArcFaceClassifier(Classifier):
    """MobileNetV2 that is trained with an angular margin, which needs one label per image: nothing is mixed."""

    config: ArcFaceConfig

    def _backbone(self) -> nn.Module:
        return mobilenet_v2(self.config.width, self.config.norm_momentum)

    def _head(self, n_features: int, n_classes: int) -> nn.Module:
        return ArcFace(n_features, n_classes, scale=self.config.scale, margin=self.config.margin)

    def _n_mixed(self) -> int:
        return 0

    def _loss(self, images: torch.Tensor, batch: Batch, windows: Windows) -> torch.Tensor:
        logits = self.network.head.with_margin(self.network.embed(images), batch["label"])
        return functional.cross_entropy(logits, batch["label"])
