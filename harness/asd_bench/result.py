"""A system's result: a pure function of its members' scores and the labels.

Nothing here fits anything. Labels are loaded here and nowhere earlier.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asd_bench import records
from asd_bench.config import build
from asd_bench.errors import BenchError
from asd_bench.fit import FitJob
from asd_bench.keys import METRICS, digest
from asd_bench.plan import ResultPlan
from asd_bench.plugins import resolve
from asd_bench.protocols import Scores
from asd_bench.records import FORMAT, Workspace
from asd_bench.specs import PAPER

if TYPE_CHECKING:
    import pandas as pd

    from asd_bench.metrics.official import Evaluation

CLIP_KEYS = ["clip_id", "machine", "section"]


@dataclass(frozen=True)
class Fused:
    """Fused scores of test clips with labels, domains and decisions, and of training clips, with the thresholds.

    Attributes:
        test: clip_id, machine, section, domain, label, score, decision.
        train: clip_id, machine, section, score.
        thresholds: (machine, section) -> value and method.
        members: machine -> labels of the members that were fused.
        notes: what the ensembler has to say.
    """

    test: pd.DataFrame
    train: pd.DataFrame
    thresholds: Mapping[tuple[str, str], tuple[float, str]]
    members: Mapping[str, tuple[str, ...]]
    notes: tuple[str, ...]


def fuse(plan: ResultPlan, machines: tuple[str, ...]) -> Fused:
    """Fuse the members' scores on some machine types and decide.

    Args:
        plan: the system's members and their finished fits.
        machines: all, or those whose fits are done, of the plan's machines.

    Raises:
        BenchError: members were scored on different clips, or a clip has no label.
    """
    import pandas as pd

    train = {label: _member(jobs, plan, label, machines, "train") for label, jobs in plan.fits.items()}
    test = {label: _member(jobs, plan, label, machines, "test") for label, jobs in plan.fits.items()}
    parts, notes = [], []
    members = _chosen_members(plan, test, machines)
    for labels in dict.fromkeys(members.values()):
        # Machine types whose members are the same are fused by one ensembler.
        together = [machine for machine in machines if members[machine] == labels]
        part, said = _combine(plan, _only(train, labels, together), _only(test, labels, together))
        parts.append(part)
        notes += said
    fused_train, fused_test = (pd.concat(tables, ignore_index=True) for tables in zip(*parts, strict=True))
    _check_fused(plan, fused_train, fused_test)
    thresholds = _thresholds(fused_train)
    limit = [
        thresholds[machine, section][0] for machine, section in zip(fused_test.machine, fused_test.section, strict=True)
    ]
    labelled = _with_truth(fused_test.assign(decision=(fused_test.score > limit).astype(int)), plan, machines)
    return Fused(labelled, fused_train, thresholds, members, tuple(notes))


def evaluate(plan: ResultPlan, fused: Fused) -> Evaluation:
    """The challenge year's metrics of fused scores."""
    from asd_bench.metrics import official

    return official.evaluate(official.rule_of(plan.dataset.spec.rule), fused.test)


def result_key(plan: ResultPlan) -> str:
    """What a result is made from: its members' scores, how they are fused, and the labels."""
    truth = plan.dataset.truth(plan.machines)
    return digest(
        {
            "format": [FORMAT, METRICS],
            "rule": plan.dataset.spec.rule,
            "dataset": [plan.dataset.name, plan.dataset.spec.version, _options(plan)],
            "system": plan.system.spec.name,
            "profile": plan.system.profile,
            "seed": plan.seed,
            "ensembler": [plan.system.ensembler, plan.system.ensembler_source],
            "members": {
                member.label: [member.component, sorted(job.score_key for job in plan.fits[member.label])]
                for member in plan.system.members
            },
            "machines": sorted(plan.machines),
            "truth": sorted(truth.astype(str).values.tolist()),
        }
        | ({"select": dataclasses.asdict(plan.system.spec.select)} if plan.system.spec.select else {})
    )


