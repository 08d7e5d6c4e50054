"""The autoencoder detector: trained to put out what it is given, it does so worse for sounds that it does not know."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from asd_bench import Audio, Context, Windows
from asd_bench.training import Adam, Recipe, batches
from asd_bench_dcase_baselines import AutoencoderConfig, Validation
from asd_bench_dcase_baselines.autoencoder import DenseAutoencoder, initialise

#: Frames per vector.
N_FRAMES = 5

#: One vector in so many is held out of training, rounded up.
HELD_OUT = 10

#: Vectors per pass when nothing is learned: what keeps a GPU busy, and what a CPU's cache holds.
GPU_CHUNK = 2**17
CPU_CHUNK = 2**13


def hold_out(n: int, validation: Validation, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Which of ``n`` vectors are trained on, and which are held out.

    ``last`` is what Keras's ``validation_split`` does: the end of the array, before anything is shuffled. The official
    array is in the order of file names, section by section, so its end is the last section's last clips. Clips here
    come section by section, too, but within a section in an order that says nothing, since file names are hidden from
    detectors: the last tenth is of the last section as well, and only which of its clips these are is another draw.

    Returns:
        two int64 arrays, ascending, together 0 … n - 1.
    """
    order = rng.permutation(n) if validation == "random" else np.arange(n)
    n_held_out = 0 if validation == "none" else -(-n // HELD_OUT)
    return np.sort(order[: n - n_held_out]), np.sort(order[n - n_held_out :])


class Reconstruction:
    """A dense autoencoder of vectors of five frames, one per machine type, whatever its sections.

    A clip's ``mse`` is its mean squared error over vectors and their numbers, in dB².
    """

    def __init__(self, config: AutoencoderConfig) -> None:
        self.config = config
        self.network: DenseAutoencoder

    # -- the four methods ------------------------------------------------------------------------------------------

    def fit(self, audio: Audio, ctx: Context) -> None:
        self._train(audio, ctx)

    def score(self, audio: Audio, ctx: Context) -> dict[str, np.ndarray]:
        self.network.to(ctx.device).eval()
        means = self._clip_means(self._windows(audio), len(audio))
        return {name: values.cpu().numpy() for name, values in self._components(means).items()}

    def save(self, folder: Path) -> None:
        save_file(self.network.state_dict(), folder / "network.safetensors")
        shape = {"n_in": self.network.n_in, "n_out": self.network.n_out}
        (folder / "network.json").write_text(json.dumps(shape), encoding="utf-8")

    def load(self, folder: Path) -> None:
        shape = json.loads((folder / "network.json").read_text(encoding="utf-8"))
        self.network = DenseAutoencoder(**shape)
        self.network.load_state_dict(load_file(folder / "network.safetensors"))

    # -- what other detectors of this kind do in another way -------------------------------------------------------

    def _inputs_and_targets(self, windows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What the network is given and what it should put out, frame after frame, from (vectors, 5, bands)."""
        vectors = windows.flatten(1)
        return vectors, vectors

    def _measures(self, residuals: torch.Tensor) -> dict[str, torch.Tensor]:
        """Numbers per vector whose means over a clip `_components` needs, each (vectors, k); from (vectors, n_out)."""
        return {"mse": residuals.square().mean(dim=1, keepdim=True)}

    def _components(self, means: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Component -> (clips,), from the clips' means of the measures, each float64 of shape (clips, k)."""
        return {"mse": means["mse"][:, 0]}

    # -- training --------------------------------------------------------------------------------------------------

    def _train(self, audio: Audio, ctx: Context) -> tuple[Windows, np.ndarray]:
        """Train the network.

        Returns:
            the vectors as windows of frames, and which of them were trained on.
        """
        windows = self._windows(audio)
        train, held_out = hold_out(len(windows), self.config.validation, ctx.rng("validation"))
        self.network = self._new_network(windows, ctx)

        def plan(epoch: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
            return {"window": train[batches(len(train), self.config.batch_size, rng)]}

        def loss(batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
            return self._residuals(windows, batch["window"]).square().mean()

        ctx.train(
            Recipe(
                model=self.network,
                plan=plan,
                loss=loss,
                epochs=self.config.epochs,
                optimizer=Adam(lr=self.config.lr, eps=self.config.adam_eps),
            )
        )
        if len(held_out):
            # Nothing is decided by it, in the baselines as here: it tells how much worse unseen vectors fare.
            ctx.log(self.config.epochs - 1, validation_loss=self._mean_squared_error(windows, held_out))
        return windows, train

    def _new_network(self, windows: Windows, ctx: Context) -> DenseAutoencoder:
        example = windows.gather(torch.zeros(1, dtype=torch.int64, device=ctx.device))
        inputs, targets = self._inputs_and_targets(example)
        network = DenseAutoencoder(inputs.shape[1], targets.shape[1])
        initialise(network, self.config.init, torch.Generator().manual_seed(ctx.seed_of("weights")))
        return network.to(ctx.device)

    # -- vectors and residuals -------------------------------------------------------------------------------------

    def _windows(self, audio: Audio) -> Windows:
        return audio.windows(N_FRAMES, self.config.hop)

    def _residuals(self, windows: Windows, index: torch.Tensor) -> torch.Tensor:
        """Target less output for the chosen vectors, shape (chosen, n_out)."""
        inputs, targets = self._inputs_and_targets(windows.gather(index))
        return targets - self.network(inputs)

    @torch.inference_mode()
    def _mean_squared_error(self, windows: Windows, chosen: np.ndarray) -> float:
        index = torch.from_numpy(chosen).to(windows.start.device)
        total = sum(self._residuals(windows, part).double().square().sum() for part in index.split(_chunk(index)))
        return float(total) / (len(index) * self.network.n_out)

    @torch.inference_mode()
    def _clip_means(self, windows: Windows, n_clips: int) -> dict[str, torch.Tensor]:
        """Means of the measures over every clip's vectors, each float64 of shape (clips, k)."""
        index = torch.arange(len(windows), device=windows.start.device)
        totals: dict[str, torch.Tensor] = {}
        for part in index.split(_chunk(index)):
            for name, values in self._measures(self._residuals(windows, part)).items():
                if name not in totals:
                    totals[name] = values.new_zeros((n_clips, values.shape[1]), dtype=torch.float64)
                totals[name].index_add_(0, windows.clip[part], values.double())
        n_windows = torch.bincount(windows.clip, minlength=n_clips).unsqueeze(1)
        return {name: total / n_windows for name, total in totals.items()}


def _chunk(index: torch.Tensor) -> int:
    return CPU_CHUNK if index.device.type == "cpu" else GPU_CHUNK
