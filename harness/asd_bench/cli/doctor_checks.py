"""What ``asd-bench doctor`` looks at. Each check yields findings, and changes nothing."""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
import tempfile
import traceback
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from asd_bench.cli.list import declared, plugin_documents
from asd_bench.cli.present import counted, size_text
from asd_bench.errors import BenchError
from asd_bench.plugins import COLLECTING, Host, resolve

#: Bytes of free disk below which a workspace is worth a look: one year's audio, packed, is about as large.
SCARCE = 5e9

#: Seconds that a tracking server may take to say its version.
_SERVER_TIMEOUT = 5


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        state: ``ok``; ``look``, where something is worth knowing; ``broken``, where something will not work.
        what: one sentence.
        fix: how to mend it.
        details: a traceback.
    """

    state: Literal["ok", "look", "broken"]
    what: str
    fix: str = ""
    details: str = ""


# -- Python and packages -----------------------------------------------------------------------------------------------


def check_packages(host: Host) -> Iterator[Finding]:
    """Python and the packages that asd-bench and its plugins ask for."""
    from packaging.requirements import Requirement
    from packaging.specifiers import SpecifierSet

    python = ".".join(map(str, sys.version_info[:3]))
    wanted = metadata.metadata("asd-bench")["Requires-Python"] or ""
    good = SpecifierSet(wanted).contains(python)
    yield Finding("ok" if good else "broken", f"Python {python}", "" if good else f"make an environment with {wanted}")
    plugins = {plugin.distribution for plugin in host.plugins if plugin.distribution != "asd-bench"}
    for distribution in ("asd-bench", *sorted(plugins)):
        try:
            requirements = [Requirement(text) for text in metadata.requires(distribution) or ()]
        except metadata.PackageNotFoundError:
            continue
        needed = [one for one in requirements if one.marker is None or one.marker.evaluate({"extra": ""})]
        wrong = [finding for one in needed if (finding := _requirement(distribution, one))]
        yield from wrong
        if not wrong:
            names = ", ".join(f"{one.name} {metadata.version(one.name)}" for one in needed if one.name != "asd-bench")
            release = f"{distribution} {metadata.version(distribution)}"
            yield Finding("ok", f"{release} has what it needs: {names or 'nothing else'}")


def _requirement(distribution: str, requirement: Any) -> Finding | None:
    fix = f"pip install -c requirements.lock '{requirement.name}{requirement.specifier}'"
    try:
        there = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return Finding("broken", f"{distribution} needs {requirement}, which is not installed", fix)
    if requirement.specifier.contains(there, prereleases=True):
        return None
    return Finding("broken", f"{distribution} needs {requirement}, and {there} is installed", fix)


# -- plugins -----------------------------------------------------------------------------------------------------------


def check_plugins(host: Host) -> Iterator[Finding]:
    """Which plugins there are, what is wrong with them, and whether what they declare can be used."""
    for plugin in plugin_documents(host):
        release = f"{plugin['distribution']} {plugin['version']}"
        yield Finding("ok", f"{plugin['name']} ({release}): {', '.join(plugin['hooks']) or 'no hooks'}")
    for problem in host.problems:
        fix = f"install what it needs, mend or uninstall it; ASD_BENCH_BLOCK_PLUGINS={problem.plugin} leaves it out"
        if problem.plugin.startswith("builtin-"):
            fix = "install asd-bench and the packages that it needs again"
        yield Finding("broken", str(problem), fix, problem.traceback)
    for duplicate in host.duplicates():
        yield Finding("broken", duplicate, "uninstall one of them, or leave it out with ASD_BENCH_BLOCK_PLUGINS")
    for variable in ("ASD_BENCH_PLUGINS", "ASD_BENCH_BLOCK_PLUGINS"):
        if variable in os.environ:
            yield Finding("look", f"{variable}={os.environ[variable]} decides which plugins are loaded")
    yield from _declared(host)


def _declared(host: Host) -> Iterator[Finding]:
    """Whether every class that a spec names can be loaded, and every profile of every system be resolved."""
    from asd_bench.config import resolve_system
    from asd_bench.specs import PAPER

    entries = [(kind, entry) for kind in COLLECTING for entry in declared(host, kind)]
    wrong = 0
    for kind, entry in entries:
        try:
            if kind == "system":
                for profile in (PAPER, *entry.spec.profiles):
                    resolve_system(host, entry.spec, profile, ())
            else:
                resolve(entry.spec.target, f"the {kind} '{entry.spec.name}' of the plugin '{entry.plugin.name}'")
        except BenchError as error:
            wrong += 1
            fix = f"install what it needs, or mend the plugin '{entry.plugin.name}'"
            yield Finding("broken", error.what, fix, "".join(traceback.format_exception(error.__cause__ or error)))
    if not wrong:
        counts = ", ".join(counted(number, kind) for kind, number in Counter(kind for kind, _ in entries).items())
        yield Finding("ok", f"everything that they declare can be loaded: {counts}")


# -- devices -----------------------------------------------------------------------------------------------------------


def check_devices() -> Iterator[Finding]:
    """Cores, threads and GPUs."""
    import psutil

    from asd_bench import threads

    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    memory = size_text(psutil.virtual_memory().total)
    yield Finding("ok", f"{counted(allowed, 'CPU core')} of {os.cpu_count()}, {memory} of memory")
    yield from _thread_findings(threads.thread_environment(1), allowed)
    try:
        import torch
    except Exception as error:
        details = traceback.format_exc()
        yield Finding("broken", f"torch cannot be imported: {error}", "pip install -c requirements.lock torch", details)
        return
    if torch.cuda.is_available():
        for number in range(torch.cuda.device_count()):
            device = torch.cuda.get_device_properties(number)
            memory = size_text(device.total_memory)
            yield Finding("ok", f"cuda:{number}: {device.name}, {memory}, CUDA {torch.version.cuda}")
    elif Path("/dev/nvidia0").exists():
        build = f"is built for CUDA {torch.version.cuda}" if torch.version.cuda else "is built for the CPU only"
        fix = "install a torch that fits the driver (nvidia-smi shows its CUDA version)"
        yield Finding("look", f"there is an NVIDIA GPU that torch {torch.__version__} cannot use: it {build}", fix)
    else:
        yield Finding("ok", f"no GPU: torch {torch.__version__} computes on the CPU")


def _thread_findings(variables: dict[str, str], cores: int) -> Iterator[Finding]:
    by_user = [name for name in variables if name in os.environ]
    whose = f"set by you: {', '.join(by_user)}" if by_user else "set by asd-bench, divided among --workers"
    values = ", ".join(f"{name}={value}" for name, value in variables.items())
    yield Finding("ok", f"threads: {values} ({whose})")
    if variables["OMP_WAIT_POLICY"].upper() != "PASSIVE":
        what = "OMP_WAIT_POLICY is not PASSIVE: several workers on few cores then slow each other down many times over"
        yield Finding("look", what, "unset OMP_WAIT_POLICY")
    for name in by_user:
        if variables[name].isdigit() and int(variables[name]) > cores:
            yield Finding("look", f"{name}={variables[name]} is more than the {cores} cores there are", f"unset {name}")


# -- the workspace -----------------------------------------------------------------------------------------------------


def check_workspace(workspace: Path) -> Iterator[Finding]:
    """Whether it can be written to, how large it is, how much disk is left, and what lies about unfinished."""
    path = workspace.resolve()
    exists = path.is_dir()
    place = next(parent for parent in (path, *path.parents) if parent.exists())
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        fix = "choose another with --workspace or ASD_BENCH_WORKSPACE"
        yield Finding("broken", f"{place} cannot be written to: {error.strerror}", fix)
        return
    yield Finding("ok", f"{path}, {size_text(_size(path))}" if exists else f"{path} will be made by the first run")
    free = shutil.disk_usage(place).free
    if free < SCARCE:
        yield Finding("look", f"only {size_text(free)} of disk are free", "clear the caches, or choose another disk")
    else:
        yield Finding("ok", f"{size_text(free)} of disk are free")
    if exists:
        caches = {folder.name: _size(folder) for folder in sorted((path / "cache").glob("*")) if folder.is_dir()}
        sizes = ", ".join(f"{name} {size_text(size)}" for name, size in caches.items())
        yield Finding("ok", f"caches, which may be deleted at any time: {sizes or 'none'}")
        yield from _unfinished(path)


def _size(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())


def _unfinished(workspace: Path) -> Iterator[Finding]:
    from asd_bench.cli.rows import fit_rows, result_rows

    fits, results = fit_rows(workspace), result_rows(workspace)
    for state in ("failed", "interrupted"):
        found = [fit for fit in fits.documents if fit["state"] == state]
        if found:
            log = Path(found[0]["folder"]) / "log.txt"
            fix = f"the same run again makes it; the newest one's log: {log}"
            yield Finding("look", f"{counted(len(found), 'fit')} {state}", fix)
    for problem in (*fits.damaged, *results.damaged):
        yield Finding("look", problem, "delete its folder and run again")
    done = sum(fit["state"] == "done" for fit in fits.documents)
    yield Finding("ok", f"{counted(done, 'finished fit')}, {counted(len(results.documents), 'result')}")


# -- the tracking store ------------------------------------------------------------------------------------------------


def check_tracking(workspace: Path, uri: str | None) -> Iterator[Finding]:
    """Whether the tracking store is there and of a version that the installed MLflow can use. It is not created."""
    from asd_bench.tracking.store import database_file, default_uri, shown

    uri = uri or default_uri(workspace)
    file = database_file(uri)
    if uri.startswith(("http://", "https://")):
        yield _server(uri)
    elif file is not None:
        yield _database(file, uri) if file.is_file() else Finding("ok", f"{shown(uri)} will be made by the first run")
    elif "://" not in uri or uri.startswith("file:"):
        what = f"{shown(uri)} is a folder, which MLflow no longer takes as a store"
        yield Finding("broken", what, "unset MLFLOW_TRACKING_URI, or name an SQLite file: sqlite:////FOLDER/mlflow.db")
    else:
        yield Finding("ok", f"{shown(uri)} (not tried)")


def _server(uri: str) -> Finding:
    from asd_bench.tracking.store import shown

    try:
        with urllib.request.urlopen(f"{uri.rstrip('/')}/version", timeout=_SERVER_TIMEOUT) as answer:
            version = answer.read(100).decode(errors="replace").strip()
    except (OSError, ValueError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        fix = "start it, or correct MLFLOW_TRACKING_URI; until then asd-bench run --no-track, and asd-bench sync later"
        return Finding("broken", f"{shown(uri)} does not answer: {reason}", fix)
    return Finding("ok", f"{shown(uri)}, a server with MLflow {version}")


def _database(file: Path, uri: str) -> Finding:
    """An SQLite store by the version of its tables, which has to be that of the installed MLflow."""
    try:
        with sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True) as database:
            (version,) = database.execute("SELECT version_num FROM alembic_version").fetchone()
    except (sqlite3.Error, TypeError) as error:
        fix = "move it away; asd-bench sync fills a new one from the workspace"
        return Finding("broken", f"{file} is no MLflow store: {error}", fix)
    what = f"{file}, {size_text(file.stat().st_size)}"
    known = _table_versions()
    if known is None or version == known[0]:
        return Finding("ok", what)
    installed = metadata.version("mlflow")
    if version in known:
        fix = f"mlflow db upgrade {uri} (copy the file first)"
        return Finding("broken", f"{what}, was made by an older MLflow than {installed}", fix)
    fix = "install the MLflow that made it, or name another store with --tracking-uri"
    return Finding("broken", f"{what}, was made by a newer MLflow than {installed}", fix)


def _table_versions() -> list[str] | None:
    """The versions of its tables that the installed MLflow knows, newest first; None where it does not say."""
    from alembic.script import ScriptDirectory

    package = find_spec("mlflow")
    if package is None or not package.submodule_search_locations:
        return None
    migrations = Path(package.submodule_search_locations[0]) / "store" / "db_migrations"
    if not migrations.is_dir():
        return None
    return [script.revision for script in ScriptDirectory(str(migrations)).walk_revisions()]


# -- data --------------------------------------------------------------------------------------------------------------


def check_data(host: Host) -> Iterator[Finding]:
    """Where every dataset is."""
    from asd_bench.cli.data_look import look_for

    shelf = os.environ.get("ASD_BENCH_DATA")
    if shelf and not Path(shelf).is_dir():
        yield Finding("look", f"ASD_BENCH_DATA={shelf} is no folder", "correct it, or unset it")
    missing = []
    for entry in declared(host, "dataset"):
        name, place = entry.spec.name, look_for(host, entry.spec, None)
        if place.state == "found":
            machines = f"{len(place.machines)} of {counted(len(entry.spec.machines), 'machine type')}"
            yield Finding("ok", f"{name}: {machines} in {place.root}")
        elif place.state == "made when used":
            yield Finding("ok", f"{name}: made when used")
        elif place.state == "unusable":
            yield Finding("look", f"{name}: {place.problem}", f"asd-bench data steps {name}")
        else:
            missing.append(name)
    if missing:
        yield Finding("look", f"not on this machine: {', '.join(missing)}", "asd-bench data steps NAME")
