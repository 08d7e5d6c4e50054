"""A scored system as the CSV that the year's official evaluator writes: same blocks, rows, columns and order.

What differs, on purpose: from 2022 on, a machine type's ``source harmonic mean`` and ``target harmonic mean`` are means
over that domain's values (the evaluators cut their list of values at the wrong place); ``official score ci95`` is
called ``official_ci95_compat``; and a row that averages over less than the phase has says so in its name.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from asd_bench.submissions.report import Means, machine_means, overall_means, section_values
from asd_bench.submissions.scoring import ScoredSystem

DOMAINS = ("source", "target")

#: Kind of metric -> its heading.
KINDS = {"auc": "AUC", "pauc": "pAUC", "precision": "precision", "recall": "recall", "f1": "F1 score"}

_OVERALL = "mean over all machine types, sections, and domains"

Cells = list[str | float]


def write_csv(folder: Path, scored: ScoredSystem) -> Path:
    """Write ``<system>_result.csv`` below a folder, over an older one.

    Returns:
        The file.
    """
    path = folder / f"{scored.name}_result.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    # Whole or not at all.
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with draft.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(rows(scored))
    draft.replace(path)
    return path


def rows(scored: ScoredSystem) -> Iterable[Cells]:
    """The lines of the CSV."""
    if scored.year.truth == "list":
        return _rows_2020(scored)
    return _rows_since_2021(scored)


def _rows_2020(scored: ScoredSystem) -> Iterable[Cells]:
    for machine, means in machine_means(scored).items():
        yield [machine]
        yield ["id", "AUC", "pAUC"]
        for section, values in section_values(scored, machine).items():
            yield [section, values["auc"], values["pauc"]]
        yield [f"Average{_extent(scored, machine)}", means["auc"]["value"], means["pauc"]["value"]]
        yield []


def _rows_since_2021(scored: ScoredSystem) -> Iterable[Cells]:
    overall = overall_means(scored)
    kinds = {kind: heading for kind, heading in KINDS.items() if kind in overall}
    of_sections = _sections_2021 if scored.year.truth == "by domain" else _sections_since_2022
    for machine, means in machine_means(scored).items():
        yield [machine]
        yield from of_sections(kinds, section_values(scored, machine))
        for name, values in _means(kinds, means):
            yield [f"{name} mean{_extent(scored, machine)}", "", *values]
        yield []
    yield ["", "", *kinds.values()]
    for name, values in _means(kinds, overall):
        yield [f"{name} {_OVERALL}{_extent(scored)}", "", *values]
    yield []
    yield ["official score" if scored.is_official else f"unofficial score{_extent(scored)}", "", _omega(overall)]
    if scored.official_ci95 is not None:
        yield ["official_ci95_compat", "", scored.official_ci95]
    yield []


def _sections_2021(kinds: Mapping[str, str], sections: Mapping[str, Mapping[str, float]]) -> Iterable[Cells]:
    yield ["section", "domain", *kinds.values()]
    for domain in DOMAINS:
        for section, values in sections.items():
            yield [section, domain, *(values[f"{kind}_{domain}"] for kind in kinds)]


def _sections_since_2022(kinds: Mapping[str, str], sections: Mapping[str, Mapping[str, float]]) -> Iterable[Cells]:
    columns = {"auc_all": "AUC (all)"}
    columns |= {f"auc_{domain}": f"AUC ({domain})" for domain in DOMAINS}
    columns |= {"pauc": "pAUC"}
    decided = {kind: heading for kind, heading in kinds.items() if kind not in ("auc", "pauc")}
    columns |= {f"{kind}_{domain}": f"{heading} ({domain})" for kind, heading in decided.items() for domain in DOMAINS}
    yield ["section", *columns.values()]
    for section, values in sections.items():
        yield [section, *(values[metric] for metric in columns)]
    yield ["", "", *kinds.values()]


def _means(kinds: Iterable[str], means: Means) -> Iterable[tuple[str, list[float]]]:
    yield "arithmetic", [means[kind]["arithmetic"] for kind in kinds]
    yield "harmonic", [means[kind]["harmonic"] for kind in kinds]
    for domain in DOMAINS:
        # From 2022 on, the pAUC is of both domains and stands in both rows.
        metrics = [f"{kind}_{domain}" if f"{kind}_{domain}" in means else kind for kind in kinds]
        yield f"{domain} harmonic", [means[metric]["harmonic"] for metric in metrics]


def _omega(overall: Means) -> float:
    return overall["omega"]["value"]


def _extent(scored: ScoredSystem, machine: str | None = None) -> str:
    """What a row averages over, where that is not everything."""
    if machine is None:
        n_scored, n_expected = scored.coverage
        is_short = bool(scored.missing)
    else:
        n_scored, n_expected = len(scored.sections_of(machine)), len(scored.year.machines[scored.phase][machine])
        is_short = n_scored < n_expected
    return f" (incomplete: {n_scored} of {n_expected} sections)" if is_short else ""
