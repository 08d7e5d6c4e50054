"""What back ends take as normal: the inlier clips' segments, and mixtures of source and target clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from asd_bench import Audio, BenchError, Context
from asd_bench_first_shot.encoder import Encoder
from asd_bench_first_shot.mixing import mixed
from asd_bench_first_shot.neighbours import Hidden

#: α of the Beta distribution that mixtures' shares are drawn from, as in training.
MIX_ALPHA = 0.2


@dataclass(frozen=True)
class Mixes:
    """Which clips are mixed, and how.

    Attributes:
        source, target: numbers of clips, int64 of shape (mixes,).
        share: the source clip's share λ, float32 of shape (mixes,).
    """

    source: np.ndarray
    target: np.ndarray
    share: np.ndarray

    @classmethod
    def draw(cls, source: np.ndarray, target: np.ndarray, count: int, rng: np.random.Generator) -> Mixes:
        """Random pairs of a source and a target clip; none where either domain has no clips."""
        n = count if len(source) and len(target) else 0
        return cls(
            source=rng.choice(source, n) if n else np.zeros(0, dtype=np.int64),
            target=rng.choice(target, n) if n else np.zeros(0, dtype=np.int64),
            share=rng.beta(MIX_ALPHA, MIX_ALPHA, n).astype(np.float32),
        )


@dataclass(frozen=True)
class Inliers:
    """Embeddings of normal segments, and which clips they come from.

    Attributes:
        clip_id: of the inlier clips; a clip's number is its position.
        rows: float32 of shape (rows, size).
        parents: numbers of the clips that a row was made of, int64 of shape (rows, 2): twice the same clip, or a
            mixture's source and target.
    """

    clip_id: tuple[str, ...]
    rows: torch.Tensor
    parents: torch.Tensor

    @classmethod
    def of(cls, encoder: Encoder, audio: Audio, n_mixes: int, ctx: Context) -> Inliers:
        """Those among the training clips, and mixtures of them.

        Args:
            encoder: fitted; has the clips' embeddings.
            audio: the training clips of one section.
            n_mixes: how many mixtures.
            ctx: the back end's.

        Raises:
            BenchError: none of the clips is an inlier.
        """
        clips = audio.clips
        chosen = np.flatnonzero(encoder.is_inlier[[encoder.position[clip_id] for clip_id in clips.clip_id.tolist()]])
        if not len(chosen):
            raise BenchError(
                f"{clips.machine[0]} section {clips.section[0]} has no training clip that was held out",
                fix="set detector.inliers=all",
            )
        is_target = clips.domain[chosen] == "target"
        mixes = Mixes.draw(chosen[~is_target], chosen[is_target], n_mixes, ctx.rng("mixes"))
        n_segments = encoder.config.n_segments
        embedding = torch.cat([encoder.segment_embeddings(audio)[chosen], mix_embeddings(encoder, audio, mixes)])
        number = np.full(len(clips), -1)
        number[chosen] = np.arange(len(chosen))
        parents = np.concatenate([np.stack([chosen] * 2, axis=1), np.stack([mixes.source, mixes.target], axis=1)])
        return cls(
            clip_id=tuple(clips.clip_id[chosen].tolist()),
            rows=embedding.flatten(0, 1),
            parents=torch.from_numpy(np.repeat(number[parents], n_segments, axis=0)).to(audio.device),
        )

    def to(self, device: torch.device) -> Inliers:
        """The same on a device."""
        return Inliers(self.clip_id, self.rows.to(device), self.parents.to(device))

    def hidden_from(self, clip_id: Sequence[str], n_segments: int) -> Hidden:
        """What segments of some clips may not be compared with: rows made of their own clip.

        Args:
            clip_id: of the clips.
            n_segments: of every clip.
        """
        number = {name: position for position, name in enumerate(self.clip_id)}
        owner = torch.tensor([number.get(name, -1) for name in clip_id], device=self.parents.device)
        return Hidden(owner.repeat_interleave(n_segments), self.parents)


def mix_embeddings(encoder: Encoder, audio: Audio, mixes: Mixes) -> torch.Tensor:
    """Embeddings of mixtures' segments, float32 of shape (mixes, segments, size), on the device.

    Waveforms are mixed after they were standardised. Where the two clips differ in length, the longer one's end is left
    out.
    """
    n_segments, size = encoder.embedding.shape[1:]
    if not len(mixes.share):
        return torch.zeros((0, n_segments, size), device=audio.device)
    segments = encoder.segments(audio)
    within = np.minimum(segments.n_samples[mixes.source], segments.n_samples[mixes.target])
    sides = []
    for clip in (mixes.source, mixes.target):
        start = torch.from_numpy(segments.spread(clip, n_segments, within).ravel()).to(audio.device)
        sides.append((torch.from_numpy(np.repeat(clip, n_segments)).to(audio.device), start))
    share = torch.from_numpy(np.repeat(mixes.share, n_segments)).to(audio.device)

    def cut(index: torch.Tensor) -> torch.Tensor:
        first, second = (segments.cut(clip[index], start[index]) for clip, start in sides)
        return mixed(first, second, share[index])

    return encoder.embed(audio.clips.machine[0], len(share), cut, audio).unflatten(0, (-1, n_segments))
