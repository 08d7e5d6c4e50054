"""``asd-bench doctor``: what is installed, where things are, what is wrong and how to mend it."""

from __future__ import annotations

import dataclasses
import traceback
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from asd_bench.cli.common import tracking_option, workspace_option
from asd_bench.cli.present import BROKEN, LOOK, OK, console, indented, marked, print_json, text

if TYPE_CHECKING:
    from rich.console import Console

    from asd_bench.cli.doctor_checks import Finding

EXIT_BROKEN = 1

_EPILOG = """
\b
Examples:
  asd-bench doctor
  asd-bench doctor --verbose
  asd-bench doctor --workspace FOLDER --tracking-uri https://mlflow.example.org
  asd-bench doctor --json

Nothing is made or changed. Exit code: 0 nothing is broken (✗), 1 something is.
"""

_MARKS = {"ok": OK, "look": LOOK, "broken": BROKEN}


@click.command(epilog=_EPILOG)
@click.option("-v", "--verbose", is_flag=True, help="Also show the tracebacks of what is broken.")
@workspace_option
@tracking_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON on standard output.")
def command(verbose: bool, workspace: Path, tracking_uri: str | None, as_json: bool) -> int:
    """What is installed, where things are, what is wrong and how to mend it."""
    from asd_bench.cli import doctor_checks
    from asd_bench.plugins import host

    plugins = host()
    areas = {
        "packages": doctor_checks.check_packages(plugins),
        "plugins": doctor_checks.check_plugins(plugins),
        "devices": doctor_checks.check_devices(),
        "workspace": doctor_checks.check_workspace(workspace),
        "tracking": doctor_checks.check_tracking(workspace, tracking_uri),
        "data": doctor_checks.check_data(plugins),
    }
    found: dict[str, list[Finding]] = {}
    out = console()
    for area, findings in areas.items():
        # Some checks take seconds: each area is shown when it is known.
        found[area] = list(_with_own_failure(findings))
        if not as_json:
            _print_area(out, area, found[area], verbose)
    broken = sum(finding.state == "broken" for findings in found.values() for finding in findings)
    if as_json:
        print_json({"healthy": not broken, "findings": _documents(found)})
    else:
        out.print(f"[red]{broken} broken[/]" if broken else "[green]nothing is broken[/]")
    return EXIT_BROKEN if broken else 0


def _with_own_failure(findings: Iterable[Finding]) -> Iterator[Finding]:
    """A check's findings, and whatever it stumbled over: on a machine that is ill, anything may fail."""
    from asd_bench.cli.doctor_checks import Finding

    try:
        yield from findings
    except Exception as error:
        yield Finding("broken", f"this check failed: {type(error).__name__}: {error}", details=traceback.format_exc())


def _print_area(out: Console, area: str, findings: Iterable[Finding], verbose: bool) -> None:
    out.print(f"[bold]{area}[/]")
    for finding in findings:
        out.print(marked(_MARKS[finding.state], text(finding.what)))
        if finding.fix:
            out.print(indented(marked("[dim]→[/]", text(finding.fix))))
        if finding.details and verbose:
            out.print(indented(f"[dim]{text(finding.details.rstrip())}[/]"))
    out.print()


def _documents(found: Mapping[str, Iterable[Finding]]) -> list[dict[str, str]]:
    return [{"area": area, **dataclasses.asdict(finding)} for area, findings in found.items() for finding in findings]
