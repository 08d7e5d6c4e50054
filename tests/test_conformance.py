"""Every built-in plugin and detector, and the good fake, pass the checks that plugin authors are given; bad ones do not."""

from __future__ import annotations

import pytest

from asd_bench.testing import ConformanceError, check_detector, check_plugin

DETECTORS = ["knn","lof"]

@pytest.mark.parametrize("name", DETECTORS)
def test_builtin_detectors_conform(name):
    print(check_detector(name))

def test_good(install_fakes):
    install_fakes("good")
    for n in ("fake-mean","fake-embedding","fake-backend","fake-council","fake-classes"):
        print(check_detector(n))
    print(check_plugin("asd_bench_fake_good"))
    from asd_bench.plugins import BUILTIN
    for n in BUILTIN: print(check_plugin(n))
