"""From what plugins declare and what the user says to one resolved configuration, every value with its origin.

Layers, weakest first: the dataclass's default, a preset's or member's own values, the system's recipe, the profile, the
``--config`` file, ``--set``. Whether a layer *has* a value decides, never whether the value is true.

Addresses: ``dataset.x``, ``ensembler.x``, ``frontend.x`` (every frontend of the system), ``detector.x`` (every detector
that has x), ``NAME.x`` and ``NAME.frontend.x`` (one detector, by member or detector name).
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from asd_bench.errors import BenchError
from asd_bench.plugins import Host, did_you_mean, lazy_name
from asd_bench.specs import PAPER, DatasetSpec, DetectorSpec, FrontendSpec, Scope, SystemSpec, doc_of


@dataclass(frozen=True)
class Layer:
    """Dotted values and where they come from, e.g. ``Layer("--set", {"knn.k": "3"})``."""

    origin: str
    values: Mapping[str, Any]


@dataclass
class Node:
    """One configured part while its layers are applied.

    Attributes:
        title: how messages call it.
        addresses: what may stand before the dot in ``--set``.
        schema: its configuration dataclass.
        values, origins: by field name.
    """

    title: str
    addresses: frozenset[str]
    schema: Any
    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, title: str, addresses: Iterable[str], schema: Any) -> Node:
        node = cls(title, frozenset(addresses), schema)
        default = schema()
        for item in dataclasses.fields(schema):
            node.values[item.name] = getattr(default, item.name)
            node.origins[item.name] = "default"
        return node

    def has(self, name: str) -> bool:
        return name in self.values

    def put(self, name: str, value: Any, origin: str) -> None:
        if not self.has(name):
            raise BenchError(
                f"{self.title} has no option '{name}'{did_you_mean(name, self.values)}",
                where=origin,
                fix=f"its options are: {', '.join(self.values) or 'none'}",
            )
        hints = typing.get_type_hints(self.schema)
        item = {item.name: item for item in dataclasses.fields(self.schema)}[name]
        coerced = coerce(value, hints[name], f"{self.title}.{name}", origin)
        minimum = item.metadata.get("minimum")
        if minimum is not None and coerced is not None and coerced < minimum:
            raise BenchError(f"{self.title}.{name} must be at least {minimum:g}, got {coerced!r}", where=origin)
        self.values[name] = coerced
        self.origins[name] = origin

    def document(self) -> dict[str, Any]:
        return dict(self.values)


@dataclass(frozen=True)
class ResolvedDetector:
    """A detector with every value decided, and what it uses resolved likewise.

    ``config`` and ``frontend`` are plain values for keys and JSON; the classes travel by their lazy names.
    """

    name: str
    target: str
    plugin: str
    source: str
    scope: Scope
    components: tuple[str, ...]
    min_classes: int
    config_type: str
    config: Mapping[str, Any]
    frontend: Mapping[str, Any]
    uses: Mapping[str, ResolvedDetector]

    def walk(self) -> Iterable[ResolvedDetector]:
        """What it uses, deepest first, then itself."""
        for used in self.uses.values():
            yield from used.walk()
        yield self


@dataclass(frozen=True)
class ResolvedMember:
    label: str
    component: str
    detector: ResolvedDetector


@dataclass(frozen=True)
class ResolvedSystem:
    """A system ready to be planned."""

    spec: SystemSpec
    profile: str
    members: tuple[ResolvedMember, ...]
    ensembler: Mapping[str, Any]
    transductive: bool
    nodes: tuple[Node, ...] = field(repr=False, compare=False)
    changes: Mapping[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """The resolved configuration as plain JSON: what rows of a leaderboard are grouped by."""
        return {
            "system": self.spec.name,
            "members": [
                {"label": member.label, "component": member.component, "detector": _document(member.detector)}
                for member in self.members
            ],
            "ensembler": dict(self.ensembler),
        }


def _document(detector: ResolvedDetector) -> dict[str, Any]:
    return {
        "name": detector.name,
        "scope": detector.scope,
        "config": dict(detector.config),
        "frontend": dict(detector.frontend),
        "uses": {role: _document(used) for role, used in detector.uses.items()},
    }


def resolve_dataset(spec: DatasetSpec, layers: Iterable[Layer]) -> tuple[Any, Node]:
    """The dataset's configuration object and its node, from the layers' ``dataset.…`` values."""
    node = Node.of(spec.name, {"dataset"}, spec.config)
    for layer in layers:
        for address, value in layer.values.items():
            head, _, name = address.partition(".")
            if head == "dataset":
                node.put(name, value, layer.origin)
    return spec.config(**node.values), node


def resolve_system(host: Host, spec: SystemSpec, profile: str, layers: Iterable[Layer]) -> ResolvedSystem:
    """Decide every value of a system.

    Args:
        host: where detectors, frontends and ensemblers are looked up.
        spec: the system.
        profile: ``paper`` or one that the system declares.
        layers: the user's values, weakest first.

    Raises:
        BenchError: an unknown profile, part, option or a value of the wrong type, each with suggestions.
    """
    if profile != PAPER and profile not in spec.profiles:
        known = [PAPER, *spec.profiles]
        raise BenchError(
            f"the system '{spec.name}' has no profile '{profile}'{did_you_mean(profile, known)}",
            fix=f"its profiles are: {', '.join(known)}",
        )
    tree = [
        _Branch.of(host, member.detector, {member.label, member.detector}, member.config) for member in spec.members
    ]
    ensembler = host.get("ensembler", spec.ensembler).spec
    ensembler_node = Node.of(spec.ensembler, {"ensembler"}, ensembler.config)
    nodes = [ensembler_node, *(node for branch in tree for node in branch.nodes())]
    changed = dict(spec.profiles.get(profile, {}))
    for layer in (Layer("recipe", spec.recipe), Layer(f"profile {profile}", changed), *layers):
        for address, value in layer.values.items():
            if not address.startswith("dataset."):
                _apply(nodes, spec.name, address, value, layer.origin)
    labels = [member.label for member in spec.members]
    if len(set(labels)) != len(labels):
        raise BenchError(f"the system '{spec.name}' has two members called '{max(labels, key=labels.count)}'")
    return ResolvedSystem(
        spec=spec,
        profile=profile,
        members=tuple(
            ResolvedMember(member.label, _component(branch.spec, member.component, spec.name), branch.resolved())
            for member, branch in zip(spec.members, tree, strict=True)
        ),
        ensembler={"name": ensembler.name, "target": ensembler.target, "config": ensembler_node.document()}
        | {"config_type": lazy_name(ensembler.config)},
        transductive=ensembler.transductive,
        nodes=tuple(nodes),
        changes=changed,
    )


def knows_address(host: Host, spec: SystemSpec, address: str) -> bool:
    """Whether a dotted address concerns the system at all: ``--set`` speaks to every system of a run."""
    head = address.partition(".")[0]
    branches = [_Branch.of(host, member.detector, {member.label, member.detector}, {}) for member in spec.members]
    return head in {"ensembler", *(name for branch in branches for node in branch.nodes() for name in node.addresses)}


@dataclass
class _Branch:
    """A detector of the tree that a system is, while it is configured."""

    spec: DetectorSpec
    plugin: str
    source: str
    node: Node
    frontend: FrontendSpec
    frontend_node: Node
    uses: dict[str, _Branch]

    @classmethod
    def of(cls, host: Host, name: str, names: set[str], config: Mapping[str, Any]) -> _Branch:
        entry = host.get("detector", name)
        spec: DetectorSpec = entry.spec
        frontend: FrontendSpec = host.get("frontend", spec.frontend).spec
        node = Node.of(name, {*names, "detector"}, spec.config)
        for option, value in config.items():
            if not option.startswith("frontend."):
                node.put(option, value, "member")
        frontend_node = Node.of(f"{name}.frontend", {"frontend", *(f"{n}.frontend" for n in names)}, frontend.config)
        for option, value in frontend.defaults.items():
            frontend_node.put(option, value, f"preset {frontend.name}")
        for option, value in config.items():
            if option.startswith("frontend."):
                frontend_node.put(option.removeprefix("frontend."), value, "member")
        uses = {use.role: cls.of(host, use.detector, {use.role, use.detector}, {}) for use in spec.uses}
        return cls(spec, entry.plugin.name, entry.plugin.source, node, frontend, frontend_node, uses)

    def nodes(self) -> Iterable[Node]:
        yield self.node
        yield self.frontend_node
        for used in self.uses.values():
            yield from used.nodes()

    def resolved(self) -> ResolvedDetector:
        return ResolvedDetector(
            name=self.spec.name,
            target=self.spec.target,
            plugin=self.plugin,
            source=self.source,
            scope=self.spec.scope,
            components=self.spec.components,
            min_classes=self.spec.min_classes,
            config_type=lazy_name(self.spec.config),
            config=self.node.document(),
            frontend={
                "name": self.frontend.name,
                "target": self.frontend.target,
                "version": self.frontend.version,
                "config_type": lazy_name(self.frontend.config),
                "config": self.frontend_node.document(),
            },
            uses={role: used.resolved() for role, used in self.uses.items()},
        )


def _apply(nodes: list[Node], system: str, address: str, value: Any, origin: str) -> None:
    owner, _, name = address.rpartition(".")
    addressed = [node for node in nodes if owner in node.addresses]
    if not owner or not addressed:
        known = sorted({name for node in nodes for name in node.addresses} | {"dataset"})
        raise BenchError(
            f"nothing in the system '{system}' is called '{owner or name}'{did_you_mean(owner or name, known)}",
            where=f"{origin}: {address}",
            fix=f"an address is PART.OPTION, and the parts are: {', '.join(known)}",
        )
    # "detector" and "frontend" speak to all of a kind: those that lack the option are not meant.
    taking = [node for node in addressed if node.has(name)] or addressed[:1]
    for node in taking:
        node.put(name, value, origin)


def _component(spec: DetectorSpec, component: str | None, system: str) -> str:
    if component is None and len(spec.components) == 1:
        return spec.components[0]
    if component in spec.components:
        return component
    raise BenchError(
        f"the system '{system}' takes the component {component!r} of '{spec.name}', which emits "
        + ", ".join(spec.components)
        + did_you_mean(component or "", spec.components)
    )


# -- reading values ----------------------------------------------------------------------------------------------------


def layer_from_pairs(pairs: Iterable[str]) -> Layer:
    """``["knn.k=3"]`` as a layer; values are read as YAML."""
    values: dict[str, Any] = {}
    for pair in pairs:
        address, equals, text = pair.partition("=")
        if not equals or not address.strip():
            raise BenchError(f"--set takes PART.OPTION=VALUE, got '{pair}'", fix="for example --set knn.k=3")
        values[address.strip()] = text.strip()
    return Layer("--set", values)


def layer_from_file(path: Path) -> Layer:
    """A YAML file of nested or dotted values as a layer.

    Raises:
        BenchError: the file cannot be read or is no mapping.
    """
    return Layer(f"--config {path.name}", flatten(read_yaml(path)))


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML mapping, loaded safely."""
    import yaml

    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BenchError(f"cannot be read: {error.strerror}", where=path) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BenchError(f"is no valid YAML: {error}", where=path) from error
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise BenchError("must hold a mapping of names to values", where=path)
    return document


