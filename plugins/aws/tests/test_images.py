"""What the classifiers are trained on: which frames an image has, and what an epoch draws."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from asd_bench import BenchError
from asd_bench.testing import MadeUpAudio
from asd_bench_aws.images import training_images
from asd_bench_aws.perturbation import resample

IDS = [0, 0, 0, 0, 1, 2]
N_IDS, N_FRAMES, HOP, SPEEDS, N_WARPS = 3, 4, 2, (0.8, 1.25), 2

#: Clips of 20 frames have 9 images at their own speed, 11 in the 25 frames at 0.8, and 7 in the 16 at 1.25.
OF_CLIP = (9, 11, 7)


@pytest.fixture
def audio(noise):
    return noise(clips=6, frames=20, bands=8, scale=3000.0, class_id=IDS)


@pytest.fixture
def images(audio):
    return training_images(audio, N_IDS, n_frames=N_FRAMES, hop=HOP, speeds=SPEEDS, n_warps=N_WARPS)


@pytest.fixture
def plan(images):
    """An epoch of batches of 12, 5 of them for mixing."""
    return images.plan(12, 5, np.random.default_rng(0))


def clip_of(images, positions):
    return images.windows.clip.numpy()[positions]


def test_images_of_every_clip_at_every_speed(audio, images):
    assert len(images.windows) == 6 * sum(OF_CLIP)
    np.testing.assert_array_equal(images.count, [[number] * 6 for number in OF_CLIP])
    for row, speed in enumerate((1.0, *SPEEDS)):
        for clip in range(6):
            if speed == 1.0:
                frames = audio.clip_frames[clip]
            else:
                frames = audio.transform(resample(audio.waveform([clip])[0], speed))[0]
            positions = torch.arange(OF_CLIP[row]) + images.first[row, clip]
            expected = torch.stack([frames[start : start + N_FRAMES] for start in range(0, len(frames) - 3, HOP)])
            assert torch.equal(images.windows.gather(positions), expected)
            assert (clip_of(images, positions) == clip).all()


def test_clips_of_different_lengths():
    audio = MadeUpAudio.noise([20, 12, 20], bands=8, scale=3000.0, class_id=[0, 1, 0])
    images = training_images(audio, 2, n_frames=N_FRAMES, hop=HOP, speeds=SPEEDS, n_warps=0)
    assert images.count.tolist() == [[9, 5, 9], [11, 6, 11], [7, 3, 7]]
    expected = audio.transform(resample(audio.waveform([1])[0], 1.25))[0][:N_FRAMES]
    assert torch.equal(images.windows.gather(torch.tensor(images.first[2, 1:2]))[0], expected)


def test_without_other_speeds_nothing_is_copied(audio):
    images = training_images(audio, N_IDS, n_frames=N_FRAMES, hop=HOP, speeds=(), n_warps=0)
    assert images.n_variants == 1
    rows = images.plan(8, 0, np.random.default_rng(0))
    assert not rows["warp"].any()
    assert rows["label"].max() == N_IDS - 1


def test_a_clip_that_is_too_short_at_some_speed(noise):
    audio = noise(clips=2, frames=9, bands=8, class_id=[0, 1])
    with pytest.raises(BenchError, match=r"at 1.25 times its speed the clip clip 0 has 7 frames, and an image 8"):
        training_images(audio, 2, n_frames=8, hop=1, speeds=(1.25,), n_warps=0)


# -- an epoch ----------------------------------------------------------------------------------------------------------


def test_shapes_are_those_of_every_epoch(images):
    steps = -(-6 * 9 // 12)
    for seed in range(3):
        rows = images.plan(12, 5, np.random.default_rng(seed))
        assert {name: values.shape for name, values in rows.items()} == {
            **dict.fromkeys(("image", "warp", "label"), (steps, 12)),
            **dict.fromkeys(("partner", "partner_label", "share"), (steps, 5)),
        }
        assert rows["share"].dtype == np.float32


def test_every_image_comes_once(images):
    """Perturbed or not; where it is of another speed its clip comes once more."""
    rows = images.plan(9, 4, np.random.default_rng(0))
    n_own = images.count[0].sum()
    shown = rows["image"].ravel()
    own = shown[shown < n_own]
    assert len(np.unique(own)) == len(own)
    assert np.bincount(clip_of(images, shown), minlength=6).tolist() == [9] * 6


def test_labels_say_what_an_image_is(images, plan):
    ids = np.array(IDS)[clip_of(images, plan["image"])]
    speed = np.searchsorted(images.first[:, 0], plan["image"], side="right") - 1
    variant = np.where(speed > 0, N_WARPS + speed, plan["warp"])
    np.testing.assert_array_equal(plan["label"], ids + N_IDS * variant)
    assert not (plan["warp"] * speed).any(), "another speed is not warped besides"


def test_variants_are_equally_likely(images):
    variants = np.concatenate(
        [images.plan(12, 0, np.random.default_rng(seed))["label"].ravel() // N_IDS for seed in range(60)]
    )
    shares = np.bincount(variants, minlength=5) / len(variants)
    assert len(shares) == images.n_variants == 5
    np.testing.assert_allclose(shares, 0.2, atol=0.03)


def test_what_is_mixed_is_not_perturbed(images, plan):
    assert (plan["label"][:, :5] < N_IDS).all()
    assert not plan["warp"][:, :5].any()
    n_own = images.count[0].sum()
    assert (plan["image"][:, :5] < n_own).all()
    assert (plan["partner"] < n_own).all()
    assert (plan["label"][:, 5:] >= N_IDS).any()


def test_partners_are_of_other_ids_and_every_one_of_their_images_as_likely(images):
    pairs = []
    for seed in range(200):
        rows = images.plan(12, 5, np.random.default_rng(seed))
        np.testing.assert_array_equal(rows["partner_label"], np.array(IDS)[clip_of(images, rows["partner"])])
        assert (rows["partner_label"] != rows["label"][:, :5]).all()
        pairs.append(np.stack([rows["label"][:, :5].ravel(), rows["partner"].ravel()]))
    label, partner = np.concatenate(pairs, axis=1)
    for number, others in ((0, range(36, 54)), (1, [*range(36), *range(45, 54)]), (2, range(45))):
        chosen = np.bincount(partner[label == number], minlength=54)
        assert set(np.flatnonzero(chosen)) == set(others)
        assert chosen.max() < 2.5 * chosen[chosen > 0].mean()


def test_shares_are_uniform(images):
    shares = np.concatenate([images.plan(12, 5, np.random.default_rng(seed))["share"].ravel() for seed in range(100)])
    np.testing.assert_allclose(np.histogram(shares, bins=4, range=(0, 1))[0] / len(shares), 0.25, atol=0.03)
