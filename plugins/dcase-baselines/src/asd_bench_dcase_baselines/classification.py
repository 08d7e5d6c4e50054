"""The classifying detector: it learns to tell a machine type's sections apart, and is less sure of unusual sounds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional

from asd_bench import Audio, Clips, Context, Windows, clip_means, of_the_likeliest
from asd_bench.training import Adam, Recipe, batches
from asd_bench_dcase_baselines import MobileNetConfig
from asd_bench_dcase_baselines.mobilenetv2 import ImageClassifier, initialise
from asd_bench_dcase_baselines.odds import log_odds, slipped_log_odds
from asd_bench_dcase_baselines.reconstruction import hold_out

#: Keras's epsilon of Adam.
ADAM_EPS = 1e-7

#: Held-out images per pass.
CHUNK = 32


class Classification:
    """MobileNetV2 of log-mel images, one network per machine type.

    A clip's ``log-odds`` is the mean over its images of log((1 - p) / p), with p the probability of the clip's own
    section. Where a clip may be of several classes, the one with the smallest mean counts.
    """

    def __init__(self, config: MobileNetConfig) -> None:
        self.config = config
        self.network: ImageClassifier
        self.n_classes: int
        self.training_clips: frozenset[str]

    # -- the four methods ------------------------------------------------------------------------------------------

    def fit(self, audio: Audio, ctx: Context) -> None:
        config = self.config
        self.n_classes = len(ctx.classes)
        self.training_clips = frozenset(audio.clips.clip_id.tolist())
        self.network = self._new_network()
        initialise(self.network, torch.Generator().manual_seed(ctx.seed_of("weights")))
        self.network.to(ctx.device)
        windows = audio.windows(config.n_frames, config.hop)
        label = torch.from_numpy(audio.clips.class_id).to(ctx.device)[windows.clip]
        train, held_out = hold_out(len(windows), "last", ctx.rng("validation"))

        def plan(epoch: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
            return {"image": train[batches(len(train), config.batch_size, rng)]}

        def loss(batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
            image = batch["image"]
            return functional.cross_entropy(self.network(windows.gather(image)), label[image])

        ctx.train(
            Recipe(
                model=self.network,
                plan=plan,
                loss=loss,
                epochs=config.epochs,
                optimizer=Adam(lr=config.lr, eps=ADAM_EPS),
                autocast=config.mixed_precision and ctx.device.type == "cuda",
            )
        )
        # Nothing is decided by it, in the published code as here: it tells how much worse unseen images fare.
        ctx.log(config.epochs - 1, validation_loss=self._cross_entropy(windows, label, held_out))

    def score(self, audio: Audio, ctx: Context) -> dict[str, np.ndarray]:
        self.network.to(ctx.device).eval()

        def measure(images: torch.Tensor) -> torch.Tensor:
            # Rounded to float32, as Keras gives them: what rounds to 1 scores far below what does not.
            p = self.network(images).softmax(dim=1).double()
            return torch.cat([log_odds(p), slipped_log_odds(p)], dim=1)

        windows = audio.windows(self.config.n_frames, self.config.score_hop)
        right, slipped = clip_means([windows], len(audio), measure).chunk(2, dim=1)
        slips = torch.from_numpy(self._slips(audio.clips)).to(ctx.device).unsqueeze(1)
        means = torch.where(slips, slipped, right)
        return {"log-odds": of_the_likeliest(means, audio.clips.candidates).cpu().numpy()}

    def save(self, folder: Path) -> None:
        state = {name: values.contiguous() for name, values in self.network.state_dict().items()}
        save_file(state, folder / "network.safetensors")
        fitted = {"n_classes": self.n_classes, "training_clips": sorted(self.training_clips)}
        (folder / "fitted.json").write_text(json.dumps(fitted), encoding="utf-8")

    def load(self, folder: Path) -> None:
        fitted = json.loads((folder / "fitted.json").read_text(encoding="utf-8"))
        self.n_classes = fitted["n_classes"]
        self.training_clips = frozenset(fitted["training_clips"])
        self.network = self._new_network()
        self.network.load_state_dict(load_file(folder / "network.safetensors"))

    # -- images to scores ------------------------------------------------------------------------------------------

    def _new_network(self) -> ImageClassifier:
        return ImageClassifier(self.n_classes, self.config.width, self.config.norm_momentum)

    def _slips(self, clips: Clips) -> np.ndarray:
        """Which clips are scored with the misplaced bracket, bool of shape (clips,).

        The published code computes the scores of test clips, and those of training clips that its threshold is made of,
        in two places, of which one or both have the slip. Here training clips are scored like test clips and look like
        them, so the detector tells them by the ids that it was fitted on. An id names one clip, even among copies of
        the same sound: remembering ids can change the score of no test clip.
        """
        if self.config.bracket_slip == "threshold":
            return np.isin(clips.clip_id, sorted(self.training_clips))
        return np.full(len(clips.clip_id), self.config.bracket_slip == "scores-and-threshold")

    @torch.inference_mode()
    def _cross_entropy(self, windows: Windows, label: torch.Tensor, chosen: np.ndarray) -> float:
        total = sum(
            functional.cross_entropy(self.network(windows.gather(index)), label[index], reduction="sum")
            for index in torch.from_numpy(chosen).to(label.device).split(CHUNK)
        )
        return float(total) / len(chosen)