def make_result(plan: ResultPlan, workspace: Workspace, remake: bool) -> Path:
    """Write a result, or find it written.

    Args:
        plan: all of its fits are done.
        workspace: where to write.
        remake: whether a result that is there is made again.

    Returns:
        the result's folder.
    """
    key = result_key(plan)
    folder = workspace.result(plan.dataset.name, plan.system.spec.name, key)
    with records.locked(folder):
        if _is_made(folder, key) and not remake:
            return folder
        fused = fuse(plan, plan.machines)
        evaluation = evaluate(plan, fused)
        records.write_scores(folder / "scores.parquet", fused.test)
        records.write_scores(folder / "train_scores.parquet", fused.train)
        records.write_json(folder / "result.json", _document(plan, key, fused, evaluation))
    return folder


def _is_made(folder: Path, key: str) -> bool:
    try:
        return records.read_json(folder / "result.json").get("key") == key
    except BenchError:
        # Missing, or damaged: then it is made again.
        return False


# -- fusing ------------------------------------------------------------------------------------------------------------


def _combine(
    plan: ResultPlan, train: Mapping[str, pd.DataFrame], test: Mapping[str, pd.DataFrame]
) -> tuple[tuple[pd.DataFrame, pd.DataFrame], list[str]]:
    """One ensembler's fused scores of training and of test clips, and what it has to say."""
    import numpy as np

    train_clips, test_clips = _common_clips(train, plan), _common_clips(test, plan)
    ensembler = _ensembler(plan)
    train_scores = {label: _scores(table, train_clips) for label, table in train.items()}
    ensembler.fit(train_scores)
    fused_train = train_clips.assign(score=np.asarray(ensembler.combine(train_scores), dtype=np.float64))
    test_scores = {label: _scores(table, test_clips) for label, table in test.items()}
    fused_test = test_clips.assign(score=np.asarray(ensembler.combine(test_scores), dtype=np.float64))
    return (fused_train, fused_test), list(getattr(ensembler, "notes", ()))


def _chosen_members(
    plan: ResultPlan, test: Mapping[str, pd.DataFrame], machines: tuple[str, ...]
) -> dict[str, tuple[str, ...]]:
    """Machine -> labels of its members: all, or those whose scores alone have the best Ω there."""
    from asd_bench.metrics import official

    select, labels = plan.system.spec.select, tuple(plan.fits)
    if select is None:
        return dict.fromkeys(machines, labels)
    rule = official.rule_of(plan.dataset.spec.rule)
    omegas = {}
    for label, table in test.items():
        found = official.evaluate(rule, _with_truth(table, plan, machines)).machines
        omegas[label] = found[found.metric == official.OMEGA].set_index("machine").value
    # In their own order; among equals the first are taken.
    best = {machine: sorted(labels, key=lambda label: -omegas[label][machine])[: select.k] for machine in machines}
    return {machine: tuple(label for label in labels if label in best[machine]) for machine in machines}


def _only(tables: Mapping[str, pd.DataFrame], labels: tuple[str, ...], machines: list[str]) -> dict[str, pd.DataFrame]:
    return {label: tables[label][tables[label].machine.isin(machines)] for label in labels}


def _member(
    jobs: tuple[FitJob, ...], plan: ResultPlan, label: str, machines: tuple[str, ...], split: str
) -> pd.DataFrame:
    """One member's scores over its fits: clip_id, machine, section, score.

    Those of additional training clips are left out: not every member may have learned from them, and the sections that
    they are of are not reported.
    """
    import pandas as pd

    reported = plan.dataset.counts(machines)
    component = {member.label: member.component for member in plan.system.members}[label]
    parts = []
    for job in jobs:
        if not set(job.scored) & set(machines):
            continue
        path = job.scores_path if split == "test" else job.folder / "train_scores.parquet"
        table = records.read_scores(path)
        rows = [place in reported for place in zip(table.machine, table.section, strict=True)]
        parts.append(table[rows][[*CLIP_KEYS, component]].rename(columns={component: "score"}))
    return pd.concat(parts, ignore_index=True)


def _common_clips(members: Mapping[str, pd.DataFrame], plan: ResultPlan) -> pd.DataFrame:
    """The clips that the members were scored on, in one order.

    Raises:
        BenchError: the members disagree, or one scored a clip twice.
    """
    tables = {label: table[CLIP_KEYS].sort_values(CLIP_KEYS, ignore_index=True) for label, table in members.items()}
    first, *others = tables.items()
    for label, table in tables.items():
        if table.clip_id.duplicated().any():
            raise BenchError(
                f"{plan.label}: the member '{label}' scored clips more than once", fix="run with --on-existing rerun"
            )
    for label, table in others:
        if not table.equals(first[1]):
            raise BenchError(
                f"{plan.label}: the members '{first[0]}' and '{label}' were scored on different clips "
                f"({len(first[1])} and {len(table)})",
                fix="run with --on-existing rerun",
            )
    return first[1]


