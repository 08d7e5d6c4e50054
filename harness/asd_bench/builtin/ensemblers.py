"""The ensemblers that come with the core."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from asd_bench import BenchError, EnsemblerSpec, NoConfig, hookimpl

if TYPE_CHECKING:
    import numpy as np

    from asd_bench import Scores


class Identity:
    """The score of a system's only member, as it is."""

    def __init__(self, config: NoConfig) -> None:
        pass

    def fit(self, train: Mapping[str, Scores]) -> None:
        if len(train) != 1:
            raise BenchError(
                f"the ensembler 'identity' takes one member, and the system has {len(train)}: {', '.join(train)}",
                fix="name an ensembler in the system's spec; asd-bench list ensemblers",
            )

    def combine(self, scores: Mapping[str, Scores]) -> np.ndarray:
        (member,) = scores.values()
        return member.values


@hookimpl
def asd_ensemblers() -> list[EnsemblerSpec]:
    return [
        EnsemblerSpec(
            name="identity",
            summary="the only member's score as it is",
            target="asd_bench.builtin.ensemblers:Identity",
        )
    ]
