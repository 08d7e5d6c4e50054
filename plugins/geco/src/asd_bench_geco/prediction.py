"""The PAE detector: how far the frames of a clip are from what their neighbours let expect."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from asd_bench import Audio, Context
from asd_bench.training import Adam, Recipe, batches
from asd_bench_geco import PaeConfig
from asd_bench_geco.pae import PredictiveAutoencoder, frame_at, masked_error
from asd_bench_geco.schedules import stepped

#: Windows per pass when nothing is learned: what a CPU's cache holds, and what keeps a GPU busy.
CPU_CHUNK = 512
GPU_CHUNK = 2**14


class Prediction:
    """A Predictive AutoEncoder per machine type; a clip's ``mse`` is its masked frames' mean squared error, in dB²."""

    def __init__(self, config: PaeConfig) -> None:
        self.config = config
        self.network: PredictiveAutoencoder

    def fit(self, audio: Audio, ctx: Context) -> None:
        config = self.config
        windows = audio.windows(config.n_frames, config.hop)
        torch.manual_seed(ctx.seed_of("weights"))
        network = PredictiveAutoencoder(windows.frames.values.shape[1], config)
        network.scale.learn(windows.frames.values)
        self.network = network.to(ctx.device)

        def plan(epoch: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
            window = batches(len(windows), config.batch_size, rng)
            return {"window": window, "position": rng.integers(config.n_frames, size=window.shape)}

        def loss(batch: dict[str, torch.Tensor]) -> torch.Tensor:
            chosen = windows.gather(batch["window"])
            return masked_error(network(chosen, batch["position"]), chosen, batch["position"]).mean()

        ctx.train(
            Recipe(
                model=network,
                plan=plan,
                loss=loss,
                epochs=config.epochs,
                optimizer=Adam(lr=config.lr),
                tables={"lr": stepped(config.lr, [config.lr_drop_epoch], config.epochs)},
                autocast=config.mixed_precision and ctx.device.type == "cuda",
            )
        )

    @torch.inference_mode()
    def score(self, audio: Audio, ctx: Context) -> dict[str, np.ndarray]:
        self.network.to(ctx.device).eval()
        windows = audio.windows(self.config.n_frames, self.config.hop)
        counts = torch.bincount(windows.clip, minlength=len(audio)).tolist()
        # Clip by clip: a GPU is busy with the windows of one, and what else is scored cannot move a clip's score.
        of_clips = torch.arange(len(windows), device=ctx.device).split(counts)
        errors = [
            self._error(windows.gather(index), clip_id, ctx)
            for index, clip_id in zip(of_clips, audio.clips.clip_id.tolist(), strict=True)
        ]
        return {"mse": torch.stack(errors).cpu().numpy()}

    def save(self, folder: Path) -> None:
        save_file(self.network.state_dict(), folder / "network.safetensors")

    def load(self, folder: Path) -> None:
        state = load_file(folder / "network.safetensors")
        self.network = PredictiveAutoencoder(len(state["scale.mean"]), self.config)
        self.network.load_state_dict(state)

    def _error(self, windows: torch.Tensor, clip_id: str, ctx: Context) -> torch.Tensor:
        """The mean squared error of one clip's masked frames, a float64 scalar."""
        position = torch.from_numpy(self._masked(len(windows), clip_id, ctx)).to(ctx.device)
        windows, position = windows.repeat_interleave(position.shape[1], dim=0), position.flatten()
        predicted = predicted_frames(self.network, windows, position, mixed_precision=False)
        return (predicted - frame_at(windows, position)).double().square().mean()

    def _masked(self, n_windows: int, clip_id: str, ctx: Context) -> np.ndarray:
        """Which frames of each window are masked in turn, int64 of shape (windows, masks)."""
        n_frames = self.config.n_frames
        if self.config.mask == "centre":
            return np.full((n_windows, 1), n_frames // 2)
        if self.config.mask == "random":
            return ctx.rng("mask", clip_id).integers(n_frames, size=(n_windows, 1))
        return np.tile(np.arange(n_frames), (n_windows, 1))


@torch.no_grad()
def predicted_frames(
    network: PredictiveAutoencoder, windows: torch.Tensor, position: torch.Tensor, mixed_precision: bool
) -> torch.Tensor:
    """The masked frames as a network predicts them, in decibels, without learning anything.

    Args:
        network: in evaluation mode.
        windows: decibels of shape (windows, frames, bands).
        position: int64 of shape (windows,), which frame is masked.
        mixed_precision: whether a GPU computes in bfloat16.

    Returns:
        float32 of shape (windows, bands).
    """
    chunk = CPU_CHUNK if windows.device.type == "cpu" else GPU_CHUNK
    autocast = torch.autocast(windows.device.type, torch.bfloat16, enabled=mixed_precision and windows.is_cuda)
    with autocast:
        parts = [
            frame_at(network(some, masked), masked)
            for some, masked in zip(windows.split(chunk), position.split(chunk), strict=True)
        ]
    return torch.cat(parts)
