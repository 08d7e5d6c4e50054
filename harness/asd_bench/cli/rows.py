"""What a workspace holds, read for people: one plain document per result and per fit.

A damaged record is told about and does not hide the others; a workspace that is not there is an empty one.
"""

from __future__ import annotations

import datetime
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from asd_bench.errors import BenchError
from asd_bench.records import Workspace, read_json


@dataclass
class Rows:
    """Documents of a kind, newest first, and what is wrong with those that could not be read."""

    documents: list[dict[str, Any]] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)


def result_rows(workspace: Path) -> Rows:
    """One document per result: key, dataset, system, profile, seed, omega, ranked, reasons, made, folder."""
    return _read(workspace, Workspace.all_results, _result)


def fit_rows(workspace: Path) -> Rows:
    """One document per fit: key, detector, scope, dataset, seed, state, seconds, message, made, folder."""
    return _read(workspace, Workspace.all_fits, fit_document)


def _read(
    workspace: Path, folders: Callable[[Workspace], list[Path]], document: Callable[[Path], dict[str, Any]]
) -> Rows:
    rows = Rows()
    # Looking must not make a workspace where there is none.
    for folder in folders(Workspace(workspace)) if workspace.is_dir() else []:
        try:
            rows.documents.append(document(folder))
        except BenchError as error:
            rows.damaged.append(str(error))
        except KeyError as error:
            rows.damaged.append(f"the record lacks {error}\n  where: {folder}")
    rows.documents.sort(key=lambda row: row["made"], reverse=True)
    return rows


def _result(folder: Path) -> dict[str, Any]:
    document = read_json(folder / "result.json")
    same = ("key", "dataset", "system", "profile", "seed", "ranked", "unranked_because", "flags", "made")
    return {
        **{name: document[name] for name in same},
        "omega": document["metrics"]["overall"]["omega"],
        "folder": str(folder),
    }


def fit_document(folder: Path) -> dict[str, Any]:
    """One fit of the workspace, as `fit_rows` has it, with its seconds per stage and its device."""
    fit, status = read_json(folder / "fit.json"), read_json(folder / "status.json")
    done = status["state"] == "done"
    timing = read_json(folder / "timing.json") if done else {}
    scope = "/".join(value for name, value in fit["scope"].items() if name != "kind")
    return {
        "key": fit["key"],
        "detector": fit["detector"],
        "scope": scope or "all machines",
        "dataset": fit["dataset"],
        "seed": fit["seed"],
        "state": _state(status),
        "seconds": sum(timing.values()) if done else None,
        "timing": timing,
        "device": read_json(folder / "env.json")["device"] if done else None,
        "message": status["message"],
        "made": datetime.datetime.fromtimestamp(status["time"], datetime.UTC).isoformat(timespec="seconds"),
        "folder": str(folder),
    }


def _state(status: Mapping[str, Any]) -> str:
    """``done``, ``failed``, ``running``, or ``interrupted`` where the process that was at it is gone."""
    if status["state"] == "running" and status["host"] == socket.gethostname() and not _is_alive(status["pid"]):
        return "interrupted"
    return status["state"]


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
