"""Back ends: what they compare with, whom they leave out, and that strange sounds stand out."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from asd_bench import BenchError
from asd_bench_first_shot import (
    COMPONENTS,
    SETTINGS,
    BackEndConfig,
    EfficientNetConfig,
    TransformerConfig,
)
from asd_bench_first_shot.backends import BackEnds
from asd_bench_first_shot.encoders import EfficientNetEncoder, TransformerEncoder
from asd_bench_first_shot.inliers import Inliers, Mixes, mix_embeddings


class Recognisable(TransformerEncoder):
    """An encoder whose embedding of a segment is its waveform's first samples, or what was kept of a training clip."""

    def _new_embedders(self, n_frames, n_bands, *, learned):
        return torch.nn.ModuleList([torch.nn.Identity()])

    def _train(self, audio, ctx):
        return np.ones(len(audio), dtype=bool)

    def embed(self, machine, n, cut, audio):
        return cut(torch.arange(n))[:, :5]


@pytest.fixture
def section(tones):
    """The clips of one section: 20 source and 10 target clips."""
    return tones({("fan", "a"): 0.1, ("fan", "b"): 0.2, ("fan", "c"): 0.3}, clips=10, targets=3)


@pytest.fixture
def encoder(section, context):
    """Fitted on the section's clips."""
    made = Recognisable(TransformerConfig(segment=256, n_segments=4, epochs=1))
    made.fit(section, context(section))
    return made


# -- inliers -----------------------------------------------------------------------------------------------------------


def test_rows_are_all_segments_of_all_clips_and_of_the_mixtures(section, encoder, context):
    ctx = context(section, encoder)
    inliers = Inliers.of(encoder, section, 7, ctx)
    assert inliers.rows.shape == ((30 + 7) * 4, 5)
    assert torch.equal(inliers.rows[:120], encoder.embedding.flatten(0, 1))
    assert torch.equal(inliers.parents[:120], torch.arange(30).repeat_interleave(4).unsqueeze(1).expand(-1, 2))


def test_the_published_number_of_rows(section, context):
    """Ten segments of every clip and of 50 mixtures, of 128 numbers: 10,500 rows of a thousand clips."""
    encoder = TransformerEncoder(TransformerConfig(segment=256, epochs=1, batch_size=16))
    encoder.fit(section, context(section))
    inliers = Inliers.of(encoder, section, BackEndConfig().mixes, context(section))
    assert inliers.rows.shape == ((30 + 50) * 10, 128)


