"""What ``asd-bench show KEY`` says about a result."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asd_bench.cli.present import age, facts, percent, rows_table, table, text
from asd_bench.cli.rows import fit_document
from asd_bench.keys import short
from asd_bench.records import Workspace, read_json

if TYPE_CHECKING:
    from rich.console import Console

_PLOTS = (".png", ".svg", ".html")


def result_document(workspace: Workspace, folder: Path) -> dict[str, Any]:
    """A result's ``result.json`` with where it lies, its plots and its fits.

    Raises:
        BenchError: the record is damaged.
    """
    document = read_json(folder / "result.json")
    return {
        **document,
        "folder": str(folder),
        "plots": [str(path) for path in sorted(folder.rglob("*")) if path.suffix in _PLOTS],
        "fits": _fits(workspace, document["members"]),
    }


def _fits(workspace: Workspace, members: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The members' fits and those that they use. A fit that is not in this workspace has nothing but its key."""
    found: dict[str, dict[str, Any]] = {}
    labels: dict[str, list[str]] = {}
    waiting = [(label, key) for label, member in members.items() for key in member["fits"].values()]
    while waiting:
        label, key = waiting.pop(0)
        labels.setdefault(key, []).append(label)
        if key in found:
            continue
        folder = next(iter(workspace.fits.glob(f"*/{short(key)}")), None)
        found[key] = {"key": key}
        if folder is not None:
            found[key] |= fit_document(folder)
            upstream = read_json(folder / "fit.json")["upstream"]
            waiting += [(f"{label}: {role}", used) for role, keys in upstream.items() for used in keys]
    return [{"for": _purpose(labels[key], fit), **fit} for key, fit in found.items()]


def _purpose(labels: Sequence[str], fit: Mapping[str, Any]) -> str:
    """Whose fit it is: a member's, or by its detector's name that of several."""
    return labels[0] if len(labels) == 1 else fit.get("detector", f"{labels[0]} and {len(labels) - 1} more")


def print_result(out: Console, document: Mapping[str, Any]) -> None:
    """Print a document of `result_document` for people."""
    head = f"[bold]{text(document['system'])}[/] on [bold]{text(document['dataset'])}[/]"
    out.print(f"{head}  [dim]result {short(document['key'])}[/]\n")
    out.print(facts(_facts(document)))
    out.print("\n[bold]metrics[/] in %\n")
    out.print(_metrics_table(document))
    out.print("\n[bold]decisions[/] in %\n")
    out.print(_decisions_table(document))
    out.print("\n[bold]fits[/], times in seconds\n")
    fits = rows_table([_fit_cells(fit) for fit in document["fits"]])
    # What they are for may be long; all else is read in columns.
    for column in fits.columns:
        column.no_wrap = column is not fits.columns[0]
    out.print(fits)


def _facts(document: Mapping[str, Any]) -> dict[str, str]:
    omega = percent(document["metrics"]["overall"]["omega"])
    level, interval = document["intervals"]["level"], document["intervals"]["overall"]["omega"]
    official = "" if document["omega_is_official"] else f", not official in {document['rule']}"
    made = datetime.datetime.fromisoformat(document["made"])
    reasons = text(", ".join(document["unranked_because"]))
    rule, count = document["classes"]["rule"], document["classes"]["count"]
    return {
        "Ω": f"[bold green]{omega}[/]  {100 * level:.0f} % over clips {_interval(interval)}{official}",
        "ranked": "yes" if document["ranked"] else f"[yellow]no:[/] {reasons}",
        "profile": f"{text(document['profile'])}, seed {document['seed']}",
        "flags": text(", ".join(document["flags"])),
        "notes": text("\n".join(document["notes"])),
        "selected": text("; ".join(f"{m}: {', '.join(labels)}" for m, labels in document.get("selected", {}).items())),
        "thresholds": text(_methods(document["thresholds"])),
        "classes": text(", ".join(f"{machine} {n} ({rule[machine]})" for machine, n in count.items())),
        "trained on": text(", ".join(document["trained_on"])),
        "made": f"{made:%Y-%m-%d %H:%M} UTC, {_ago(made)}",
        "folder": text(document["folder"]),
        "plots": text("\n".join(str(Path(path).relative_to(document["folder"])) for path in document["plots"])),
    }


