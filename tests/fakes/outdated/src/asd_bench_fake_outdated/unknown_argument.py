"""Wants arguments that the hook does not have."""

from asd_bench import hookimpl


@hookimpl
def asd_result(result: object, leaderboard: object) -> None:
    pass
