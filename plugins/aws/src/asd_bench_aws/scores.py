"""From logits to how little a sound is like what it should be: pure functions."""

from __future__ import annotations

import torch

from asd_bench import log_odds


def negative_probabilities(logits: torch.Tensor, n_ids: int) -> torch.Tensor:
    """−p of every ID among all classes, perturbed ones included.

    In float64: a classifier that is sure of a sound leaves differences in the last digits of a float32.

    Args:
        logits: shape (images, classes); the IDs come first.
        n_ids: how many IDs there are.

    Returns:
        float64 of shape (images, n_ids).
    """
    return -logits.double().softmax(dim=1)[:, :n_ids]


def negative_log_odds(logits: torch.Tensor, n_ids: int) -> torch.Tensor:
    """log((1 − p) / p) of every ID; arguments and result as for `negative_probabilities`."""
    return log_odds(logits, n_ids)
