"""A worker process, ``python -m asd_bench.executors.worker``: a job per line in, an outcome per line out, both JSON."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import sys


def main() -> None:
    # The terminal's Ctrl-C reaches the whole group; the driver decides what becomes of its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Whatever libraries print must not get between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    from asd_bench.fit import run_fit

    for line in sys.stdin:
        outcome = run_fit(json.loads(line))
        answers.write(json.dumps(dataclasses.asdict(outcome)) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
