"""Fits side by side in one process, for a GPU: they take turns, and whoever only waits for the GPU lends his.

Python, the global random generators, ``sys.stdout`` and the root logger's handlers belong to one fit at a time, the
one whose turn it is; so plugins may use them as if they were alone, and a fit's numbers are those that it has alone.
While a fit replays steps on the GPU it needs none of them and lends its turn to another.

Where fits run one after the other nobody takes turns, and lending does nothing.
"""

from __future__ import annotations

import logging
import random
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


class Stopped(BaseException):
    """The run is ending: a fit that asks for its turn is given this instead. It goes on from its last checkpoint."""


@dataclass(frozen=True)
class _ProcessState:
    """What there is one of in a process."""

    stdout: Any
    handlers: list[logging.Handler]
    python: Any
    numpy: Any
    cpu: Any
    gpu: Any

    @classmethod
    def now(cls) -> _ProcessState:
        import numpy as np
        import torch

        return cls(
            stdout=sys.stdout,
            handlers=list(logging.getLogger().handlers),
            python=random.getstate(),
            numpy=np.random.get_state(),  # noqa: NPY002
            cpu=torch.get_rng_state(),
            gpu=torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None,
        )

    def restore(self) -> None:
        import numpy as np
        import torch

        sys.stdout = self.stdout
        logging.getLogger().handlers[:] = self.handlers
        random.setstate(self.python)
        np.random.set_state(self.numpy)  # noqa: NPY002
        torch.set_rng_state(self.cpu)
        if self.gpu is not None:
            torch.cuda.set_rng_state_all(self.gpu)


class Turns:
    """Who may run: one thread with the turn, and any number that lent theirs."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._taken = False
        self._lending = 0
        self._stopping = False

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a turn and have it.

        Raises:
            Stopped: the run is ending.
        """
        self._take()
        _thread.turns, _thread.outside = self, _ProcessState.now()
        try:
            yield
        finally:
            del _thread.turns, _thread.outside
            self._give()

    def stop(self) -> None:
        """Stop every fit as soon as it asks for its turn."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    @contextmanager
    def _lend(self) -> Iterator[None]:
        inside = _ProcessState.now()
        _thread.outside.restore()
        self._give(lending=1)
        try:
            yield
        finally:
            self._take_back()
            _thread.outside = _ProcessState.now()
            inside.restore()
        if self._stopping:
            raise Stopped

    def _take(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or not self._taken)
            if self._stopping:
                raise Stopped
            self._taken = True

    def _take_back(self) -> None:
        with self._changed:
            self._lending -= 1
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._taken)
            self._taken = True

    def _give(self, lending: int = 0) -> None:
        with self._changed:
            self._taken = False
            self._lending += lending
            self._changed.notify_all()

    def _wait_until_nobody_lends(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not self._lending)


#: What each thread has: the ``turns`` that it takes part in and the state ``outside`` its own turn.
_thread = threading.local()


@contextmanager
def lent() -> Iterator[None]:
    """Let others run meanwhile. Nothing that there is one of in a process may be used.

    Raises:
        Stopped: the run is ending.
    """
    turns = getattr(_thread, "turns", None)
    if turns is None:
        yield
    else:
        with turns._lend():
            yield


def be_alone() -> None:
    """Wait until nobody lends. They come to it: one that lent his turn needs it back to go on."""
    turns = getattr(_thread, "turns", None)
    if turns is not None:
        turns._wait_until_nobody_lends()