def _scores(table: pd.DataFrame, clips: pd.DataFrame) -> Scores:
    aligned = table.set_index("clip_id").score.loc[clips.clip_id].to_numpy()
    text = {name: clips[name].to_numpy(dtype=str) for name in CLIP_KEYS}
    return Scores(**text, values=aligned)


def _ensembler(plan: ResultPlan) -> Any:
    ensembler = plan.system.ensembler
    owner = f"the ensembler '{ensembler['name']}'"
    return resolve(ensembler["target"], owner)(build(resolve(ensembler["config_type"], owner), ensembler["config"]))


def _check_fused(plan: ResultPlan, *tables: pd.DataFrame) -> None:
    import numpy as np

    for table in tables:
        bad = ~np.isfinite(table.score.to_numpy())
        if bad.any():
            raise BenchError(
                f"{plan.label}: the ensembler '{plan.system.ensembler['name']}' gave {bad.sum()} of {len(table)} clips "
                f"a score that is NaN or infinite, {table.clip_id[bad].iat[0]} among them"
            )


def _thresholds(train: pd.DataFrame) -> dict[tuple[str, str], tuple[float, str]]:
    from asd_bench.metrics.threshold import gamma_threshold

    found: dict[tuple[str, str], tuple[float, str]] = {}
    for (machine, section), rows in train.groupby(["machine", "section"]):
        threshold = gamma_threshold(rows.score.to_numpy())
        found[str(machine), str(section)] = (threshold.value, threshold.method)
    return found


def _with_truth(scored: pd.DataFrame, plan: ResultPlan, machines: tuple[str, ...]) -> pd.DataFrame:
    """Join labels by clip id, naming clips that are missing on either side."""
    truth = plan.dataset.truth(machines)
    missing, extra = set(truth.clip_id) - set(scored.clip_id), set(scored.clip_id) - set(truth.clip_id)
    if missing or extra:
        raise BenchError(
            f"{plan.label}: {len(missing)} labelled clips have no score and {len(extra)} scored clips no label: "
            + ", ".join(sorted(missing | extra)[:5])
        )
    joined = scored.merge(truth[["clip_id", "domain", "label"]], on="clip_id")
    decision = ["decision"] if "decision" in joined else []
    return joined[[*CLIP_KEYS, "domain", "label", "score", *decision]]


# -- the document ------------------------------------------------------------------------------------------------------


def _document(plan: ResultPlan, key: str, fused: Fused, evaluation: Evaluation) -> dict[str, Any]:
    from asd_bench.metrics.bootstrap import omega_interval

    spec, dataset = plan.system.spec, plan.dataset
    intervals = omega_interval(evaluation.rule, fused.test)
    counts = dataset.counts(plan.machines)
    reasons = _unranked(plan, counts)
    config = plan.system.document() | {"dataset": _options(plan)}
    return {
        "format": FORMAT,
        "key": key,
        "made": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "dataset": dataset.name,
        "rule": dataset.spec.rule,
        "data": dataset.digest(plan.machines),
        "system": spec.name,
        "profile": plan.system.profile,
        "seed": plan.seed,
        "config": config,
        # Rows of a leaderboard: seeds of one configuration. Which machines dataset-scope fits saw is part of it.
        "config_key": digest([config, plan.system.profile, dataset.name, _dataset_scope_machines(plan)]),
        "members": {
            member.label: {
                "detector": member.detector.name,
                "component": member.component,
                "fits": {job.spec.scope_name: job.spec.key for job in plan.fits[member.label]},
            }
            for member in plan.system.members
        },
        **({"selected": {machine: list(labels) for machine, labels in fused.members.items()}} if spec.select else {}),
        "machines": list(plan.machines),
        "trained_on": list(plan.trained_on),
        "clips": {f"{machine}/{section}": {"train": n[0], "test": n[1]} for (machine, section), n in counts.items()},
        "clips_published": {
            f"{machine}/{section}": {
                "train": dataset.spec.n_train.get((machine, section)),
                "test": dataset.spec.n_test.get((machine, section)),
            }
            for machine, sections in dataset.spec.machines.items()
            for section in sections
        },
        "classes": _classes(plan),
        "ranked": not reasons,
        "unranked_because": reasons,
        "flags": _flags(plan),
        "notes": [*fused.notes, *(note for machine in plan.machines for note in dataset.stores[machine].notes)],
        "omega_is_official": evaluation.rule.official_omega,
        "metrics": {
            "overall": {row.metric: row.value for row in evaluation.overall.itertuples()},
            "overall_arithmetic": {row.metric: row.arithmetic for row in evaluation.overall.itertuples()},
            "over_machines": {row.metric: row.over_machines for row in evaluation.overall.itertuples()},
            "machines": _nested(evaluation.machines, "machine", "value"),
            "sections": _nested(
                evaluation.sections.assign(place=evaluation.sections.machine + "/" + evaluation.sections.section),
                "place",
                "value",
            ),
        },
        "intervals": {
            "level": intervals.level,
            "resamples": intervals.resamples,
            "overall": {row.metric: [row.low, row.high] for row in intervals.overall.itertuples()},
            "machines": {
                machine: {row.metric: [row.low, row.high] for row in rows.itertuples()}
                for machine, rows in intervals.machines.groupby("machine")
            },
        },
        "thresholds": {
            f"{machine}/{section}": {"value": value, "method": method}
            for (machine, section), (value, method) in fused.thresholds.items()
        },
    }


