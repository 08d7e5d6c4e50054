"""From numbers of windows to numbers of clips."""

from __future__ import annotations

from collections.abc import Callable

import torch

from asd_bench import Windows


@torch.inference_mode()
def clip_means(
    windows: Windows, n_clips: int, measure: Callable[[torch.Tensor], torch.Tensor], chunk: int
) -> torch.Tensor:
    """The mean over every clip's windows of what is measured of a window.

    Args:
        windows: of all clips; every clip has one at least.
        n_clips: how many clips.
        measure: windows of shape (chunk, n, bands) to (chunk, k). It is always given as many, so that a window's
            numbers do not depend on how many others there are.
        chunk: windows per call.

    Returns:
        float64 of shape (clips, k).
    """
    total: torch.Tensor | None = None
    for clip, index in zip(windows.clip.split(chunk), _equal_chunks(len(windows), chunk, windows.start), strict=True):
        values = measure(windows.gather(index))[: len(clip)].double()
        if total is None:
            total = values.new_zeros((n_clips, values.shape[1]))
        total.index_add_(0, clip, values)
    assert total is not None
    return total / torch.bincount(windows.clip, minlength=n_clips).unsqueeze(1)


def _equal_chunks(n: int, chunk: int, like: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """0 … n - 1 in chunks of one size; the last is filled up with its last number."""
    return torch.arange(-(-n // chunk) * chunk, device=like.device).clamp(max=n - 1).split(chunk)
