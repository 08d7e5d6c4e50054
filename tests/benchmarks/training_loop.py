"""Training steps through the harness against the same model in a bare torch loop."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from timing import TURNS, Measured

from asd_bench import Windows
from asd_bench.context import Context, EventLog
from asd_bench.data.classes import Classes
from asd_bench.frontends import Frames
from asd_bench.training import Adam, Recipe, batches, train

CLIPS, FRAMES, BANDS = 100, 313, 128
N_FRAMES, BATCH = 5, 256


def autoencoder(folder: Path) -> Iterator[Measured]:
    """The dense autoencoder: windows gathered from frames step by step, against vectors laid out beforehand."""
    from asd_bench_dcase_baselines.autoencoder import DenseAutoencoder

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    values = torch.from_numpy(np.random.default_rng(0).standard_normal((CLIPS * FRAMES, BANDS)).astype(np.float32))
    windows = _windows(values.to(device))
    vectors = windows.gather(torch.arange(len(windows), device=device)).flatten(1)
    steps = -(-len(windows) // BATCH)

    def ours(turn: int) -> None:
        model = DenseAutoencoder(N_FRAMES * BANDS, N_FRAMES * BANDS)

        def loss(batch: dict[str, torch.Tensor]) -> torch.Tensor:
            inputs = windows.gather(batch["window"]).flatten(1)
            return (inputs - model(inputs)).square().mean()

        def plan(epoch: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
            return {"window": batches(len(windows), BATCH, rng)}

        work = folder / str(turn)
        work.mkdir(parents=True)
        context = Context("0", device, work, Classes(("a",), {}, (("fan", "00"),)), EventLog(work / "events.jsonl"))
        train(Recipe(model=model, plan=plan, loss=loss, epochs=1, optimizer=Adam(lr=1e-3)), context)

    def bare() -> None:
        model = DenseAutoencoder(N_FRAMES * BANDS, N_FRAMES * BANDS).to(device).train()
        optimizer = torch.optim.Adam(model.parameters(), 1e-3)
        order = torch.randperm(len(vectors), device=device)
        for step in range(steps):
            inputs = vectors[order[step * BATCH : (step + 1) * BATCH]]
            optimizer.zero_grad()
            (inputs - model(inputs)).square().mean().backward()
            optimizer.step()

    ours(-1)
    bare()
    rates = [(_rate(lambda turn=turn: ours(turn), steps), _rate(bare, steps)) for turn in range(TURNS)]
    rate, reference = np.median(rates, axis=0)
    yield Measured("autoencoder training, batch 256", "steps/s", rate, "a bare torch loop", reference, target=0.85)


def _windows(values: torch.Tensor) -> Windows:
    frames = Frames(values, np.arange(0, (CLIPS + 1) * FRAMES, FRAMES))
    per_clip = FRAMES - N_FRAMES + 1
    clip = torch.arange(CLIPS).repeat_interleave(per_clip)
    start = clip * FRAMES + torch.arange(per_clip).repeat(CLIPS)
    return Windows(frames, N_FRAMES, start.to(values.device), clip.to(values.device))


def _rate(work, steps: int) -> float:
    start = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return steps / (time.perf_counter() - start)
