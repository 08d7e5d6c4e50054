"""asd-bench: a plugin-based benchmark harness for anomalous sound detection (DCASE Challenge Task 2).

These are the public names. A plugin imports them from here, `asd_bench.training` and `asd_bench.backbones`, and its
tests use `asd_bench.testing`; everything else may change without notice. Importing this package imports neither torch
nor numpy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asd_bench.errors import BenchError
from asd_bench.hookspecs import hookimpl
from asd_bench.specs import (
    DatasetSpec,
    DetectorSpec,
    EnsemblerSpec,
    FrontendSpec,
    Member,
    NoConfig,
    Paper,
    Reveals,
    SystemSpec,
    TopK,
    Use,
    option,
)

if TYPE_CHECKING:
    from asd_bench.context import Context, UpstreamFit
    from asd_bench.data.classes import Classes
    from asd_bench.data.clips import Clips
    from asd_bench.executors import Executor
    from asd_bench.frontends import Audio, Frames, Waves, Windows
    from asd_bench.protocols import Detector, Ensembler, Frontend, Scores
    from asd_bench.scaling import BandScale
    from asd_bench.scoring import clip_means, log_odds, of_the_likeliest

#: Public names whose modules import numpy or torch: loaded when they are first used.
_LAZY = {
    "Audio": "asd_bench.frontends",
    "BandScale": "asd_bench.scaling",
    "Classes": "asd_bench.data.classes",
    "Clips": "asd_bench.data.clips",
    "Context": "asd_bench.context",
    "Detector": "asd_bench.protocols",
    "Ensembler": "asd_bench.protocols",
    "Executor": "asd_bench.executors",
    "Frames": "asd_bench.frontends",
    "Frontend": "asd_bench.protocols",
    "Scores": "asd_bench.protocols",
    "UpstreamFit": "asd_bench.context",
    "Waves": "asd_bench.frontends",
    "Windows": "asd_bench.frontends",
    "clip_means": "asd_bench.scoring",
    "log_odds": "asd_bench.scoring",
    "of_the_likeliest": "asd_bench.scoring",
}

__all__ = [
    "Audio",
    "BandScale",
    "BenchError",
    "Classes",
    "Clips",
    "Context",
    "DatasetSpec",
    "Detector",
    "DetectorSpec",
    "Ensembler",
    "EnsemblerSpec",
    "Executor",
    "Frames",
    "Frontend",
    "FrontendSpec",
    "Member",
    "NoConfig",
    "Paper",
    "Reveals",
    "Scores",
    "SystemSpec",
    "TopK",
    "UpstreamFit",
    "Use",
    "Waves",
    "Windows",
    "clip_means",
    "hookimpl",
    "log_odds",
    "of_the_likeliest",
    "option",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'asd_bench' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_LAZY[name]), name)
