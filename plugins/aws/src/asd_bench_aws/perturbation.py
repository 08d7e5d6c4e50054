"""What makes new classes and new proportions out of known sounds (Giri et al. 2020, section 2.2.3): pure functions."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn import functional

# -- mixtures of two sounds --------------------------------------------------------------------------------------------


def mix_before_log(first: torch.Tensor, second: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
    """Mel spectrograms mixed as energies, as if mixed before the logarithm was taken.

    Args:
        first, second: in dB, shape (images, frames, bands). A floor under their logarithms is in the mixture once.
        share: of the first, from 0 to 1, shape (images,).

    Returns:
        in dB, of the shape of ``first``.
    """
    return 10 * mix_after_log(10 ** (first / 10), 10 ** (second / 10), share).log10()


def mix_after_log(first: torch.Tensor, second: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
    """share·first + (1 − share)·second, the decibels themselves; shapes as for `mix_before_log`."""
    share = share[:, None, None]
    return share * first + (1 - share) * second


def mixture_targets(
    labels: torch.Tensor, partner_labels: torch.Tensor, share: torch.Tensor, n_classes: int
) -> torch.Tensor:
    """The proportions that a classifier should find in a batch whose first sounds are mixtures.

    Args:
        labels: int64 of shape (batch,).
        partner_labels: of the sounds mixed in, int64 of shape (mixed,), each other than the first sound's.
        share: of the first sound, shape (mixed,).
        n_classes: how many classes there are.

    Returns:
        float32 of shape (batch, n_classes); rows sum to 1.
    """
    target = torch.zeros((len(labels), n_classes), device=labels.device)
    own = functional.pad(share, (0, len(labels) - len(share)), value=1.0)
    target.scatter_(1, labels.unsqueeze(1), own.unsqueeze(1))
    target[: len(share)].scatter_(1, partner_labels.unsqueeze(1), (1 - share).unsqueeze(1))
    return target


def kl_divergence(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """KL(target ‖ softmax of the logits), the mean over rows.

    Args:
        logits, target: shape (rows, classes); a row of targets sums to 1, and zeros in it count for nothing.
    """
    return functional.kl_div(logits.float().log_softmax(dim=1), target, reduction="batchmean")


# -- spectral warping --------------------------------------------------------------------------------------------------


def warp_tables(warps: Sequence[float], n_bands: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Where every band of a warped image comes from: f' = f + a·f·(1 − f) of the way up the bands.

    Both ends stay where they are. A positive a moves what is in an image towards lower bands, and 0 moves nothing.

    Args:
        warps: a of each warp, between -1 and 1.
        n_bands: of the images, two at least.

    Returns:
        the lower of the two bands in between which it lies, int64 of shape (warps, bands), and the share of the upper
        one, float32 of the same shape.
    """
    band = torch.arange(n_bands, dtype=torch.float64)
    position = band + torch.tensor(warps, dtype=torch.float64)[:, None] * band * (1 - band / (n_bands - 1))
    lower = position.floor().long().clamp(max=n_bands - 2)
    return lower, (position - lower).float()


def warp(images: torch.Tensor, lower: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
    """Images with their bands warped, bilinearly.

    Args:
        images: shape (images, frames, bands).
        lower, share: of each image, rows of `warp_tables`, shape (images, bands).
    """
    lower, share = lower.unsqueeze(1).expand_as(images), share.unsqueeze(1)
    return images.gather(2, lower) * (1 - share) + images.gather(2, lower + 1) * share


# -- another speed -----------------------------------------------------------------------------------------------------


def resample(wave: torch.Tensor, speed: float) -> torch.Tensor:
    """The same sound at another speed: shorter and higher where it is above 1, longer and lower below.

    The spectrum is cut or filled up with zeros, which cuts off what would be above half the sample rate. Samples are
    rounded, as a recording's are: the top of the spectrum that a slower sound lacks is then noise as low as there is in
    recordings, and not a silence that no recording has.

    Args:
        wave: int16 of shape (clips, samples).
        speed: factor.

    Returns:
        int16 of shape (clips, round(samples / speed)).
    """
    before, after = wave.shape[1], round(wave.shape[1] / speed)
    spectrum = torch.fft.rfft(wave.float())
    shorter = min(before, after)
    if shorter % 2 == 0 and before != after:
        # The bin at half the sample rate of the shorter stands for two of the longer.
        spectrum[:, shorter // 2] *= 0.5 if after > before else 2.0
    resampled = torch.fft.irfft(spectrum, n=after) * (after / before)
    return resampled.round().clamp(-(2**15), 2**15 - 1).to(torch.int16)
