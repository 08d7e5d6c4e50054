"""What a check is, how a list of them is gone through, and how the outcome reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from asd_bench.errors import BenchError
from asd_bench.plugins import did_you_mean

#: How many faults of one check are written out; a plugin with a hundred systems may have a hundred of a kind.
SHOWN_FAULTS = 6


class ConformanceError(AssertionError):
    """A plugin or detector that fails checks; the text is the report's table."""


class NotApplicable(Exception):
    """Raised by a check that says nothing about this subject; its text is the reason."""


@dataclass(frozen=True)
class Check:
    """One demand.

    Attributes:
        name: short, as used in ``skip``.
        why: why it matters, printed where it fails.
        faults: yields a sentence for everything that is wrong with the subject.
    """

    name: str
    why: str
    faults: Callable[[Any], Iterable[str]]


@dataclass
class Report:
    """What became of every check.

    Attributes:
        subject: what was checked.
        passed: names of checks.
        skipped: name -> reason.
        failed: name -> sentences about what is wrong.
        why: name -> why the check matters.
    """

    subject: str
    passed: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    failed: dict[str, list[str]] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        count = len(self.passed) + len(self.failed)
        head = f"fails {len(self.failed)} of {count} checks" if self.failed else f"passes {count} checks"
        lines = [f"{self.subject} {head}"]
        for name, faults in self.failed.items():
            lines.append(f"  FAILED   {name}")
            lines += [f"             {fault}" for fault in faults[:SHOWN_FAULTS]]
            if len(faults) > SHOWN_FAULTS:
                lines.append(f"             … and {len(faults) - SHOWN_FAULTS} more")
            lines.append(f"           why it matters: {self.why[name]}")
        lines += [f"  skipped  {name}: {reason}" for name, reason in self.skipped.items()]
        lines += [f"  passed   {name}" for name in self.passed]
        return "\n".join(lines)


def go_through(checks: Sequence[Check], subject: Any, title: str, skip: Mapping[str, str]) -> Report:
    """Apply checks to a subject.

    Args:
        checks: in this order.
        subject: given to each.
        title: how the report calls it.
        skip: name of a check -> why it does not hold here.

    Raises:
        ConformanceError: a check found something, or all were left out.
        BenchError: ``skip`` names no check, or gives no reason.
    """
    # pytest then shows the table and the author's line, and nothing in between.
    __tracebackhide__ = True
    names = [check.name for check in checks]
    for name, reason in skip.items():
        if name not in names:
            raise BenchError(
                f"there is no check '{name}'{did_you_mean(name, names)}", fix=f"there are: {', '.join(names)}"
            )
        if not reason.strip():
            raise BenchError(f"the check '{name}' is left out without a reason")
    cause: Exception | None = None
    report = Report(title, why={check.name: check.why for check in checks})
    for check in checks:
        if check.name in skip:
            report.skipped[check.name] = skip[check.name]
            continue
        try:
            faults = list(check.faults(subject))
        except NotApplicable as reason:
            report.skipped[check.name] = str(reason)
            continue
        except Exception as error:
            cause = error
            faults = [f"it raised {type(error).__name__}: {error}"]
        if faults:
            report.failed[check.name] = faults
        else:
            report.passed.append(check.name)
    if report.failed:
        raise ConformanceError(str(report)) from cause
    if not report.passed:
        raise ConformanceError(f"every check was left out, so that nothing was checked\n{report}")
    return report
