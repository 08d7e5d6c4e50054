"""`check_plugin`: whether what a plugin declares is sound, and costs nothing to declare."""

from __future__ import annotations

import dataclasses
import importlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, get_args

from asd_bench.config import Node, build, resolve_dataset, resolve_system
from asd_bench.errors import BenchError
from asd_bench.keys import canonical
from asd_bench.plugins import COLLECTING, Host, lazy_name, resolve
from asd_bench.specs import (
    PAPER,
    DatasetSpec,
    DetectorSpec,
    EnsemblerSpec,
    FrontendSpec,
    Scope,
    SystemSpec,
    doc_of,
    spec_kind,
)
from asd_bench.testing.checks import Check, Report, go_through

#: Packages that take long to import, or bring torch along.
HEAVY = ("torch", "tensorflow", "jax", "timm", "librosa", "sklearn", "mlflow", "matplotlib")

#: What a name may look like: it becomes a folder, a part of dotted addresses and an item of lists with commas.
NAME = re.compile(r"[a-z0-9][a-z0-9_-]*(\.[0-9]+)*")

#: Names that stand for something else in ``--set``.
RESERVED = ("dataset", "ensembler", "frontend", "detector")

#: What the class behind a target must have.
METHODS: Mapping[type, tuple[str, ...]] = {
    DatasetSpec: ("locate", "listing", "labels"),
    FrontendSpec: ("n_features", "min_samples", "n_frames", "__call__"),
    DetectorSpec: ("fit", "score", "save", "load"),
    EnsemblerSpec: ("fit", "combine"),
}

#: Columns of a table of scores, which no component may be called.
COLUMNS = ("clip_id", "machine", "section")

_IMPORT_AND_DECLARE = """
import contextlib, importlib, json, sys
module = importlib.import_module(sys.argv[1])
for hook in json.loads(sys.argv[2]):
    with contextlib.suppress(Exception):
        list(getattr(module, hook)())
print(json.dumps([name for name in json.loads(sys.argv[3]) if name in sys.modules]))
"""


@dataclass(frozen=True)
class Declared:
    """A plugin among the others, and its specs.

    Attributes:
        module: its entry module.
        host: has the built-in plugins, those installed, and this one.
        name: what the host calls it.
    """

    module: ModuleType
    host: Host
    name: str

    def specs(self, *types: type) -> list[Any]:
        """The plugin's specs of some types, or all of them."""
        found = (
            entry
            for kind, (_, type_) in COLLECTING.items()
            if not types or type_ in types
            for entries in self.host.entries(kind).values()
            for entry in entries
            if entry.plugin.name == self.name
        )
        # One that has aliases is found under each of its names.
        return list({id(entry.spec): entry.spec for entry in found}.values())


def check_plugin(module: ModuleType | str, *, skip: Mapping[str, str] | None = None) -> Report:
    """Go through everything that a plugin declares.

    Args:
        module: the plugin's entry module, or its name. It need not be installed.
        skip: name of a check that cannot hold -> the reason.

    Returns:
        what passed and what was left out, with reasons.

    Raises:
        ConformanceError: a check failed; the text says what is wrong and why it matters.
    """
    __tracebackhide__ = True
    from asd_bench.testing.running import loaded_host

    if isinstance(module, str):
        module = importlib.import_module(module)
    host = loaded_host()
    known = [plugin.name for plugin in host.plugins if plugin.module is module]
    if not known:
        host.register(module, module.__name__)
    declared = Declared(module, host, known[0] if known else module.__name__)
    return go_through(CHECKS, declared, f"the plugin '{declared.name}'", skip or {})


# -- the checks --------------------------------------------------------------------------------------------------------


