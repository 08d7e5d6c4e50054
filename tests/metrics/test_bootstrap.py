"""The bootstrap equals scikit-learn on every resample, is reproducible, and is fast."""

import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asd_bench.errors import BenchError
from asd_bench.metrics import roc
from asd_bench.metrics.bootstrap import (
    draw_counts,
    omega_interval,
    paired_difference,
    resampled_auc,
    resampled_pauc,
)
from asd_bench.metrics.official import RULES, evaluate


@pytest.fixture(scope="module")
def random_clips(make_clips):
    """Build a test set of normal scores around 0 and anomalous ones around `shift`, rounded so that some tie."""

    def build(year, machines, sections, n_normal, n_anomalous, shift=0.8, seed=0):
        rng = np.random.default_rng(seed)
        return make_clips(
            {
                (machine, f"{section:02d}", domain): (
                    rng.normal(size=n_normal).round(1),
                    rng.normal(shift, size=n_anomalous).round(1),
                )
                for machine in machines
                for section in range(sections)
                for domain in RULES[year].domains
            }
        )

    return build


def rows(intervals):
    """Both tables as one: (machine or None, metric) -> row."""
    overall = {(None, row.metric): row for row in intervals.overall.itertuples()}
    return overall | {(row.machine, row.metric): row for row in intervals.machines.itertuples()}


def spelled_out(clips, counts):
    """The clips of one resample, each as often as it was drawn."""
    resample = clips.loc[clips.index.repeat(counts)].reset_index(drop=True)
    return resample.assign(clip_id=[f"{clip_id}#{row}" for row, clip_id in enumerate(resample["clip_id"])])


