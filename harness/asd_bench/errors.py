"""The one exception that a user is meant to read."""

from __future__ import annotations


class BenchError(Exception):
    """Something the user can mend: what happened, where, and what to do about it.

    The command line prints it without a traceback (``--debug`` shows one); plugins raise it for the same effect.

    Args:
        what: one sentence saying what is wrong.
        where: the file, plugin, clip or option concerned.
        fix: what to do about it.
    """

    def __init__(self, what: str, *, where: object = None, fix: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.where = None if where is None else str(where)
        self.fix = fix

    def __str__(self) -> str:
        text = self.what
        if self.where:
            text += f"\n  where: {self.where}"
        if self.fix:
            text += f"\n  to do: {self.fix}"
        return text

    def __reduce__(self) -> tuple:
        # Exceptions travel from worker processes; keyword-only arguments need a recipe of their own.
        return (_rebuild, (self.what, self.where, self.fix))


def _rebuild(what: str, where: str | None, fix: str | None) -> BenchError:
    return BenchError(what, where=where, fix=fix)
