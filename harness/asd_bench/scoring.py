"""From what a detector measures of windows to a score per clip: the last steps that most detectors share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch

from asd_bench.errors import BenchError
from asd_bench.frontends import Windows

#: Frames that are measured at a time: what a CPU's cache nearly holds of an image network's maps, and what keeps a GPU
#: busy.
CPU_FRAMES = 2**11
GPU_FRAMES = 2**17


@torch.inference_mode()
def clip_means(
    groups: Iterable[Windows], n_clips: int, measure: Callable[[torch.Tensor], torch.Tensor]
) -> torch.Tensor:
    """The mean over every clip's windows of what is measured of a window.

    Args:
        groups: windows of one length each, which together cover every clip.
        n_clips: how many clips.
        measure: windows of shape (some, n, features) to numbers of shape (some, k). In a group it is always given as
            many, the last ones filled up, so that a window's numbers do not depend on how many others there are (on a
            GPU, where sums are made in no fixed order, but for rounding).

    Returns:
        float64 of shape (clips, k), on the windows' device.
    """
    total: torch.Tensor | None = None
    count: torch.Tensor | None = None
    for windows in groups:
        for index, clip in _in_equal_parts(windows):
            values = measure(windows.gather(index))[: len(clip)].double()
            if total is None or count is None:
                total, count = values.new_zeros((n_clips, values.shape[1])), values.new_zeros(n_clips)
            total.index_add_(0, clip, values)
            count.index_add_(0, clip, torch.ones_like(values[:, 0]))
    if total is None or count is None:
        raise ValueError("no windows")
    return total / count.unsqueeze(1)


def _in_equal_parts(windows: Windows) -> Iterable[tuple[torch.Tensor, torch.Tensor]]:
    """Numbers of windows, as many in every part, and the clips of those that do not only fill up the last part."""
    device = windows.start.device
    size = max(1, (CPU_FRAMES if device.type == "cpu" else GPU_FRAMES) // windows.n)
    n_parts = -(-len(windows) // size)
    index = torch.arange(n_parts * size, device=device).clamp(max=len(windows) - 1)
    return zip(index.split(size), windows.clip.split(size), strict=True)


def log_odds(logits: torch.Tensor, first: int | None = None) -> torch.Tensor:
    """log((1 - p) / p) of every class, p being its softmax probability among all.

    In float64, and from the logits: 1 - p of a float32 softmax is zero where a classifier is sure.

    Args:
        logits: shape (windows, classes), two classes or more.
        first: of how many classes the odds are asked for; of all if None.

    Returns:
        float64 of shape (windows, first).
    """
    logits = logits.double()
    own = torch.eye(first or logits.shape[1], logits.shape[1], dtype=torch.bool, device=logits.device)
    others = logits.unsqueeze(1).masked_fill(own, -torch.inf).logsumexp(dim=2)
    return others - logits[:, : len(own)]


def of_the_likeliest(scores: torch.Tensor, candidates: Sequence[Sequence[int]]) -> torch.Tensor:
    """Every clip's score for the one of the classes it may belong to that suits it best: the smallest.

    Args:
        scores: shape (clips, classes), every clip's for every class.
        candidates: the classes that each clip may belong to (`Clips.candidates`).

    Returns:
        shape (clips,).

    Raises:
        BenchError: a clip may belong to none of the classes.
    """
    without = sum(not len(classes) for classes in candidates)
    if without:
        raise BenchError(f"{without} of {len(candidates)} clips belong to no class that was trained on")
    possible = torch.zeros(scores.shape, dtype=torch.bool)
    for row, classes in enumerate(candidates):
        possible[row, list(classes)] = True
    return scores.masked_fill(~possible.to(scores.device), torch.inf).amin(dim=1)
