"""Each year's rule on test sets small enough to compute by hand."""

import dataclasses
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asd_bench.errors import BenchError
from asd_bench.metrics.official import RULES, RocMetric, YearRule, evaluate, harmonic_mean, rule_of

EPSILON = sys.float_info.epsilon
CHANCE_OR_WORSE = 9 / 19  # the pAUC of a section whose highest scores all belong to normal clips


def approx(expected):
    return pytest.approx(expected, rel=1e-12)


def section_values(evaluation):
    return evaluation.sections.set_index(["machine", "section", "metric"])["value"].to_dict()


def machine_row(evaluation, machine, metric):
    return evaluation.machines.set_index(["machine", "metric"]).loc[(machine, metric)]


def overall_row(evaluation, metric):
    return evaluation.overall.set_index("metric").loc[metric]


@pytest.fixture
def two_domains(make_clips):
    """Source anomalies 3.5, target anomalies 2.5: the years differ in which of them enter."""
    return make_clips({("fan", "00", "source"): ([1, 2], [3.5]), ("fan", "00", "target"): ([3, 4], [2.5])})


@pytest.fixture
def machine_ids(make_clips):
    """2020: AUC 1 and 0.5 for fan's two ids, 0 for pump's one."""
    return make_clips(
        {("fan", "00", ""): ([1, 2], [3, 4]), ("fan", "02", ""): ([1, 4], [2, 3]), ("pump", "00", ""): ([2], [1])}
    )


def test_2021_compares_within_a_domain(two_domains):
    evaluation = evaluate(RULES["2021"], two_domains)
    assert section_values(evaluation) == {
        ("fan", "00", "auc_source"): 1.0,
        ("fan", "00", "auc_target"): 0.0,
        ("fan", "00", "pauc_source"): 1.0,
        ("fan", "00", "pauc_target"): approx(CHANCE_OR_WORSE),
    }
    # One zero, clipped to ε: 4 / (1 + 1/ε + 1 + 19/9), of the order of 1e-15 and not 0.
    assert evaluation.omega == approx(4 / (2 + 1 / EPSILON + 19 / 9))
    assert 0 < evaluation.omega < 1e-15


@pytest.mark.parametrize("year", ["2022", "2023", "2024", "2025", "2026"])
def test_since_2022_one_domains_normals_meet_all_anomalies(two_domains, year):
    evaluation = evaluate(RULES[year], two_domains)
    assert section_values(evaluation) == {
        ("fan", "00", "auc_source"): 1.0,  # 1 and 2 are below both anomalies
        ("fan", "00", "auc_target"): 0.25,  # of 3 and 4, only 3 is below 3.5
        ("fan", "00", "pauc"): approx(CHANCE_OR_WORSE),  # pooled: the highest score is normal
        ("fan", "00", "auc_all"): 0.625,  # 5 of 8 pairs
    }
    # AUC (all) does not enter: 3 / (1 + 4 + 19/9) = 27/64.
    assert evaluation.omega == approx(27 / 64)
    assert machine_row(evaluation, "fan", "omega")["value"] == approx(27 / 64)
    assert machine_row(evaluation, "fan", "omega")["arithmetic"] == approx((1 + 0.25 + 9 / 19) / 3)
    # The official tables' AUC column is the mean over domains: 2 / (1 + 4), not AUC (all).
    assert machine_row(evaluation, "fan", "auc")["harmonic"] == approx(0.4)
    assert machine_row(evaluation, "fan", "auc")["arithmetic"] == approx(0.625)


