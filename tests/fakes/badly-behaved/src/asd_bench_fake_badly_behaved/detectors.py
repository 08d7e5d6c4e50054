"""One well-behaved detector, and many that differ from it by one fault each."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np

from asd_bench import Audio, Context
from asd_bench_fake_badly_behaved import BadConfig


def mean_spectra(audio: Audio) -> np.ndarray:
    return np.stack([frames.double().mean(dim=0).cpu().numpy() for frames in audio.frames()])


class Good:
    """Distance to the nearest other training clip."""

    def __init__(self, config: BadConfig) -> None:
        self.config = config
        self.spectra: np.ndarray
        self.clip_id: np.ndarray

    def misbehaves_on(self, audio: Audio) -> bool:
        return self.config.machine in ("", audio.clips.machine[0])

    def fit(self, audio: Audio, ctx: Context) -> None:
        self.spectra, self.clip_id = mean_spectra(audio), audio.clips.clip_id

    def distances(self, audio: Audio) -> np.ndarray:
        distances = np.abs(mean_spectra(audio)[:, None] - self.spectra[None]).mean(axis=2)
        distances[audio.clips.clip_id[:, None] == self.clip_id[None]] = np.inf
        return distances.min(axis=1)

    def score(self, audio: Audio, ctx: Context) -> dict[str, np.ndarray]:
        return {"distance": self.distances(audio)}

    def save(self, folder: Path) -> None:
        np.save(folder / "spectra.npy", self.spectra)
        np.save(folder / "clip_id.npy", self.clip_id)

    def load(self, folder: Path) -> None:
        self.spectra, self.clip_id = np.load(folder / "spectra.npy"), np.load(folder / "clip_id.npy")


# -- while fitting -----------------------------------------------------------------------------------------------------


class BadFit(Good):
    """Misbehaves at the beginning of `fit`."""

    def fit(self, audio: Audio, ctx: Context) -> None:
        if self.misbehaves_on(audio):
            self.misbehave()
        super().fit(audio, ctx)

    def misbehave(self) -> None:
        raise NotImplementedError


class Raises(BadFit):
    def misbehave(self) -> None:
        raise ZeroDivisionError("a fault of the detector's own")


class Hangs(BadFit):
    def misbehave(self) -> None:
        time.sleep(3600)


class Exits(BadFit):
    def misbehave(self) -> None:
        os._exit(3)


class Killed(BadFit):
    def misbehave(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


class SysExits(BadFit):
    def misbehave(self) -> None:
        sys.exit(0)


class ReadsInput(BadFit):
    def misbehave(self) -> None:
        input("Do you accept the licence? ")


class LeavesThread(BadFit):
    def misbehave(self) -> None:
        threading.Thread(target=time.sleep, args=(3600,)).start()


class Prints(BadFit):
    def misbehave(self) -> None:
        print("printed by the detector")
        os.write(1, b"written by a library\n")
        print("complained by the detector", file=sys.stderr)


# -- while scoring -----------------------------------------------------------------------------------------------------


class BadScore(Good):
    """Spoils the scores."""

    def score(self, audio: Audio, ctx: Context) -> dict[str, np.ndarray]:
        distances = self.distances(audio)
        return {"distance": self.spoil(distances) if self.misbehaves_on(audio) else distances}

    def spoil(self, distances: np.ndarray) -> np.ndarray:
        raise NotImplementedError


class RaisesWhenScoring(Good):
    def score(self, audio: Audio, ctx: Context) -> dict[str, np.ndarray]:
        is_test = (audio.clips.class_id < 0).all()
        if is_test and self.misbehaves_on(audio):
            raise ZeroDivisionError("a fault of the detector's own")
        return super().score(audio, ctx)


class MissingComponent(Good):
    def score(self, audio: Audio, ctx: Context) -> dict[str, np.ndarray]:
        return {"likelihood": self.distances(audio)} if self.misbehaves_on(audio) else super().score(audio, ctx)


class WrongShape(BadScore):
    def spoil(self, distances: np.ndarray) -> np.ndarray:
        return distances[1:]


class NotANumber(BadScore):
    def spoil(self, distances: np.ndarray) -> np.ndarray:
        return np.where(np.arange(len(distances)) == 1, np.nan, distances)


class Narrow(BadScore):
    def spoil(self, distances: np.ndarray) -> np.ndarray:
        return distances.astype(np.float32)


class Unseeded(BadScore):
    def fit(self, audio: Audio, ctx: Context) -> None:
        super().fit(audio, ctx)
        noise = np.random.default_rng().normal(size=self.spectra.shape)
        self.spectra = self.spectra + (noise if self.misbehaves_on(audio) else 0.0)

    def spoil(self, distances: np.ndarray) -> np.ndarray:
        return distances


class CountsClips(BadScore):
    def spoil(self, distances: np.ndarray) -> np.ndarray:
        return distances + 0.1 * np.arange(len(distances))


class Transductive(BadScore):
    def spoil(self, distances: np.ndarray) -> np.ndarray:
        return (distances - distances.mean()) / distances.std()


class OwnNeighbour(Good):
    def distances(self, audio: Audio) -> np.ndarray:
        return np.abs(mean_spectra(audio)[:, None] - self.spectra[None]).mean(axis=2).min(axis=1)


class Inverted(BadScore):
    def spoil(self, distances: np.ndarray) -> np.ndarray:
        return -distances


class Wears(BadScore):
    def __init__(self, config: BadConfig) -> None:
        super().__init__(config)
        self.worn = 0.0

    def spoil(self, distances: np.ndarray) -> np.ndarray:
        self.worn += 0.01 * len(distances)
        return distances + self.worn


# -- while training ----------------------------------------------------------------------------------------------------


class AsksTheDevice(Good):
    def fit(self, audio: Audio, ctx: Context) -> None:
        import torch

        from asd_bench.training import Adam, Recipe

        super().fit(audio, ctx)
        rows = torch.from_numpy(self.spectra).float().to(ctx.device)
        torch.manual_seed(ctx.seed_of("weights"))
        model = torch.nn.Linear(rows.shape[1], 1)

        def loss(batch):
            outputs = model(rows[batch["rows"]])
            return outputs.square().mean() * (2.0 if outputs.max().item() > 0 else 1.0)

        def plan(epoch, rng):
            return {"rows": rng.integers(len(rows), size=(2, 4))}

        ctx.train(Recipe(model=model, plan=plan, loss=loss, epochs=1, optimizer=Adam(lr=1e-3)))


# -- while saving ------------------------------------------------------------------------------------------------------


class Forgets(Good):
    def fit(self, audio: Audio, ctx: Context) -> None:
        super().fit(audio, ctx)
        self.scale = 2.0

    def load(self, folder: Path) -> None:
        super().load(folder)
        self.scale = 1.0

    def score(self, audio: Audio, ctx: Context) -> dict[str, np.ndarray]:
        return {"distance": self.scale * self.distances(audio)}


#: What `Remembers` keeps here instead of saving it.
LEARNED: dict[str, float] = {}


class Remembers(Good):
    def fit(self, audio: Audio, ctx: Context) -> None:
        super().fit(audio, ctx)
        LEARNED["scale"] = 2.0

    def score(self, audio: Audio, ctx: Context) -> dict[str, np.ndarray]:
        return {"distance": LEARNED.get("scale", 1.0) * self.distances(audio)}


class Pickles(Good):
    def save(self, folder: Path) -> None:
        (folder / "detector.bin").write_bytes(pickle.dumps((self.spectra, self.clip_id)))

    def load(self, folder: Path) -> None:
        self.spectra, self.clip_id = pickle.loads((folder / "detector.bin").read_bytes())
