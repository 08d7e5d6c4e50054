"""What a person sees of ``asd-bench data``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from asd_bench.cli.present import BROKEN, LOOK, OK, counted, facts, indented, rows_table, size_text, text

if TYPE_CHECKING:
    from rich.console import Console

    from asd_bench.cli.data_check import MachineCheck
    from asd_bench.cli.data_look import Place

_COLOURS = {"found": "green", "made when used": "cyan", "not found": "yellow", "unusable": "red"}

#: How many classes of a machine are named.
_NAMED_CLASSES = 4


def print_places(out: Console, places: Iterable[Place]) -> None:
    """Where every dataset is."""
    rows = []
    for place in places:
        colour = _COLOURS[place.state]
        steps = f"\n[dim]asd-bench data steps {text(place.spec.name)}[/]"
        rows.append(
            {
                "dataset": f"[bold]{text(place.spec.name)}[/]",
                "state": f"[{colour}]{place.state}[/]",
                "machines": f"{len(place.machines)} of {len(place.spec.machines)}" if place.root else "",
                "where": text(place.problem) + steps if place.problem else text(place.root or ""),
            }
        )
    out.print(rows_table(rows))


def print_survey(out: Console, survey: Mapping[str, Any]) -> None:
    """A document of `Survey`."""
    out.print(f"[bold]{text(survey['dataset'])}[/]\n")
    out.print(
        facts(
            {
                "where": text(survey["root"]),
                "clips": f"{survey['clips']:,}, {size_text(survey['bytes'])}",
                "first clip": text(survey["first_clip"]),
            }
        )
    )
    out.print()
    out.print(rows_table([_section_cells(section) for section in survey["sections"]]))
    out.print("\n[bold]classes[/] of training clips, for detectors that tell classes apart\n")
    out.print(facts({machine: _class_words(classes) for machine, classes in survey["classes"].items()}))
    if survey["notes"]:
        out.print()
    for note in survey["notes"]:
        out.print(f"{LOOK} {text(note)}")


def _section_cells(section: Mapping[str, Any]) -> dict[str, str]:
    return {
        "machine": text(section["machine"]),
        "section": text(section["section"]),
        "training": _of_published(section["train"], section["train_published"]),
        "training\nby domain": _domains(section["train_domains"]),
        "test": _of_published(section["test"], section["test_published"]),
        "test\nby domain": _domains(section["test_domains"]),
        "normal +\nanomalous": f"{section['test_normal']} + {section['test_anomalous']}",
        "attribute\nstrings": str(section["attributes"] or ""),
    }


def _of_published(number: int, published: int | None) -> str:
    if published in (number, None):
        return str(number)
    return f"[yellow]{number}/{published}[/]"


def _domains(domains: Mapping[str, int]) -> str:
    return "\n".join(f"{number} {text(domain)}" for domain, number in domains.items())


def _class_words(classes: Mapping[str, Any]) -> str:
    names = classes["names"]
    shown = ", ".join(name.partition("/")[2] for name in names[:_NAMED_CLASSES])
    more = ", …" if len(names) > _NAMED_CLASSES else ""
    rule = {"section": "one per section", "attributes": "one per attribute string"}[classes["rule"]]
    return f"{len(names)}, {rule}: [dim]{text(shown)}{more}[/]"


def print_check(out: Console, check: MachineCheck) -> None:
    """What was found out about one machine type."""
    mark = BROKEN if check.problems else LOOK if check.notes else OK
    heard = f"{counted(check.clips, 'clip')}, {check.seconds / 3600:.2f} h" if check.clips else ""
    out.print(f"{mark} [bold]{text(check.machine)}[/]  {heard}")
    for problem in check.problems:
        out.print(indented(f"[red]{text(problem)}[/]"))
    for note in check.notes:
        out.print(indented(text(note)))
