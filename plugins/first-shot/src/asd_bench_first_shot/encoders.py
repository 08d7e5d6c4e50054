"""The concrete encoders: the paper's multi-task ones, EfficientNet-B0 and Transformer, and the parent recipe's."""

from __future__ import annotations

import numpy as np
from torch import nn

from asd_bench import Audio, BenchError, Context
from asd_bench.training import Adam, Recipe
from asd_bench_first_shot import EfficientNetConfig, EncoderConfig, ExposureConfig, TransformerConfig
from asd_bench_first_shot.encoder import Encoder
from asd_bench_first_shot.exposure import ExposureTraining
from asd_bench_first_shot.material import Labels, held_out
from asd_bench_first_shot.multitask import MultiTaskTraining
from asd_bench_first_shot.networks import EfficientNetBody, Embedder, TransformerBody
from asd_bench_first_shot.schedules import one_cycle


class MultiTaskEncoder(Encoder):
    """One network for all machine types, which learns to tell these and the attributes apart."""

    config: EfficientNetConfig | TransformerConfig

    def _train(self, audio: Audio, ctx: Context) -> np.ndarray:
        labels = Labels.of(audio.clips, ctx.classes)
        learned, is_inlier = learned_and_inliers(audio, self.config, ctx)
        (embedder,) = self.embedders
        training = MultiTaskTraining(
            embedder, self.segments(audio), labels, learned, self.config, audio.transform, ctx.device
        )
        train(training, self.config, ctx)
        ctx.log(machine_types=len(labels.machines), attribute_classes=len(labels.machine_of_class))
        return is_inlier


class EfficientNetEncoder(MultiTaskEncoder):
    """The first of the paper's two encoders."""

    config: EfficientNetConfig

    def _new_embedders(self, n_frames: int, n_bands: int, *, learned: bool) -> nn.ModuleList:
        return nn.ModuleList([efficientnet(self.config, learned)])


class TransformerEncoder(MultiTaskEncoder):
    """The second of the paper's two encoders."""

    config: TransformerConfig

    def _new_embedders(self, n_frames: int, n_bands: int, *, learned: bool) -> nn.ModuleList:
        if n_bands % self.config.heads or n_bands % 2:
            raise BenchError(
                f"{self.config.heads} attention heads cannot share {n_bands} bands",
                where="heads; frontend.n_mels",
                fix="choose an even number of bands that is a multiple of the heads",
            )
        body = TransformerBody(
            n_frames, n_bands, layers=self.config.layers, heads=self.config.heads, hidden=self.config.hidden
        )
        return nn.ModuleList([Embedder(body, self.config.embedding_size, dropout=0.0)])


class ExposureEncoder(Encoder):
    """The parent recipe's: one EfficientNet-B0 per machine type, which learns to tell it from all others."""

    config: ExposureConfig

    def _new_embedders(self, n_frames: int, n_bands: int, *, learned: bool) -> nn.ModuleList:
        return nn.ModuleList(efficientnet(self.config, learned) for _ in self.machines)

    def _train(self, audio: Audio, ctx: Context) -> np.ndarray:
        if len(self.machines) < 2:
            raise BenchError(
                f"outlier exposure needs other machine types' sound, and there is only {self.machines[0]}",
                fix="put the training clips of other machine types under the data root, or take first-shot instead",
            )
        labels = Labels.of(audio.clips, ctx.classes)
        learned, is_inlier = learned_and_inliers(audio, self.config, ctx)
        training = ExposureTraining(
            list(self.embedders), self.segments(audio), labels, learned, self.config, audio.transform, ctx.device
        )
        train(training, self.config, ctx)
        ctx.log(machine_types=len(labels.machines), attribute_classes=len(labels.machine_of_class))
        return is_inlier


def efficientnet(config: EfficientNetConfig | ExposureConfig, learned: bool) -> Embedder:
    """A new EfficientNet-B0 with its neck; one whose weights will be replaced is not fetched from anywhere."""
    body = EfficientNetBody("scratch" if learned else config.weights)
    return Embedder(body, config.embedding_size, config.dropout)


def learned_and_inliers(audio: Audio, config: EncoderConfig, ctx: Context) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the clips to learn from, int64; and which are inliers for back ends, bool of shape (clips,).

    Raises:
        BenchError: a machine type has too few clips for some to be held out.
    """
    if config.inliers == "all":
        return np.arange(len(audio)), np.ones(len(audio), dtype=bool)
    out = held_out(audio.clips, ctx.rng("held out"))
    missing = sorted(set(audio.clips.machine.tolist()) - set(audio.clips.machine[~out].tolist()))
    if missing:
        raise BenchError(
            f"{', '.join(missing)} has too few training clips for some to be held out", fix="set detector.inliers=all"
        )
    return np.flatnonzero(~out), out


def train(training: MultiTaskTraining | ExposureTraining, config: EncoderConfig, ctx: Context) -> None:
    """Train with AdamW through one cycle of the learning rate."""
    # Every epoch has as many steps as any other: one is drawn to count them.
    steps = len(training.plan(0, ctx.rng("number of steps"))["clip"])
    ctx.train(
        Recipe(
            model=training.model,
            plan=training.plan,
            loss=training.loss,
            epochs=config.epochs,
            optimizer=Adam(lr=config.lr, weight_decay=config.weight_decay, decoupled=True),
            tables=one_cycle(config.lr, config.epochs * steps),
            autocast=config.mixed_precision and ctx.device.type == "cuda",
        )
    )
