"""From what plugins declare and what the user says to one resolved configuration, every value with its origin.

Layers, weakest first: the dataclass's default, a preset's or member's own values, the system's recipe, the profile, the
``--config`` file, ``--set``. Whether a layer *has* a value decides, never whether the value is true.

Addresses: ``dataset.x``, ``ensembler.x``, ``frontend.x`` (every frontend of the system), ``detector.x`` (every detector
that has x), ``NAME.x`` and ``NAME.frontend.x`` (one detector, by member or detector name).
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from asd_bench.coerce import coerce, default_values, type_hints
from asd_bench.errors import BenchError
from asd_bench.keys import file_content
from asd_bench.plugins import Host, did_you_mean, lazy_name
from asd_bench.specs import PAPER, DatasetSpec, DetectorSpec, FrontendSpec, Scope, SystemSpec

#: What may stand before the dot for every system.
ANY_OF_A_KIND = ("detector", "frontend", "ensembler")


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
        """A part with its defaults.

        Raises:
            BenchError: the plugin's configuration class is no dataclass with sound types and defaults.
        """
        node = cls(title, frozenset(addresses), schema)
        for name, value in default_values(schema, title).items():
            node.values[name] = value
            node.origins[name] = "default"
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
        coerced = coerce(value, type_hints(self.schema)[name], f"{self.title}.{name}", origin)
        told = {item.name: item.metadata for item in dataclasses.fields(self.schema)}[name]
        if told.get("file") and coerced:
            # Fits are made in other processes.
            coerced = str(Path(coerced).expanduser().absolute())
        minimum = told.get("minimum")
        numbers = coerced if isinstance(coerced, tuple) else (coerced,)
        if minimum is not None and any(isinstance(number, (int, float)) and number < minimum for number in numbers):
            raise BenchError(f"{self.title}.{name} must be at least {minimum:g}, got {coerced!r}", where=origin)
        self.values[name] = coerced
        self.origins[name] = origin

    def files(self) -> dict[str, str]:
        """Option -> path, for every option that names a file."""
        return {name: self.values[name] for name in file_options(self.schema) if self.values[name]}

    def check_files(self) -> None:
        """See that every file that is named can be read.

        Raises:
            BenchError: a file that is named is not there, or cannot be read.
        """
        for name, path in self.files().items():
            try:
                _content(Path(path))
            except OSError as error:
                raise BenchError(
                    f"{self.title}.{name} is to be a file, and {path} cannot be read: {error.strerror}",
                    where=self.origins[name],
                ) from error

    def document(self) -> dict[str, Any]:
        """The values, of files ``sha256:…``, which says what is in them and nothing of where they are."""
        return self.values | {name: _content(Path(path)) for name, path in self.files().items()}

    def built(self) -> Any:
        """The configuration object, whose class may look at its values together.

        Raises:
            BenchError: they do not fit together.
        """
        try:
            return self.schema(**self.values)
        except BenchError:
            raise
        except Exception as error:
            raise BenchError(f"the options of {self.title} do not fit together: {error}") from error


@dataclass(frozen=True)
class ResolvedDetector:
    """A detector with every value decided, and what it uses resolved likewise.

    ``config`` and ``frontend`` are plain values for keys and JSON; the classes travel by their lazy names. Of a file
    ``config`` says what is in it, and ``files`` where it is.
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
    files: Mapping[str, str]
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
    """A system ready to be planned.

    Attributes:
        nodes: its configured parts, for people to read.
        profile_changes: dotted values by which the profile differs from the published recipe.
        user_changes: ``PART.OPTION=VALUE`` wherever the user's values differ from the profile's.
    """

    spec: SystemSpec
    profile: str
    members: tuple[ResolvedMember, ...]
    ensembler: Mapping[str, Any]
    ensembler_source: str
    transductive: bool
    nodes: tuple[Node, ...] = field(repr=False, compare=False)
    profile_changes: Mapping[str, Any] = field(default_factory=dict)
    user_changes: tuple[str, ...] = ()

    def check_complete(self) -> None:
        """See that nothing is left open that a run needs; a system may be shown without it.

        Raises:
            BenchError: a value is missing without which the system cannot run.
        """
        for node in self.nodes:
            for item in dataclasses.fields(node.schema):
                if item.metadata.get("required") and not node.values[item.name]:
                    # Where several members lack it, one address is for all.
                    part = "detector" if "detector" in node.addresses else node.title
                    raise BenchError(
                        f"the system '{self.spec.name}' needs {node.title}.{item.name}: {item.metadata['doc']}",
                        fix=f"add --set {part}.{item.name}=…",
                    )

    def document(self) -> dict[str, Any]:
        """The resolved configuration as plain JSON: what rows of a leaderboard are grouped by."""
        selection = {"select": dataclasses.asdict(self.spec.select)} if self.spec.select else {}
        return selection | {
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
        # A row of a leaderboard survives a change of code, which supersedes its results.
        "frontend": {name: value for name, value in detector.frontend.items() if name != "source"},
        "uses": {role: _document(used) for role, used in detector.uses.items()},
    }


