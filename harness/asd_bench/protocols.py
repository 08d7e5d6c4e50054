"""What a plugin's classes look like: a detector's four methods, an ensembler's two, a frontend's call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    import torch

    from asd_bench.context import Context
    from asd_bench.frontends import Audio


class Frontend(Protocol):
    """Waveforms to frames: stateless, batched, on whatever device the waveform is. Built as ``Frontend(config)``."""

    def __init__(self, config: Any) -> None: ...

    @property
    def n_features(self) -> int:
        """Numbers per frame."""
        ...

    @property
    def min_samples(self) -> int:
        """The shortest clip, in samples, that gives a frame."""
        ...

    def n_frames(self, n_samples: int) -> int:
        """Frames that a clip of that many samples gives."""
        ...

    def __call__(self, wave: torch.Tensor) -> torch.Tensor:
        """int16 or floating waveforms of shape (clips, samples) to float32 of shape (clips, frames, n_features)."""
        ...


class Detector(Protocol):
    """Fitted on normal clips, scores clips: higher means more anomalous. Built as ``Detector(config)``.

    A detector keeps nothing that it did not save: scoring may happen in another process than fitting.
    """

    def __init__(self, config: Any) -> None: ...

    def fit(self, audio: Audio, ctx: Context) -> None:
        """Learn from the training clips of the scope."""
        ...

    def score(self, audio: Audio, ctx: Context) -> Mapping[str, np.ndarray]:
        """Component -> float64 of shape (clips,), in the order of ``audio.clips``.

        The clips may be training clips: their ids are those of `fit`, so that a neighbour detector leaves a clip's own
        rows out.
        """
        ...

    def save(self, folder: Path) -> None:
        """Write plain files (safetensors, npy, JSON; never pickle) from which `load` restores the detector."""
        ...

    def load(self, folder: Path) -> None:
        """Restore what `save` wrote."""
        ...


@dataclass(frozen=True)
class Scores:
    """One member's scores with what an ensembler may know of the clips.

    Attributes:
        clip_id, machine, section: arrays of text, shape (clips,).
        values: float64 of shape (clips,).
    """

    clip_id: np.ndarray
    machine: np.ndarray
    section: np.ndarray
    values: np.ndarray


class Ensembler(Protocol):
    """Several members' scores to one. Built as ``Ensembler(config)``.

    All members' scores are in the same order of clips. An ensembler may have ``notes``, sentences about what it did
    that a reader of the result should know; they are asked for when the test clips have been combined.
    """

    def __init__(self, config: Any) -> None: ...

    def fit(self, train: Mapping[str, Scores]) -> None:
        """Learn statistics from the scores of normal training clips, by member label."""
        ...

    def combine(self, scores: Mapping[str, Scores]) -> np.ndarray:
        """Fused scores, float64 of shape (clips,)."""
        ...
