"""Returns what is no spec."""

from asd_bench import Member, SystemSpec, hookimpl


@hookimpl
def asd_detectors() -> list:
    return ["knn", "gmm"]


@hookimpl
def asd_frontends() -> int:
    return 7


@hookimpl
def asd_systems() -> list[SystemSpec]:
    return [SystemSpec(name="fake-still-there", summary="a part of the plugin that works", members=(Member("knn"),))]
