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

`run_systems` runs systems on a `TinyData` in this process and returns an `Outcome` with assert helpers; a `SeparateRun`
is in a process of its own, which can be killed in a fit and begun again. `MadeUpAudio` and `RememberedEvents` stand in
for a detector's audio and its fit's log, so that what it computes can be worked out by hand. With
``pytest_plugins = ["asd_bench.testing.fixtures"]`` in a project's topmost ``conftest.py`` tests have fixtures for all
of this (`asd_bench.testing.fixtures`). Importing this package imports neither torch nor pytest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asd_bench.testing.checks import ConformanceError, Report
from asd_bench.testing.detectors import check_detector
from asd_bench.testing.plugins import check_plugin
from asd_bench.testing.running import Outcome, run_systems
from asd_bench.testing.separate import SeparateRun
from asd_bench.testing.tiny import TinyData

if TYPE_CHECKING:
    from asd_bench.testing.made_up import MadeUpAudio, RememberedEvents

#: Names whose module imports torch: loaded when they are first used.
_LAZY = ("MadeUpAudio", "RememberedEvents")

__all__ = [
    "ConformanceError",
    "MadeUpAudio",
    "Outcome",
    "RememberedEvents",
    "Report",
    "SeparateRun",
    "TinyData",
    "check_detector",
    "check_plugin",
    "run_systems",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'asd_bench.testing' has no attribute {name!r}")
    from asd_bench.testing import made_up

    return getattr(made_up, name)
