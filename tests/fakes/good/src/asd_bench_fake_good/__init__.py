"""A plugin as it should be: it declares, and names its classes by lazy strings, so that importing it costs nothing."""

from __future__ import annotations

from dataclasses import dataclass

from asd_bench import DetectorSpec, EnsemblerSpec, Member, Paper, SystemSpec, Use, hookimpl, option


@dataclass(frozen=True)
class MeanConfig:
    bands: int = option(128, "how many of the lowest mel bands are heard", minimum=1)


@dataclass(frozen=True)
class EmbeddingConfig:
    dimensions: int = option(4, "length of a clip's embedding", minimum=1)


@dataclass(frozen=True)
class AverageConfig:
    standardize: bool = option(True, "bring members to the mean 0 and deviation 1 of their training scores")


@hookimpl
def asd_detectors() -> list[DetectorSpec]:
    return [
        DetectorSpec(
            name="fake-mean",
            summary="distance of a clip's mean spectrum to that of the training clips",
            target="asd_bench_fake_good.mean:MeanSpectrum",
            frontend="mel",
            config=MeanConfig,
            components=("distance",),
            scope="machine",
        ),
        DetectorSpec(
            name="fake-embedding",
            summary="a random projection of clips, shared by all machine types; scores nothing itself",
            target="asd_bench_fake_good.embedding:Embedding",
            frontend="mel",
            config=EmbeddingConfig,
            components=(),
            scope="dataset",
        ),
        DetectorSpec(
            name="fake-backend",
            summary="distance to the nearest training clip of the section in the shared embedding",
            target="asd_bench_fake_good.embedding:Backend",
            frontend="mel",
            components=("distance",),
            scope="section",
            uses=(Use("embedding", "fake-embedding"),),
        ),
        DetectorSpec(
            name="fake-council",
            summary="smallest distance to any machine type's mean spectrum",
            target="asd_bench_fake_good.council:Council",
            frontend="mel",
            components=("distance",),
            scope="dataset",
            uses=(Use("machines", "fake-mean"),),
        ),
        DetectorSpec(
            name="fake-classes",
            summary="distance to the mean spectrum of the nearest class that a clip may belong to",
            target="asd_bench_fake_good.nearest_class:NearestClass",
            frontend="mel",
            components=("distance",),
            scope="machine",
            min_classes=2,
        ),
    ]


@hookimpl
def asd_ensemblers() -> list[EnsemblerSpec]:
    return [
        EnsemblerSpec(
            name="fake-average",
            summary="mean of the members' scores",
            target="asd_bench_fake_good.average:Average",
            config=AverageConfig,
        )
    ]


@hookimpl
def asd_systems() -> list[SystemSpec]:
    return [
        SystemSpec(
            name="fake-mean",
            summary="one detector on one screen",
            members=(Member("fake-mean"),),
            recipe={"frontend.n_mels": 64, "fake-mean.bands": 64},
            profiles={"quick": {"fake-mean.bands": 56}, "smoke": {"fake-mean.bands": 48}},
            paper=Paper(title="On Means", authors="A. Fake", year=2020),
        ),
        SystemSpec(
            name="fake-two-level", summary="a back end on a common embedding", members=(Member("fake-backend"),)
        ),
        SystemSpec(name="fake-council", summary="one that uses every machine's fit", members=(Member("fake-council"),)),
        SystemSpec(name="fake-classes", summary="a detector that needs classes", members=(Member("fake-classes"),)),
        SystemSpec(
            name="fake-pair",
            summary="two members, averaged",
            members=(
                Member("fake-mean", name="low", config={"bands": 16, "frontend.hop": 1024}),
                Member("fake-backend", "distance"),
            ),
            ensembler="fake-average",
            aliases=("fake-two",),
        ),
    ]
