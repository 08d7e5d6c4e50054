"""CPU threads: set before torch is imported, unless the user did."""

from __future__ import annotations

import os

VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")

#: Turns that a thread waits for work before it sleeps (GNU OpenMP, which torch uses on CPUs). Small networks hand out
#: work every few microseconds: an autoencoder's steps per second on two idle cores were 81 without a turn, 199 with
#: these; beside a second such process 133 and 62. With twenty times as many turns that last figure was 6.
SPINS = "1000"


def thread_environment(workers: int) -> dict[str, str]:
    """The variables that a process sharing this machine with ``workers - 1`` others should have.

    Two processes whose threads spin while they wait were measured 14 to 40 times slower on two cores than two whose
    threads sleep; so they sleep, and each gets its share of the cores.
    """
    share = str(max(1, (os.cpu_count() or 1) // max(1, workers)))
    wanted = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": SPINS, **dict.fromkeys(VARIABLES, share)}
    return {name: os.environ.get(name, value) for name, value in wanted.items()}


def apply(workers: int) -> None:
    """Set them for this process. Has no effect on a torch that is imported already."""
    os.environ.update(thread_environment(workers))
