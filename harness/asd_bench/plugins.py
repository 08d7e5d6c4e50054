"""Finding plugins, and living with those that are broken.

One plugin that cannot be imported, misspells a hook or returns nonsense is named with its cause; everything else goes
on working. It becomes an error only when something is asked for that it might have provided.
"""

from __future__ import annotations

import difflib
import functools
import importlib
import os
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points, version
from types import MappingProxyType
from typing import Any

import pluggy

from asd_bench import hookspecs
from asd_bench.errors import BenchError
from asd_bench.hookspecs import PROJECT
from asd_bench.source import source_of
from asd_bench.specs import DatasetSpec, DetectorSpec, EnsemblerSpec, FrontendSpec, SystemSpec

#: Built-in plugins, registered like any other, before the installed ones.
BUILTIN = (
    "asd_bench.builtin.datasets",
    "asd_bench.builtin.frontends",
    "asd_bench.builtin.detectors",
    "asd_bench.builtin.ensemblers",
    "asd_bench.builtin.executors",
    "asd_bench.builtin.tracking",
)

COLLECTING: Mapping[str, tuple[str, type]] = MappingProxyType(
    {
        "dataset": ("asd_datasets", DatasetSpec),
        "frontend": ("asd_frontends", FrontendSpec),
        "detector": ("asd_detectors", DetectorSpec),
        "ensembler": ("asd_ensemblers", EnsemblerSpec),
        "system": ("asd_systems", SystemSpec),
    }
)


@dataclass(frozen=True)
class Plugin:
    """A registered plugin: its name, and where it comes from."""

    name: str
    distribution: str
    version: str
    module: Any = field(repr=False, compare=False)


@dataclass(frozen=True)
class Problem:
    """Why a plugin, or something of it, is not to be had."""

    plugin: str
    cause: str
    traceback: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"{self.plugin}: {self.cause}"


@dataclass(frozen=True)
class Entry:
    """A declared spec and the plugin that declared it."""

    spec: Any
    plugin: Plugin

    @property
    def source(self) -> str:
        """Hash of the plugin's code and of what the spec's target is in."""
        return source_of(self.plugin.module, [self.spec.target])


