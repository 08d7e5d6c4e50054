"""What ``asd-bench show`` says about what plugins declare. A page is plain data, printed for people or as JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from asd_bench.cli.list import declared
from asd_bench.cli.parts import OptionRow, distinct, option_rows, print_options
from asd_bench.cli.present import counted, facts, rows_table, text, value_text
from asd_bench.config import Node, resolve_system
from asd_bench.plugins import Entry, Host
from asd_bench.specs import PAPER, FrontendSpec, Paper

if TYPE_CHECKING:
    from rich.console import Console

    from asd_bench.config import ResolvedSystem


@dataclass
class Page:
    """Facts and tables about one thing; names become headings with ``_`` read as a space.

    Attributes:
        facts: single values, texts and lists; what is empty is not printed.
        tables: rows of plain values.
        options: what can be set.
        hints: commands that tell more, for people only.
    """

    kind: str
    name: str
    summary: str
    facts: dict[str, Any]
    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    options: list[OptionRow] = field(default_factory=list)
    hints: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        head = {"kind": self.kind, "name": self.name, "summary": self.summary}
        return {**head, **self.facts, **self.tables, "options": [dataclasses.asdict(row) for row in self.options]}

    def print(self, out: Console) -> None:
        out.print(f"[bold]{text(self.name)}[/]  [dim]{self.kind}[/]")
        out.print(f"{text(self.summary)}\n")
        out.print(facts({_heading(name): _fact(value) for name, value in self.facts.items()}))
        for title, rows in self.tables.items():
            if rows:
                out.print(f"\n[bold]{_heading(title)}[/]\n")
                out.print(rows_table([{_heading(name): _cell(value) for name, value in row.items()} for row in rows]))
        print_options(out, self.options, _option_cells)
        if self.hints:
            out.print()
        for hint in self.hints:
            out.print(f"[dim]{text(hint)}[/]")


def page_of(host: Host, kind: str, name: str) -> Page:
    """The page of a declared thing.

    Raises:
        BenchError: there is none of that name, or what it is made of is not there.
    """
    entry = host.get(kind, name)
    return _PAGES[kind](host, entry)


# -- the kinds ---------------------------------------------------------------------------------------------------------


def _system(host: Host, entry: Entry) -> Page:
    spec = entry.spec
    resolved = resolve_system(host, spec, PAPER, ())
    ensembler = host.get("ensembler", spec.ensembler).spec
    return Page(
        "system",
        spec.name,
        spec.summary,
        {
            **_origin(entry),
            "aliases": list(spec.aliases),
            **_paper(spec.paper),
            "ensembler": f"{ensembler.name}: {ensembler.summary}",
            "tuned_on_labels": spec.tuned_on_labels or "",
            "profiles": _profile_words(spec.profiles),
        },
        {
            "members": [
                {"member": member.label, "detector": member.detector.name, "score": member.component}
                for member in resolved.members
            ],
            "detectors": _detector_rows(resolved),
            "profile_values": _profile_rows(resolved),
        },
        option_rows(*distinct(resolved.nodes)),
        (f"every value and its origin: asd-bench config --system {spec.name}",),
    )


def _detector_rows(resolved: ResolvedSystem) -> list[dict[str, Any]]:
    """One row per detector, those that others use before them."""
    detectors = {used.name: used for member in resolved.members for used in member.detector.walk()}
    return [
        {
            "detector": detector.name,
            "one_per": detector.scope,
            "frontend": detector.frontend["name"],
            "uses": [used.name for used in detector.uses.values()],
        }
        for detector in detectors.values()
    ]


def _profile_words(profiles: Mapping[str, Mapping[str, Any]]) -> list[str]:
    def words(values: Mapping[str, Any]) -> str:
        return f"changes {counted(len(values), 'value')}" if values else "changes nothing"

    return [f"{PAPER} (as published)", *(f"{name} ({words(values)})" for name, values in profiles.items())]


def _profile_rows(resolved: ResolvedSystem) -> list[dict[str, Any]]:
    """One row per value that a profile changes: what it is as published, and in each profile."""
    profiles = resolved.spec.profiles
    addresses = dict.fromkeys(address for values in profiles.values() for address in values)
    rows = []
    for address in addresses:
        published = _value_at(resolved.nodes, address)
        changed = {name: values.get(address, published) for name, values in profiles.items()}
        rows.append({"option": address, PAPER: published, **changed})
    return rows


def _value_at(nodes: tuple[Node, ...], address: str) -> Any:
    part, _, name = address.rpartition(".")
    found = [node.values[name] for node in nodes if part in node.addresses and node.has(name)]
    return found[0] if found else None


def _dataset(host: Host, entry: Entry) -> Page:
    spec = entry.spec
    places = [(machine, section) for machine, sections in spec.machines.items() for section in sections]
    return Page(
        "dataset",
        spec.name,
        spec.summary,
        {
            **_origin(entry),
            "aliases": list(spec.aliases),
            "rule": f"the metrics of {spec.rule}",
            "clips": f"{sum(spec.n_train.values()):,} for training, {sum(spec.n_test.values()):,} for testing",
            "additional_training_clips": [
                f"{machine} {section}" for machine, sections in spec.additional.items() for section in sections
            ],
            "known_of_training_clips": ["machine", "section", *sorted(spec.reveals.train, reverse=True)],
            "known_of_test_clips": ["machine", "section", *sorted(spec.reveals.test, reverse=True)],
            "target": spec.target,
        },
        {
            "clips_per_section": [
                {
                    "machine": machine,
                    "section": section,
                    "training": spec.n_train.get((machine, section)),
                    "test": spec.n_test.get((machine, section)),
                }
                for machine, section in places
            ],
        },
        option_rows([Node.of("dataset", {"dataset"}, spec.config)]),
        (
            f"what is on this machine: asd-bench data show {spec.name}",
            f"how to get it: asd-bench data steps {spec.name}",
        ),
    )


def _detector(host: Host, entry: Entry) -> Page:
    spec = entry.spec
    return Page(
        "detector",
        spec.name,
        spec.summary,
        {
            **_origin(entry),
            "one_fit_per": spec.scope,
            "scores": list(spec.components),
            "frontend": spec.frontend,
            "needs_classes": spec.min_classes if spec.min_classes > 1 else "",
            "used_by": _users(host, "system", lambda system: spec.name in [m.detector for m in system.members])
            + _users(host, "detector", lambda other: spec.name in [use.detector for use in other.uses]),
            "target": spec.target,
        },
        {"uses": [{"role": use.role, "detector": use.detector} for use in spec.uses]},
        option_rows([Node.of(spec.name, {spec.name}, spec.config)]),
    )


def _frontend(host: Host, entry: Entry) -> Page:
    spec: FrontendSpec = entry.spec
    node = Node.of("frontend", {"frontend"}, spec.config)
    for option, value in spec.defaults.items():
        node.put(option, value, f"preset {spec.name}")
    return Page(
        "frontend",
        spec.name,
        spec.summary,
        {
            **_origin(entry),
            "used_by": _users(host, "detector", lambda detector: detector.frontend == spec.name),
            "version": spec.version,
            "target": spec.target,
        },
        options=option_rows([node]),
    )


def _ensembler(host: Host, entry: Entry) -> Page:
    spec = entry.spec
    return Page(
        "ensembler",
        spec.name,
        spec.summary,
        {
            **_origin(entry),
            "standardises_with": "test scores (transductive)" if spec.transductive else "training scores",
            "used_by": _users(host, "system", lambda system: system.ensembler == spec.name),
            "target": spec.target,
        },
        options=option_rows([Node.of("ensembler", {"ensembler"}, spec.config)]),
    )


_PAGES: Mapping[str, Callable[[Host, Entry], Page]] = {
    "system": _system,
    "dataset": _dataset,
    "detector": _detector,
    "frontend": _frontend,
    "ensembler": _ensembler,
}


# -- what they share ---------------------------------------------------------------------------------------------------


def _origin(entry: Entry) -> dict[str, str]:
    plugin = entry.plugin
    return {"plugin": f"{plugin.name} ({plugin.distribution} {plugin.version})"}


def _paper(paper: Paper | None) -> dict[str, str]:
    if paper is None:
        return {"paper": "", "authors": "", "published": "", "url": ""}
    published = f"{paper.venue}, {paper.year}" if paper.venue else str(paper.year)
    return {"paper": paper.title, "authors": paper.authors, "published": published, "url": paper.url}


def _users(host: Host, kind: str, uses: Callable[[Any], bool]) -> list[str]:
    """Names of the specs of a kind that use something."""
    return [entry.spec.name for entry in declared(host, kind) if uses(entry.spec)]


# -- words -------------------------------------------------------------------------------------------------------------


def _heading(name: str) -> str:
    return name.replace("_", " ")


def _fact(value: Any) -> str:
    return text(", ".join(value) if isinstance(value, list) else value)


def _cell(value: Any) -> str:
    return text(" ".join(value) if isinstance(value, list) else value_text(value))


def _option_cells(row: OptionRow) -> dict[str, str]:
    value = text(value_text(row.value))
    return {
        "option": text(row.name),
        "type": text(row.type),
        # What a preset, a member or a recipe decides stands out from what the class has by default.
        "value": value if row.value == row.default else f"[bold]{value}[/]",
        "documentation": text(row.doc),
    }
