"""``python -m asd_bench.cli``."""

from asd_bench.cli import main

main()