def _light(plugin: Declared) -> Iterator[str]:
    hooks = [hook for hook, _ in COLLECTING.values() if hasattr(plugin.module, hook)]
    arguments = [plugin.module.__name__, json.dumps(hooks), json.dumps(HEAVY)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
    done = subprocess.run(
        [sys.executable, "-c", _IMPORT_AND_DECLARE, *arguments], env=environment, capture_output=True, text=True
    )
    if done.returncode != 0:
        yield f"it cannot be imported by itself: {done.stderr.strip().splitlines()[-1]}"
        return
    for heavy in json.loads(done.stdout.splitlines()[-1]):
        yield f"importing '{plugin.module.__name__}' and declaring imports {heavy}; move that into the target's module"


def _registers(plugin: Declared) -> Iterator[str]:
    # Entries are collected, and problems found, when they are first asked for.
    plugin.host.entries("system")
    for problem in plugin.host.problems:
        if problem.plugin == plugin.name:
            yield problem.cause
    if not any(name.startswith("asd_") for name in dir(plugin.module)):
        yield "it implements no hook"


def _names(plugin: Declared) -> Iterator[str]:
    for spec in plugin.specs():
        kind = spec_kind(spec)
        for name in (spec.name, *getattr(spec, "aliases", ())):
            if not NAME.fullmatch(name):
                yield f"the {kind} '{name}' should be called in lower-case letters, digits, '-' and '_'"
            elif name in RESERVED:
                yield f"the {kind} '{name}' has a name that means something else in --set"
            owners = {entry.plugin.name for entry in plugin.host.entries(kind)[name]}
            if owners != {plugin.name}:
                yield f"the {kind} '{name}' is declared by {' and '.join(sorted(owners))}"
            elif len(plugin.host.entries(kind)[name]) > 1:
                yield f"the {kind} '{name}' is declared twice"
        if not spec.summary.strip() or "\n" in spec.summary:
            yield f"the {kind} '{spec.name}' needs a summary of one line"


def _specs(plugin: Declared) -> Iterator[str]:
    for spec in plugin.specs(DetectorSpec):
        who = f"the detector '{spec.name}'"
        if spec.scope not in get_args(Scope):
            yield f"{who} has the scope '{spec.scope}', which is none of {', '.join(get_args(Scope))}"
        for component in spec.components:
            if component in COLUMNS or spec.components.count(component) > 1:
                yield f"{who} has a component '{component}', which is taken"
        roles = [use.role for use in spec.uses]
        for use in spec.uses:
            if use.detector not in plugin.host.entries("detector"):
                yield f"{who} uses the detector '{use.detector}', which nobody declares"
            if roles.count(use.role) > 1 or use.role in RESERVED:
                yield f"{who} uses something in the role '{use.role}', which is taken"
        if spec.frontend not in plugin.host.entries("frontend"):
            yield f"{who} has the frontend '{spec.frontend}', which nobody declares"
        if spec.min_classes < 1:
            yield f"{who} needs {spec.min_classes} classes; 1 means that it needs none"
    for spec in plugin.specs(DatasetSpec):
        places = {(machine, section) for machine, sections in spec.machines.items() for section in sections}
        for place in sorted({*spec.n_train, *spec.n_test} - places):
            yield f"the dataset '{spec.name}' counts clips of {'/'.join(place)}, which its machines lack"


def _targets(plugin: Declared) -> Iterator[str]:
    for spec in plugin.specs(*METHODS):
        who = f"the {spec_kind(spec)} '{spec.name}'"
        try:
            class_ = resolve(spec.target, who)
        except BenchError as error:
            yield str(error).replace("\n", " ")
            continue
        missing = [name for name in METHODS[type(spec)] if not hasattr(class_, name)]
        if missing:
            yield f"{who}: {spec.target} has no {', '.join(missing)}"


def _configurations(plugin: Declared) -> Iterator[str]:
    for spec in plugin.specs(*METHODS):
        who = f"{spec_kind(spec)} '{spec.name}'"
        try:
            node = Node.of(who, (), spec.config)
            for name, value in getattr(spec, "defaults", {}).items():
                node.put(name, value, "defaults")
            config = node.built()
            if build(spec.config, json.loads(canonical(node.document()))) != config:
                yield f"{who}: its configuration is another after it was written as JSON and read back"
        except (BenchError, TypeError, ValueError) as error:
            yield f"{who}: {error}".replace("\n", " ")
            continue
        if not spec.config.__dataclass_params__.frozen:
            yield f"{who}: {spec.config.__name__} is not frozen, so that a detector could change it unnoticed"
        try:
            same = resolve(lazy_name(spec.config), who) is spec.config
        except BenchError:
            same = False
        if not same:
            yield f"{who}: a worker cannot import {lazy_name(spec.config)}; define it at the top of a module"
        for item in dataclasses.fields(spec.config):
            if not doc_of(item):
                yield f"{who}: the option '{item.name}' has no documentation; make it with asd_bench.option"


def _systems(plugin: Declared) -> Iterator[str]:
    for spec in plugin.specs(SystemSpec):
        for profile in (PAPER, *spec.profiles):
            try:
                system = resolve_system(plugin.host, spec, profile, [])
                # What it resolves to enters keys.
                canonical(system.document())
            except (BenchError, TypeError, ValueError) as error:
                yield f"'{spec.name}' in the profile {profile}: {error}".replace("\n", " ")
        if spec.select and not 0 < spec.select.k <= len(spec.members):
            yield f"'{spec.name}' selects {spec.select.k} of its {len(spec.members)} members"
        if (spec.select.k if spec.select else len(spec.members)) != 1 and spec.ensembler == "identity":
            yield f"'{spec.name}' has {len(spec.members)} members and no ensembler"
    for spec in plugin.specs(DatasetSpec):
        try:
            resolve_dataset(spec, [])
        except BenchError as error:
            yield f"the dataset '{spec.name}': {error}".replace("\n", " ")


CHECKS = (
    Check(
        "imports lightly",
        "every command imports every plugin's entry module, so that a slow one makes all of asd-bench slow",
        _light,
    ),
    Check(
        "registers",
        "a hook that is misspelled, or whose return value is no spec, is as good as not there",
        _registers,
    ),
    Check(
        "names",
        "names are typed on the command line and become folders, and two plugins with one name exclude each other",
        _names,
    ),
    Check("specs", "what is wrong here would only be noticed when a user asks for it", _specs),
    Check("targets", "a target that cannot be imported fails every fit", _targets),
    Check(
        "configurations",
        "a configuration is shown to users, set by them, part of keys, and sent to workers as JSON",
        _configurations,
    ),
    Check("systems", "a system that does not resolve cannot be run", _systems),
)
