"""What an encoder learns from: segments of the training clips, their labels, and what an epoch draws of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from asd_bench import Classes, Clips, Frontend
from asd_bench.training import batches
from asd_bench_first_shot.mixing import mixed, partners, shares
from asd_bench_first_shot.segments import Segments

#: One source clip in so many, and one target clip in so many, is held out where clips are held out.
HELD_OUT_SOURCE, HELD_OUT_TARGET = 6, 3


@dataclass(frozen=True)
class Labels:
    """The training clips' labels as numbers.

    Attributes:
        machines: names of the machine types; a machine type's number is its position.
        machine: of every clip, int64 of shape (clips,).
        class_id: class of every clip, int64 of shape (clips,).
        is_target: whether a clip is of the target domain, bool of shape (clips,).
        machine_of_class: int64 of shape (classes,).
    """

    machines: tuple[str, ...]
    machine: np.ndarray
    class_id: np.ndarray
    is_target: np.ndarray
    machine_of_class: np.ndarray

    @classmethod
    def of(cls, clips: Clips, classes: Classes) -> Labels:
        machines = tuple(sorted(set(clips.machine.tolist())))
        number = {name: position for position, name in enumerate(machines)}
        return cls(
            machines=machines,
            machine=np.array([number[name] for name in clips.machine.tolist()]),
            class_id=clips.class_id,
            is_target=clips.domain == "target",
            machine_of_class=np.array([number[machine] for machine, _ in classes.keys]),
        )


def held_out(clips: Clips, rng: np.random.Generator) -> np.ndarray:
    """Random clips to keep out of training: in every section a sixth of the source and a third of the target clips.

    Numbers are rounded up. Where domains are unknown all clips count as source.

    Returns:
        bool of shape (clips,).
    """
    out = np.zeros(len(clips), dtype=bool)
    for place in sorted(set(zip(clips.machine.tolist(), clips.section.tolist(), strict=True))):
        here = (clips.machine == place[0]) & (clips.section == place[1])
        for is_target, one_in in ((False, HELD_OUT_SOURCE), (True, HELD_OUT_TARGET)):
            of_domain = np.flatnonzero(here & ((clips.domain == "target") == is_target))
            out[rng.permutation(of_domain)[: -(-len(of_domain) // one_in)]] = True
    return out


def with_target(clip: np.ndarray, is_target: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Batches of clips, each of which begins with one of the target domain, the others in a random order.

    The others are all of the clips, of either domain, so that every clip comes at least once. Without clips of the
    target domain batches are plain.

    Args:
        clip: the clips' numbers, shape (clips,).
        is_target: bool of shape (clips,).
        size: clips per batch, at least 2.
        rng: the plan's generator.

    Returns:
        clips' numbers, int64 of shape (batches, size).
    """
    if not is_target.any():
        return clip[batches(len(clip), size, rng)]
    rest = clip[batches(len(clip), size - 1, rng)]
    return np.concatenate([rng.choice(clip[is_target], size=(len(rest), 1)), rest], axis=1)


def drawn(
    segments: Segments, clip: np.ndarray, alpha: float, probability: float, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Everything random about an epoch's segments.

    Args:
        segments: of the clips.
        clip: the clips' numbers, shape (steps, groups, batch); segments are mixed within a group.
        alpha, probability: of mixing; see `shares`.
        rng: the plan's generator.

    Returns:
        of shape (steps, groups · batch): ``clip``, ``start``, the segment's first sample, ``partner``, whom of the step
        it is mixed with, and ``share``, its own share in the mixture.
    """
    _, groups, size = clip.shape
    partner = partners(clip.shape, rng) + size * np.arange(groups)[:, None]
    plan = {
        "clip": clip,
        "start": segments.draw(clip, rng),
        "partner": partner,
        "share": shares(clip.shape, alpha, probability, rng),
    }
    return {name: rows.reshape(len(clip), -1) for name, rows in plan.items()}


def heard(segments: Segments, transform: Frontend, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Frames of a step's mixed segments, shape (segments, frames, bands)."""
    wave = segments.cut(batch["clip"], batch["start"])
    return transform(mixed(wave, wave[batch["partner"]], batch["share"]))
