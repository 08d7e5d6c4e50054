"""The ensemblers that come with the core, against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asd_bench import Scores
from asd_bench.builtin.ensemblers import StandardiseConfig, StandardisedMax, StandardisedMean


def scores(values, sections=None, machine="fan"):
    sections = np.array(sections or ["00"] * len(values))
    ids = np.array([f"clip{number}" for number in range(len(values))])
    return Scores(ids, np.array([machine] * len(values)), sections, np.array(values, dtype=np.float64))


# Mean 2 and deviation 2 in section 00; mean 10 and deviation 1 in section 01.
TRAIN = {"a": scores([0, 4, 9, 11], ["00", "00", "01", "01"]), "b": scores([1, 3, 5, 5], ["00", "00", "01", "01"])}
TEST = {"a": scores([6, 10], ["00", "01"]), "b": scores([3, 5.5], ["00", "01"])}


@pytest.mark.parametrize(("kind", "expected"), [(StandardisedMean, [1.5, 2.5]), (StandardisedMax, [2.0, 5.0])])
def test_scores_are_standardised_per_section_with_training_statistics(kind, expected):
    ensembler = kind(StandardiseConfig(floor=0.1))
    ensembler.fit(TRAIN)
    # Of b in section 01 all training scores are 5: half a unit above them is five floors above.
    assert ensembler.combine(TEST) == pytest.approx(expected)
    assert ensembler.notes == [
        "the standard deviation of b's training scores is below the floor 0.1, which stands for it, in fan/01"
    ]


@given(st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=20).filter(lambda values: np.std(values) > 1))
def test_standardised_training_scores_have_mean_0_and_deviation_1(values):
    train = {"only": scores(values)}
    ensembler = StandardisedMean(StandardiseConfig())
    ensembler.fit(train)
    fused = ensembler.combine(train)
    assert fused.mean() == pytest.approx(0, abs=1e-9)
    assert fused.std() == pytest.approx(1)
    assert not ensembler.notes


@pytest.mark.parametrize("kind", [StandardisedMean, StandardisedMax])
def test_a_members_unit_makes_no_difference(kind):
    def fused(factor, offset):
        rescaled = [
            {name: scores(part.values * (factor if name == "a" else 1) + (offset if name == "a" else 0),
                          part.section.tolist()) for name, part in split.items()}
            for split in (TRAIN, TEST)
        ]  # fmt: skip
        ensembler = kind(StandardiseConfig(floor=1e-3))
        ensembler.fit(rescaled[0])
        return ensembler.combine(rescaled[1])

    assert fused(7.0, -3.0) == pytest.approx(fused(1.0, 0.0))


def test_the_floor_is_said_in_the_result(run):
    """A floor above every deviation: with one member the order stays, and the result says what was done."""
    from asd_bench import Member, SystemSpec, hookimpl
    from asd_bench.testing.running import loaded_host

    class Plugin:
        @hookimpl
        def asd_systems(self):
            return [SystemSpec(name="floored", summary="s", members=(Member("knn"),), ensembler="standardised-max")]

    host = loaded_host()
    host.register(Plugin(), "of this test")
    outcome = run("floored,mel-knn", host=host, machines=("fan",), settings=["ensembler.floor=1e6"]).assert_ok()
    notes = [note for note in outcome.document("floored")["notes"] if "below the floor 1e+06" in note]
    assert len(notes) == 1
    assert "fan/00" in notes[0]
    order = [outcome.scores(name).score.rank().tolist() for name in ("floored", "mel-knn")]
    assert order[0] == order[1]
