"""The Group-MADE detector: frames that its density makes unlikely are anomalous."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from asd_bench import Audio, BandScale, Context, clip_means
from asd_bench.training import Adam, Recipe, batches
from asd_bench_aws import GroupMadeConfig
from asd_bench_aws.group_made import FACTORISATIONS, N_FRAMES, GroupMade


class GroupMadeDetector:
    """Group-MADE, one per machine type, whatever its sections.

    A clip's ``nll`` is the mean over its windows of −log p, the density being that of the decibel values (nats per
    window, summed over bands and over the frames that are predicted).
    """

    def __init__(self, config: GroupMadeConfig) -> None:
        self.config = config
        self.bands: BandScale
        self.network: GroupMade

    # -- the four methods ------------------------------------------------------------------------------------------

    def fit(self, audio: Audio, ctx: Context) -> None:
        windows = audio.windows(N_FRAMES, self.config.hop)
        frames = windows.frames.values
        self.bands = BandScale(frames.shape[1]).to(ctx.device)
        self.bands.learn(frames)
        torch.manual_seed(ctx.seed_of("weights"))
        self.network = self._new_network(frames.shape[1]).to(ctx.device)

        def plan(epoch: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
            return {"window": batches(len(windows), self.config.batch_size, rng)}

        def loss(batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
            return self._negative_log_likelihood(windows.gather(batch["window"])).mean()

        ctx.train(
            Recipe(
                model=self.network,
                plan=plan,
                loss=loss,
                epochs=self.config.epochs,
                optimizer=Adam(lr=self.config.lr),
                autocast=self.config.mixed_precision and ctx.device.type == "cuda",
            )
        )

    def score(self, audio: Audio, ctx: Context) -> dict[str, np.ndarray]:
        self.bands.to(ctx.device)
        self.network.to(ctx.device).eval()

        def measure(windows: torch.Tensor) -> torch.Tensor:
            return self._negative_log_likelihood(windows).unsqueeze(1)

        windows = audio.windows(N_FRAMES, self.config.hop)
        return {"nll": clip_means([windows], len(audio), measure)[:, 0].cpu().numpy()}

    def save(self, folder: Path) -> None:
        save_file(self.network.state_dict(), folder / "network.safetensors")
        save_file(self.bands.state_dict(), folder / "bands.safetensors")
        (folder / "network.json").write_text(json.dumps({"n_bands": len(self.bands.mean)}), encoding="utf-8")

    def load(self, folder: Path) -> None:
        shape = json.loads((folder / "network.json").read_text(encoding="utf-8"))
        self.bands = BandScale(shape["n_bands"])
        self.bands.load_state_dict(load_file(folder / "bands.safetensors"))
        self.network = self._new_network(shape["n_bands"])
        self.network.load_state_dict(load_file(folder / "network.safetensors"))

    # -- what they share -------------------------------------------------------------------------------------------

    def _new_network(self, n_bands: int) -> GroupMade:
        return GroupMade(
            FACTORISATIONS[self.config.ordering],
            n_bands=n_bands,
            hidden=self.config.hidden,
            n_components=self.config.n_components,
        )

    def _negative_log_likelihood(self, windows: torch.Tensor) -> torch.Tensor:
        """−log p of windows of shape (windows, 5, bands), in dB; shape (windows,)."""
        standardised = self.network.negative_log_likelihoods(self.bands(windows))
        # A density of standardised values is one of decibels after division by the deviations.
        return (standardised + self.bands.deviation.log().sum()).sum(dim=1)