def flatten(document: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """``{"knn": {"k": 3}}`` -> ``{"knn.k": 3}``."""
    flat: dict[str, Any] = {}
    for name, value in document.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def coerce(value: Any, type_: Any, name: str, origin: str) -> Any:
    """A value as the declared type, read from text where it is text.

    Raises:
        BenchError: it cannot be of that type.
    """
    origin_type = typing.get_origin(type_)
    if origin_type in (typing.Union, types.UnionType):
        return _coerce_union(value, type_, name, origin)
    if origin_type is Literal:
        for choice in typing.get_args(type_):
            if value == choice or str(value) == str(choice):
                return choice
        raise _wrong(value, f"one of {', '.join(str(choice) for choice in typing.get_args(type_))}", name, origin)
    if origin_type is tuple:
        items = _split(value) if isinstance(value, str) else value
        if not isinstance(items, (list, tuple)):
            raise _wrong(value, "a list", name, origin)
        element = typing.get_args(type_)[0]
        return tuple(coerce(item, element, name, origin) for item in items)
    if type_ is bool:
        words = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
        if isinstance(value, bool):
            return value
        if str(value).lower() in words:
            return words[str(value).lower()]
        raise _wrong(value, "true or false", name, origin)
    if type_ is str and isinstance(value, str):
        return value
    if type_ in (int, float) and not isinstance(value, bool):
        # PyYAML reads 1e-3 as a string, so numbers are read here, by the field's type.
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = float("nan")
        if type_ is float and abs(number) < float("inf"):
            return number
        if type_ is int and number == number // 1 and abs(number) < 2**53:
            return int(number)
    raise _wrong(value, {int: "a whole number", float: "a number", str: "text"}.get(type_, str(type_)), name, origin)


def _coerce_union(value: Any, type_: Any, name: str, origin: str) -> Any:
    options = typing.get_args(type_)
    if value is None or (isinstance(value, str) and value.lower() in ("none", "null", "~")):
        if type(None) in options:
            return None
        raise _wrong(value, str(type_), name, origin)
    for option in options:
        if option is not type(None):
            try:
                return coerce(value, option, name, origin)
            except BenchError:
                continue
    raise _wrong(value, str(type_), name, origin)


def _split(text: str) -> list[str]:
    return [item.strip() for item in text.strip().strip("[]()").split(",") if item.strip()]


def _wrong(value: Any, wanted: str, name: str, origin: str) -> BenchError:
    return BenchError(f"{name} must be {wanted}, got {value!r}", where=origin)


def build(config_type: type, values: Mapping[str, Any]) -> Any:
    """A configuration object from plain values, as they come back from JSON (where tuples are lists)."""
    hints = typing.get_type_hints(config_type)
    return config_type(**{name: coerce(value, hints[name], name, "record") for name, value in values.items()})


def describe(nodes: Iterable[Node]) -> list[tuple[str, str, Any, str, str]]:
    """Rows of (part, option, value, origin, documentation) for people to read."""
    return [
        (node.title, item.name, node.values[item.name], node.origins[item.name], doc_of(item))
        for node in nodes
        for item in dataclasses.fields(node.schema)
    ]
