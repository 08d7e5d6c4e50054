"""The classifying detector: it learns to tell a machine type's sections apart, and is less sure of unusual sounds."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional

from asd_bench import Audio, Clips, Context, Windows
from asd_bench.training import Adam, Recipe, batches
from asd_bench_dcase_baselines import MobileNetConfig
from asd_bench_dcase_baselines.mobilenetv2 import ImageClassifier, initialise
from asd_bench_dcase_baselines.odds import log_odds, of_the_likeliest, slipped_log_odds
from asd_bench_dcase_baselines.reconstruction import hold_out

#: Keras's epsilon of Adam.
ADAM_EPS = 1e-7

#: Images per pass when nothing is learned: what keeps a GPU busy, and what a CPU's cache holds.
GPU_CHUNK = 2048
CPU_CHUNK = 32


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
        slips = torch.from_numpy(self._slips(audio.clips)).to(ctx.device)
        means = self._clip_means(audio.windows(self.config.n_frames, self.config.score_hop), slips)
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
    def _clip_means(self, windows: Windows, slips: torch.Tensor) -> torch.Tensor:
        """The clips' mean log-odds of every class, float64 of shape (clips, classes).

        Args:
            windows: every clip's images.
            slips: which clips are scored with the misplaced bracket.
        """
        total = torch.zeros((len(slips), self.n_classes), dtype=torch.float64, device=slips.device)
        for index, logits in self._logits(windows, torch.arange(len(windows), device=slips.device)):
            # Rounded to float32, as Keras gives them: what rounds to 1 scores far below what does not.
            p = logits.softmax(dim=1).double()
            clip = windows.clip[index]
            total.index_add_(0, clip, torch.where(slips[clip].unsqueeze(1), slipped_log_odds(p), log_odds(p)))
        return total / torch.bincount(windows.clip, minlength=len(slips)).unsqueeze(1)

    @torch.inference_mode()
    def _cross_entropy(self, windows: Windows, label: torch.Tensor, chosen: np.ndarray) -> float:
        total = sum(
            functional.cross_entropy(logits, label[index], reduction="sum")
            for index, logits in self._logits(windows, torch.from_numpy(chosen).to(label.device))
        )
        return float(total) / len(chosen)

    def _logits(self, windows: Windows, chosen: torch.Tensor) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """The chosen images in parts, each with its logits.

        Every pass has as many images, the last filled up with copies of one: so an image's logits do not depend on how
        many others there are.
        """
        size = CPU_CHUNK if chosen.device.type == "cpu" else GPU_CHUNK
        for index in chosen.split(size):
            filled = torch.cat([index, index[-1:].expand(size - len(index))])
            yield index, self.network(windows.gather(filled))[: len(index)]