def resolve_dataset(spec: DatasetSpec, layers: Iterable[Layer]) -> tuple[Any, Node]:
    """The dataset's configuration object and its node, from the layers' ``dataset.…`` values."""
    node = Node.of(spec.name, {"dataset"}, _without_files(spec.config, f"the dataset '{spec.name}'"))
    for layer in layers:
        for address, value in layer.values.items():
            head, _, name = address.partition(".")
            if head == "dataset":
                node.put(name, value, layer.origin)
    return node.built(), node


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
    tree = [_Branch.of(host, member.detector, member.label, member.config) for member in spec.members]
    fuser = host.get("ensembler", spec.ensembler)
    ensembler = fuser.spec
    schema = _without_files(ensembler.config, f"the ensembler '{ensembler.name}'")
    ensembler_node = Node.of("ensembler", {"ensembler"}, schema)
    nodes = [ensembler_node, *(node for branch in tree for node in branch.nodes())]
    changed = dict(spec.profiles.get(profile, {}))
    _apply(nodes, spec.name, Layer("recipe", spec.recipe))
    _apply(nodes, spec.name, Layer(f"profile {profile}", changed))
    before = [dict(node.values) for node in nodes]
    for layer in layers:
        _apply(nodes, spec.name, layer)
    for node in nodes:
        # Values that do not fit together are the user's to mend now, not a failed fit later.
        node.check_files()
        node.built()
    theirs = dict.fromkeys(
        f"{node.title}.{name}={node.document()[name]}"
        for node, values in zip(nodes, before, strict=True)
        for name, value in node.values.items()
        if value != values[name]
    )
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
        ensembler_source=fuser.source,
        transductive=ensembler.transductive,
        nodes=tuple(nodes),
        profile_changes=changed,
        user_changes=tuple(theirs),
    )


def knows_address(host: Host, spec: SystemSpec, address: str) -> bool:
    """Whether a dotted address concerns the system at all: ``--set`` speaks to every system of a run.

    A part that the system names is its own, whatever the option; ``detector.k`` concerns it if some detector has a k.
    """
    owner, _, name = address.rpartition(".")
    branches = [_Branch.of(host, member.detector, member.label, {}) for member in spec.members]
    nodes = [Node.of("ensembler", {"ensembler"}, host.get("ensembler", spec.ensembler).spec.config)]
    nodes += [node for branch in branches for node in branch.nodes()]
    addressed = [node for node in nodes if owner in node.addresses]
    return any(node.has(name) for node in addressed) if owner in ANY_OF_A_KIND else bool(addressed)