def test_mixtures_are_of_a_source_and_a_target_clip_and_have_both_as_parents(section, encoder, context):
    ctx = context(section, encoder)
    mixes = Mixes.draw(
        *(np.flatnonzero(section.clips.domain == domain) for domain in ("source", "target")), 7, ctx.rng("mixes")
    )
    assert (section.clips.domain[mixes.source] == "source").all()
    assert (section.clips.domain[mixes.target] == "target").all()
    inliers = Inliers.of(encoder, section, 7, ctx)
    assert inliers.parents[120:].tolist() == [
        [source, target] for source, target in zip(mixes.source, mixes.target, strict=True) for _ in range(4)
    ]
    segments = encoder.segments(section)
    for number, (source, target, share) in enumerate(zip(mixes.source, mixes.target, mixes.share, strict=True)):
        within = min(len(section.table.wave[source]), len(section.table.wave[target]))
        for position, start in enumerate(np.append(np.arange(3) * ((within - 256) // 3), within - 256)):
            both = [
                segments.cut(torch.tensor([clip]), torch.tensor([segments.waves.offsets[clip] + start]))[0, :5]
                for clip in (source, target)
            ]
            expected = share * both[0] + (1 - share) * both[1]
            torch.testing.assert_close(inliers.rows[120 + 4 * number + position], expected)


def test_a_mixture_with_a_share_of_1_is_the_source_clip(section, encoder):
    lengths = [len(wave) for wave in section.table.wave]
    # Of the shorter clip nothing is left out.
    source, target = int(np.argmin(lengths)), int(np.argmax(lengths))
    mixes = Mixes(np.array([source]), np.array([target]), np.ones(1, dtype=np.float32))
    assert torch.equal(mix_embeddings(encoder, section, mixes)[0], encoder.embedding[source])


def test_without_a_target_domain_nothing_is_mixed(tones, context):
    audio = tones({("fan", "a"): 0.1, ("fan", "b"): 0.2}, targets=0)
    encoder = Recognisable(TransformerConfig(segment=256, n_segments=4))
    encoder.fit(audio, context(audio))
    assert len(Inliers.of(encoder, audio, 50, context(audio)).rows) == len(audio) * 4


def test_only_inliers_are_compared_with_or_mixed(section, encoder, context):
    encoder.is_inlier[:] = False
    kept = np.concatenate([np.flatnonzero(section.clips.domain == domain)[:3] for domain in ("source", "target")])
    encoder.is_inlier[kept] = True
    inliers = Inliers.of(encoder, section, 5, context(section))
    assert inliers.clip_id == tuple(section.clips.clip_id[np.sort(kept)])
    assert len(inliers.rows) == (6 + 5) * 4
    assert set(inliers.parents.unique().tolist()) <= set(range(6))


def test_a_section_without_inliers(section, encoder, context):
    encoder.is_inlier[:] = False
    with pytest.raises(BenchError, match="fan section 00 has no training clip that was held out"):
        Inliers.of(encoder, section, 5, context(section))


# -- scores ------------------------------------------------------------------------------------------------------------


def fitted(section, encoder, context, **changes):
    back_end = BackEnds(BackEndConfig(floor=1e-3, **changes))
    back_end.fit(section, context(section, encoder))
    return back_end


def test_training_clips_are_compared_with_other_clips_alone(section, encoder, context):
    back_end = fitted(section, encoder, context, mixes=20)
    scores = back_end.score(section, context(section, encoder))
    rows, parents = back_end.inliers.rows.double().numpy(), back_end.inliers.parents.numpy()
    own_mixes = 0
    for number in range(30):
        others = rows[(parents != number).all(axis=1)]
        own_mixes += len(rows) - 4 - len(others)
        far = np.linalg.norm(rows[4 * number : 4 * number + 4, None] - others[None], axis=2)
        far.sort(axis=1)
        for k in SETTINGS:
            nearest = far[:, :k].mean(axis=1)
            assert scores[f"knn{k}-mean"][number] == pytest.approx(nearest.mean(), rel=1e-6)
            assert scores[f"knn{k}-max"][number] == pytest.approx(nearest.max(), rel=1e-6)
            assert scores[f"knn{k}-upper"][number] == pytest.approx(np.sort(nearest)[2:].mean(), rel=1e-6)
    assert own_mixes == 20 * 4 * 2


def test_other_clips_are_compared_with_all(section, encoder, tones, context):
    back_end = fitted(section, encoder, context, mixes=3)
    others = tones({("fan", "a"): 0.12}, clips=4, seed=9)
    scores = back_end.score(others, context(section, encoder))
    rows = back_end.inliers.rows.double().numpy()
    queries = encoder.segment_embeddings(others).double().numpy()
    far = np.linalg.norm(queries[:, :, None] - rows[None, None], axis=3).min(axis=2)
    np.testing.assert_allclose(scores["knn1-median"], np.median(far, axis=1), rtol=1e-6)


def test_a_training_clips_score_does_not_depend_on_what_is_scored_with_it(section, encoder, context):
    back_end = fitted(section, encoder, context)
    ctx = context(section, encoder)
    together = back_end.score(section, ctx)
    alone = back_end.score(section.only([17, 3]), ctx)
    for component, values in alone.items():
        np.testing.assert_allclose(values, together[component][[3, 17]], rtol=1e-9)


def test_mixtures_score_their_rows_as_they_are(section, encoder, context):
    back_end = fitted(section, encoder, context)
    found = back_end.score(section, context(section, encoder))["gmm2-mean"]
    queries = encoder.embedding.flatten(0, 1).double().numpy()
    expected = -back_end.mixtures[1].score_samples(queries).reshape(30, 4).mean(axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_save_and_load(section, encoder, tones, context, tmp_path):
    back_end = fitted(section, encoder, context)
    back_end.save(tmp_path)
    restored = BackEnds(back_end.config)
    restored.load(tmp_path)
    ctx = context(section, encoder)
    for audio in (section, tones({("fan", "a"): 0.12}, clips=4, seed=9)):
        before, after = back_end.score(audio, ctx), restored.score(audio, ctx)
        assert tuple(before) == tuple(after)
        for component, values in before.items():
            assert values.dtype == np.float64
            np.testing.assert_array_equal(values, after[component])


def test_what_it_emits_is_what_is_declared(section, encoder, context):
    scores = fitted(section, encoder, context).score(section, context(section, encoder))
    assert tuple(scores) == COMPONENTS
    assert len(COMPONENTS) == 3 * 6 * 4


# -- few clips ---------------------------------------------------------------------------------------------------------


def test_settings_are_lowered_where_there_are_too_few_segments(section, encoder, context, caplog):
    few = section.only([0, 1, 2, 3])
    assert (few.clips.domain == "target").sum() == 1
    with caplog.at_level(logging.WARNING):
        back_end = fitted(few, encoder, context, mixes=0)
    assert back_end.density.ks == (1, 2, 4, 8, 12, 12)
    assert "settings of more than 12 neighbours" in caplog.text
    scores = back_end.score(few, context(few, encoder))
    np.testing.assert_array_equal(scores["knn16-mean"], scores["knn32-mean"])
    assert all(np.isfinite(values).all() for values in scores.values())


def test_a_single_clip_has_no_neighbours(section, encoder, context):
    with pytest.raises(BenchError, match="fan section 00 has too few training clips"):
        fitted(section.only([0]), encoder, context)


# -- all together ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "config", "epochs"),
    [(TransformerEncoder, TransformerConfig, 30), (EfficientNetEncoder, EfficientNetConfig, 4)],
    ids=["transformer", "efficientnet"],
)
def test_strange_sounds_score_higher(kind, config, epochs, tones, context):
    """Hums at pitches that were not learned stand out, by every number of neighbours and of Gaussians.

    Only not by the outlier factor of one neighbour or two: a mixture whose share is almost 1 is almost a copy of its
    source clip, and around two copies it is as dense as can be.
    """
    audio = tones(clips=12)
    encoder = kind(config(epochs=epochs, batch_size=16, segment=256, n_segments=4, embedding_size=8))
    encoder.fit(audio, context(audio))
    fans = audio.only(np.flatnonzero(audio.clips.machine == "fan"))
    normal = tones({("fan", "a"): 0.05, ("fan", "b"): 0.15}, clips=10, seed=1)
    strange = tones({("fan", "x"): 0.45, ("fan", "y"): 0.3}, clips=10, seed=2)
    made = fitted(fans, encoder, context)
    scores = [made.score(clips, context(fans, encoder)) for clips in (normal, strange)]
    for component in (name for name in COMPONENTS if not name.startswith(("lof1-", "lof2-"))):
        values = np.concatenate([one[component] for one in scores])
        assert roc_auc_score([0] * 20 + [1] * 20, values) > 0.9, component
