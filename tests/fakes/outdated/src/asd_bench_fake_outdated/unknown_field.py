"""Uses a field that no spec has; what else it declares is fine."""

from asd_bench import DetectorSpec, FrontendSpec, hookimpl


@hookimpl
def asd_detectors() -> list[DetectorSpec]:
    return [
        DetectorSpec(
            name="fake-outdated",
            summary="declares a field that was renamed",
            target="asd_bench_fake_outdated.detector:Detector",
            front_end="mel",
        )
    ]


@hookimpl
def asd_frontends() -> list[FrontendSpec]:
    return [
        FrontendSpec(
            name="fake-outdated-mel",
            summary="a part of the plugin that still works",
            target="asd_bench.builtin.frontends.mel:Mel",
        )
    ]