def _methods(thresholds: Mapping[str, Mapping[str, Any]]) -> str:
    """How thresholds were found; where not all were found alike, on which sections."""
    places: dict[str, list[str]] = {}
    for place, threshold in thresholds.items():
        places.setdefault(threshold["method"], []).append(place)
    if len(places) == 1:
        return next(iter(places))
    return "; ".join(f"{method}: {', '.join(found)}" for method, found in places.items())


def _ago(moment: datetime.datetime) -> str:
    words = age(moment)
    return "just now" if words == "now" else f"{words} ago"


def _interval(ends: Sequence[float] | None) -> str:
    return f"{percent(ends[0])}–{percent(ends[1])}" if ends else ""


def _metrics_table(document: Mapping[str, Any]) -> Any:
    metrics, intervals = document["metrics"], document["intervals"]
    names = [name for name in metrics["overall"] if name.startswith(("auc", "pauc"))]
    headings = ["Ω", f"{100 * intervals['level']:.0f} %", *map(_heading, names)]
    made = table("", *headings, right=headings)

    def row(values: Mapping[str, float], interval: Sequence[float] | None) -> list[str]:
        return [_percent(values, "omega"), _interval(interval), *(_percent(values, name) for name in names)]

    for machine, sections in _places(document):
        interval = intervals["machines"].get(machine, {}).get("omega")
        made.add_row(text(machine), *row(metrics["machines"][machine], interval))
        for section in sections if len(sections) > 1 else ():
            values = metrics["sections"][f"{machine}/{section}"]
            made.add_row(f"  [dim]{text(section)}[/]", *row(values, None), style="dim")
    made.add_section()
    made.add_row("all", *row(metrics["overall"], intervals["overall"]["omega"]), style="bold")
    return made


def _decisions_table(document: Mapping[str, Any]) -> Any:
    metrics, thresholds = document["metrics"], document["thresholds"]
    names = _decision_names(metrics["overall"])
    headings = ["threshold", *map(_heading, names)]
    made = table("", *headings, right=headings)
    for machine, sections in _places(document):
        for section in sections:
            threshold = thresholds[f"{machine}/{section}"]
            values = metrics["sections"][f"{machine}/{section}"]
            name = f"{machine} {section}" if len(sections) > 1 else machine
            made.add_row(text(name), f"{threshold['value']:.5g}", *(_percent(values, metric) for metric in names))
    made.add_section()
    made.add_row("all", "", *(_percent(metrics["overall"], name) for name in names), style="bold")
    return made


def _decision_names(overall: Iterable[str]) -> list[str]:
    """Precision, recall and F1; per domain where the year has domains."""
    names = [name for kind in ("precision", "recall", "f1") for name in overall if name.startswith(kind)]
    per_domain = [name for name in names if name.endswith(("_source", "_target"))]
    return per_domain or names


def _places(document: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """Machine types and the sections of each that were scored."""
    places = [place.partition("/") for place in document["metrics"]["sections"]]
    return [(machine, [section for of, _, section in places if of == machine]) for machine in document["machines"]]


def _heading(metric: str) -> str:
    return metric.replace("_", "\n")


def _percent(values: Mapping[str, float], metric: str) -> str:
    return percent(values[metric]) if metric in values else ""


def _fit_cells(fit: Mapping[str, Any]) -> dict[str, str]:
    if "state" not in fit:
        elsewhere = "[dim]not in this workspace[/]"
        return {"for": text(fit["for"]), "on": elsewhere, "key": short(fit["key"])} | dict.fromkeys(_FIT_COLUMNS, "")
    timing = fit["timing"]
    scoring = sum(seconds for stage, seconds in timing.items() if stage.startswith("score"))
    return {
        "for": text(fit["for"]),
        "on": text(fit["scope"]),
        "key": short(fit["key"]),
        "device": text(fit["device"] or fit["state"]),
        "fitting": f"{timing.get('fit', 0):.2f}",
        "scoring": f"{scoring:.2f}",
    }


_FIT_COLUMNS = ("device", "fitting", "scoring")
