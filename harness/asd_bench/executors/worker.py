"""A worker process, ``python -m asd_bench.executors.worker``: a job per line in, an outcome per line out, both JSON.

Before the first job it says that it is ready, so that its start is not counted as part of a fit.
"""

from __future__ import annotations

import dataclasses
import json
import os
import signal

#: The line by which a worker says that it is ready.
READY = "ready"


def main() -> None:
    # The terminal's Ctrl-C reaches the whole group; the driver decides what becomes of its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Whatever libraries print must not get between the answers, nor what they read be taken from the jobs.
    jobs, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    # Every fit needs it, and its import takes longer than many a fit.
    import torch  # noqa: F401

    from asd_bench.fit import run_fit

    print(READY, file=answers, flush=True)
    for line in jobs:
        outcome = run_fit(json.loads(line))
        print(json.dumps(dataclasses.asdict(outcome)), file=answers, flush=True)


if __name__ == "__main__":
    main()
