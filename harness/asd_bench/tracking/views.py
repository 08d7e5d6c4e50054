"""Saved views of an experiment's runs table: which columns MLflow shows, which runs, in which order.

Left alone, MLflow shows names and dates and not one metric. A view is a tag of the experiment; it appears in the menu
*Views*, and can be opened by an address.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from asd_bench.tracking.store import KIND, milliseconds

_PREFIX = "mlflow.sharedViewState."
SEEDS_VIEW, BOARD_VIEW = "asd-seeds", "asd-leaderboard"

_METRIC = "metrics.`{}`"
_OVERALL = ("omega", "omega_sd", "n_seeds", "auc", "auc_source", "auc_target", "pauc")
_PER_MACHINE = ("auc", "pauc")
_TAG_COLUMNS = ("asd.profile", "asd.ranked")


def result_views(metrics: Iterable[str], there: Mapping[str, str]) -> dict[str, str]:
    """Tags that make an experiment of results show metrics.

    Args:
        metrics: names that a parent run carries.
        there: tags that the experiment has. Columns that its views have stay; a view that someone saved anew in
            MLflow's page, which compresses it, stays as it is.

    Returns:
        what differs from those tags.
    """
    by_omega = {"searchFilter": f"tags.`{KIND}` = 'system'", "orderByKey": "metrics.`omega`", "orderByAsc": False}
    views = {
        _PREFIX + SEEDS_VIEW: ("Systems and their seeds", {}),
        # Sorted by a metric, MLflow lists children beside their parents: so the children stay out.
        _PREFIX + BOARD_VIEW: ("Systems by Ω", by_omega),
    }
    made = {}
    for tag, (title, facets) in views.items():
        shown = _columns(there[tag]) if tag in there else []
        if shown is not None:
            columns = _ordered({*shown, *(_METRIC.format(name) for name in metrics)})
            if columns != shown:
                made[tag] = _view(title, {**facets, "selectedColumns": columns, "columnOrder": columns})
    return made


def _ordered(columns: Iterable[str]) -> list[str]:
    """The columns worth showing: Ω, AUC and pAUC, overall and for each machine type, then what ranks a row."""
    there = sorted(columns)
    overall = [column for column in map(_METRIC.format, _OVERALL) if column in there]
    per_machine = [column for kind in _PER_MACHINE for column in there if column.startswith(f"metrics.`{kind}/")]
    return overall + per_machine + [f"tags.`{tag}`" for tag in _TAG_COLUMNS]


def _view(title: str, state: Mapping[str, Any]) -> str:
    now = milliseconds()
    return json.dumps({"name": title, "createdAt": now, "updatedAt": now, "state": json.dumps(state)})


def _columns(view: str) -> list[str] | None:
    """The columns of a view of ours; None where it is not ours any more."""
    try:
        return json.loads(json.loads(view)["state"])["selectedColumns"]
    except (ValueError, KeyError, TypeError):
        return None
