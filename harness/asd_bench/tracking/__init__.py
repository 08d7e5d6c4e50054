"""Tracking with MLflow: copies of the records, for browsing and for sharing.

Per dataset there are two experiments. ``<dataset>`` holds a parent run per system and configuration, with means over
seeds, and a child run per seed; ``<dataset>-fits`` holds a run per fit, with live curves. No result depends on any of
it; whatever a store lacks, `deliver` brings it from the records. Importing this package imports no mlflow.
"""

from __future__ import annotations

from asd_bench.tracking.delivery import Delivery, deliver
from asd_bench.tracking.reading import latest_results_experiment, read_results
from asd_bench.tracking.store import default_uri, shown
from asd_bench.tracking.tracker import Tracker

__all__ = [
    "Delivery",
    "Tracker",
    "default_uri",
    "deliver",
    "latest_results_experiment",
    "read_results",
    "shown",
]
