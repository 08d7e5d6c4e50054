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
        "the smallest standard deviation that a member's scores count as having; a classifier that is sure of "
        "all its training clips would drown the other members without it",
        minimum=1e-12,
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


class Mean:
    """The members' mean score: for members whose scores have one scale."""

    def __init__(self, config: NoConfig) -> None:
        pass

    def fit(self, train: Mapping[str, Scores]) -> None:
        pass

    def combine(self, scores: Mapping[str, Scores]) -> np.ndarray:
        return _stacked(scores).mean(axis=0)


class Max(Mean):
    """The largest of the members' scores."""

    def combine(self, scores: Mapping[str, Scores]) -> np.ndarray:
        return _stacked(scores).max(axis=0)


class MeanProbability(Mean):
    """The log-odds of the members' mean probability of being normal, for members whose scores are log-odds.

    A score is ``log((1 - p) / p)`` of a classifier's probability p that a clip is what it should be.
    """

    def combine(self, scores: Mapping[str, Scores]) -> np.ndarray:
        from scipy.special import log_expit, logsumexp

        # As logarithms, so that neither probabilities near 0 nor those near 1 lose their digits.
        odds = _stacked(scores)
        return logsumexp(log_expit(odds), axis=0) - logsumexp(log_expit(-odds), axis=0)


class _Standardised:
    """Members' scores less their mean, by their standard deviation, within a clip's machine type and section.

    Deviations are the population's, not the sample's.
    """

    def __init__(self, config: StandardiseConfig) -> None:
        self.config = config
        self.notes: list[str] = []

    def statistics(self, member: str, scores: Scores) -> dict[tuple[str, str], tuple[float, float]]:
        """(machine, section) -> mean and deviation; notes where the floor stands for it."""
        places = _places(scores)
        found, floored = {}, []
        for place in dict.fromkeys(places):
            values = scores.values[[other == place for other in places]]
            deviation = float(values.std())
            if deviation < self.config.floor:
                floored.append("/".join(place))
            found[place] = (float(values.mean()), max(deviation, self.config.floor))
        note = (
            f"the standard deviation of {member}'s scores is below the floor {self.config.floor:g}, which stands "
            f"for it, in {', '.join(floored)}"
        )
        # Statistics of the scored clips are taken more than once.
        if floored and note not in self.notes:
            self.notes.append(note)
        return found

    def standardise(self, scores: Scores, statistics: Mapping[tuple[str, str], tuple[float, float]]) -> np.ndarray:
        import numpy as np

        mean, deviation = np.array([statistics[place] for place in _places(scores)]).T
        return (scores.values - mean) / deviation


class _StandardisedOnTraining(_Standardised):
    """Standardised with the statistics of normal training clips."""

    def fit(self, train: Mapping[str, Scores]) -> None:
        self._statistics = {member: self.statistics(member, scores) for member, scores in train.items()}

    def standardised(self, scores: Mapping[str, Scores]) -> np.ndarray:
        """Float64 of shape (members, clips)."""
        import numpy as np

        return np.stack([self.standardise(part, self._statistics[member]) for member, part in scores.items()])


class StandardisedMean(_StandardisedOnTraining):
    """The members' mean standardised score."""

    def combine(self, scores: Mapping[str, Scores]) -> np.ndarray:
        return self.standardised(scores).mean(axis=0)


class StandardisedMax(_StandardisedOnTraining):
    """The largest of the members' standardised scores."""

    def combine(self, scores: Mapping[str, Scores]) -> np.ndarray:
        return self.standardised(scores).max(axis=0)


class TransductiveMean(_Standardised):
    """The members' mean score, standardised with the statistics of the very clips that are scored."""

    def fit(self, train: Mapping[str, Scores]) -> None:
        pass

    def combine(self, scores: Mapping[str, Scores]) -> np.ndarray:
        import numpy as np

        return np.mean(
            [self.standardise(part, self.statistics(member, part)) for member, part in scores.items()], axis=0
        )


def _stacked(scores: Mapping[str, Scores]) -> np.ndarray:
    """Float64 of shape (members, clips)."""
    import numpy as np

    return np.stack([part.values for part in scores.values()])


def _places(scores: Scores) -> list[tuple[str, str]]:
    """(machine, section) of every clip."""
    return list(zip(scores.machine.tolist(), scores.section.tolist(), strict=True))


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
            name="mean",
            summary="mean of the members' scores as they are",
            target=f"{module}:Mean",
        ),
        EnsemblerSpec(
            name="max",
            summary="largest of the members' scores as they are",
            target=f"{module}:Max",
        ),
        EnsemblerSpec(
            name="mean-probability",
            summary="log-odds of the members' mean probability, for members whose scores are log-odds",
            target=f"{module}:MeanProbability",
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
        EnsemblerSpec(
            name="transductive-mean",
            summary="mean of the members' scores, standardised per section with statistics of the test clips",
            target=f"{module}:TransductiveMean",
            config=StandardiseConfig,
            transductive=True,
        ),
    ]
