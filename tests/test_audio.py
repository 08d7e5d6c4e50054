"""Frames, windows and waveforms as a detector gets them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from asd_bench.data.clips import Clips
from asd_bench.data.store import Store
from asd_bench.errors import BenchError
from asd_bench.frontends import Audio, Frames


class Blocks:
    """A frontend that anyone can check by hand: every 4 samples are a frame, its features their sum and their first."""

    n_features = 2
    min_samples = 4

    def n_frames(self, n_samples):
        return n_samples // 4

    def __call__(self, wave):
        blocks = wave[:, : wave.shape[1] // 4 * 4].float().reshape(len(wave), -1, 4)
        return torch.stack([blocks.sum(dim=2), blocks[:, :, 0]], dim=2)


def make_audio(tmp_path, lengths, order=None, frontend=None):
    """Clips holding 0, 1, 2, … end to end in one store, heard in some order."""
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    audio = np.arange(sum(lengths), dtype=np.int16)
    ids = [f"clip{number}" for number in range(len(lengths))]
    folder = tmp_path / "store" / "fan-0123456789ab"
    folder.mkdir(parents=True, exist_ok=True)
    pd.DataFrame({"clip_id": ids, "path": [f"fan/{name}.wav" for name in ids]}).to_parquet(folder / "files.parquet")
    table = pd.DataFrame({"clip_id": ids, "machine": "fan", "n_samples": lengths, "offset": starts})
    audio.tofile(folder / "audio.i16")
    store = Store(folder, "fan", table, audio, ())
    order = list(range(len(lengths))) if order is None else order
    text = np.array(["fan"] * len(order))
    clips = Clips(
        clip_id=np.array(ids)[order],
        machine=text,
        section=text,
        domain=text,
        attributes=text,
        n_samples=np.array(lengths)[order],
        class_id=np.zeros(len(order), dtype=np.int64),
        candidates=((0,),) * len(order),
    )
    rows = pd.DataFrame({"machine": "fan", "row": order})
    return Audio(clips, rows, {"fan": store}, frontend or Blocks(), "key", torch.device("cpu"), tmp_path / "frames")


def test_frames_of_each_clip_by_hand(tmp_path):
    frames = make_audio(tmp_path, [8, 5]).frames()
    assert frames.offsets.tolist() == [0, 2, 3]
    # Clip 0 holds 0…7, clip 1 holds 8…12, whose last sample fills no frame.
    assert frames.clip(0).tolist() == [[6.0, 0.0], [22.0, 4.0]]
    assert frames.clip(1).tolist() == [[38.0, 8.0]]
    assert [len(clip) for clip in frames] == [2, 1]


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 0, 1], [1], [2, 0]])
def test_frames_follow_the_order_of_the_clips(order, tmp_path):
    lengths = [8, 5, 12]
    whole = make_audio(tmp_path, lengths).frames()
    chosen = make_audio(tmp_path, lengths, order).frames()
    assert len(chosen) == len(order)
    for position, number in enumerate(order):
        assert torch.equal(chosen.clip(position), whole.clip(number))


def test_frames_are_computed_once_and_then_read_from_disk(tmp_path):
    first = make_audio(tmp_path, [8, 8]).frames()

    class Forbidden(Blocks):
        def __call__(self, wave):
            raise AssertionError("computed again")

    again = make_audio(tmp_path, [8, 8], frontend=Forbidden()).frames()
    assert torch.equal(first.values, again.values)


def test_a_detector_cannot_spoil_the_cache(tmp_path):
    spoiled = make_audio(tmp_path, [8, 8]).frames()
    before = spoiled.values.clone()
    spoiled.values.zero_()
    assert torch.equal(make_audio(tmp_path, [8, 8]).frames().values, before)


def test_a_frontend_that_fails_leaves_no_cache_behind(tmp_path):
    class Failing(Blocks):
        def __call__(self, wave):
            raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        make_audio(tmp_path, [8], frontend=Failing()).frames()
    assert not list((tmp_path / "frames").rglob("*.f32"))
    assert make_audio(tmp_path, [8]).frames().clip(0).tolist() == [[6.0, 0.0], [22.0, 4.0]]


def test_waveforms_are_padded_to_the_longest(tmp_path):
    wave, lengths = make_audio(tmp_path, [3, 2, 4]).waveform(np.array([1, 0]))
    assert wave.dtype == torch.int16
    assert wave.tolist() == [[3, 4, 0], [0, 1, 2]]
    assert lengths.tolist() == [2, 3]


def test_windows_stay_within_clips(tmp_path):
    audio = make_audio(tmp_path, [16, 12])
    windows = audio.windows(2, 1)
    assert windows.start.tolist() == [0, 1, 2, 4, 5]
    assert windows.clip.tolist() == [0, 0, 0, 1, 1]
    assert windows.gather(torch.tensor([3])).tolist() == audio.frames().clip(1)[:2].unsqueeze(0).tolist()
    assert audio.windows(2, 2).start.tolist() == [0, 2, 4]
    assert len(audio.windows(3, 1)) == 3


def test_windows_longer_than_a_clip_are_refused(tmp_path):
    with pytest.raises(BenchError, match="clip1 is shorter than a window of 3 frames"):
        make_audio(tmp_path, [16, 8]).windows(3, 1)


def test_a_clip_too_short_for_a_frame_is_named(tmp_path):
    with pytest.raises(BenchError, match=r"fan/clip1\.wav has 3 samples, and the frontend needs 4"):
        make_audio(tmp_path, [8, 3]).frames()


def test_stacking_needs_equal_lengths():
    values = torch.arange(12.0).reshape(6, 2)
    assert Frames(values, np.array([0, 3, 6])).stacked().shape == (2, 3, 2)
    with pytest.raises(BenchError, match="between 2 and 4 frames"):
        Frames(values, np.array([0, 2, 6])).stacked()


@pytest.mark.gpu
def test_frames_on_a_gpu_equal_those_on_the_cpu(tmp_path):
    audio = make_audio(tmp_path, [8, 5, 12], [2, 0, 1])
    on_cpu = audio.frames()
    audio.device, audio._frames = torch.device("cuda"), None
    on_gpu = audio.frames()
    assert on_gpu.values.is_cuda
    assert torch.equal(on_gpu.values.cpu(), on_cpu.values)


@pytest.mark.parametrize("order", [[0, 1, 2], [1, 2], [2, 0], [1]])
def test_samples_of_every_clip_and_segments_of_them(order, tmp_path):
    lengths = [8, 5, 12]
    waves = make_audio(tmp_path, lengths, order).waves()
    starts = np.cumsum([0, *lengths])
    for position, number in enumerate(order):
        samples = waves.values[waves.offsets[position] : waves.offsets[position + 1]]
        assert samples.tolist() == list(range(starts[number], starts[number + 1]))
    # The last 4 samples of the last clip, and the first 4 of the first.
    segments = waves.gather(torch.tensor([int(waves.offsets[-1]) - 4, 0]), 4)
    assert segments.dtype == torch.int16
    end = int(starts[order[-1] + 1])
    first = int(starts[order[0]])
    assert segments.tolist() == [list(range(end - 4, end)), list(range(first, first + 4))]
