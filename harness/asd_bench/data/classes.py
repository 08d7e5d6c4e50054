"""Classes: the groups of training clips that discriminative detectors tell apart (design: rule ``auto``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Classes:
    """The classes among the training clips in a fit's scope.

    Attributes:
        names: ``machine/section`` or ``machine/section/attributes``; a class id is a position in it.
        rules: machine -> ``section`` or ``attributes``, whichever its classes come from.
        keys: per class (machine, section).
    """

    names: tuple[str, ...]
    rules: dict[str, str]
    keys: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, train: pd.DataFrame, sections: Mapping[str, int] | None = None) -> Classes:
        """Group training clips: by section where a machine has several, by attribute string where it has one.

        Args:
            train: training clips with machine, section and the attributes that the protocol reveals.
            sections: how many sections each machine has, where the clips are only some of them.
        """
        counts = sections or train.groupby("machine").section.nunique()
        rules = {
            machine: "section" if counts[machine] > 1 else "attributes" for machine in sorted(train.machine.unique())
        }
        found = {
            _name(row.machine, row.section, row.attributes, rules): (row.machine, row.section)
            for row in train.itertuples()
        }
        names = tuple(sorted(found))
        return cls(names, rules, tuple(found[name] for name in names))

    def __len__(self) -> int:
        return len(self.names)

    def ids(self, train: pd.DataFrame) -> np.ndarray:
        """Class id of every training clip, int64 of shape (clips,)."""
        position = {name: number for number, name in enumerate(self.names)}
        return np.array(
            [position[_name(row.machine, row.section, row.attributes, self.rules)] for row in train.itertuples()],
            dtype=np.int64,
        )

    def candidates(self, machines: Sequence[str], sections: Sequence[str]) -> tuple[tuple[int, ...], ...]:
        """For each test clip the classes that it may belong to: all of its machine and section.

        With the section rule that is one class. With attributes it is every class of the machine's section, because
        the attributes of test clips are hidden.
        """
        by_key: dict[tuple[str, str], list[int]] = {}
        for number, key in enumerate(self.keys):
            by_key.setdefault(key, []).append(number)
        return tuple(tuple(by_key.get(key, ())) for key in zip(machines, sections, strict=True))


def _name(machine: str, section: str, attributes: str, rules: dict[str, str]) -> str:
    return f"{machine}/{section}" if rules[machine] == "section" else f"{machine}/{section}/{attributes}"