class Host:
    """The plugins of this process and what they declare."""

    def __init__(self) -> None:
        self.manager = pluggy.PluginManager(PROJECT)
        self.manager.add_hookspecs(hookspecs)
        self.plugins: list[Plugin] = []
        self.problems: list[Problem] = []
        self._entries: dict[str, dict[str, list[Entry]]] | None = None

    # -- loading ---------------------------------------------------------------------------------------------------

    def load_builtin(self) -> None:
        for name in BUILTIN:
            load = functools.partial(importlib.import_module, name)
            self._load(load, f"builtin-{name.rpartition('.')[2]}", "asd-bench", version("asd-bench"))

    def load_installed(self) -> None:
        """Register every installed plugin that ``ASD_BENCH_PLUGINS`` and ``ASD_BENCH_BLOCK_PLUGINS`` allow."""
        allowed = _names_in("ASD_BENCH_PLUGINS")
        blocked = _names_in("ASD_BENCH_BLOCK_PLUGINS") or set()
        found = sorted(entry_points(group=PROJECT), key=lambda entry: entry.name)
        for entry in found:
            names = {entry.name, _distribution(entry)}
            if (allowed is not None and not names & allowed) or names & blocked:
                continue
            self._load(entry.load, entry.name, _distribution(entry), entry.dist.version if entry.dist else "?")
        installed = {name for entry in found for name in (entry.name, _distribution(entry))}
        for name in sorted((allowed or set()) - installed):
            self._add_problem(name, f"is named in ASD_BENCH_PLUGINS and not installed{did_you_mean(name, installed)}")

    def _load(self, load: Callable[[], Any], name: str, distribution: str, release: str) -> None:
        try:
            module = load()
        except (Exception, SystemExit) as error:
            # Whatever a foreign module does when imported must not take the host down with it.
            self._remember(name, f"cannot be imported: {_describe(error)}", error)
            return
        self.register(module, name, distribution, release)

    def register(self, module: Any, name: str, distribution: str = "local", release: str = "?") -> None:
        """Register a plugin, or remember why that is impossible."""
        other = next((plugin for plugin in self.plugins if plugin.name == name), None)
        if other is not None:
            cause = f"this name of {distribution}'s plugin is taken by that of {other.distribution}, which is used"
            self._add_problem(name, cause)
            return
        try:
            self.manager.register(module, name)
            self._refuse_unknown_hooks(module)
        except Exception as error:
            if self.manager.has_plugin(name):
                self.manager.unregister(name=name)
            self._remember(name, _describe(error), error)
            return
        self.plugins.append(Plugin(name, distribution, release, module))
        self._entries = None

    def _refuse_unknown_hooks(self, module: Any) -> None:
        known = [name for name in vars(hookspecs) if name.startswith("asd_")]
        for name in dir(module):
            implementation = self.manager.parse_hookimpl_opts(module, name)
            if implementation is not None and (implementation["specname"] or name) not in known:
                raise BenchError(f"implements the unknown hook '{name}'{did_you_mean(name, known)}")
            if implementation is None and name.startswith("asd_") and callable(getattr(module, name)):
                raise BenchError(f"defines '{name}' without @asd_bench.hookimpl: it would never be called")
            if implementation is not None and (implementation["wrapper"] or implementation["hookwrapper"]):
                raise BenchError(f"wraps the hook '{name}', and the hooks of asd_bench cannot be wrapped")

    def _remember(self, plugin: str, cause: str, error: BaseException) -> None:
        self._add_problem(plugin, cause, "".join(traceback.format_exception(error)))

    def _add_problem(self, plugin: str, cause: str, trace: str = "") -> None:
        problem = Problem(plugin, cause, trace)
        if problem not in self.problems:
            self.problems.append(problem)

    # -- what exists -----------------------------------------------------------------------------------------------

    def entries(self, kind: str) -> dict[str, list[Entry]]:
        """All specs of a kind, by name; a name with more than one entry is a duplicate."""
        if self._entries is None:
            self._entries = {kind: self._collect(hook, type_) for kind, (hook, type_) in COLLECTING.items()}
        return self._entries[kind]

    def _collect(self, hook: str, type_: type) -> dict[str, list[Entry]]:
        found: dict[str, list[Entry]] = {}
        plugins = {plugin.name: plugin for plugin in self.plugins}
        for implementation in getattr(self.manager.hook, hook).get_hookimpls():
            plugin = plugins[implementation.plugin_name]
            try:
                specs: list[Any] = list(implementation.function())
                for declared in specs:
                    if not isinstance(declared, type_):
                        raise BenchError(f"{hook} returned {declared!r}, which is no {type_.__name__}")
                    if not isinstance(declared.name, str):  # type: ignore[attr-defined]
                        raise BenchError(f"{hook} returned {declared!r}, whose name is no text")
            except Exception as error:
                self._remember(plugin.name, f"{hook} failed: {_describe(error)}", error)
                continue
            for spec in specs:
                for name in (spec.name, *getattr(spec, "aliases", ())):
                    found.setdefault(name, []).append(Entry(spec, plugin))
        return found

    def names(self, kind: str) -> list[str]:
        return sorted(self.entries(kind))

    def get(self, kind: str, name: str) -> Entry:
        """The entry of that name.

        Raises:
            BenchError: nobody declares it (with suggestions and the plugins that failed), or several plugins do.
        """
        found = self.entries(kind).get(name, [])
        if len(found) == 1:
            return found[0]
        if len(found) > 1:
            owners = sorted({f"{entry.plugin.name} ({entry.plugin.distribution})" for entry in found})
            how = f"by more than one plugin: {' and '.join(owners)}" if len(owners) > 1 else f"twice by {owners[0]}"
            raise BenchError(
                f"the {kind} '{name}' is declared {how}",
                fix="uninstall one of them, or leave it out with ASD_BENCH_BLOCK_PLUGINS",
            )
        raise BenchError(
            f"there is no {kind} called '{name}'{did_you_mean(name, self.names(kind))}{self.broken()}",
            fix=f"asd-bench list {kind}s" + ("; asd-bench doctor" if self.problems else ""),
        )

    def broken(self) -> str:
        """A line for every problem, for the message that something is not there: a broken plugin might have had it."""
        return "".join(f"\n  a plugin is broken, {problem}" for problem in self.problems)

    def duplicates(self) -> list[str]:
        """One sentence for every name that more than one plugin declares."""
        return [
            f"{kind} '{name}' is declared by {' and '.join(sorted(entry.plugin.name for entry in entries))}"
            for kind in COLLECTING
            for name, entries in self.entries(kind).items()
            if len(entries) > 1
        ]

    # -- what happened ---------------------------------------------------------------------------------------------

    def tell(self, hook: str, **event: Any) -> None:
        """Call an event hook of every plugin; one that raises is remembered and the run goes on."""
        for implementation in getattr(self.manager.hook, hook).get_hookimpls():
            arguments = {name: event[name] for name in implementation.argnames}
            try:
                implementation.function(**arguments)
            except Exception as error:
                self._remember(implementation.plugin_name, f"{hook} failed: {_describe(error)}", error)

    def first(self, hook: str, **question: Any) -> Any:
        """The first answer that is not None, from the plugin registered last on; None if nobody has one.

        A plugin that raises is remembered and the next is asked, unless it raises what a user is meant to read.

        Raises:
            BenchError: raised by the plugin that would have answered.
        """
        for implementation in reversed(getattr(self.manager.hook, hook).get_hookimpls()):
            arguments = {name: question[name] for name in implementation.argnames}
            try:
                answer = implementation.function(**arguments)
            except BenchError:
                raise
            except Exception as error:
                self._remember(implementation.plugin_name, f"{hook} failed: {_describe(error)}", error)
                continue
            if answer is not None:
                return answer
        return None


