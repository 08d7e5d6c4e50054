"""Declares a system whose name is taken, and one whose name is not."""

from asd_bench import Member, SystemSpec, hookimpl


@hookimpl
def asd_systems() -> list[SystemSpec]:
    return [
        SystemSpec(name="mel-knn", summary="declares a built-in name again", members=(Member("knn"),)),
        SystemSpec(name="fake-other-knn", summary="has a name of its own", members=(Member("knn"),)),
    ]
