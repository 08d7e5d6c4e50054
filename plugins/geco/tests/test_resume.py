"""SIGKILL in the middle of a PAE's training and of GeCo's: the resumed run's scores are those of an undisturbed one."""

from __future__ import annotations

from asd_bench.testing import SeparateRun

EPOCHS = 25

RUN = [
    *("run", "--system", "geco", "--dataset", "synthetic2020", "--profile", "smoke", "--no-track", "--device", "cpu"),
    *("--set", f"pae.epochs={EPOCHS}", "--set", f"geco.epochs={EPOCHS}", "--set", "geco.ramp=5,15"),
    *("--set", "dataset.n_train=5", "--set", "dataset.n_normal=2", "--set", "dataset.n_anomaly=2"),
    *("--set", "dataset.seconds=1"),
]

ENVIRONMENT = {
    "ASD_BENCH_PLUGINS": "asd-bench-geco",
    # Networks this small only lose by sharing their work among threads.
    **dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
}


def test_a_run_killed_in_both_kinds_of_fit_ends_with_the_scores_of_an_undisturbed_one(tmp_path):
    undisturbed, killed = (SeparateRun(tmp_path / name, RUN, ENVIRONMENT) for name in ("undisturbed", "killed"))
    undisturbed.finish()
    for detector in ("pae", "geco"):
        assert killed.kill_in(detector, epoch=6) < EPOCHS - 1
    killed.finish()
    # Training and test scores of four PAEs and of GeCo, and those of the result.
    assert len(killed.scores()) == 12
    killed.assert_same(undisturbed)
