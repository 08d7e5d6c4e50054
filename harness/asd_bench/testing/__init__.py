"""What plugin authors test with: the checks that every plugin and detector should pass, and a way to run systems.

A plugin's whole conformance test::

    import pytest
    import my_plugin
    from asd_bench.testing import check_detector, check_plugin

    def test_plugin():
        check_plugin(my_plugin)

    @pytest.mark.parametrize("name", ["my-detector", "my-other-detector"])
    def test_detector(name):
        check_detector(name, profile="smoke")

Each returns a `Report` that prints as a table, and raises `ConformanceError` with the same table where something is
wrong: what it is, and why it matters. A check that cannot hold for a detector is left out with a reason,
``skip={"easy anomalies": "scores reconstructions of one's own voice"}``.

`run_systems` runs systems on a `TinyData` in this process and returns an `Outcome` with assert helpers; with
``pytest_plugins = ["asd_bench.testing.fixtures"]`` in a project's topmost ``conftest.py`` both are the fixtures ``run``
and ``tiny``. Importing this package imports neither torch nor pytest.
"""

from asd_bench.testing.checks import ConformanceError, Report
from asd_bench.testing.detectors import check_detector
from asd_bench.testing.plugins import check_plugin
from asd_bench.testing.running import Outcome, run_systems
from asd_bench.testing.tiny import TinyData

__all__ = ["ConformanceError", "Outcome", "Report", "TinyData", "check_detector", "check_plugin", "run_systems"]
