"""Equation 4: how the members' scores become one."""

from __future__ import annotations

import numpy as np
import pytest

from asd_bench import BenchError, Scores
from asd_bench_geco import FusionConfig
from asd_bench_geco.fusion import PUBLISHED, Fusion, FusionPerMachine


def scores(pae, geco, machine=None):
    machine = np.array(machine or ["fan"] * len(pae))
    clips = {"clip_id": np.arange(len(pae)).astype(str), "machine": machine, "section": machine}
    return {name: Scores(**clips, values=np.array(values, float)) for name, values in (("pae", pae), ("geco", geco))}


def fused(ensembler, members, gamma=200.0):
    fusion = ensembler(FusionConfig(gamma=gamma))
    fusion.fit(members)
    return fusion.combine(members)


PAE, GECO = [8.0, 6.0, 7.0, 9.0], [0.01, 0.04, 0.02, 0.005]


def test_by_hand():
    assert fused(Fusion, scores(PAE, GECO)) == pytest.approx([10, 14, 11, 10])


def test_gamma_of_zero_ranks_as_the_pae_does():
    assert fused(Fusion, scores(PAE, GECO), gamma=0).tolist() == PAE


def test_a_large_gamma_ranks_as_geco_does():
    values = fused(Fusion, scores(PAE, GECO), gamma=1e9)
    assert np.argsort(values).tolist() == np.argsort(GECO).tolist()


def test_a_clip_at_its_centre_has_the_paes_score():
    assert fused(Fusion, scores([5.5], [0.0])).tolist() == [5.5]


def test_gammas_of_the_paper():
    machine = ["ToyCar", "ToyConveyor", "fan", "pump", "slider", "valve"]
    values = fused(FusionPerMachine, scores([0] * 6, [1] * 6, machine))
    assert values.tolist() == [125, 135, 495, 225, 110, 125]
    assert set(PUBLISHED) == set(machine)


def test_machine_types_without_a_published_gamma_take_the_one_for_all_and_are_named():
    members = scores([0, 0, 0], [1, 1, 1], ["gearbox", "valve", "bearing"])
    fusion = FusionPerMachine(FusionConfig(gamma=33))
    fusion.fit(members)
    assert fusion.combine(members).tolist() == [33, 125, 33]
    assert fusion.notes == ["no γ was published for bearing, gearbox: 33 stands for it"]


def test_where_all_gammas_are_published_there_is_nothing_to_note():
    fusion = FusionPerMachine(FusionConfig())
    fusion.fit(scores([0], [1], ["fan"]))
    assert fusion.notes == []


def test_other_members_are_refused():
    members = scores([0], [1])
    with pytest.raises(BenchError, match="takes the members 'pae' and 'geco', and the system has: geco"):
        Fusion(FusionConfig()).fit({"geco": members["geco"]})