def test_2020_averages_arithmetically_over_ids_then_machines(machine_ids):
    evaluation = evaluate(RULES["2020"], machine_ids)
    assert section_values(evaluation) == {
        ("fan", "00", "auc"): 1.0,
        ("fan", "00", "pauc"): 1.0,
        ("fan", "02", "auc"): 0.5,
        ("fan", "02", "pauc"): approx(CHANCE_OR_WORSE),
        ("pump", "00", "auc"): 0.0,
        ("pump", "00", "pauc"): approx(CHANCE_OR_WORSE),
    }
    assert machine_row(evaluation, "fan", "auc")["value"] == approx(0.75)
    assert machine_row(evaluation, "fan", "auc")["harmonic"] == approx(2 / 3)
    # Over machines, not over ids: (0.75 + 0) / 2, while the ids' mean is 0.5.
    assert evaluation.auc_mean == approx(0.375)
    assert overall_row(evaluation, "auc")["value"] == approx(0.375)
    assert overall_row(evaluation, "auc")["arithmetic"] == approx(0.5)
    assert evaluation.pauc_mean == approx(((1 + 9 / 19) / 2 + 9 / 19) / 2)
    # Ours, not official, and harmonic even in 2020.
    assert not RULES["2020"].official_omega
    assert machine_row(evaluation, "fan", "omega")["value"] == approx(4 / (1 + 1 + 2 + 19 / 9))
    assert evaluation.omega == approx(6 / (1 + 1 + 2 + 19 / 9 + 19 / 9 + 1 / EPSILON))


def test_overall_means_are_over_sections_and_over_machines(make_clips):
    # auc_source, auc_target, pauc: 1, 1, 1 in two sections of fan, 1, 0.25, 9/19 in pump's one.
    perfect = ([1, 2], [5])
    evaluation = evaluate(
        RULES["2022"],
        make_clips(
            {("fan", s, d): perfect for s in ("00", "01") for d in ("source", "target")}
            | {("pump", "00", "source"): ([1, 2], [3.5]), ("pump", "00", "target"): ([3, 4], [2.5])}
        ),
    )
    assert evaluation.omega == approx(9 / (6 + 64 / 9))
    assert overall_row(evaluation, "omega")["over_machines"] == approx((1 + 27 / 64) / 2)
    assert overall_row(evaluation, "auc_target")["harmonic"] == approx(3 / (1 + 1 + 4))
    assert overall_row(evaluation, "auc_target")["arithmetic"] == approx(2.25 / 3)
    assert evaluation.auc_mean == approx((1 + 0.4) / 2)


def test_decisions_are_judged_within_a_domain(make_clips):
    clips = make_clips({("fan", "00", "source"): ([1, 2, 3], [4, 5]), ("fan", "00", "target"): ([1], [2, 3])})
    # Source: normals decided 1, 0, 0, anomalies 1, 0: TP 1, FP 1, FN 1. Target: nothing flagged.
    clips["decision"] = [1, 0, 0, 1, 0, 0, 0, 0]
    values = section_values(evaluate(RULES["2023"], clips))
    assert values["fan", "00", "precision_source"] == 0.5
    assert values["fan", "00", "recall_source"] == 0.5
    assert values["fan", "00", "f1_source"] == 0.5
    assert values["fan", "00", "precision_target"] == 0
    assert values["fan", "00", "recall_target"] == 0
    assert values["fan", "00", "f1_target"] == 0
    evaluation = evaluate(RULES["2023"], clips)
    assert machine_row(evaluation, "fan", "precision")["arithmetic"] == approx(0.25)
    assert machine_row(evaluation, "fan", "precision")["harmonic"] == approx(2 / (2 + 1 / EPSILON))
    assert machine_row(evaluation, "fan", "recall_source")["value"] == approx(0.5)


def test_2020_decisions_are_ours_and_outside_omega(machine_ids):
    decided = machine_ids.assign(decision=machine_ids["label"])
    decided.loc[decided["clip_id"] == "fan-00--0-0", "decision"] = 1  # one false alarm beside two hits
    evaluation = evaluate(RULES["2020"], decided)
    values = section_values(evaluation)
    assert not RULES["2020"].official_decisions
    assert values["fan", "00", "precision"] == approx(2 / 3)
    assert values["fan", "00", "recall"] == 1
    assert values["fan", "00", "f1"] == approx(0.8)
    assert evaluation.omega == evaluate(RULES["2020"], machine_ids).omega


