"""What can be chosen about the challenge's datasets."""

from __future__ import annotations

from dataclasses import dataclass

from asd_bench.specs import option


@dataclass(frozen=True)
class DcaseConfig:
    """What can be chosen about a challenge year's dataset."""

    additional: bool = option(
        False,
        "Train on the year's additional training clips, too: those of the evaluation phase's machine IDs, sections or "
        "machine types, which are not scored.",
    )