@settings(max_examples=60, deadline=None)
@given(
    normals=st.lists(st.integers(0, 8), min_size=1, max_size=40),
    anomalies=st.lists(st.integers(3, 11), min_size=1, max_size=40),
    p=st.sampled_from([0.1, 0.05, 0.3, 1.0]),
    seed=st.integers(0, 99),
)
def test_every_resample_equals_scikit_learn(normals, anomalies, p, seed):
    labels = np.array([0] * len(normals) + [1] * len(anomalies))
    scores = np.array(normals + anomalies, dtype=float)
    rng = np.random.default_rng(seed)
    counts = np.hstack([rng.multinomial(n, np.full(n, 1 / n), size=8) for n in (len(normals), len(anomalies))])
    repeated = [(np.repeat(labels, times), np.repeat(scores, times)) for times in counts]
    expected_auc = [roc.auc(*resample) for resample in repeated]
    expected_pauc = [roc.pauc(*resample, p=p) for resample in repeated]
    np.testing.assert_allclose(resampled_auc(labels, scores, counts), expected_auc, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(resampled_pauc(labels, scores, counts, p), expected_pauc, rtol=1e-12, atol=1e-15)


def test_kernels_by_hand():
    # Normals 1 and 2, anomalies 2 and 3. Once each: 3.5 of 4 pairs. Second resample: normal 1 twice, anomaly 3 twice.
    # Third: normal 2 twice against anomaly 2 twice, all tied.
    counts = np.array([[1, 1, 1, 1], [2, 0, 0, 2], [0, 2, 2, 0]])
    assert resampled_auc([0, 0, 1, 1], [1, 2, 2, 3], counts).tolist() == [0.875, 1.0, 0.5]
    # Once each: from (0, 1/2) the tie slopes to (1/2, 1), so .6 at FPR .1; area .055, (1 + .05 / .095) / 2 = 29/38.
    assert resampled_pauc([0, 0, 1, 1], [1, 2, 2, 3], counts) == pytest.approx([29 / 38, 1.0, 0.5], rel=1e-12)


@pytest.mark.parametrize("year", ["2020", "2021", "2022"])
def test_intervals_equal_those_of_spelled_out_resamples(random_clips, year):
    clips = random_clips(year, ["fan", "pump"], 2, n_normal=15, n_anomalous=11)
    by_section = [members for _, members in clips.sort_values("clip_id").groupby(["machine", "section"])]
    counts = [draw_counts(members, 25, seed=3) for members in by_section]
    evaluations = [
        evaluate(RULES[year], pd.concat([spelled_out(m, c[i]) for m, c in zip(by_section, counts, strict=True)]))
        for i in range(25)
    ]
    intervals = rows(omega_interval(RULES[year], clips, resamples=25, level=0.8, seed=3))
    assert len(intervals) == 9
    for (machine, metric), row in intervals.items():
        values = [
            evaluation.overall.set_index("metric").loc[metric, "value"]
            if machine is None
            else evaluation.machines.set_index(["machine", "metric"]).loc[(machine, metric), "value"]
            for evaluation in evaluations
        ]
        assert [row.low, row.high] == pytest.approx(np.quantile(values, [0.1, 0.9]), rel=1e-12)


def test_the_value_is_that_of_the_real_clips(random_clips):
    clips = random_clips("2023", ["fan", "pump"], 1, n_normal=50, n_anomalous=50)
    evaluation = evaluate(RULES["2023"], clips)
    intervals = rows(omega_interval(RULES["2023"], clips))
    assert intervals[None, "omega"].value == evaluation.omega
    for machine, metric in intervals:
        assert intervals[machine, metric].low < intervals[machine, metric].value < intervals[machine, metric].high
    pump = evaluation.machines.set_index(["machine", "metric"]).loc[("pump", "pauc")]
    assert intervals["pump", "pauc"].value == pump["value"]


def test_the_width_is_that_of_the_sampling_distribution(random_clips):
    # 1,000 fresh test sets of the same kind spread by so much; one test set's bootstrap must say about the same.
    rng = np.random.default_rng(9)
    labels = np.repeat([0, 1], 60)
    fresh = [roc.auc(labels, rng.normal(0.8 * labels).round(1)) for _ in range(1000)]
    widths = []
    for seed in range(10):
        clips = random_clips("2020", ["fan"], 1, 60, 60, seed=seed)
        row = rows(omega_interval(RULES["2020"], clips, resamples=400))[None, "auc"]
        widths.append(row.high - row.low)
    assert np.mean(widths) == pytest.approx(np.quantile(fresh, 0.975) - np.quantile(fresh, 0.025), rel=0.2)


def test_resamples_keep_the_strata(random_clips):
    clips = random_clips("2022", ["fan"], 1, n_normal=7, n_anomalous=5).sort_values("clip_id")
    counts = draw_counts(clips, 200, seed=0)
    for (_, label), positions in clips.groupby(["domain", "label"]).indices.items():
        size = (7, 5)[label]
        assert (counts[:, positions].sum(axis=1) == size).all()
        # Every clip is drawn, about once on average.
        np.testing.assert_allclose(counts[:, positions].mean(axis=0), 1, atol=0.35)


def test_draws_depend_on_seed_and_stratum_only(random_clips):
    clips = random_clips("2022", ["fan", "pump"], 2, n_normal=9, n_anomalous=9)
    both = rows(omega_interval(RULES["2022"], clips, resamples=50))
    alone = rows(omega_interval(RULES["2022"], clips[clips["machine"] == "pump"], resamples=50))
    shuffled = rows(omega_interval(RULES["2022"], clips.sample(frac=1, random_state=1), resamples=50))
    other_seed = rows(omega_interval(RULES["2022"], clips, resamples=50, seed=1))
    key = ("pump", "omega")
    assert (both[key].low, both[key].high) == (alone[key].low, alone[key].high)
    assert [(r.low, r.high) for r in both.values()] == [(r.low, r.high) for r in shuffled.values()]
    assert both[key].low != other_seed[key].low
    fan, pump = (draw_counts(clips[clips["machine"] == m].sort_values("clip_id"), 5, 0) for m in ("fan", "pump"))
    assert (fan != pump).any()


def test_a_higher_level_is_wider(random_clips):
    clips = random_clips("2023", ["fan"], 1, n_normal=30, n_anomalous=30)
    narrow, wide = (rows(omega_interval(RULES["2023"], clips, level=level)) for level in (0.5, 0.99))
    assert wide[None, "omega"].low < narrow[None, "omega"].low < narrow[None, "omega"].high
    assert narrow[None, "omega"].high < wide[None, "omega"].high


def test_a_perfect_system_has_no_width(make_clips):
    clips = make_clips({("fan", "00", domain): ([1, 2, 3], [4, 5, 6]) for domain in ("source", "target")})
    row = rows(omega_interval(RULES["2023"], clips, resamples=30))[None, "omega"]
    assert (row.value, row.low, row.high) == (1, pytest.approx(1, rel=1e-12), pytest.approx(1, rel=1e-12))


def test_a_system_does_not_differ_from_itself(random_clips):
    clips = random_clips("2021", ["fan"], 2, n_normal=20, n_anomalous=20)
    stretched = clips.assign(score=clips["score"] * 3 + 1).sample(frac=1, random_state=0)
    for row in rows(paired_difference(RULES["2021"], clips, stretched, resamples=60)).values():
        assert (row.value, row.low, row.high, row.p) == (0, 0, 0, 1)


def test_a_better_system_differs_with_the_right_sign(random_clips):
    worse = random_clips("2023", ["fan", "pump"], 1, n_normal=50, n_anomalous=50, shift=0.3)
    better = worse.assign(score=worse["score"] + 2.0 * worse["label"])
    forth = rows(paired_difference(RULES["2023"], better, worse, resamples=99))
    back = rows(paired_difference(RULES["2023"], worse, better, resamples=99))
    omegas = [evaluate(RULES["2023"], clips).omega for clips in (better, worse)]
    assert forth[None, "omega"].value == pytest.approx(omegas[0] - omegas[1], rel=1e-12)
    assert 0 < forth[None, "omega"].low < forth[None, "omega"].value < forth[None, "omega"].high
    assert forth[None, "omega"].p == 2 / 100  # no resample on the far side of zero
    for key in forth:
        assert back[key].value == -forth[key].value
        assert (back[key].low, back[key].high) == pytest.approx((-forth[key].high, -forth[key].low), rel=1e-12)
        assert back[key].p == forth[key].p


def test_pairing_removes_what_clips_have_in_common(random_clips):
    clips = random_clips("2023", ["fan"], 1, n_normal=50, n_anomalous=50)
    noise = np.random.default_rng(1).normal(0, 0.05, size=len(clips))
    row = rows(paired_difference(RULES["2023"], clips, clips.assign(score=clips["score"] + noise)))[None, "omega"]
    single = rows(omega_interval(RULES["2023"], clips))[None, "omega"]
    assert row.high - row.low < (single.high - single.low) / 3


def test_two_equally_good_systems_get_a_large_p(random_clips):
    rng = np.random.default_rng(2)
    a = random_clips("2023", ["fan"], 1, n_normal=50, n_anomalous=50)
    p_values = [
        rows(
            paired_difference(
                RULES["2023"],
                a.assign(score=a["label"] + rng.normal(size=len(a))),
                a.assign(score=a["label"] + rng.normal(size=len(a))),
                resamples=99,
            )
        )[None, "omega"].p
        for _ in range(20)
    ]
    # Uniform under the null: the median is near a half, few are below 0.05.
    assert 0.25 < np.median(p_values) < 0.85
    assert np.mean(np.array(p_values) < 0.05) <= 0.2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda clips: clips.drop(index=3), "1 clips have a score of one system only"),
        (lambda clips: clips.assign(clip_id="x" + clips["clip_id"]), "score of one system only"),
        (lambda clips: clips.assign(label=np.roll(clips["label"], 1)), "disagree about what 4 clips are"),
    ],
)
def test_other_clips_are_refused(random_clips, change, message):
    clips = random_clips("2022", ["fan"], 1, n_normal=4, n_anomalous=4)
    with pytest.raises(BenchError) as refusal:
        paired_difference(RULES["2022"], clips, change(clips))
    assert message in str(refusal.value)
    assert "clip " in refusal.value.where


