"""From logits to how little a sound is like what it should be: pure functions."""

from __future__ import annotations

from collections.abc import Sequence

import torch


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
    logits = logits.double()
    is_own = torch.eye(n_ids, logits.shape[1], dtype=torch.bool, device=logits.device)
    others = logits.unsqueeze(1).masked_fill(is_own, -torch.inf).logsumexp(dim=2)
    return others - logits[:, :n_ids]


def of_the_likeliest(scores: torch.Tensor, candidates: Sequence[Sequence[int]]) -> torch.Tensor:
    """Every clip's score for the one of its candidate IDs that suits it best, which is the smallest.

    Args:
        scores: shape (clips, n_ids), every clip's for every ID.
        candidates: the IDs that each clip may have, one at least.

    Returns:
        shape (clips,).
    """
    possible = torch.zeros(scores.shape, dtype=torch.bool)
    for row, ids in enumerate(candidates):
        possible[row, list(ids)] = True
    return scores.masked_fill(~possible.to(scores.device), torch.inf).amin(dim=1)
