"""Small test sets, written as lists of scores."""

from collections.abc import Callable, Mapping, Sequence

import pandas as pd
import pytest

Scores = Sequence[float]
#: (machine, section, domain) -> scores of its normal clips, scores of its anomalous clips.
Layout = Mapping[tuple[str, str, str], tuple[Scores, Scores]]


def _make_clips(layout: Layout) -> pd.DataFrame:
    rows = [
        (f"{machine}-{section}-{domain}-{label}-{number}", machine, section, domain, label, float(score))
        for (machine, section, domain), both in layout.items()
        for label, scores in enumerate(both)
        for number, score in enumerate(scores)
    ]
    return pd.DataFrame(rows, columns=["clip_id", "machine", "section", "domain", "label", "score"])


@pytest.fixture(scope="session")
def make_clips() -> Callable[[Layout], pd.DataFrame]:
    """Build the table that `evaluate` takes from a `Layout`."""
    return _make_clips
