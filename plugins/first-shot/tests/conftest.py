"""Made-up sound in place of audio, so that what the detectors compute can be worked out by hand."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from asd_bench import Classes, Context, UpstreamFit, Waves

#: Samples per frame of the stand-in frontend, and from frame to frame.
FRAME, HOP = 64, 32


class MadeUpAudio:
    """Stands in for `asd_bench.Audio`; its frontend is the magnitudes of short spectra, 32 bands.

    Args:
        clips: a table with wave (int16), machine, domain, attributes and perhaps clip_id and section, a row per clip.
    """

    def __init__(self, clips: pd.DataFrame) -> None:
        defaults = {"section": "00", "domain": "source", "attributes": ""}
        clips = clips.assign(**{name: value for name, value in defaults.items() if name not in clips})
        if "clip_id" not in clips:
            clips = clips.assign(clip_id=[f"clip{number:04d}" for number in range(len(clips))])
        self.table = clips = clips.sort_values(["machine", "section", "clip_id"], ignore_index=True)
        self.classes = Classes.of(clips)
        text = {name: clips[name].to_numpy(dtype=str) for name in ("clip_id", "machine", "section", "domain")}
        self.clips = SimpleClips(**text, class_id=self.classes.ids(clips))
        self.device = torch.device("cpu")
        self.transformed = 0

    def __len__(self) -> int:
        return len(self.table)

    def waves(self) -> Waves:
        offsets = np.concatenate([[0], np.cumsum([len(wave) for wave in self.table.wave])])
        return Waves(torch.from_numpy(np.concatenate(list(self.table.wave))), offsets)

    def transform(self, wave: torch.Tensor) -> torch.Tensor:
        self.transformed += len(wave)
        return torch.fft.rfft(wave.unfold(1, FRAME, HOP)).abs()[..., 1:]

    def only(self, rows) -> MadeUpAudio:
        """Some of the clips."""
        return MadeUpAudio(self.table.iloc[rows])


class SimpleClips(SimpleNamespace):
    def __len__(self) -> int:
        return len(self.clip_id)


class Remembered:
    """Stands in for the fit's log of events."""

    def __init__(self) -> None:
        self.written = []

    def write(self, kind, step, values):
        self.written.append((kind, step, dict(values)))


@pytest.fixture
def context(tmp_path):
    """A fit's context: ``context(audio, encoder=a fitted encoder, seed="a seed")``."""
    count = iter(range(100))

    def make(audio, encoder=None, seed="a seed"):
        folder = tmp_path / f"work {next(count)}"
        folder.mkdir()
        upstream = {}
        if encoder is not None:
            fit = UpstreamFit("*", folder)
            fit.__dict__["detector"] = encoder
            upstream = {"encoder": {"*": fit}}
        return Context(
            seed=seed,
            device=torch.device("cpu"),
            workdir=folder,
            classes=audio.classes,
            events=Remembered(),
            upstream=upstream,
        )

    return make


@pytest.fixture
def tones():
    """Clips of two machine types that hum, each attribute at another pitch, in noise.

    ``tones(pitches={("fan", "a"): 0.1, …}, clips=6)``: pitch in cycles per sample; the last third of the clips of an
    attribute is of the target domain.
    """

    def make(pitches=None, clips=6, seconds=(600, 700), targets=3, seed=0):
        rng = np.random.default_rng(seed)
        pitches = pitches or {("fan", "a"): 0.05, ("fan", "b"): 0.15, ("pump", "a"): 0.25, ("pump", "b"): 0.35}
        rows = []
        for (machine, attributes), pitch in pitches.items():
            for number in range(clips):
                n = int(rng.integers(*seconds))
                hum = np.sin(2 * np.pi * (pitch * np.arange(n) + rng.random()))
                wave = 3000 * hum + 600 * rng.standard_normal(n) + 50
                rows.append(
                    {
                        "wave": wave.astype(np.int16),
                        "machine": machine,
                        "attributes": attributes,
                        "domain": "target" if targets and number % targets == targets - 1 else "source",
                        "clip_id": f"{machine}{attributes}{seed}-{number:03d}",
                    }
                )
        return MadeUpAudio(pd.DataFrame(rows))

    return make
