"""From results to the tidy table: reading ``result.json`` documents, and merging them into what is committed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from asd_bench import records
from asd_bench.errors import BenchError
from asd_bench.keys import short
from asd_bench.leaderboard.table import ALL, INTERVAL_METRICS, METRICS, Line, Result

#: A flag that is a value of the configuration, ``PART.OPTION=VALUE``, and not a remark.
_SETTING = re.compile(r"[^\s=:]+\.[^\s=:]+=.*", re.DOTALL)

#: The folders of an absolute path, wherever in a text it stands.
_FOLDERS = re.compile(r"(?<![\w.…/])(?:~|[A-Za-z]:)?[/\\](?:[^\s/\\'\"=,;]+[/\\])*(?=[^\s/\\'\"=,;])")

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")

#: A dataset's name becomes a file's.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def workspace_documents(workspace: Path) -> list[dict[str, Any]]:
    """The ``result.json`` of every result in a workspace; none where there is no workspace."""
    # Not `Workspace`, which would make the folder: looking at leaderboards leaves no traces.
    return [records.read_json(path) for path in sorted((workspace / "results").glob("*/*/*/result.json"))]


def collect(documents: Iterable[Mapping[str, Any]]) -> dict[str, list[Result]]:
    """The results in ``result.json`` documents, by dataset.

    Raises:
        BenchError: a document was written by another version, or is incomplete.
    """
    found: dict[str, list[Result]] = {}
    for document in documents:
        dataset = str(document.get("dataset", ""))
        if not _NAME.fullmatch(dataset):
            raise BenchError(f"'{dataset}' cannot be a dataset's name", where=_label(document))
        found.setdefault(dataset, []).append(read_document(document))
    return found


def merge(committed: Iterable[Result], found: Iterable[Result]) -> list[Result]:
    """Results of one dataset, each row's seed once.

    A result is superseded only by one of the same system, configuration, machine types and seed: by the newest. But a
    result that cannot be ranked never supersedes one that is: a run with half of the clips at hand takes nobody's
    complete result off the page. The order of the results does not matter.

    Args:
        committed: what the table holds.
        found: what was collected.
    """
    standing: dict[tuple[Any, ...], Result] = {}
    for result in (*committed, *found):
        rival = standing.get(result.identity)
        if rival is None or _precedence(rival) < _precedence(result):
            standing[result.identity] = result
    return [standing[identity] for identity in sorted(standing)]


def _precedence(result: Result) -> tuple[bool, str, str]:
    # The key breaks ties of results made in the same second.
    return (result.ranked, result.made, result.key)


# -- one document ------------------------------------------------------------------------------------------------------


def read_document(document: Mapping[str, Any]) -> Result:
    """A ``result.json`` document as a result of the table: its numbers, and nothing about the machine it was made on.

    Raises:
        BenchError: it was written by another version, or is incomplete.
    """
    if document.get("format") != records.FORMAT:
        raise BenchError(
            f"the result has the format {document.get('format')}, this version reads {records.FORMAT}",
            where=_label(document),
            fix="make it again: asd-bench run --on-existing rerun",
        )
    try:
        remarks = [public_text(flag) for flag in document["flags"]]
        settings = tuple(flag for flag in remarks if _SETTING.fullmatch(flag))
        return Result(
            system=document["system"],
            profile=document["profile"],
            seed=document["seed"],
            key=short(document["key"]),
            ranked=document["ranked"],
            unranked_because=tuple(public_text(reason) for reason in document["unranked_because"]),
            # The profile has a column of its own.
            flags=tuple(flag for flag in remarks if flag not in settings and not flag.startswith("profile: ")),
            settings=settings,
            trained_on=tuple(sorted(document["trained_on"])),
            rule=document["rule"],
            omega_is_official=document["omega_is_official"],
            level=document["intervals"]["level"],
            data=short(document["data"]),
            config_key=short(document["config_key"]),
            made=document["made"],
            lines=tuple(_lines(document)),
        )
    except KeyError as error:
        raise BenchError(
            f"the result lacks {error}", where=_label(document), fix="make it again: asd-bench run --on-existing rerun"
        ) from error


def public_text(text: str) -> str:
    """A text on one line, its absolute paths reduced to what they end in: the tables are public, people's disks not."""
    return _FOLDERS.sub("…/", _CONTROL.sub(" ", text))


def _lines(document: Mapping[str, Any]) -> Iterable[Line]:
    """The places of a result: everything, then each machine type followed by its sections."""
    scored, published = document["clips"], document["clips_published"]
    metrics, intervals, classes = document["metrics"], document["intervals"], document["classes"]
    places = sorted({*scored, *published})
    complete = set(published) <= set(scored)
    yield Line(
        machine=ALL,
        section=ALL,
        classes=sum(classes["count"].values()),
        metrics=_metrics(metrics["overall"], intervals["overall"]) if complete else {},
        **_clips(scored, published, places),
    )
    for machine in sorted({place.partition("/")[0] for place in places} | set(classes["count"])):
        own = [place for place in places if place.partition("/")[0] == machine]
        complete = machine in metrics["machines"] and {place for place in own if place in published} <= set(scored)
        yield Line(
            machine=machine,
            section=ALL,
            classes=classes["count"].get(machine),
            class_rule=classes["rule"].get(machine, ""),
            metrics=_metrics(metrics["machines"][machine], intervals["machines"][machine]) if complete else {},
            **_clips(scored, published, own),
        )
        for place in own:
            yield Line(
                machine=machine,
                section=place.partition("/")[2],
                metrics=_metrics(metrics["sections"].get(place, {}), {}),
                **_clips(scored, published, [place]),
            )


def _metrics(values: Mapping[str, float], intervals: Mapping[str, tuple[float, float]]) -> dict[str, float]:
    found = {metric: float(values[metric]) for metric in METRICS if metric in values}
    for metric in INTERVAL_METRICS:
        if metric in intervals:
            low, high = intervals[metric]
            found |= {f"{metric}_low": float(low), f"{metric}_high": float(high)}
    return found


def _clips(
    scored: Mapping[str, Mapping[str, int]], published: Mapping[str, Mapping[str, int | None]], places: list[str]
) -> dict[str, Any]:
    """The numbers of clips in some sections; None where none of them was scored, or not all numbers are published."""

    def total(counts: Mapping[str, Mapping[str, int | None]], split: str) -> int | None:
        numbers = [counts[place][split] for place in places if place in counts]
        known = [number for number in numbers if number is not None]
        return sum(known) if numbers and len(known) == len(numbers) else None

    return {
        "train_clips": total(scored, "train"),
        "train_clips_published": total(published, "train"),
        "test_clips": total(scored, "test"),
        "test_clips_published": total(published, "test"),
    }


def _label(document: Mapping[str, Any]) -> str:
    parts = (document.get("system", "?"), document.get("dataset", "?"), short(str(document.get("key", "?"))))
    return "the result {} on {}, {}".format(*parts)