def test_without_decisions_there_are_no_decision_metrics(two_domains):
    for clips in (two_domains, two_domains.assign(decision=None), two_domains.assign(decision=np.nan)):
        assert set(evaluate(RULES["2022"], clips).overall["metric"]) == {
            "auc_source", "auc_target", "auc_all", "auc", "pauc", "omega"
        }  # fmt: skip


def test_omega_has_the_official_number_of_values():
    entering = {year: len(rule.averages()["omega"]) for year, rule in RULES.items()}
    assert entering == {"2020": 2, "2021": 4, "2022": 3, "2023": 3, "2024": 3, "2025": 3, "2026": 3}
    assert [year for year, rule in RULES.items() if not rule.official_omega] == ["2020"]
    assert all(year == rule.year for year, rule in RULES.items())


def test_a_further_year_is_one_entry(two_domains):
    only_target = YearRule(
        year="2030",
        roc_metrics=(
            RocMetric("auc_target", "auc", normals="target", anomalies="target"),
            RocMetric("pauc_source", "pauc", normals="source", anomalies="source"),
        ),
        decision_domains=("target",),
        mean="arithmetic",
    )
    evaluation = evaluate(only_target, two_domains.assign(decision=[0, 0, 0, 0, 1, 1]))
    assert section_values(evaluation) == {
        ("fan", "00", "auc_target"): 0.0,
        ("fan", "00", "pauc_source"): 1.0,
        ("fan", "00", "precision_target"): 0.5,
        ("fan", "00", "recall_target"): 1.0,
        ("fan", "00", "f1_target"): approx(2 / 3),
    }
    assert evaluation.omega == approx(2 / (1 + 1 / EPSILON))


@pytest.mark.parametrize("year", ["2020", "2021", "2022"])
def test_a_machine_keeps_its_numbers_in_a_subset(make_clips, year):
    rng = np.random.default_rng(5)
    domains = RULES[year].domains
    clips = make_clips(
        {
            (machine, section, domain): (rng.normal(size=12), rng.normal(0.7, size=9))
            for machine in ("fan", "pump", "valve")
            for section in ("00", "01")
            for domain in domains
        }
    )
    whole = evaluate(RULES[year], clips)
    part = evaluate(RULES[year], clips[clips["machine"] == "pump"])
    expected = whole.machines[whole.machines["machine"] == "pump"].reset_index(drop=True)
    pd.testing.assert_frame_equal(part.machines, expected, check_exact=True)
    assert part.omega == machine_row(whole, "pump", "omega")["value"]


def test_the_order_of_rows_does_not_matter(two_domains):
    shuffled = two_domains.sample(frac=1, random_state=0)
    assert evaluate(RULES["2022"], shuffled).omega == evaluate(RULES["2022"], two_domains).omega


def test_low_scores_of_anomalies_are_not_mended(make_clips):
    upside_down = make_clips({("fan", "00", d): ([8, 9], [1, 2]) for d in ("source", "target")})
    assert section_values(evaluate(RULES["2023"], upside_down))["fan", "00", "auc_source"] == 0


scores = st.lists(st.integers(0, 30), min_size=5, max_size=5)


@settings(deadline=None, max_examples=50)
@given(source=scores, target=scores, anomalies=st.lists(st.integers(0, 30), min_size=1, max_size=9))
def test_auc_all_is_the_mean_of_both_domains_when_these_have_equally_many_normals(
    make_clips, source, target, anomalies
):
    clips = make_clips({("fan", "00", "source"): (source, anomalies), ("fan", "00", "target"): (target, [3])})
    values = section_values(evaluate(RULES["2022"], clips))
    mean = (values["fan", "00", "auc_source"] + values["fan", "00", "auc_target"]) / 2
    assert values["fan", "00", "auc_all"] == pytest.approx(mean, rel=1e-12, abs=1e-15)


