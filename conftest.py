"""What every test of this repository gets: the fixtures for plugin authors, and its share of the cores."""

from __future__ import annotations

import os

from asd_bench import threads

pytest_plugins = ["asd_bench.testing.fixtures"]

# Before any test imports torch, as every entry point does: threads that spin make everything beside them crawl. A
# worker of xdist inherits what was meant for the one process that started it.
workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
if workers > 1:
    for name in threads.VARIABLES:
        os.environ.pop(name, None)
threads.apply(workers)
