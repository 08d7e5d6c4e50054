"""Classical detectors on one vector per clip, and the systems made of them. They need no training loop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from asd_bench import DetectorSpec, Member, SystemSpec, hookimpl, option

Pool = Literal["mean+sd", "mean"]


@dataclass(frozen=True)
class VectorConfig:
    """How a clip becomes one vector."""

    pool: Pool = option("mean+sd", "statistics of each band over time that make the clip's vector")
    standardize: bool = option(True, "scale each dimension by the training clips' mean and standard deviation")


@dataclass(frozen=True)
class KnnConfig(VectorConfig):
    k: int = option(1, "number of nearest training clips whose distances are averaged", minimum=1)


@dataclass(frozen=True)
class LofConfig(VectorConfig):
    k: int = option(16, "number of neighbours that a local density is taken over", minimum=1)


@dataclass(frozen=True)
class MahalanobisConfig(VectorConfig):
    pass


@dataclass(frozen=True)
class GmmConfig(VectorConfig):
    components: int = option(2, "number of Gaussians", minimum=1)
    covariance: Literal["diag", "full"] = option("diag", "shape of the covariances")
    floor: float = option(1e-2, "added to the variances, in units of the vectors", minimum=0)


@hookimpl
def asd_detectors() -> list[DetectorSpec]:
    package = "asd_bench.builtin.detectors"
    return [
        DetectorSpec(
            name="knn",
            summary="mean distance to the k nearest training clips",
            target=f"{package}.neighbours:Knn",
            frontend="mel",
            config=KnnConfig,
            components=("distance",),
            scope="section",
        ),
        DetectorSpec(
            name="lof",
            summary="local outlier factor among the training clips",
            target=f"{package}.neighbours:Lof",
            frontend="mel",
            config=LofConfig,
            components=("factor",),
            scope="section",
        ),
        DetectorSpec(
            name="mahalanobis",
            summary="squared Mahalanobis distance, covariance shrunk by Ledoit and Wolf",
            target=f"{package}.gaussians:Mahalanobis",
            frontend="mel",
            config=MahalanobisConfig,
            components=("distance",),
            scope="section",
        ),
        DetectorSpec(
            name="gmm",
            summary="negative log-likelihood under a Gaussian mixture",
            target=f"{package}.gaussians:Gmm",
            frontend="mel",
            config=GmmConfig,
            components=("nll",),
            scope="section",
        ),
    ]


@hookimpl
def asd_systems() -> list[SystemSpec]:
    what = "on each log-mel band's mean and sd over time"
    # They run in seconds as they are, so the shorter profiles have nothing to change.
    as_they_are: dict[str, dict] = {"quick": {}, "smoke": {}}
    return [
        SystemSpec(name="mel-knn", summary=f"nearest neighbour {what}", members=(Member("knn"),), profiles=as_they_are),
        SystemSpec(
            name="mel-lof", summary=f"local outlier factor {what}", members=(Member("lof"),), profiles=as_they_are
        ),
        SystemSpec(
            name="mel-mahalanobis",
            summary=f"Mahalanobis distance {what}",
            members=(Member("mahalanobis"),),
            profiles=as_they_are,
        ),
        SystemSpec(name="mel-gmm", summary=f"Gaussian mixture {what}", members=(Member("gmm"),), profiles=as_they_are),
    ]
