"""SIGKILL in the middle of a training: the resumed run's scores are those of an undisturbed one."""

from __future__ import annotations

from asd_bench.testing import SeparateRun

EPOCHS = 60

RUN = [
    *("run", "--system", "dcase2023-ae-mse,dcase2023-ae-mahalanobis", "--dataset", "synthetic2023", "--machine", "fan"),
    *("--profile", "smoke", "--set", f"detector.epochs={EPOCHS}", "--no-track", "--device", "cpu"),
    *("--set", "dataset.n_train=10", "--set", "dataset.n_target_train=3", "--set", "dataset.n_normal=4"),
    *("--set", "dataset.n_anomaly=4", "--set", "dataset.seconds=2"),
]

ENVIRONMENT = {"ASD_BENCH_PLUGINS": "asd-bench-dcase-baselines"}


def test_a_training_killed_twice_ends_with_the_scores_of_an_undisturbed_one(tmp_path):
    undisturbed, killed = (SeparateRun(tmp_path / name, RUN, ENVIRONMENT) for name in ("undisturbed", "killed"))
    undisturbed.finish()
    first = killed.kill_in("dcase2023-ae", epoch=4)
    # Let the second run write a checkpoint further on than the first one's.
    second = killed.kill_in("dcase2023-ae", epoch=first + 4)
    assert first < second < EPOCHS - 1
    killed.finish()
    # Training and test scores of the fit, and those of both results.
    assert len(killed.scores()) == 6
    killed.assert_same(undisturbed)