def _nested(table: pd.DataFrame, place: str, column: str) -> dict[str, dict[str, float]]:
    return {
        str(name): {metric: float(value) for metric, value in zip(rows.metric, rows[column], strict=True)}
        for name, rows in table.groupby(place)
    }


def _options(plan: ResultPlan) -> dict[str, Any]:
    """The dataset's options that differ from its defaults."""
    default = plan.dataset.spec.config()
    return {name: value for name, value in vars(plan.dataset.config).items() if value != getattr(default, name)}


def _dataset_scope_machines(plan: ResultPlan) -> list[str]:
    """The machines that dataset-scope fits trained on: results whose differ are never merged into one row."""
    return sorted(
        {
            machine
            for jobs in plan.fits.values()
            for job in jobs
            if job.spec.scope["kind"] == "dataset"
            for machine in job.stores
        }
    )


def _classes(plan: ResultPlan) -> dict[str, Any]:
    """The class rule of each machine and how many classes there are."""
    from asd_bench.data.classes import Classes
    from asd_bench.data.clips import visible

    stores = [plan.dataset.stores[machine] for machine in plan.trained_on]
    classes = Classes.of(visible(stores, "train", None, plan.dataset.spec.reveals))
    count = {machine: sum(key[0] == machine for key in classes.keys) for machine in plan.trained_on}
    return {"rule": classes.rules, "count": count}


def _unranked(plan: ResultPlan, counts: Mapping[tuple[str, str], tuple[int, int]]) -> list[str]:
    """Why the result cannot be ranked; empty where it can."""
    spec, reasons = plan.dataset.spec, []
    if plan.system.profile != PAPER:
        reasons.append(f"profile {plan.system.profile}")
    wanted = [(machine, section) for machine, sections in spec.machines.items() for section in sections]
    there = [place for place in wanted if place in counts]
    if len(there) < len(wanted):
        reasons.append(f"{len(there)} of {len(wanted)} sections")
    for number, (name, published) in enumerate((("training", spec.n_train), ("test", spec.n_test))):
        checked = [place for place in there if place in published]
        if any(counts[place][number] != published[place] for place in checked):
            have = sum(counts[place][number] for place in checked)
            reasons.append(f"{name} clips {have}/{sum(published[place] for place in checked)}")
    if plan.dataset.name != spec.name:
        reasons.append("synthetic sounds")
    return reasons


def _flags(plan: ResultPlan) -> list[str]:
    """Marks that a reader of the row must see."""
    system, flags = plan.system, []
    if system.profile != PAPER:
        flags.append(f"profile: {system.profile}")
    if system.transductive:
        flags.append("transductive: standardised with test scores")
    if system.spec.select:
        flags.append(f"selected on test labels: best {system.spec.select.k} of {len(plan.fits)} members per machine")
    if system.spec.tuned_on_labels:
        flags.append(f"tuned on test labels: {system.spec.tuned_on_labels}")
    flags += [f"dataset.{name}={value}" for name, value in _options(plan).items()]
    return flags + list(system.user_changes)
