"""What the classifiers are trained on: images of the training clips at several speeds, and what an epoch draws."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from asd_bench import Audio, BenchError, Frames, Windows
from asd_bench.training import batches
from asd_bench_aws.perturbation import resample

#: Clips that are resampled at a time.
CPU_BATCH = 16
GPU_BATCH = 256


@dataclass(frozen=True)
class TrainingImages:
    """Images of every training clip, at its own speed and at others.

    A class is an ID's variant: variant 0 is the sound as it is, then come the warped ones, then the other speeds. The
    class's number is that of the ID plus the number of IDs times that of the variant.

    Attributes:
        windows: the images: of all clips at their own speed, then of all clips at the first other speed, and so on.
        first, count: which of them are a clip's at a speed, both int64 of shape (speeds, clips).
        id_of: the number of every clip's ID, int64 of shape (clips,).
        n_ids: how many IDs there are.
        n_warps: in how many ways images are warped.
    """

    windows: Windows
    first: np.ndarray
    count: np.ndarray
    id_of: np.ndarray
    n_ids: int
    n_warps: int

    @property
    def n_variants(self) -> int:
        return self.n_warps + len(self.first)

    def plan(self, size: int, n_mixed: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Draw an epoch: as many images as the clips have at their own speed.

        Each of these comes once. The first images of every batch are for mixing with a partner of another ID; the
        others become one of the variants, each as likely. At another speed an image is any of the same clip's, which
        has more or fewer of them there.

        Args:
            size: images per batch.
            n_mixed: how many of a batch are for mixing.
            rng: the plan's generator.

        Returns:
            arrays with one row per step: of shape (steps, size) ``image``, its position in `windows`, ``warp``, 0 for
            none, and ``label``, its class; of shape (steps, n_mixed) ``partner``, ``partner_label`` and ``share``, that
            of the image in the mixture, float32, uniform from 0 to 1.
        """
        image = batches(int(self.count[0].sum()), size, rng)
        clip = np.repeat(np.arange(len(self.id_of)), self.count[0])[image]
        variant = rng.integers(self.n_variants, size=image.shape)
        variant[:, :n_mixed] = 0
        speed = np.maximum(variant - self.n_warps, 0)
        any_image = self.first[speed, clip] + (rng.random(image.shape) * self.count[speed, clip]).astype(np.int64)
        partner, partner_label = self._partners(self.id_of[clip[:, :n_mixed]], rng)
        return {
            "image": np.where(speed > 0, any_image, image),
            "warp": np.where(speed > 0, 0, variant),
            "label": self.id_of[clip] + self.n_ids * variant,
            "partner": partner,
            "partner_label": partner_label,
            "share": rng.random(partner.shape, dtype=np.float32),
        }

    def _partners(self, ids: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """For every ID given, some image of any other ID, each as likely, and that one's ID."""
        id_of_image = np.repeat(self.id_of, self.count[0])
        by_id = np.argsort(id_of_image, kind="stable")
        of_id = np.bincount(id_of_image, minlength=self.n_ids)
        others = len(by_id) - of_id[ids]
        # Going round from behind an ID's own images, the others come first.
        place = np.cumsum(of_id)[ids] + (rng.random(ids.shape) * others).astype(np.int64)
        partner = by_id[place % len(by_id)]
        return partner, id_of_image[partner]


def training_images(
    audio: Audio, n_ids: int, *, n_frames: int, hop: int, speeds: Sequence[float], n_warps: int
) -> TrainingImages:
    """The images of training clips.

    Args:
        audio: the clips.
        n_ids: number of their classes.
        n_frames: frames per image.
        hop: frames from image to image.
        speeds: other speeds than their own.
        n_warps: in how many ways images are warped.

    Raises:
        BenchError: a clip, at some speed, is shorter than an image.
    """
    own = audio.windows(n_frames, hop)
    values, starts, clips = [own.frames.values], [own.start], [own.clip]
    for speed in speeds:
        frames = _frames_at(speed, audio)
        start, clip = _images_at(speed, frames, audio, n_frames, hop)
        starts.append(start + sum(len(part) for part in values))
        clips.append(clip)
        values.append(frames.values)
    together = torch.cat(values) if speeds else own.frames.values
    # An image is found by its start; where clips begin and end is told apart for every speed.
    frames = Frames(together, np.array([0, len(together)]))
    count = np.stack([np.bincount(clip.cpu().numpy(), minlength=len(audio)) for clip in clips])
    return TrainingImages(
        windows=Windows(frames, n_frames, torch.cat(starts), torch.cat(clips)),
        first=(np.cumsum(count) - count.ravel()).reshape(count.shape),
        count=count,
        id_of=audio.clips.class_id,
        n_ids=n_ids,
        n_warps=n_warps,
    )


# -- other speeds ------------------------------------------------------------------------------------------------------


@torch.no_grad()
def _frames_at(speed: float, audio: Audio) -> Frames:
    """The frontend's output for every clip at another speed."""
    of_clip: dict[int, torch.Tensor] = {}
    for rows in _equally_long(audio):
        wave, _ = audio.waveform(rows)
        of_clip |= zip(rows.tolist(), audio.transform(resample(wave, speed)), strict=True)
    frames = [of_clip[row] for row in range(len(audio))]
    return Frames(torch.cat(frames), np.cumsum([0, *map(len, frames)]))


def _equally_long(audio: Audio) -> Iterator[np.ndarray]:
    """Batches of clips of one length."""
    size = CPU_BATCH if audio.device.type == "cpu" else GPU_BATCH
    for length in np.unique(audio.clips.n_samples):
        rows = np.flatnonzero(audio.clips.n_samples == length)
        yield from (rows[start : start + size] for start in range(0, len(rows), size))


def _images_at(
    speed: float, frames: Frames, audio: Audio, n_frames: int, hop: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """First frame and clip of every image, as `asd_bench.Windows` has them."""
    lengths = np.diff(frames.offsets)
    if lengths.min() < n_frames:
        shortest = audio.clips.clip_id[int(lengths.argmin())]
        raise BenchError(
            f"at {speed:g} times its speed the clip {shortest} has {lengths.min()} frames, and an image {n_frames}",
            fix="choose smaller images (--set detector.n_frames=…) or slower speeds (--set detector.speeds=…)",
        )
    starts = [
        np.arange(offset, offset + length - n_frames + 1, hop)
        for offset, length in zip(frames.offsets, lengths, strict=False)
    ]
    clip = np.repeat(np.arange(len(starts)), [len(start) for start in starts])
    return torch.from_numpy(np.concatenate(starts)).to(audio.device), torch.from_numpy(clip).to(audio.device)
