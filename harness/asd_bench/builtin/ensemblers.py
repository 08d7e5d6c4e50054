"""The ensemblers that come with the core."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from asd_bench import BenchError, EnsemblerSpec, NoConfig, hookimpl, option

if TYPE_CHECKING:
    import numpy as np

    from asd_bench import Scores


@dataclass(frozen=True)
class StandardiseConfig:
    """How members' scores are brought to one scale."""

    floor: float = option(
        1e-3,
        "the smallest standard deviation that a member's training scores count as having; a classifier that is sure of "
        "all its training clips would drown the other members without it",
        minimum=0,
    )


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


class _Standardised:
    """Members' scores less their mean over normal training clips, by their standard deviation there.

    Means and deviations are those of a clip's machine type and section, the population's (not the sample's). How the
    standardised scores become one is a subclass's.
    """

    def __init__(self, config: StandardiseConfig) -> None:
        self.config = config
        self.notes: list[str] = []
        self._statistics: dict[str, dict[tuple[str, str], tuple[float, float]]] = {}

    def fit(self, train: Mapping[str, Scores]) -> None:
        for member, scores in train.items():
            places = list(zip(scores.machine.tolist(), scores.section.tolist(), strict=True))
            found, floored = {}, []
            for place in dict.fromkeys(places):
                values = scores.values[[other == place for other in places]]
                deviation = float(values.std())
                if deviation < self.config.floor:
                    floored.append("/".join(place))
                found[place] = (float(values.mean()), max(deviation, self.config.floor))
            self._statistics[member] = found
            if floored:
                self.notes.append(
                    f"the standard deviation of {member}'s training scores is below the floor {self.config.floor:g}, "
                    f"which stands for it, in {', '.join(floored)}"
                )

    def standardised(self, scores: Mapping[str, Scores]) -> np.ndarray:
        """Every member's standardised scores, float64 of shape (members, clips)."""
        import numpy as np

        return np.stack([self._standardise(member, values) for member, values in scores.items()])

    def _standardise(self, member: str, scores: Scores) -> np.ndarray:
        import numpy as np

        places = zip(scores.machine.tolist(), scores.section.tolist(), strict=True)
        mean, deviation = np.array([self._statistics[member][place] for place in places]).T
        return (scores.values - mean) / deviation


class StandardisedMean(_Standardised):
    """The members' mean standardised score."""

    def combine(self, scores: Mapping[str, Scores]) -> np.ndarray:
        return self.standardised(scores).mean(axis=0)


class StandardisedMax(_Standardised):
    """The largest of the members' standardised scores."""

    def combine(self, scores: Mapping[str, Scores]) -> np.ndarray:
        return self.standardised(scores).max(axis=0)


@hookimpl
def asd_ensemblers() -> list[EnsemblerSpec]:
    module = "asd_bench.builtin.ensemblers"
    return [
        EnsemblerSpec(
            name="identity",
            summary="the only member's score as it is",
            target=f"{module}:Identity",
        ),
        EnsemblerSpec(
            name="standardised-mean",
            summary="mean of the members' scores, standardised per section with statistics of training clips",
            target=f"{module}:StandardisedMean",
            config=StandardiseConfig,
        ),
        EnsemblerSpec(
            name="standardised-max",
            summary="largest of the members' scores, standardised per section with statistics of training clips",
            target=f"{module}:StandardisedMax",
            config=StandardiseConfig,
        ),
    ]
