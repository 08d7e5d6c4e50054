"""The joint model (paper, section 2 and figure 1): a classifier and an autoencoder that learn from one another.

Only the classifier is needed to score; the autoencoder and the projections are there while training.
"""

from __future__ import annotations

import itertools

import torch
from torch import nn
from torch.nn import functional

from asd_bench import backbones
from asd_bench_small_rice import Backbone

#: Units of the autoencoder's four layers on either side of the bottleneck (paper, table 2).
HIDDEN = (128, 128, 128, 128)

#: Size of the vectors that the contrastive loss compares (paper, section 2.3).
PROJECTED = 256


class Autoencoder(nn.Module):
    """The autoencoder of the challenge's baseline with a wider bottleneck: 4 × 128 → 32 → 4 × 128 (paper, table 2).

    Every layer but the last is linear, batch normalisation and ReLU, the bottleneck's too. For vectors of 640 numbers
    it has 274,144 trainable parameters.

    Args:
        n_frames: per vector; the paper has 5.
        n_bands: per frame.
        bottleneck: its width.
    """

    def __init__(self, n_frames: int, n_bands: int, bottleneck: int) -> None:
        super().__init__()
        self.n_frames = n_frames
        self.n_bands = n_bands
        self.bottleneck = bottleneck
        n_in = n_frames * n_bands
        self.encoder = _layers(n_in, *HIDDEN, bottleneck)
        self.decoder = nn.Sequential(_layers(bottleneck, *HIDDEN), nn.Linear(HIDDEN[-1], n_in))

    def forward(self, frames: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Reconstruct every window of a batch of segments, frame by frame.

        Windows in the padding count neither in the error nor in the means. They do in the statistics of the batch
        normalisation; where all clips are of one length there are none.

        Args:
            frames: decibels of shape (segments, frames, bands).
            lengths: int64 of shape (segments,), frames that are no padding.

        Returns:
            the mean squared error in dB², a scalar, and every segment's mean bottleneck, shape (segments, bottleneck).
        """
        # A window's frames lie one after the other in memory already.
        windows = frames.flatten(1).unfold(1, self.n_frames * self.n_bands, self.n_bands)
        counts = windows_that_count(lengths, windows.shape[1], self.n_frames)
        vectors = windows.flatten(0, 1)
        codes = self.encoder(vectors)
        error = (self.decoder(codes) - vectors).float().square().mean(dim=1).unflatten(0, counts.shape)
        mean_code = mean_over_windows(codes.unflatten(0, counts.shape), counts)
        return (error * counts).sum() / counts.sum(), mean_code


def _layers(*widths: int) -> nn.Sequential:
    """Linear layers, each with batch normalisation and ReLU."""
    layers: list[nn.Module] = []
    for width_in, width_out in itertools.pairwise(widths):
        layers += [nn.Linear(width_in, width_out), nn.BatchNorm1d(width_out), nn.ReLU()]
    return nn.Sequential(*layers)


def windows_that_count(lengths: torch.Tensor, n_windows: int, n_frames: int) -> torch.Tensor:
    """Which windows of n frames lie in a segment's sound, and not in the padding at its end: 1 or 0.

    At least one does, for the sake of segments that are shorter than a window.

    Args:
        lengths: int64 of shape (segments,), frames that are no padding.
        n_windows: of a segment, frame by frame.
        n_frames: of a window.

    Returns:
        float32 of shape (segments, n_windows).
    """
    window = torch.arange(n_windows, device=lengths.device)
    return (window < (lengths - n_frames + 1).clamp(min=1).unsqueeze(1)).float()


def mean_over_windows(values: torch.Tensor, counts: torch.Tensor) -> torch.Tensor:
    """Every segment's mean over its windows that count, shape (segments, size).

    Args:
        values: shape (segments, windows, size).
        counts: as `windows_that_count` returns it.
    """
    return (values * counts.unsqueeze(2)).sum(dim=1) / counts.sum(dim=1, keepdim=True)


def gamp(maps: torch.Tensor) -> torch.Tensor:
    """Global average and max pooling: the mean over the bands, of that the mean plus the maximum over time.

    Args:
        maps: shape (images, channels, bands', frames').

    Returns:
        shape (images, channels).
    """
    over_time = maps.mean(dim=2)
    return over_time.mean(dim=2) + over_time.amax(dim=2)


class Classifier(nn.Module):
    """An image network with GAMP in place of average pooling, and a linear layer (paper, sections 2.2 and 3.2).

    With EfficientNet-B0 and three classes it has 4,010,815 parameters.

    Args:
        backbone: which network.
        stages: how many of its seven stages are kept; with fewer, the layer behind them goes as well.
        dropout: share of the pooled features that is dropped while training.
        n_classes: classes.
    """

    def __init__(self, backbone: Backbone, stages: int, dropout: float, n_classes: int) -> None:
        super().__init__()
        network = backbones.efficientnet_b0() if backbone == "efficientnet-b0" else backbones.mobilenet_v2()
        self.n_features = network.num_features
        if stages < len(network.blocks):
            network.blocks = network.blocks[:stages]
            *_, last = (layer for layer in network.blocks.modules() if isinstance(layer, nn.Conv2d))
            self.n_features = last.out_channels
            network.conv_head, network.bn2 = nn.Identity(), nn.Identity()
        # Convolutions of this kind are faster when a pixel's channels lie side by side.
        self.backbone = network.to(memory_format=torch.channels_last)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(self.n_features, n_classes)

    def embed(self, frames: torch.Tensor) -> torch.Tensor:
        """Decibels of shape (segments, frames, bands) to features (segments, n_features)."""
        return gamp(self.backbone.forward_features(frames.transpose(1, 2).unsqueeze(1)))

    def classify(self, features: torch.Tensor) -> torch.Tensor:
        """Features to logits, shape (segments, classes)."""
        return self.head(self.dropout(features))

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """Decibels of shape (segments, frames, bands) to logits, shape (segments, classes)."""
        return self.classify(self.embed(frames))


class Projections(nn.Module):
    """Both networks' hidden vectors brought to 256 numbers, then through one perceptron that they share.

    Hidden vectors are divided by their lengths first, as in the authors' code; what comes out is not.

    Args:
        n_features: of the classifier.
        bottleneck: of the autoencoder.
    """

    def __init__(self, n_features: int, bottleneck: int) -> None:
        super().__init__()
        self.of_classifier = nn.Linear(n_features, PROJECTED)
        self.of_autoencoder = nn.Linear(bottleneck, PROJECTED)
        self.shared = nn.Sequential(nn.Linear(PROJECTED, PROJECTED), nn.ReLU(), nn.Linear(PROJECTED, PROJECTED))

    def forward(self, features: torch.Tensor, codes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Hidden vectors of the classifier and of the autoencoder to u and p, both (segments, 256)."""
        u = self.shared(self.of_classifier(functional.normalize(features)))
        p = self.shared(self.of_autoencoder(functional.normalize(codes)))
        return u, p


class JointModel(nn.Module):
    """Everything that is trained together: 4,752,927 parameters with EfficientNet-B0 and three classes.

    Args:
        classifier: it alone is used afterwards.
        autoencoder: of the same input.
    """

    def __init__(self, classifier: Classifier, autoencoder: Autoencoder) -> None:
        super().__init__()
        self.classifier = classifier
        self.autoencoder = autoencoder
        self.projections = Projections(classifier.n_features, autoencoder.bottleneck)

    def forward(
        self, frames: torch.Tensor, lengths: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Logits, the autoencoder's mean squared error, u and p.

        Args:
            frames: decibels of shape (segments, frames, bands).
            lengths: int64 of shape (segments,), frames that are no padding.
        """
        features = self.classifier.embed(frames)
        error, codes = self.autoencoder(frames, lengths)
        return self.classifier.classify(features), error, *self.projections(features, codes)
