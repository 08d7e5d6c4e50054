"""What an epoch draws: batches with a target clip, mixtures, who is held out; and the labels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from asd_bench import Classes
from asd_bench_first_shot import TransformerConfig
from asd_bench_first_shot.material import Labels, drawn, heard, held_out, with_target
from asd_bench_first_shot.mixing import mixed, partners, shares
from asd_bench_first_shot.multitask import MultiTaskTraining
from asd_bench_first_shot.segments import Segments, Standardisation

#: Distinct attribute strings of the training clips per machine type of DCASE 2023, development and evaluation data.
DEV = {"ToyCar": 26, "ToyTrain": 26, "bearing": 22, "gearbox": 19, "slider": 18, "fan": 4, "valve": 4}
EVAL = {"ToyTank": 12, "ToyNscale": 11, "ToyDrone": 6, "Vacuum": 6, "grinder": 6, "bandsaw": 4, "shaker": 3}


def labels_of(audio):
    return Labels.of(audio.clips, audio.classes)


# -- labels ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("counts", "n_machines", "n_classes"), [(DEV | EVAL, 14, 167), (DEV, 7, 119)])
def test_dcase2023_has_as_many_labels_as_published(counts, n_machines, n_classes):
    rows = [
        {"machine": machine, "section": "00", "attributes": f"speed_{number}", "domain": "source"}
        for machine, count in counts.items()
        for number in range(count)
        for _ in range(2)
    ]
    table = pd.DataFrame(rows).sort_values("machine", ignore_index=True)
    classes = Classes.of(table)
    clips = type("", (), {name: table[name].to_numpy(dtype=str) for name in table})()
    clips.class_id = classes.ids(table)
    labels = Labels.of(clips, classes)
    assert len(labels.machines) == n_machines
    assert len(labels.machine_of_class) == n_classes
    assert [labels.machines[number] for number in labels.machine] == table.machine.tolist()
    for name, count in counts.items():
        assert (labels.machine_of_class == labels.machines.index(name)).sum() == count
    assert (labels.machine_of_class[labels.class_id] == labels.machine).all()
    embedder, config = torch.nn.Identity(), TransformerConfig()
    heads = MultiTaskTraining(embedder, None, labels, np.arange(len(table)), config, None, torch.device("cpu")).heads
    assert heads.machine.weight.shape == (n_machines, 128)
    assert heads.attribute.weight.shape == (n_classes, 128)


# -- batches -----------------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(n=st.integers(1, 300), size=st.integers(2, 40), n_target=st.integers(1, 20), seed=st.integers(0, 99))
def test_every_batch_has_a_target_clip_and_every_clip_comes(n, size, n_target, seed):
    rng = np.random.default_rng(seed)
    clip = rng.permutation(1000)[:n]
    is_target = np.arange(n) < n_target
    found = with_target(clip, is_target, size, rng)
    assert found.shape == (-(-n // (size - 1)), size)
    assert set(found.ravel()) == set(clip)
    assert np.isin(found, clip[is_target]).any(axis=1).all()


def test_the_target_clip_of_a_batch_is_any_of_them():
    found = with_target(np.arange(400), np.arange(400) >= 390, 9, np.random.default_rng(0))
    assert set(found[:, 0]) == set(range(390, 400))


def test_batches_are_plain_without_target_clips():
    found = with_target(np.arange(20), np.zeros(20, dtype=bool), 5, np.random.default_rng(0))
    assert sorted(found.ravel()) == list(range(20))


@pytest.mark.parametrize(("n_source", "n_target", "out"), [(990, 10, (165, 4)), (6, 0, (1, 0)), (7, 1, (2, 1))])
def test_a_sixth_of_the_source_and_a_third_of_the_target_is_held_out(n_source, n_target, out, tones):
    clips = type("", (), {})()
    n = n_source + n_target
    clips.machine, clips.section = np.array(["fan"] * n), np.array(["00"] * n)
    clips.domain = np.array(["source"] * n_source + ["target"] * n_target)
    type(clips).__len__ = lambda _: n
    found = held_out(clips, np.random.default_rng(0))
    assert (found[:n_source].sum(), found[n_source:].sum()) == out


def test_clips_are_held_out_of_every_section(tones):
    audio = tones(clips=12, targets=0)
    found = held_out(audio.clips, np.random.default_rng(0))
    assert [found[audio.clips.machine == machine].sum() for machine in ("fan", "pump")] == [4, 4]
    assert (found != held_out(audio.clips, np.random.default_rng(1))).any()


# -- mixing ------------------------------------------------------------------------------------------------------------


def test_shares_are_drawn_with_their_probability():
    found = shares((100, 100), 0.2, 0.3, np.random.default_rng(0))
    assert found.dtype == np.float32
    assert (found < 1).mean() == pytest.approx(0.3, abs=0.03)
    # Beta(0.2, 0.2) has mean 1/2 and variance 1 / (4 · 1.4).
    drawn_shares = shares((100, 100), 0.2, 1.0, np.random.default_rng(0))
    assert drawn_shares.mean() == pytest.approx(0.5, abs=0.02)
    assert drawn_shares.var() == pytest.approx(1 / 5.6, rel=0.05)


def test_nothing_is_mixed_with_an_alpha_of_0():
    assert (shares((5, 5), 0.0, 1.0, np.random.default_rng(0)) == 1).all()


def test_partners_are_a_random_order_of_each_batch():
    found = partners((50, 3, 8), np.random.default_rng(0))
    assert (np.sort(found, axis=-1) == np.arange(8)).all()
    assert len({tuple(row) for row in found.reshape(-1, 8)}) > 100


def test_a_share_of_1_leaves_the_first_as_it_is():
    first, second = torch.randn(3, 50), torch.randn(3, 50)
    found = mixed(first, second, torch.tensor([1.0, 0.0, 0.25]))
    assert torch.equal(found[0], first[0])
    assert torch.equal(found[1], second[1])
    torch.testing.assert_close(found[2], 0.25 * first[2] + 0.75 * second[2])


def test_partners_are_of_the_same_group(tones):
    audio = tones()
    segments = Segments(audio.waves(), 256, [Standardisation(0, 1)] * len(audio))
    clip = np.arange(24).reshape(2, 3, 4)
    plan = drawn(segments, clip, 0.2, 1.0, np.random.default_rng(0))
    assert {name: rows.shape for name, rows in plan.items()} == dict.fromkeys(plan, (2, 12))
    assert (plan["partner"] // 4 == np.arange(12) // 4).all()
    assert (plan["clip"] == np.arange(24).reshape(2, 12)).all()
    begin = audio.waves().offsets[plan["clip"]]
    assert ((plan["start"] >= begin) & (plan["start"] + 256 <= audio.waves().offsets[plan["clip"] + 1])).all()


def test_what_is_heard_is_the_mixture_of_standardised_segments(tones):
    audio = tones()
    segments = Segments(audio.waves(), 256, [Standardisation(7, 2)] * len(audio))
    batch = {
        "clip": torch.tensor([0, 3]),
        "start": torch.from_numpy(audio.waves().offsets[[0, 3]] + 5),
        "partner": torch.tensor([1, 0]),
        "share": torch.tensor([0.25, 1.0]),
    }
    wave = [(torch.from_numpy(audio.table.wave[number][5 : 5 + 256]).float() - 7) / 2 for number in (0, 3)]
    expected = torch.stack([0.25 * wave[0] + 0.75 * wave[1], wave[1]])
    assert torch.equal(heard(segments, lambda wave: wave, batch), expected)