@functools.cache
def host() -> Host:
    """The plugins of this process, loaded once."""
    made = Host()
    made.load_builtin()
    made.load_installed()
    return made


def resolve(target: str, owner: str) -> Any:
    """Import what a lazy name ``"package.module:Class"`` stands for.

    Raises:
        BenchError: it cannot be imported; the message names the owner and the cause.
    """
    module, _, attribute = target.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except Exception as error:
        raise BenchError(
            f"{owner} cannot be loaded: {_describe(error)}",
            where=target,
            fix="install what it needs, or correct the plugin; asd-bench doctor tells more",
        ) from error


def lazy_name(class_: type) -> str:
    """The lazy name of a class, the inverse of `resolve`."""
    return f"{class_.__module__}:{class_.__qualname__}"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``"; did you mean 'x'?"``, or nothing where no known name is close."""
    close = difflib.get_close_matches(name, list(known), n=3, cutoff=0.55)
    likeness = [difflib.SequenceMatcher(None, candidate, name).ratio() for candidate in close]
    # Beside a name that is one letter off, one that merely resembles it is no help.
    best = [candidate for candidate, ratio in zip(close, likeness, strict=True) if ratio > 0.85 * likeness[0]]
    return f"; did you mean {' or '.join(repr(candidate) for candidate in best)}?" if best else ""


def _names_in(variable: str) -> set[str] | None:
    value = os.environ.get(variable)
    return None if value is None else {name.strip() for name in value.split(",") if name.strip()}


def _distribution(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist else "?"


def _describe(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0]}" if text and not isinstance(error, BenchError) else str(error)
