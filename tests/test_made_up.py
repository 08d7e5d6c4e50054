"""The stand-ins for plugin authors' tests: they are what the real ones would be, and what is left out is as it says."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from asd_bench import Audio, BenchError
from asd_bench.data.store import Store
from asd_bench.testing import MadeUpAudio, RememberedEvents
from asd_bench.testing.made_up import OF_CLIPS, SamplesSideBySide
from asd_bench.training import Adam, Recipe

LENGTHS = [7, 4, 9]


def real(made_up, folder):
    """Real audio with the same samples in a store, heard through the same frontend."""
    waves = made_up.waves()
    place = folder / "store" / "fan-0123456789ab"
    place.mkdir(parents=True)
    waves.values.numpy().tofile(place / "audio.i16")
    clips = made_up.clips
    table = pd.DataFrame(
        {"clip_id": clips.clip_id, "machine": "fan", "n_samples": clips.n_samples, "offset": waves.offsets[:-1]}
    )
    table.assign(path=table.clip_id).to_parquet(place / "files.parquet")
    store = Store(place, "fan", table, waves.values.numpy(), ())
    rows = pd.DataFrame({"machine": "fan", "row": np.arange(len(clips))})
    frontend = SamplesSideBySide(made_up.frames().values.shape[1])
    return Audio(clips, rows, {"fan": store}, frontend, "key", torch.device("cpu"), folder / "frames")


def whole_numbers(lengths=LENGTHS, bands=3):
    """Noise of whole numbers, which samples can be."""
    audio = MadeUpAudio.noise(lengths, bands, scale=1000.0)
    audio.frames().values.round_()
    return audio


# -- audio -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "hop"), [(1, 1), (2, 1), (3, 2), (4, 5)])
def test_windows_are_those_of_real_audio(n, hop, tmp_path):
    audio = whole_numbers()
    ours, theirs = audio.windows(n, hop), real(audio, tmp_path).windows(n, hop)
    assert torch.equal(ours.start, theirs.start)
    assert torch.equal(ours.clip, theirs.clip)
    everything = torch.arange(len(ours))
    assert torch.equal(ours.gather(everything), theirs.gather(everything))


@given(st.lists(st.integers(3, 12), min_size=1, max_size=4), st.integers(1, 3), st.integers(1, 4))
def test_windows_are_those_of_every_clip_by_hand(lengths, n, hop):
    audio = MadeUpAudio.noise(lengths, bands=2)
    expected = [
        (clip, frames[start : start + n])
        for clip, frames in enumerate(audio.clip_frames)
        for start in range(0, len(frames) - n + 1, hop)
    ]
    windows = audio.windows(n, hop)
    assert windows.clip.tolist() == [clip for clip, _ in expected]
    assert torch.equal(windows.gather(torch.arange(len(windows))), torch.stack([frames for _, frames in expected]))


def test_clips_shorter_than_a_window_are_refused_as_by_real_audio(tmp_path):
    audio = whole_numbers()
    for one in (audio, real(audio, tmp_path)):
        with pytest.raises(BenchError, match="the clip clip 1 is shorter than a window of 5 frames"):
            one.windows(5, 1)


def test_frames_and_samples_are_those_of_real_audio(tmp_path):
    audio = whole_numbers()
    same = real(audio, tmp_path)
    assert torch.equal(audio.frames().values, same.frames().values)
    np.testing.assert_array_equal(audio.frames().offsets, same.frames().offsets)
    assert torch.equal(audio.waves().values, same.waves().values)
    np.testing.assert_array_equal(audio.waves().offsets, same.waves().offsets)
    for ours, theirs in zip(audio.waveform(np.array([1, 0])), same.waveform(np.array([1, 0])), strict=True):
        assert ours.dtype == theirs.dtype
        assert torch.equal(ours, theirs)


def test_transforming_a_clips_samples_gives_its_frames():
    audio = whole_numbers()
    for number, frames in enumerate(audio.clip_frames):
        assert torch.equal(audio.transform(audio.waveform([number])[0])[0], frames)
    # What fills no frame is left out.
    assert audio.transform(torch.arange(8).unsqueeze(0)).tolist() == [[[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]]


def test_samples_are_rounded_and_clipped():
    audio = MadeUpAudio([torch.tensor([[0.6, -0.6], [1e6, -1e6]])])
    assert audio.waves().values.tolist() == [1, -1, 32767, -32768]


def test_frames_are_copied_once_and_changes_are_heard():
    given_frames = torch.zeros(4, 2)
    audio = MadeUpAudio([given_frames, torch.ones(3, 2)])
    given_frames += 5
    assert not audio.clip_frames[0].any()
    audio.clip_frames[1][2] = 7
    assert audio.frames().values[6].tolist() == [7, 7]
    assert audio.waves().values[-2:].tolist() == [7, 7]
    assert audio.frames() is audio.frames()


def test_training_clips_and_test_clips():
    frames = [torch.zeros(2, 1)] * 3
    left_out = MadeUpAudio(frames).clips
    assert left_out.clip_id.tolist() == ["clip 0", "clip 1", "clip 2"]
    assert (left_out.machine.tolist(), left_out.section.tolist()) == (["fan"] * 3, ["00"] * 3)
    assert left_out.domain.tolist() == left_out.attributes.tolist() == [""] * 3
    assert left_out.n_samples.tolist() == [2] * 3
    assert (left_out.class_id.tolist(), left_out.candidates) == ([0] * 3, ((0,),) * 3)
    training = MadeUpAudio(frames, class_id=[2, 0, 1], domain=["source", "target", "source"]).clips
    assert training.candidates == ((2,), (0,), (1,))
    assert training.domain.tolist() == ["source", "target", "source"]
    test = MadeUpAudio(frames, candidates=[(0, 1), (), (2,)]).clips
    assert (test.class_id.tolist(), test.candidates) == ([-1] * 3, ((0, 1), (), (2,)))


def test_metadata_of_another_number_of_clips_is_an_error():
    with pytest.raises(ValueError, match="there are 2 clips, and class_id is of 3"):
        MadeUpAudio.noise([4, 4], 2, class_id=[0, 1, 2])


def test_some_of_the_clips():
    audio = MadeUpAudio.noise(LENGTHS, 2, class_id=[0, 1, 2], machine=["fan", "pump", "fan"], domain=["a", "b", "c"])
    some = audio.only([2, 1])
    assert len(some) == 2
    for new, old in enumerate((2, 1)):
        assert torch.equal(some.clip_frames[new], audio.clip_frames[old])
        for name in (*OF_CLIPS, "n_samples"):
            assert getattr(some.clips, name)[new] == getattr(audio.clips, name)[old]


def test_the_same_sound_with_other_clips():
    audio = MadeUpAudio.noise(LENGTHS, 2)
    other = audio.under(replace(audio.clips, candidates=((1,),) * 3))
    assert other.frames() is audio.frames()
    assert other.clips.candidates != audio.clips.candidates


def test_noise_is_as_loud_as_asked_for():
    audio = MadeUpAudio.noise([4000, 10], 3, scale=5.0, seed=1)
    assert [len(frames) for frames in audio.clip_frames] == [4000, 10]
    assert audio.clip_frames[0].std().item() == pytest.approx(5, rel=0.05)
    assert not torch.equal(audio.clip_frames[1], MadeUpAudio.noise([4000, 10], 3, scale=5.0).clip_frames[1])


def test_hums_rise_and_fall_together_or_not():
    for together in (True, False):
        for frames in MadeUpAudio.hum(together=together).clip_frames:
            assert frames.shape == (40, 8)
            assert bool((frames == frames[:, :1]).all()) == together


# -- a fit's context ---------------------------------------------------------------------------------------------------


def test_events_are_remembered(fit_context):
    ctx = fit_context()
    ctx.log(0, loss=3.0)
    ctx.log(1, loss=2.0, accuracy=0.5)
    ctx.events.write("progress", None, {"loss": 9.0})
    assert ctx.events.written[0] == ("metric", 0, {"loss": 3.0})
    assert ctx.events.curve() == {0: 3.0, 1: 2.0}
    assert ctx.events.curve("accuracy") == {1: 0.5}
    assert isinstance(ctx.events, RememberedEvents)


def test_every_context_has_a_folder_of_its_own_and_the_randomness_of_its_seed(fit_context):
    first, other, same = (fit_context(seed) for seed in "aba")
    assert len({ctx.workdir for ctx in (first, other, same)}) == 3
    assert first.seed_of("x") == same.seed_of("x") != other.seed_of("x")


def test_classes_and_upstream_fits(fit_context):
    ctx = fit_context(n_classes=3, upstream={"encoder": {"fan": "a detector"}})
    assert ctx.classes.names == ("fan/00", "fan/01", "fan/02")
    assert ctx.classes.candidates(["fan"], ["01"]) == ((1,),)
    assert (ctx.upstream["encoder"]["fan"].scope, ctx.upstream["encoder"]["fan"].detector) == ("fan", "a detector")
    assert fit_context(classes=ctx.classes).classes is ctx.classes


# -- trainings ---------------------------------------------------------------------------------------------------------


class Line:
    """Learns a number from another in six epochs of two steps."""

    def __init__(self):
        torch.manual_seed(0)
        self.network = torch.nn.Linear(1, 1)
        self.planned = []

    def fit(self, audio, ctx):
        def plan(epoch, rng):
            self.planned.append(epoch)
            return {"x": rng.standard_normal((2, 4, 1)).astype(np.float32)}

        def loss(batch):
            return (self.network(batch["x"]) - 2 * batch["x"]).square().mean()

        ctx.train(Recipe(model=self.network, plan=plan, loss=loss, epochs=6, optimizer=Adam(lr=0.1)))


@pytest.mark.parametrize("epochs", [1, 3])
def test_a_fit_that_was_broken_off_can_go_on(epochs, break_off_fit, fit_context):
    undisturbed, whole = Line(), fit_context()
    undisturbed.fit(None, whole)
    begun, resumed = Line(), Line()
    ctx = break_off_fit(begun, None, fit_context(), epochs=epochs)
    assert list(ctx.events.curve()) == list(range(epochs))
    assert begun.planned == list(range(epochs + 1))
    resumed.fit(None, ctx)
    assert resumed.planned == list(range(epochs, 6))
    assert ctx.events.curve() == whole.events.curve()
    assert torch.equal(resumed.network.weight, undisturbed.network.weight)


def test_recipes_are_remembered_and_not_trained(untrained_recipes, fit_context):
    detector = Line()
    before = detector.network.weight.clone()
    detector.fit(None, fit_context())
    assert [recipe.epochs for recipe in untrained_recipes] == [6]
    assert torch.equal(detector.network.weight, before)
    assert not detector.network.training


def test_one_thread(one_torch_thread):
    assert torch.get_num_threads() == 1


def test_importing_the_fixtures_does_not_import_torch():
    # They are loaded wherever pytest is started, for tests that need none of it as well.
    code = "import sys, asd_bench.testing.fixtures; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
