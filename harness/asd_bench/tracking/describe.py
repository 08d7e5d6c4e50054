"""How fits and results are called, tagged and described in MLflow: pure functions of their documents."""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Iterable, Mapping
from typing import Any

from asd_bench.keys import digest, short
from asd_bench.specs import PAPER
from asd_bench.tracking.store import KIND

#: Kinds of experiments.
RESULTS, FITS = "results", "fits"
#: Kinds of runs.
SYSTEM, RESULT, FIT = "system", "result", "fit"

_DECIMALS = 9

SYSTEM_TAG, DETECTOR_TAG = "asd.system", "asd.detector"

_RESULTS_NOTE = """\
Results of asd-bench on **{dataset}**, AUC, pAUC and Ω by the challenge year's own rule, as fractions of 1.

A row is a system in one configuration: means over its seeds, with the standard deviation in `…_sd` and the number of
seeds in `n_seeds`. Expand it for its seeds, with metrics per section, scores, plots and configuration.
The fits behind them, with their curves, are in the experiment *{dataset}-fits*.
"""

_FITS_NOTE = """\
Fits of asd-bench on **{dataset}**: one run per detector, scope and seed, with live curves and system metrics.
What came of them is in the experiment *{dataset}*.
"""


def experiment_note(kind: str, dataset: str) -> str:
    return (_RESULTS_NOTE if kind == RESULTS else _FITS_NOTE).format(dataset=dataset)


# -- results -----------------------------------------------------------------------------------------------------------


def system_key(result: Mapping[str, Any]) -> str:
    """What the seeds of one parent run share: configuration, machines and data."""
    return digest([SYSTEM, result["config_key"], result["data"], result["machines"]])


def system_name(result: Mapping[str, Any]) -> str:
    """The system's name, and what sets this row apart from its published form."""
    apart = [] if result["profile"] == PAPER else [result["profile"]]
    apart += [flag for flag in result["flags"] if re.match(r"[\w.\-]+=", flag)]
    published = {place.partition("/")[0] for place in result["clips_published"]}
    if published - set(result["machines"]):
        apart.append("only " + " ".join(result["machines"]))
    return f"{result['system']} ({', '.join(apart)})" if apart else result["system"]


def result_name(result: Mapping[str, Any]) -> str:
    return f"{system_name(result)}, seed {result['seed']}"


def system_tags(result: Mapping[str, Any]) -> dict[str, str]:
    """Tags that a parent run and its children share."""
    tags = {
        "asd.dataset": result["dataset"],
        "asd.profile": result["profile"],
        "asd.config_key": result["config_key"],
        "asd.flags": "; ".join(result["flags"]),
        "asd.ranked": "yes" if result["ranked"] else "no",
        "asd.unranked_because": "; ".join(result["unranked_because"]),
        "mlflow.source.name": "asd-bench",
    }
    return {name: text for name, text in tags.items() if text}


def result_tags(result: Mapping[str, Any]) -> dict[str, str]:
    return {
        **system_tags(result),
        KIND: RESULT,
        "asd.seed": str(result["seed"]),
        "asd.rule": result["rule"],
        "asd.made": result["made"],
        "asd.fits": " ".join(short(key) for _, _, key in fits_of(result)),
    }


