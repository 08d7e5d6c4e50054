"""What the detectors make of frames: scores by hand, what is trained on, what is kept."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from asd_bench import BenchError
from asd_bench.testing import MadeUpAudio
from asd_bench_dcase_baselines import AutoencoderConfig, IdnnConfig, KerasAutoencoderConfig, SelectiveConfig
from asd_bench_dcase_baselines.autoencoder import DenseAutoencoder
from asd_bench_dcase_baselines.interpolation import Interpolation
from asd_bench_dcase_baselines.reconstruction import Reconstruction, hold_out
from asd_bench_dcase_baselines.selective import SelectiveMahalanobis

KINDS = [
    pytest.param(Reconstruction, KerasAutoencoderConfig, id="2020 and 2021"),
    pytest.param(SelectiveMahalanobis, SelectiveConfig, id="2023"),
    pytest.param(Interpolation, IdnnConfig, id="idnn"),
]


def silent(n_in, n_out):
    """A network that puts out zeros, so that what it is to put out is its residual."""
    network = DenseAutoencoder(n_in, n_out)
    torch.nn.init.zeros_(network.layers[-1].weight)
    torch.nn.init.zeros_(network.layers[-1].bias)
    return network


def vectors_of(audio, hop=1):
    """Every vector with the number of its clip: (vectors, 5, bands) and (vectors,), as plain arrays."""
    stacked, clips = [], []
    for number, frames in enumerate(audio.clip_frames):
        for start in range(0, len(frames) - 4, hop):
            stacked.append(frames[start : start + 5].double().numpy())
            clips.append(number)
    return np.stack(stacked), np.array(clips)


@pytest.fixture
def untrained(monkeypatch, untrained_recipes):
    """Fits get the silent network and no training; the recipes that they asked for are in the list."""
    module = "asd_bench_dcase_baselines.reconstruction"
    monkeypatch.setattr(f"{module}.DenseAutoencoder", silent)
    monkeypatch.setattr(f"{module}.initialise", lambda *_: None)
    return untrained_recipes


# -- which vectors are trained on --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "held_out"), [(10, 1), (11, 2), (309, 31), (1000, 100)])
@pytest.mark.parametrize("validation", ["random", "last"])
def test_a_tenth_is_held_out(n, held_out, validation):
    train, rest = hold_out(n, validation, np.random.default_rng(0))
    assert (len(train), len(rest)) == (n - held_out, held_out)
    assert sorted([*train, *rest]) == list(range(n))


def test_the_last_tenth_is_the_last():
    train, rest = hold_out(20, "last", np.random.default_rng(0))
    assert rest.tolist() == [18, 19]
    assert train.tolist() == list(range(18))


def test_the_random_tenth_is_drawn():
    drawn = {tuple(hold_out(200, "random", np.random.default_rng(seed))[1]) for seed in (0, 1)}
    assert len(drawn) == 2


def test_nothing_is_held_out_for_idnn():
    train, rest = hold_out(7, IdnnConfig().validation, np.random.default_rng(0))
    assert train.tolist() == list(range(7))
    assert not len(rest)


@pytest.mark.parametrize(("detector", "config"), KINDS)
def test_plans(detector, config, untrained, noise, fit_context):
    """Batches are full and hold every training vector; what is held out is in no batch of any epoch."""
    ctx = fit_context()
    settings = config(batch_size=16, epochs=2)
    audio = noise(clips=6, frames=21, domain=["source"] * 6)
    detector(settings).fit(audio, ctx)
    (recipe,) = untrained
    train, rest = hold_out(6 * 17, settings.validation, ctx.rng("validation"))
    plans = [recipe.plan(epoch, ctx.rng("plan", epoch))["window"] for epoch in range(2)]
    for rows in plans:
        assert rows.shape == (-(-len(train) // 16), 16)
        assert set(rows.ravel()) == set(train)
        assert not set(rows.ravel()) & set(rest)
    assert not np.array_equal(*plans)
    assert recipe.epochs == 2
    assert recipe.optimizer.eps == settings.adam_eps


def test_the_loss_is_the_mean_squared_error_of_a_batch(untrained, noise, fit_context):
    audio = noise()
    Reconstruction(AutoencoderConfig()).fit(audio, fit_context())
    vectors, _ = vectors_of(audio)
    chosen = [0, 3, 7]
    loss = untrained[0].loss({"window": torch.tensor(chosen)})
    assert loss.item() == pytest.approx((vectors[chosen] ** 2).mean(), rel=1e-6)


def test_the_validation_loss_is_of_the_vectors_held_out(untrained, noise, fit_context):
    audio, ctx = noise(clips=4, frames=14), fit_context()
    Reconstruction(AutoencoderConfig(epochs=9, validation="last")).fit(audio, ctx)
    vectors, _ = vectors_of(audio)
    kind, step, values = ctx.events.written[-1]
    assert (kind, step) == ("metric", 8)
    assert values == {"validation_loss": pytest.approx((vectors[-4:] ** 2).mean(), rel=1e-6)}


# -- scores by hand ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hop", [1, 4])
def test_mse_of_a_silent_network_is_the_mean_square(hop, noise, fit_context):
    detector = Reconstruction(AutoencoderConfig(hop=hop))
    detector.network = silent(10, 10)
    audio = noise(frames=30)
    vectors, clip = vectors_of(audio, hop)
    scores = detector.score(audio, fit_context())
    expected = [(vectors[clip == number] ** 2).mean() for number in range(3)]
    np.testing.assert_allclose(scores["mse"], expected, rtol=1e-6)
    assert scores["mse"].dtype == np.float64


def test_mse_of_constant_frames(fit_context, noise):
    audio = noise()
    for number, frames in enumerate(audio.clip_frames):
        frames.fill_(number + 1.0)
    detector = Reconstruction(AutoencoderConfig())
    detector.network = silent(10, 10)
    # The network's answer is half a decibel everywhere.
    detector.network.layers[-1].bias.data.fill_(0.5)
    assert detector.score(audio, fit_context())["mse"] == pytest.approx([0.25, 2.25, 6.25])


def test_idnn_is_scored_by_the_centre_frame_alone(noise, fit_context):
    detector = Interpolation(IdnnConfig())
    detector.network = silent(8, 2)
    audio = noise(frames=12)
    expected = [(frames[2:-2].double() ** 2).mean().item() for frames in audio.clip_frames]
    np.testing.assert_allclose(detector.score(audio, fit_context())["mse"], expected, rtol=1e-6)


def test_idnn_is_given_the_frames_around(noise):
    windows = noise(clips=1, frames=5).windows(5, 1).gather(torch.tensor([0]))
    inputs, targets = Interpolation(IdnnConfig())._inputs_and_targets(windows)
    assert torch.equal(inputs, windows[:, [0, 1, 3, 4]].flatten(1))
    assert torch.equal(targets, windows[:, 2])


def with_precisions(distance, source, target):
    detector = SelectiveMahalanobis(SelectiveConfig(distance=distance))
    detector.network = silent(10, 10)
    detector.precisions = {
        "source": torch.tensor(source, dtype=torch.float64),
        "target": torch.tensor(target, dtype=torch.float64),
    }
    return detector


@pytest.mark.parametrize("distance", ["clip-mean", "per-frame"])
def test_mahalanobis_is_the_smaller_of_two_distances(distance, noise, fit_context):
    source, target = [[2.0, 0.3], [0.3, 0.1]], [[0.1, 0.0], [0.0, 3.0]]
    detector = with_precisions(distance, source, target)
    audio = noise(clips=20, frames=8)
    scores = detector.score(audio, fit_context())
    vectors, clip = vectors_of(audio)
    expected, nearer = [], set()
    for number in range(20):
        rows = vectors[clip == number].reshape(-1, 2)
        if distance == "clip-mean":
            rows = rows.mean(axis=0, keepdims=True)
        both = [np.einsum("ni,ij,nj->n", rows, np.array(matrix), rows).mean() for matrix in (source, target)]
        expected.append(min(both))
        nearer.add(int(np.argmin(both)))
    assert nearer == {0, 1}
    np.testing.assert_allclose(scores["mahalanobis"], expected, rtol=1e-6)
    np.testing.assert_allclose(
        scores["mse"], [(vectors[clip == number] ** 2).mean() for number in range(20)], rtol=1e-6
    )


def test_residuals_that_cancel_are_far_per_frame_and_near_as_a_mean(noise, fit_context):
    audio = noise(clips=1, frames=6)
    # The two vectors' ten rows are 1, -1, 1, -1, 1 and -1, 1, -1, 1, -1 in both bands.
    audio.clip_frames[0][:] = torch.tensor([1.0, -1.0, 1.0, -1.0, 1.0, -1.0]).unsqueeze(1)
    identity = [[1.0, 0.0], [0.0, 1.0]]
    scores = {
        distance: with_precisions(distance, identity, identity).score(audio, fit_context())["mahalanobis"][0]
        for distance in ("clip-mean", "per-frame")
    }
    assert scores == {"clip-mean": pytest.approx(0), "per-frame": pytest.approx(2)}


# -- covariances -------------------------------------------------------------------------------------------------------


def fitted_precisions(audio, fit_context, **settings):
    detector = SelectiveMahalanobis(SelectiveConfig(**{"batch_size": 10_000, "validation": "none"} | settings))
    detector.fit(audio, fit_context())
    return {domain: matrix.numpy() for domain, matrix in detector.precisions.items()}


def expected_precision(vectors):
    rows = vectors.reshape(-1, vectors.shape[-1])
    rows = rows - rows.mean(axis=0)
    return np.linalg.inv(rows.T @ rows / (len(vectors) - 1))


def test_covariances_by_domain(untrained, noise, fit_context):
    audio = noise(clips=4, domain=["source", "target", "source", "target"])
    vectors, clip = vectors_of(audio)
    precisions = fitted_precisions(audio, fit_context)
    np.testing.assert_allclose(precisions["source"], expected_precision(vectors[clip % 2 == 0]), rtol=1e-6)
    np.testing.assert_allclose(precisions["target"], expected_precision(vectors[clip % 2 == 1]), rtol=1e-6)


@pytest.mark.parametrize("domain", ["source", ""])
def test_without_target_clips_the_source_stands_for_both(untrained, noise, fit_context, domain):
    audio = noise(domain=[domain] * 3)
    precisions = fitted_precisions(audio, fit_context)
    np.testing.assert_allclose(precisions["source"], expected_precision(vectors_of(audio)[0]), rtol=1e-6)
    np.testing.assert_array_equal(precisions["source"], precisions["target"])


def test_vectors_held_out_are_not_in_the_covariances(untrained, noise, fit_context):
    audio = noise(clips=2, frames=24, domain=["source"] * 2)
    vectors, _ = vectors_of(audio)
    assert len(vectors) == 40
    precisions = fitted_precisions(audio, fit_context, validation="last")
    np.testing.assert_allclose(precisions["source"], expected_precision(vectors[:36]), rtol=1e-6)


def test_means_are_taken_off_batch_by_batch(untrained, noise, fit_context):
    # A batch of one vector keeps what its five rows differ by among themselves, whatever the order.
    audio = noise(domain=["source"] * 3)
    vectors, _ = vectors_of(audio)
    rows = vectors - vectors.mean(axis=1, keepdims=True)
    scatter = np.einsum("nri,nrj->ij", rows, rows)
    precisions = fitted_precisions(audio, fit_context, batch_size=1)
    np.testing.assert_allclose(precisions["source"], np.linalg.inv(scatter / (len(vectors) - 1)), rtol=1e-6)


def test_source_clips_are_needed(untrained, noise, fit_context):
    with pytest.raises(BenchError, match="source domain"):
        fitted_precisions(noise(domain=["target"] * 3), fit_context)


# -- fits --------------------------------------------------------------------------------------------------------------


def fit(detector, config, audio, ctx, **settings):
    fitted = detector(config(**settings))
    fitted.fit(audio, ctx)
    return fitted


@pytest.mark.parametrize(("detector", "config"), KINDS)
def test_seeds(detector, config, noise, fit_context, tmp_path):
    audio, others = noise(clips=4, frames=20), noise(clips=3, seed=1)
    scores = []
    for seed in ("a", "b", "a"):
        ctx = fit_context(seed)
        scores.append(fit(detector, config, audio, ctx, epochs=2, batch_size=16).score(others, ctx))
    for component, values in scores[0].items():
        np.testing.assert_array_equal(values, scores[2][component])
        assert (values != scores[1][component]).all()


@pytest.mark.parametrize(("detector", "config"), KINDS)
def test_save_and_load(detector, config, noise, fit_context, tmp_path):
    ctx, others = fit_context(), noise(clips=3, seed=1)
    fitted = fit(detector, config, noise(clips=4, frames=20), ctx, epochs=2, batch_size=16)
    fitted.save(tmp_path)
    loaded = detector(fitted.config)
    loaded.load(tmp_path)
    before, after = fitted.score(others, ctx), loaded.score(others, ctx)
    assert before.keys() == after.keys()
    for component, values in before.items():
        np.testing.assert_array_equal(values, after[component])


@pytest.mark.parametrize(("detector", "config"), KINDS)
def test_strange_sounds_score_higher(detector, config, fit_context):
    """After a few hundred steps on bands that move together, bands that do not stand out."""
    ctx = fit_context()
    fitted = fit(detector, config, MadeUpAudio.hum(together=True), ctx, epochs=40, batch_size=64, lr=1e-2)
    normal, strange = (fitted.score(MadeUpAudio.hum(together=together, seed=1), ctx) for together in (True, False))
    for component in normal:
        labels = [0] * len(normal[component]) + [1] * len(strange[component])
        assert roc_auc_score(labels, [*normal[component], *strange[component]]) > 0.9, component
