"""The data path: packing, log-mel, and a whole run without training."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
from fourteen import TEST, TRAIN, write
from timing import Measured, cpu_seconds, in_turns

CLIPS = 100


def packing(folder: Path) -> Iterator[Measured]:
    """Decoding, checking, digesting and writing a store, against a loop that only decodes."""
    import pandas as pd

    from asd_bench.data.manifest import LISTING
    from asd_bench.data.store import pack

    draws = np.random.default_rng(0)
    for suffix in ("wav", "flac"):
        root = folder / suffix
        (root / "fan").mkdir(parents=True)
        rows = []
        for number in range(CLIPS):
            noise = (draws.standard_normal(160_000) * 2000).astype(np.int16)
            soundfile.write(root / "fan" / f"{number:03d}.{suffix}", noise, 16000, subtype="PCM_16")
            rows.append((f"fan/{number:03d}.{suffix}", "fan", "00", "train", "dev", "", ""))
        listing = pd.DataFrame(rows, columns=list(LISTING))

        def ours(listing=listing, root=root, suffix=suffix) -> None:
            shutil.rmtree(folder / f"store-{suffix}", ignore_errors=True)
            pack(listing, "fan", root, folder / f"store-{suffix}", 16000, lambda *_: None)

        def decode(listing=listing, root=root) -> None:
            for path in listing.path:
                soundfile.read(root / path, dtype="int16")

        rate, reference = in_turns(ours, decode, CLIPS)
        yield Measured(f"packing {suffix}", "clips/s", rate, "soundfile.read alone", reference)


def log_mel() -> Iterator[Measured]:
    """The mel frontend as frames are computed for the cache, against librosa clip by clip."""
    import librosa

    from asd_bench.builtin.frontends import MelConfig
    from asd_bench.builtin.frontends.mel import Mel
    from asd_bench.frontends import apply_on_one_core, run_side_by_side

    wave = (np.random.default_rng(0).standard_normal((CLIPS, 160_000)) * 2000).astype(np.int16)
    mel = Mel(MelConfig())
    batches = np.array_split(np.arange(CLIPS), 8)

    def some(rows: np.ndarray) -> None:
        apply_on_one_core(mel, wave[rows])

    def ours() -> None:
        run_side_by_side(some, batches)

    def loop() -> None:
        for clip in wave:
            power = librosa.feature.melspectrogram(
                y=clip / np.float32(32768), sr=16000, n_fft=1024, hop_length=512, n_mels=128, power=2.0
            )
            10 * np.log10(np.maximum(power, np.finfo(float).eps))

    rate, reference = in_turns(ours, loop, CLIPS)
    yield Measured("log-mel", "clips/s", rate, "librosa clip by clip", reference, target=2.5)


def whole_run(folder: Path) -> Iterator[Measured]:
    """mel-knn over 14 machine types, in CPU-seconds beyond importing torch."""
    write(folder / "audio")
    script = str(Path(__file__).with_name("fourteen.py"))
    torch_alone = cpu_seconds(["-c", "import torch"])
    whole = cpu_seconds([script, str(folder / "audio"), str(folder / "workspace")])
    what = f"mel-knn, 14 machines × {TRAIN + TEST} clips"
    yield Measured(what, "CPU-s", whole - torch_alone, target=20)
