"""Results as `asd_bench.result` writes them, made from a few section values."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
import pytest

from asd_bench.keys import digest
from asd_bench.metrics import official

#: machine/section -> metric -> value.
Values = Mapping[str, Mapping[str, float]]
Make = Callable[..., dict[str, Any]]

FAN_AND_PUMP: Values = {"fan/00": {"auc": 0.8, "pauc": 0.6}, "pump/00": {"auc": 0.6, "pauc": 0.5}}


def _document(
    values: Values = FAN_AND_PUMP,
    *,
    system: str = "knn",
    seed: int = 0,
    rule: str = "2020",
    dataset: str = "toy",
    profile: str = "paper",
    flags: Sequence[str] = (),
    trained_on: Sequence[str] | None = None,
    published: Sequence[str] | None = None,
    made: str = "2026-01-01T00:00:00+00:00",
    data: str = "data",
    code: str = "",
    classes: int = 1,
    reasons: Sequence[str] = (),
) -> dict[str, Any]:
    """A result's document.

    Args:
        published: the places of the dataset's table; those of `values` if None.
        code: anything that changes the result's key only, as another version of a plugin does.
        reasons: why it is not ranked, besides the profile and missing places.
    """
    year = official.rule_of(rule)
    machines = sorted({place.split("/")[0] for place in values})
    trained_on = sorted(trained_on or machines)
    cells = pd.DataFrame(
        [(*place.split("/"), metric, value) for place, metrics in values.items() for metric, value in metrics.items()],
        columns=["machine", "section", "metric", "value"],
    )
    of_machines, overall = official.summarise(year, cells, cells["value"].to_numpy())
    means = {
        machine: {metric: float(mean.value) for (of, metric), mean in of_machines.items() if of == machine}
        for machine in machines
    }
    overall_values = {metric: float(mean.value) for metric, mean in overall.items()}
    wanted = list(published or values)
    unranked = [f"profile {profile}"] if profile != "paper" else []
    unranked += [f"{len(values)} of {len(wanted)} sections"] if len(values) < len(wanted) else []
    unranked += reasons
    config = {"system": system, "set": sorted(flags)}
    return {
        "format": 1,
        "key": digest([config, seed, rule, dataset, machines, trained_on, data, code, profile]),
        "made": made,
        "dataset": dataset,
        "rule": rule,
        "data": digest(data),
        "system": system,
        "profile": profile,
        "seed": seed,
        "config": config,
        "config_key": digest([config, profile, dataset]),
        "members": {},
        "machines": machines,
        "trained_on": trained_on,
        "clips": {place: {"train": 10, "test": 4} for place in values},
        "clips_published": {place: {"train": 10, "test": 4} for place in wanted},
        "classes": {"rule": dict.fromkeys(trained_on, "section"), "count": dict.fromkeys(trained_on, classes)},
        "ranked": not unranked,
        "unranked_because": unranked,
        "flags": ([f"profile: {profile}"] if profile != "paper" else []) + list(flags),
        "notes": [],
        "omega_is_official": year.official_omega,
        "metrics": {"overall": overall_values, "machines": means, "sections": {k: dict(v) for k, v in values.items()}},
        "intervals": {
            "level": 0.95,
            "resamples": 100,
            "overall": _around(overall_values),
            "machines": {machine: _around(metrics) for machine, metrics in means.items()},
        },
        "thresholds": {},
    }


def _around(values: Mapping[str, float]) -> dict[str, list[float]]:
    return {metric: [values[metric] - 0.02, values[metric] + 0.03] for metric in ("omega", "auc", "pauc")}


@pytest.fixture(scope="session")
def make() -> Make:
    """Make a ``result.json`` document, see `_document`."""
    return _document