def fits_of(result: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Detector, scope and key of every fit that the result's scores come from; a fit that two members share once."""
    found = [
        (member["detector"], scope, key)
        for member in result["members"].values()
        for scope, key in member["fits"].items()
    ]
    return list(dict.fromkeys(found))


def result_metrics(result: Mapping[str, Any]) -> dict[str, float]:
    """``omega``, ``auc/fan``, ``auc/fan/id_00``, …, and the interval of the overall ones as ``ci/omega_low``.

    Rounded to nine decimals, so that pages show 0.8 instead of 0.7999999999999999; ``result.json`` has every digit.
    """
    places = {**result["metrics"]["machines"], **result["metrics"]["sections"]}
    metrics = dict(result["metrics"]["overall"])
    metrics |= {f"{metric}/{place}": value for place, values in places.items() for metric, value in values.items()}
    for metric, (low, high) in result["intervals"]["overall"].items():
        metrics |= {f"ci/{metric}_low": low, f"ci/{metric}_high": high}
    return {name: round(value, _DECIMALS) for name, value in metrics.items()}


def result_params(result: Mapping[str, Any]) -> dict[str, str]:
    """The resolved configuration, each value under the address that ``--set`` takes."""
    config = result["config"]
    values: dict[str, Any] = {"ensembler": config["ensembler"]["name"]}
    values |= _prefixed("ensembler", config["ensembler"]["config"])
    values |= _prefixed("dataset", config["dataset"])
    for member in config["members"]:
        if len(config["members"]) > 1 or member["label"] != member["detector"]["name"]:
            values[member["label"]] = f"{member['detector']['name']}: {member['component']}"
        values |= _detector_values(member["label"], member["detector"])
    return _texts(values)


def _detector_values(address: str, detector: Mapping[str, Any]) -> dict[str, Any]:
    frontend = detector["frontend"]
    values = _prefixed(address, detector["config"])
    values |= {f"{address}.frontend": frontend["name"]} | _prefixed(f"{address}.frontend", frontend["config"])
    for used in detector["uses"].values():
        values |= _detector_values(used["name"], used)
    return values


def result_note(result: Mapping[str, Any], links: Mapping[str, str]) -> str:
    """The text on a result's page.

    Args:
        result: the document.
        links: fit key -> address of the fit's run, where it is known.
    """
    ranked = "ranked" if result["ranked"] else "not ranked: " + "; ".join(result["unranked_because"])
    lines = [f"`asd-bench show {short(result['key'])}` · seed {result['seed']} · {ranked}", "", "Fits:", ""]
    for detector, scope, key in fits_of(result):
        name = f"{detector} on {scope}" if scope != "*" else detector
        lines.append(f"- [{name}]({links[key]})" if key in links else f"- {name} `{short(key)}`")
    return "\n".join(lines)


# -- means over seeds --------------------------------------------------------------------------------------------------


def over_seeds(seeds: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Mean and, from two seeds on, standard deviation of what the seeds have in common, down to machine types."""
    runs = list(seeds)
    common = set.intersection(*(set(run) for run in runs))
    found: dict[str, float] = {"n_seeds": float(len(runs))}
    for name in sorted(common):
        metric, slash, place = name.partition("/")
        if metric == "ci" or "/" in place:
            continue
        values = [run[name] for run in runs]
        found[name] = statistics.fmean(values)
        if len(values) > 1:
            found[f"{metric}_sd{slash}{place}"] = statistics.stdev(values)
    return {name: round(value, _DECIMALS) for name, value in found.items()}


def system_note(metrics: Mapping[str, float], seeds: Iterable[int], tags: Mapping[str, str]) -> str:
    """The text on a parent run's page: its row of a leaderboard, machine by machine, in percent."""
    columns = [name for name in ("omega", "auc", "auc_source", "auc_target", "pauc") if name in metrics]
    machines = sorted({name.partition("/")[2] for name in metrics} - {""})
    ranked = "ranked" if tags["asd.ranked"] == "yes" else f"not ranked: {tags.get('asd.unranked_because')}"
    titles = {"omega": "Ω", "auc": "AUC", "auc_source": "AUC source", "auc_target": "AUC target", "pauc": "pAUC"}
    lines = [
        f"Means over the seeds {', '.join(map(str, sorted(seeds)))}, ± standard deviation, in percent; {ranked}.",
        "",
        "| | " + " | ".join(titles[name] for name in columns) + " |",
        "|---" * (len(columns) + 1) + "|",
    ]
    for place in ("", *machines):
        cells = [_percent(metrics, name, place) for name in columns]
        lines.append(f"| {place or '**all**'} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _percent(metrics: Mapping[str, float], name: str, place: str) -> str:
    suffix = f"/{place}" if place else ""
    mean, sd = metrics.get(name + suffix), metrics.get(f"{name}_sd{suffix}")
    if mean is None:
        return "–"
    return f"{100 * mean:.2f}" + ("" if sd is None else f" ± {100 * sd:.2f}")


# -- fits --------------------------------------------------------------------------------------------------------------


def scope_name(fit: Mapping[str, Any]) -> str:
    """``machine/section``, ``machine``, or ``*`` for the whole dataset."""
    return "/".join(value for name, value in fit["scope"].items() if name != "kind") or "*"


def fit_name(fit: Mapping[str, Any]) -> str:
    place = "" if scope_name(fit) == "*" else f" on {scope_name(fit)}"
    return f"{fit['detector']}{place}, seed {fit['seed']}"


def fit_tags(fit: Mapping[str, Any]) -> dict[str, str]:
    scope = {f"asd.{name}": value for name, value in fit["scope"].items() if name != "kind"}
    upstream = " ".join(short(key) for keys in fit["upstream"].values() for key in keys)
    return {
        **scope,
        KIND: FIT,
        "asd.scope": fit["scope"]["kind"],
        "asd.dataset": fit["dataset"],
        "asd.plugin": fit["plugin"],
        "asd.seed": str(fit["seed"]),
        "mlflow.source.name": "asd-bench",
        **({"asd.upstream": upstream} if upstream else {}),
    }


def fit_params(fit: Mapping[str, Any]) -> dict[str, str]:
    """The detector's and its frontend's configuration."""
    return _texts(
        {"seed": fit["seed"], "scope": scope_name(fit), **fit["config"], "frontend": fit["frontend"]["name"]}
        | _prefixed("frontend", fit["frontend"]["config"])
    )


def _prefixed(prefix: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{prefix}.{name}": value for name, value in values.items()}


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    """Values as ``--set`` reads them: JSON, but strings as they are."""
    return {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in values.items()
    }
