"""What is cut out of clips: whole clips with their padding, patches, and frames after the median filter."""

from __future__ import annotations

import pytest
import torch

from asd_bench import BenchError
from asd_bench_small_rice.augmentation import median_filter
from asd_bench_small_rice.segments import scored_segments, training_segments


def all_of(segments):
    return segments.gather(torch.arange(len(segments)))


def test_whole_clips_of_one_length_are_not_copied(noise, config):
    audio = noise([12, 12, 12])
    segments = training_segments(audio, config())
    assert segments.windows.frames is audio.frames()
    assert torch.equal(all_of(segments), torch.stack(audio.clip_frames))
    assert segments.lengths.tolist() == [12, 12, 12]


def test_whole_clips_are_zero_padded_to_the_longest_in_training(noise, config):
    audio = noise([8, 12, 5])
    segments = training_segments(audio, config())
    frames = all_of(segments)
    assert frames.shape == (3, 12, 16)
    for number, clip in enumerate(audio.clip_frames):
        assert torch.equal(frames[number, : len(clip)], clip)
        assert not frames[number, len(clip) :].any()
    assert segments.lengths.tolist() == [8, 12, 5]
    assert segments.windows.clip.tolist() == [0, 1, 2]


def test_scored_clips_are_padded_to_the_longest_of_the_fit_and_longer_ones_stay_as_they_are(noise, config):
    audio = noise([8, 14, 12, 10, 14])
    groups = scored_segments(audio, config(), 12)
    assert [group.windows.n for group in groups] == [12, 14]
    assert [group.windows.clip.tolist() for group in groups] == [[0, 2, 3], [1, 4]]
    assert [group.lengths.tolist() for group in groups] == [[8, 12, 10], [14, 14]]
    assert torch.equal(all_of(groups[1]), torch.stack([audio.clip_frames[1], audio.clip_frames[4]]))
    assert torch.equal(all_of(groups[0])[1], audio.clip_frames[2])
    assert not all_of(groups[0])[0, 8:].any()


def test_patches(noise, config):
    audio = noise([20, 13])
    settings = config(patch_frames=6, patch_hop=4)
    for segments in (training_segments(audio, settings), *scored_segments(audio, settings, 6)):
        assert segments.windows.clip.tolist() == [0, 0, 0, 0, 1, 1]
        assert torch.equal(all_of(segments)[2], audio.clip_frames[0][8:14])
        assert torch.equal(all_of(segments)[5], audio.clip_frames[1][4:10])
        assert segments.lengths.tolist() == [6] * 6


@pytest.mark.parametrize("patch_frames", [0, 6])
def test_clips_are_filtered_as_a_whole_before_they_are_cut_or_padded(noise, config, patch_frames):
    audio = noise([20, 13, 20, 20, 20, 20])
    settings = config(median=5, patch_frames=patch_frames, patch_hop=7)
    (group,) = scored_segments(audio, settings, 20)
    for segments in (training_segments(audio, settings), group):
        frames = all_of(segments)
        for number, clip in enumerate(audio.clip_frames):
            filtered = median_filter(clip.unsqueeze(0), 5)[0]
            of_clip = frames[segments.windows.clip == number]
            if patch_frames:
                assert torch.equal(of_clip[1], filtered[7:13])
            else:
                assert torch.equal(of_clip[0, : len(clip)], filtered)
                assert not of_clip[0, len(clip) :].any()


def test_filtering_leaves_the_frontends_frames_alone(noise, config):
    audio = noise([20, 20])
    before = audio.frames().values.clone()
    training_segments(audio, config(median=5))
    assert torch.equal(audio.frames().values, before)


def test_clips_too_short_for_the_filter(noise, config):
    with pytest.raises(BenchError, match="the clip clip 1 has 15 frames, too few for a median filter of 31") as error:
        training_segments(noise([20, 15]), config(median=31))
    assert "--set detector.median=29 at most" in error.value.fix
    training_segments(noise([20, 15]), config(median=29))


def test_clips_too_short_for_a_patch(noise, config):
    with pytest.raises(BenchError, match="shorter than a window of 16"):
        training_segments(noise([20, 15]), config(patch_frames=16))


def test_shifted_segments_go_round_within_their_sound(noise, config):
    audio = noise([8, 12])
    segments = training_segments(audio, config())
    index, by = torch.tensor([1, 0, 0]), torch.tensor([3, -2, 0])
    frames = segments.gather_shifted(index, by, torch.from_numpy(segments.lengths)[index])
    assert torch.equal(frames[0], audio.clip_frames[1].roll(3, dims=0))
    assert torch.equal(frames[1, :8], audio.clip_frames[0].roll(-2, dims=0))
    assert not frames[1, 8:].any()
    assert torch.equal(frames[2], segments.gather(index[2:])[0])
