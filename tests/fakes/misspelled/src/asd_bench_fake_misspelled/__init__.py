"""Implements a hook that does not exist."""

from asd_bench import hookimpl


@hookimpl
def asd_detectorz() -> list:
    return []
