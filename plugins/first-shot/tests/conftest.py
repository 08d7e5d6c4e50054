"""Made-up sound in place of audio, so that what the detectors compute can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from asd_bench import Classes, Clips, Waves

#: Samples per frame of the stand-in frontend, and from frame to frame.
FRAME, HOP = 64, 32


class MadeUpWaves:
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
        class_id = self.classes.ids(clips)
        names = ("clip_id", "machine", "section", "domain", "attributes")
        self.clips = Clips(
            **{name: clips[name].to_numpy(dtype=str) for name in names},
            n_samples=clips.wave.map(len).to_numpy(np.int64),
            class_id=class_id,
            candidates=tuple((int(number),) for number in class_id),
        )
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

    def only(self, rows) -> MadeUpWaves:
        """Some of the clips."""
        return MadeUpWaves(self.table.iloc[rows])


@pytest.fixture
def context(fit_context):
    """A fit's context: ``context(audio, encoder=a fitted encoder, seed="a seed")``."""

    def make(audio, encoder=None, seed="a seed"):
        upstream = {} if encoder is None else {"encoder": {"*": encoder}}
        return fit_context(seed, classes=audio.classes, upstream=upstream)

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
        return MadeUpWaves(pd.DataFrame(rows))

    return make
