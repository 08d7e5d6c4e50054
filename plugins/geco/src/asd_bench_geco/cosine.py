"""The detectors whose score is a clip's distance to the centre of its class: GeCo and its baseline."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from asd_bench import Audio, BenchError, Context, Windows, clip_means, of_the_likeliest
from asd_bench.training import Recipe, Sgd
from asd_bench_geco import ClassifierConfig, GecoConfig
from asd_bench_geco.classification import Classification
from asd_bench_geco.crops import crops_in_turn, every_crop, whole_clips
from asd_bench_geco.joint import JointTraining, new_contrast
from asd_bench_geco.network import CropClassifier
from asd_bench_geco.pae import PredictiveAutoencoder
from asd_bench_geco.schedules import stepped


class CosineDistance:
    """A classifier of the dataset's classes; a clip's ``cosine`` is 1 − cos of its embedding and its class's centre.

    Of several candidate classes the nearest counts. This is the paper's baseline.
    """

    def __init__(self, config: ClassifierConfig) -> None:
        self.config = config
        self.network: CropClassifier
        #: float64 of shape (classes, width).
        self.centres: np.ndarray

    # -- the four methods ------------------------------------------------------------------------------------------

    def fit(self, audio: Audio, ctx: Context) -> None:
        config = self.config
        crops = every_crop(audio, config.crop_frames)
        frames = crops.frames.values
        torch.manual_seed(ctx.seed_of("weights"))
        self.network = CropClassifier(frames.shape[1], len(ctx.classes), config.channels)
        if config.scaling == "standardised":
            self.network.scale.learn(frames)
        training = self._training(crops, audio, ctx)
        ctx.train(
            Recipe(
                model=training.model,
                plan=training.plan,
                loss=training.loss,
                epochs=config.epochs,
                optimizer=Sgd(lr=config.lr, momentum=config.momentum, weight_decay=config.weight_decay),
                tables={"lr": stepped(config.lr, config.milestones, config.epochs), **training.tables},
                autocast=config.mixed_precision and ctx.device.type == "cuda",
            )
        )
        self.centres = self._centres(audio, ctx)

    def score(self, audio: Audio, ctx: Context) -> dict[str, np.ndarray]:
        self.network.to(ctx.device).eval()
        embeddings = self._embed(audio, ctx)
        return {"cosine": cosine_distances(embeddings, self.centres, audio.clips.candidates)}

    def save(self, folder: Path) -> None:
        # safetensors takes no other layout.
        state = {name: value.contiguous() for name, value in self.network.state_dict().items()}
        save_file(state, folder / "network.safetensors")
        np.save(folder / "centres.npy", self.centres)

    def load(self, folder: Path) -> None:
        state = load_file(folder / "network.safetensors")
        n_classes = len(state["head.weight"])
        self.network = CropClassifier(len(state["scale.mean"]), n_classes, self.config.channels)
        self.network.load_state_dict(state)
        self.centres = np.load(folder / "centres.npy")

    # -- what GeCo does in another way -----------------------------------------------------------------------------

    def _training(self, crops: Windows, audio: Audio, ctx: Context) -> Classification:
        return Classification(self.network, crops, audio.clips.class_id, self.config.batch_size)

    # -- embeddings ------------------------------------------------------------------------------------------------

    def _centres(self, audio: Audio, ctx: Context) -> np.ndarray:
        if self.config.centre == "weights":
            return self.network.head.weight.detach().double().cpu().numpy()
        embeddings, class_id = self._embed(audio, ctx), audio.clips.class_id
        return np.stack([embeddings[class_id == number].mean(axis=0) for number in range(len(ctx.classes))])

    def _embed(self, audio: Audio, ctx: Context) -> np.ndarray:
        """Every clip's mean embedding over its pieces, float64 of shape (clips, width)."""
        crops = self.config.pieces == "crops"
        groups = [crops_in_turn(audio, self.config.crop_frames)] if crops else whole_clips(audio)
        return clip_means(groups, len(audio), self.network.embed).cpu().numpy()


class Geco(CosineDistance):
    """The same, trained on crops and their reconstructions by the machine types' PAEs, to tell them apart as well."""

    config: GecoConfig

    def _training(self, crops: Windows, audio: Audio, ctx: Context) -> JointTraining:
        autoencoders = {machine: fit.detector.network for machine, fit in ctx.upstream["pae"].items()}
        for machine, autoencoder in autoencoders.items():
            _check_fit(machine, autoencoder, crops)
            autoencoder.to(ctx.device).eval().requires_grad_(False)
        torch.manual_seed(ctx.seed_of("contrast"))
        contrast = new_contrast(self.config, self.network)
        return JointTraining(self.network, contrast, crops, audio.clips, self.config, autoencoders)


def cosine_distances(embeddings: np.ndarray, centres: np.ndarray, candidates: Sequence[Sequence[int]]) -> np.ndarray:
    """1 − cos of each clip's embedding and the nearest centre among the classes that the clip may belong to.

    Args:
        embeddings: shape (clips, width).
        centres: shape (classes, width).
        candidates: class ids of every clip.

    Returns:
        float64 of shape (clips,), from 0 to 2. An embedding of zero length is at 1 from everything.

    Raises:
        BenchError: a clip has no candidates.
    """
    distances = 1.0 - _directions(embeddings) @ _directions(centres).T
    return of_the_likeliest(torch.from_numpy(distances), candidates).numpy()


def _directions(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(lengths > 0, lengths, 1.0)


def _check_fit(machine: str, autoencoder: PredictiveAutoencoder, crops: Windows) -> None:
    """Whether a PAE's frames can be put into the crops.

    Raises:
        BenchError: its windows do not fill a crop, or its frames have another number of bands.
    """
    if crops.n % autoencoder.n_frames:
        raise BenchError(
            f"a crop of {crops.n} frames is no whole number of the PAE's windows of {autoencoder.n_frames}",
            fix="set geco.crop_frames to a multiple of pae.n_frames",
        )
    n_bands, theirs = crops.frames.values.shape[1], len(autoencoder.scale.mean)
    if n_bands != theirs:
        raise BenchError(
            f"GeCo hears {n_bands} bands, and the PAE of {machine} predicts {theirs}",
            fix="give both detectors the same frontend, for example by --set frontend.n_mels=…",
        )
