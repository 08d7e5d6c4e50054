"""The ensemblers that come with the core, against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asd_bench import Member, NoConfig, Scores, SystemSpec, TopK, hookimpl
from asd_bench.builtin.ensemblers import (
    Max,
    Mean,
    MeanProbability,
    StandardiseConfig,
    StandardisedMax,
    StandardisedMean,
    TransductiveMean,
)
from asd_bench.testing.running import loaded_host


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
        "the standard deviation of b's scores is below the floor 0.1, which stands for it, in fan/01"
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


@pytest.mark.parametrize(("kind", "expected"), [(Mean, [4.5, 7.75]), (Max, [6.0, 10.0])])
def test_scores_of_one_scale(kind, expected):
    ensembler = kind(NoConfig())
    ensembler.fit(TRAIN)
    assert ensembler.combine(TEST) == pytest.approx(expected)


def test_mean_probability_by_hand():
    """Scores of probabilities 0.9 and 0.5, whose mean is 0.7; and of one so certain that 1 - p has no digits left."""
    odds = {"a": scores([np.log(0.1 / 0.9), -60.0]), "b": scores([0.0, -60.0])}
    assert MeanProbability(NoConfig()).combine(odds) == pytest.approx([np.log(0.3 / 0.7), -60.0])


def test_mean_probability_of_the_most_certain():
    """No probability rounds to 0 or 1 on the way: -log(mean of e^-40 and e^-38), and so on."""
    odds = {"a": scores([40.0, -800.0]), "b": scores([38.0, -800.0])}
    expected = [-np.log((np.exp(-40) + np.exp(-38)) / 2), -800.0]
    assert MeanProbability(NoConfig()).combine(odds) == pytest.approx(expected)


@pytest.mark.parametrize("kind", [StandardisedMean, StandardisedMax, TransductiveMean])
def test_one_member_keeps_its_order(kind):
    """And so its AUC, exactly."""
    values = np.random.default_rng(0).normal(-1e4, 1e-2, 50)
    ensembler = kind(StandardiseConfig())
    ensembler.fit({"a": scores([-1e4, -1e4 + 1e-3, -1e4 - 1e-3])})
    fused = ensembler.combine({"a": scores(values)})
    assert np.argsort(fused).tolist() == np.argsort(values).tolist()


def test_a_note_is_made_once():
    ensembler = TransductiveMean(StandardiseConfig(floor=1e6))
    for part in (TRAIN, TRAIN):
        ensembler.combine(part)
    assert len(ensembler.notes) == len(TRAIN)


def test_transductive_statistics_are_those_of_the_clips_that_are_scored():
    ensembler = TransductiveMean(StandardiseConfig())
    ensembler.fit(TRAIN)
    test = {"a": scores([1, 3, 100]), "b": scores([5, 1, 3])}
    fused = ensembler.combine(test)
    by_hand = [(part.values - part.values.mean()) / part.values.std() for part in test.values()]
    assert fused == pytest.approx(np.mean(by_hand, axis=0))


def with_systems(*systems):
    class Plugin:
        @hookimpl
        def asd_systems(self):
            return systems

    host = loaded_host()
    host.register(Plugin(), "of this test")
    return host


def test_the_floor_is_said_in_the_result(run):
    """A floor above every deviation: with one member the order stays, and the result says what was done."""
    host = with_systems(SystemSpec(name="floored", summary="s", members=(Member("knn"),), ensembler="standardised-max"))
    outcome = run("floored,mel-knn", host=host, machines=("fan",), settings=["ensembler.floor=1e6"]).assert_ok()
    notes = [note for note in outcome.document("floored")["notes"] if "below the floor 1e+06" in note]
    assert len(notes) == 1
    assert "fan/00" in notes[0]
    order = [outcome.scores(name).score.rank().tolist() for name in ("floored", "mel-knn")]
    assert order[0] == order[1]


# -- members chosen on labels ------------------------------------------------------------------------------------------

MEMBERS = ("knn", "mahalanobis", "gmm")


@pytest.mark.parametrize("k", [1, 2])
def test_the_best_members_of_each_machine_type_are_fused_and_the_row_is_marked(k, run):
    members = tuple(Member(name) for name in MEMBERS)
    host = with_systems(
        SystemSpec(name="best", summary="s", members=members, ensembler="max", select=TopK(k)),
        *(SystemSpec(name=f"{name}-alone", summary="s", members=(Member(name),)) for name in MEMBERS),
    )
    names = ",".join(f"{name}-alone" for name in MEMBERS)
    machines = ("fan", "valve")
    outcome = run(f"best,{names}", host=host, machines=machines).assert_ok()
    document = outcome.document("best")
    alone = {name: outcome.document(f"{name}-alone")["metrics"]["machines"] for name in MEMBERS}
    for machine in machines:
        ranked = sorted(MEMBERS, key=lambda name: -alone[name][machine]["omega"])
        assert set(document["selected"][machine]) == set(ranked[:k])
        of_members = [
            outcome.scores(f"{name}-alone").set_index("clip_id").score for name in document["selected"][machine]
        ]
        fused = outcome.scores("best").set_index("clip_id")
        fused = fused.score[fused.machine == machine]
        assert fused.tolist() == np.max([part[fused.index] for part in of_members], axis=0).tolist()
    assert f"selected on test labels: best {k} of 3 members per machine" in document["flags"]
    assert "select" in document["config"]
    assert "selected" not in outcome.document("knn-alone")


def test_selecting_changes_the_row_and_the_key(run):
    members = tuple(Member(name) for name in MEMBERS)
    both = [SystemSpec(name="same", summary="s", members=members, ensembler="max", select=k) for k in (None, TopK(1))]
    documents = [run("same", host=with_systems(spec), machines=("fan",)).assert_ok().document() for spec in both]
    assert documents[0]["key"] != documents[1]["key"]
    assert documents[0]["config_key"] != documents[1]["config_key"]
