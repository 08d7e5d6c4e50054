"""The detector: a classifier that is unsure of a clip's class finds it anomalous."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional

from asd_bench import Audio, BenchError, Context, clip_means, of_the_likeliest
from asd_bench.training import Adam, Batch, Recipe
from asd_bench_small_rice import PretrainedConfig, SmallRiceConfig
from asd_bench_small_rice.losses import guarded_equation_4, nt_xent
from asd_bench_small_rice.networks import Autoencoder, Classifier, JointModel
from asd_bench_small_rice.pretraining import load_weights
from asd_bench_small_rice.scores import bounded_log_odds
from asd_bench_small_rice.segments import Segments, scored_segments, training_segments
from asd_bench_small_rice.training import TrainingSteps, learning_rates

logger = logging.getLogger(__name__)

#: The classifier's and the autoencoder's projected vectors, and the temperature, to a loss.
CONTRASTIVE: Mapping[str, Callable[[torch.Tensor, torch.Tensor, float], torch.Tensor]] = {
    "nt-xent": nt_xent,
    "eq4": guarded_equation_4,
}


class SmallRice:
    """A classifier of the machine's classes that learned jointly with an autoencoder.

    A clip's ``log-odds`` is the mean over its segments of log((1 - ŷ) / ŷ), ŷ being the probability of its class; where
    it may be of several classes, the smallest of these means.
    """

    def __init__(self, config: SmallRiceConfig) -> None:
        self.config = config
        self.classifier: Classifier
        #: Frames per segment in training.
        self.n_frames: int

    # -- the four methods ------------------------------------------------------------------------------------------

    def fit(self, audio: Audio, ctx: Context) -> None:
        config = self.config
        torch.manual_seed(ctx.seed_of("weights"))
        # Drawn first, so that its weights are the same whatever learns beside it.
        self.classifier = self._first_classifier(len(ctx.classes))
        segments = training_segments(audio, config)
        self.n_frames = segments.windows.n
        clip = segments.windows.clip.cpu().numpy()
        steps = TrainingSteps(
            segments,
            audio.clips.class_id[clip],
            (audio.clips.domain == "target")[clip],
            len(ctx.classes),
            config,
        )
        model = self._model(segments).to(ctx.device)

        def loss(batch: Batch) -> torch.Tensor:
            inputs = steps.inputs(batch)
            if config.contrastive == "none":
                return functional.cross_entropy(model(inputs.frames), inputs.target)
            logits, error, u, p = model(inputs.frames, inputs.lengths)
            contrast = CONTRASTIVE[config.contrastive](u, p, config.temperature)
            return error + functional.cross_entropy(logits, inputs.target) + config.contrastive_weight * contrast

        ctx.train(
            Recipe(
                model=model,
                plan=steps.plan,
                loss=loss,
                epochs=config.epochs,
                optimizer=Adam(lr=config.lr),
                tables={"lr": learning_rates(config.lr, config.halve_every, config.epochs)},
                autocast=config.mixed_precision and ctx.device.type == "cuda",
            )
        )

    def score(self, audio: Audio, ctx: Context) -> dict[str, np.ndarray]:
        self.classifier.to(ctx.device).eval()

        def measure(segments: torch.Tensor) -> torch.Tensor:
            return bounded_log_odds(self.classifier(segments))

        groups = [segments.windows for segments in scored_segments(audio, self.config, self.n_frames)]
        by_class = clip_means(groups, len(audio), measure)
        return {"log-odds": of_the_likeliest(by_class, audio.clips.candidates).cpu().numpy()}

    def save(self, folder: Path) -> None:
        # What the classifier learned with is of no use any more.
        state = {name: values.contiguous() for name, values in self.classifier.state_dict().items()}
        save_file(state, folder / "classifier.safetensors")
        shape = {"n_classes": self.classifier.head.out_features, "n_frames": self.n_frames}
        (folder / "classifier.json").write_text(json.dumps(shape), encoding="utf-8")

    def load(self, folder: Path) -> None:
        shape = json.loads((folder / "classifier.json").read_text(encoding="utf-8"))
        self.n_frames = shape["n_frames"]
        self.classifier = self._new_classifier(shape["n_classes"])
        self.classifier.load_state_dict(load_file(folder / "classifier.safetensors"))

    # -- networks --------------------------------------------------------------------------------------------------

    def _new_classifier(self, n_classes: int) -> Classifier:
        config = self.config
        return Classifier(config.backbone, config.stages, config.dropout, n_classes)

    def _first_classifier(self, n_classes: int) -> Classifier:
        """The classifier as training begins with it."""
        return self._new_classifier(n_classes)

    def _model(self, segments: Segments) -> nn.Module:
        """All that is trained: the classifier, and what it learns with."""
        config = self.config
        if config.contrastive == "none":
            # Nothing of the autoencoder would reach the classifier.
            return self.classifier
        if config.contrastive == "eq4":
            logger.warning(
                "equation 4 has no lower bound: terms below %g count as that and teach nothing", -2 / config.temperature
            )
        if segments.windows.n < config.ae_frames:
            raise BenchError(
                f"segments of {segments.windows.n} frames have no window of {config.ae_frames}", where="ae_frames"
            )
        n_bands = segments.windows.frames.values.shape[1]
        autoencoder = Autoencoder(config.ae_frames or segments.windows.n, n_bands, config.ae_bottleneck)
        return JointModel(self.classifier, autoencoder)


class PretrainedSmallRice(SmallRice):
    """The same with an image network that was trained on other sounds before."""

    config: PretrainedConfig

    def _first_classifier(self, n_classes: int) -> Classifier:
        classifier = super()._first_classifier(n_classes)
        load_weights(classifier.backbone, self.config.weights)
        return classifier
