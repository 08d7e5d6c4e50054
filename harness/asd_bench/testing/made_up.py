"""Stand-ins for what a detector is given, so that what it computes of them can be worked out by hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from asd_bench.context import EventLog
from asd_bench.data.clips import Clips
from asd_bench.frontends import Audio, Frames, Waves

#: What is known of every clip, beside its sound; the names are those of `Clips`.
OF_CLIPS = ("clip_id", "machine", "section", "domain", "attributes", "class_id", "candidates")


class SamplesSideBySide:
    """A frontend whose frames are a waveform's samples, as many in each as there are bands.

    Args:
        n_bands: how many.
    """

    def __init__(self, n_bands: int) -> None:
        self.n_features = n_bands
        self.min_samples = n_bands

    def n_frames(self, n_samples: int) -> int:
        return n_samples // self.n_features

    def __call__(self, wave: torch.Tensor) -> torch.Tensor:
        n_frames = self.n_frames(wave.shape[1])
        return wave[:, : n_frames * self.n_features].float().unflatten(1, (n_frames, self.n_features))


class MadeUpAudio(Audio):
    """`asd_bench.Audio` on the CPU with frames that a test makes up; in all else it is the real one.

    The frontend lays samples side by side (`SamplesSideBySide`), so the waveforms are the frames' numbers, rounded.
    Whatever is left out or empty of the clips is the same for all: the machine type ``fan``, section ``00``, no domain
    and no attributes, as where the protocol hides them.

    Args:
        clip_frames: of every clip, shape (frames, bands); copied.
        clip_id: ``clip 0``, ``clip 1``, … if left out.
        machine, section, domain, attributes: of every clip.
        class_id: of every clip; 0 if left out, or -1, as of test clips, where candidates are given.
        candidates: the classes that every clip may belong to; its own if left out, as of training clips.

    Raises:
        ValueError: what is given of clips is of another number of clips.
    """

    def __init__(
        self,
        clip_frames: Iterable[torch.Tensor],
        *,
        clip_id: Sequence[str] = (),
        machine: Sequence[str] = (),
        section: Sequence[str] = (),
        domain: Sequence[str] = (),
        attributes: Sequence[str] = (),
        class_id: Sequence[int] = (),
        candidates: Sequence[Sequence[int]] = (),
    ) -> None:
        parts = list(clip_frames)
        n = len(parts)
        offsets = np.cumsum([0, *(len(part) for part in parts)], dtype=np.int64)
        frames = Frames(torch.cat(parts).float(), offsets)
        classes = list(class_id) or [-1 if len(candidates) else 0] * n
        possible = list(candidates) or [(number,) for number in classes]
        clips = Clips(
            clip_id=np.array(list(clip_id) or [f"clip {number}" for number in range(n)], dtype=str),
            machine=np.array(list(machine) or ["fan"] * n, dtype=str),
            section=np.array(list(section) or ["00"] * n, dtype=str),
            domain=np.array(list(domain) or [""] * n, dtype=str),
            attributes=np.array(list(attributes) or [""] * n, dtype=str),
            n_samples=np.array([part.numel() for part in parts], dtype=np.int64),
            class_id=np.array(classes, dtype=np.int64),
            candidates=tuple(tuple(int(number) for number in classes) for classes in possible),
        )
        for name in OF_CLIPS:
            if len(getattr(clips, name)) != n:
                raise ValueError(f"there are {n} clips, and {name} is of {len(getattr(clips, name))}")
        frontend = SamplesSideBySide(frames.values.shape[1])
        rows = pd.DataFrame({"machine": clips.machine, "row": np.arange(n)})
        # Nothing is read: frames are there, and samples are made of them.
        super().__init__(clips, rows, {}, frontend, "made up", torch.device("cpu"), Path("there are no cached frames"))
        self._frames = frames

    @property
    def clip_frames(self) -> tuple[torch.Tensor, ...]:
        """Every clip's frames, float32 of shape (frames, bands): views, so what is changed in them is heard."""
        return tuple(self.frames())

    def waves(self) -> Waves:
        """The frames' numbers as samples, int16: rounded, and clipped at its bounds."""
        frames = self.frames()
        bounds = torch.iinfo(torch.int16)
        values = frames.values.round().clamp(bounds.min, bounds.max).to(torch.int16)
        return Waves(values.flatten(), frames.offsets * frames.values.shape[1])

    def waveform(self, rows: Sequence[int] | np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        waves = self.waves()
        lengths = self.clips.n_samples[rows]
        wave = torch.zeros((len(rows), int(lengths.max(initial=0))), dtype=torch.int16)
        for number, row in enumerate(rows):
            wave[number, : lengths[number]] = waves.values[waves.offsets[row] : waves.offsets[row + 1]]
        return wave, torch.from_numpy(lengths)

    def only(self, rows: Sequence[int] | np.ndarray) -> MadeUpAudio:
        """Some of the clips, with all that is known of them.

        Args:
            rows: positions in ``clips``.
        """
        frames = self.clip_frames
        of_clips = {name: [getattr(self.clips, name)[row] for row in rows] for name in OF_CLIPS}
        return MadeUpAudio([frames[row] for row in rows], **of_clips)

    # -- sounds ----------------------------------------------------------------------------------------------------

    @classmethod
    def noise(
        cls, lengths: Sequence[int], bands: int, *, seed: int = 0, scale: float = 1.0, **of_clips: Sequence
    ) -> MadeUpAudio:
        """Clips of white noise.

        Args:
            lengths: frames of every clip.
            bands: numbers per frame.
            seed: of what is drawn.
            scale: standard deviation of every number.
            of_clips: what is known of the clips, as `MadeUpAudio` takes it.
        """
        rng = np.random.default_rng(seed)
        drawn = [scale * rng.standard_normal((length, bands)) for length in lengths]
        return cls([torch.from_numpy(frames.astype(np.float32)) for frames in drawn], **of_clips)

    @classmethod
    def hum(
        cls, *, together: bool, clips: int = 8, frames: int = 40, bands: int = 8, seed: int = 0, **of_clips: Sequence
    ) -> MadeUpAudio:
        """Clips whose bands rise and fall slowly: together, which is easy to compress and to predict, or not.

        Args:
            together: whether all bands follow one walk, or each its own.
            clips: how many.
            frames: of every clip.
            bands: numbers per frame.
            seed: of what is drawn.
            of_clips: what is known of the clips, as `MadeUpAudio` takes it.
        """
        rng = np.random.default_rng(seed)
        drawn = []
        for _ in range(clips):
            level = rng.standard_normal((frames, 1 if together else bands))
            # Slow enough for a frame to resemble its neighbours, so that it can be told from them.
            slow = np.cumsum(level, axis=0) / 4
            drawn.append(torch.from_numpy((slow + np.zeros((frames, bands))).astype(np.float32)))
        return cls(drawn, **of_clips)


class RememberedEvents(EventLog):
    """Stands in for the fit's log of events: nothing is written, everything is kept.

    Attributes:
        written: (kind, step, values) of every event, in order.
    """

    def __init__(self) -> None:
        super().__init__(Path("there is no log"))
        self.written: list[tuple[str, int | None, dict[str, float]]] = []

    def write(self, kind: str, step: int | None, values: Mapping[str, float]) -> None:
        self.written.append((kind, step, dict(values)))

    def curve(self, name: str = "loss") -> dict[int | None, float]:
        """A metric's values by step; of a training's loss: its mean by epoch."""
        return {step: values[name] for kind, step, values in self.written if kind == "metric" and name in values}