@pytest.mark.parametrize(
    ("options", "message"),
    [({"resamples": 0}, "at least one resample, got 0"), ({"level": 1.0}, "lies between 0 and 1, got 1.0")],
)
def test_impossible_options_are_refused(random_clips, options, message):
    clips = random_clips("2022", ["fan"], 1, n_normal=4, n_anomalous=4)
    with pytest.raises(BenchError, match=message):
        omega_interval(RULES["2022"], clips, **options)
    with pytest.raises(BenchError, match=message):
        paired_difference(RULES["2022"], clips, clips, **options)


def test_one_class_test_sets_are_refused(random_clips):
    clips = random_clips("2022", ["fan"], 1, n_normal=4, n_anomalous=4)
    with pytest.raises(BenchError, match="no anomalous test clips"):
        omega_interval(RULES["2022"], clips[clips["label"] == 0])


@pytest.mark.parametrize(
    ("year", "n_machines", "sections", "n_per_class", "limit_s"),
    [("2023", 7, 1, 50, 2.0), ("2020", 6, 4, 235, 10.0)],  # 0.2 s and 1 s on two unloaded cores
)
def test_it_is_fast(random_clips, year, n_machines, sections, n_per_class, limit_s):
    machines = [f"machine{i}" for i in range(n_machines)]
    clips = random_clips(year, machines, sections, n_per_class, n_per_class)
    evaluate(RULES[year], clips)  # imports scikit-learn
    started = time.perf_counter()
    omega_interval(RULES[year], clips)
    assert time.perf_counter() - started < limit_s