def test_harmonic_mean_by_hand():
    assert harmonic_mean([1, 4]) == approx(1.6)
    assert harmonic_mean([0.0, 1.0]) == approx(2 * EPSILON)
    assert harmonic_mean([[1, 0.5], [1, 1]]).tolist() == [1, approx(2 / 3)]


def test_rule_of_names_the_years_there_are():
    assert rule_of("2023") is RULES["2023"]
    with pytest.raises(BenchError, match="no rule for the year '2019'") as refusal:
        rule_of("2019")
    assert "2020, 2021" in refusal.value.fix


@pytest.mark.parametrize(
    ("year", "without", "named"),
    [
        ("2021", ("target", 1), ["no anomalous test clips of the target domain", "section 00", "machine fan"]),
        ("2021", ("source", 0), ["no normal test clips of the source domain", "domain source"]),
        ("2022", ("target", 0), ["no normal test clips of the target domain", "auc_target", "domain target"]),
        ("2022", (None, 1), ["no anomalous test clips:", "auc_source", "section 00"]),
    ],
)
def test_one_class_test_sets_are_refused(two_domains, year, without, named):
    domain, label = without
    gone = (two_domains["label"] == label) & ((two_domains["domain"] == domain) | (domain is None))
    with pytest.raises(BenchError) as refusal:
        evaluate(RULES[year], two_domains[~gone])
    assert all(words in str(refusal.value) for words in named), str(refusal.value)


def test_since_2022_a_domain_may_lack_anomalies(make_clips):
    clips = make_clips({("fan", "00", "source"): ([1, 2], [3]), ("fan", "00", "target"): ([4, 5], [])})
    assert section_values(evaluate(RULES["2022"], clips))["fan", "00", "auc_target"] == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda clips: clips.drop(columns="domain"), "lack the column 'domain'"),
        (lambda clips: clips.iloc[:0], "no clips to evaluate"),
        (lambda clips: pd.concat([clips, clips.iloc[:1]]), "1 of 7 clips have a second row"),
        (lambda clips: clips.assign(label=[0, 0, 1, 0, 0, 2]), "1 of 6 clips have a label other than 0 and 1"),
        (lambda clips: clips.assign(label=[0, 0, 1, 0, 0, None]), "1 of 6 clips have no label"),
        (lambda clips: clips.assign(machine=None), "6 of 6 clips have no machine"),
        (lambda clips: clips.assign(domain=""), "6 of 6 clips have a domain that 2022 does not have"),
        (lambda clips: clips.assign(score=[1, 2, np.nan, np.inf, 3, 4]), "2 of 6 clips have a score that is not"),
        (lambda clips: clips.assign(score=["1", "2", "3", "x", "3", "4"]), "1 of 6 clips have a score that is not"),
        (lambda clips: clips.assign(decision=[0, 1, 0, 1, 0, None]), "1 of 6 clips have a decision other than"),
        (lambda clips: clips.assign(decision=[0, 1, 0, 1, 0, 0.5]), "1 of 6 clips have a decision other than"),
    ],
)
def test_bad_clips_are_refused_in_words(two_domains, change, message):
    with pytest.raises(BenchError) as refusal:
        evaluate(RULES["2022"], change(two_domains))
    assert message in str(refusal.value)
    assert refusal.value.fix


def test_the_offending_clip_is_named(two_domains):
    bad = two_domains.assign(score=[1, 2, np.inf, 1, 3, 4])
    with pytest.raises(BenchError, match="fan-00-source-1-0 \\(machine fan, section 00\\)"):
        evaluate(RULES["2022"], bad)


def test_2020_knows_no_domains(two_domains):
    with pytest.raises(BenchError, match="a domain that 2020 does not have"):
        evaluate(RULES["2020"], two_domains)


def test_rules_are_immutable():
    with pytest.raises(dataclasses.FrozenInstanceError):
        RULES["2023"].mean = "arithmetic"