@dataclass
class _Branch:
    """A detector of the tree that a system is, while it is configured."""

    spec: DetectorSpec
    plugin: str
    source: str
    node: Node
    frontend: FrontendSpec
    frontend_source: str
    frontend_node: Node
    uses: dict[str, _Branch]

    @classmethod
    def of(cls, host: Host, name: str, label: str, config: Mapping[str, Any], users: tuple[str, ...] = ()) -> _Branch:
        if name in users:
            raise BenchError(f"detectors use one another in a circle: {' -> '.join((*users, name))}")
        entry = host.get("detector", name)
        spec: DetectorSpec = entry.spec
        heard = host.get("frontend", spec.frontend)
        frontend: FrontendSpec = heard.spec
        node = Node.of(label, {label, name, "detector"}, spec.config)
        for option, value in config.items():
            if not option.startswith("frontend."):
                node.put(option, value, "member")
        addresses = {"frontend", f"{label}.frontend", f"{name}.frontend"}
        schema = _without_files(frontend.config, f"the frontend '{frontend.name}'")
        frontend_node = Node.of(f"{label}.frontend", addresses, schema)
        for option, value in frontend.defaults.items():
            frontend_node.put(option, value, f"preset {frontend.name}")
        for option, value in config.items():
            if option.startswith("frontend."):
                frontend_node.put(option.removeprefix("frontend."), value, "member")
        uses = {use.role: cls.of(host, use.detector, use.detector, {}, (*users, name)) for use in spec.uses}
        return cls(spec, entry.plugin.name, entry.source, node, frontend, heard.source, frontend_node, uses)

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
            files=self.node.files(),
            frontend={
                "name": self.frontend.name,
                "target": self.frontend.target,
                "version": self.frontend.version,
                "source": self.frontend_source,
                "config_type": lazy_name(self.frontend.config),
                "config": self.frontend_node.document(),
            },
            uses={role: used.resolved() for role, used in self.uses.items()},
        )


def _apply(nodes: list[Node], system: str, layer: Layer) -> None:
    """Put a layer's values where they belong; those of the dataset are none of a system's."""
    for address, value in layer.values.items():
        owner, _, name = address.rpartition(".")
        if owner == "dataset":
            continue
        addressed = [node for node in nodes if owner in node.addresses]
        if not owner or not addressed:
            known = sorted({name for node in nodes for name in node.addresses} | {"dataset"})
            raise BenchError(
                f"nothing in the system '{system}' is called '{owner or name}'{did_you_mean(owner or name, known)}",
                where=f"{layer.origin}: {address}",
                fix=f"an address is PART.OPTION, and the parts are: {', '.join(known)}",
            )
        # "detector" and "frontend" speak to all of a kind: those that lack the option are not meant.
        taking = [node for node in addressed if node.has(name)] or addressed[:1]
        for node in taking:
            node.put(name, value, layer.origin)


def file_options(schema: Any) -> list[str]:
    """Names of a configuration class's options that are paths of files."""
    return [item.name for item in dataclasses.fields(schema) if item.metadata.get("file")]


def _content(path: Path) -> str:
    status = path.stat()
    return _content_then(path, status.st_size, status.st_mtime_ns)


@functools.cache
def _content_then(path: Path, size: int, modified: int) -> str:
    """What is in a file as it is now: its size and time tell when it has changed."""
    return file_content(path)


def _without_files(schema: Any, what: str) -> Any:
    """A configuration class of something that may not be given files.

    Raises:
        BenchError: it has such options.
    """
    if names := file_options(schema):
        raise BenchError(f"{what} has the option '{names[0]}', a file, which only detectors may have", where=schema)
    return schema


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
    """``["knn.k=3"]`` as a layer; the option's type decides how the text is read."""
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


def build(config_type: type, values: Mapping[str, Any]) -> Any:
    """A configuration object from resolved values, as they come back from JSON (where tuples are lists)."""
    return config_type(**{name: _tuples(value) for name, value in values.items()})


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, (list, tuple)) else value
