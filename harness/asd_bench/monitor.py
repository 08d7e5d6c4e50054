"""Samples of CPU, memory and GPU during a fit, in its event log, under the names that MLflow's own monitor uses."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asd_bench.context import EventLog

if TYPE_CHECKING:
    import torch

#: Seconds between samples.
INTERVAL = 5.0


@contextlib.contextmanager
def monitored(events: Path, device: torch.device) -> Iterator[None]:
    """Sample at the beginning, every few seconds, and at the end, so that the shortest fit has a value."""
    import psutil

    process = psutil.Process()
    process.cpu_percent()
    gpu = _gpu(device)
    log = EventLog(events)
    stop = threading.Event()

    def sample() -> None:
        memory = psutil.virtual_memory()
        values = {
            "system/cpu_utilization_percentage": process.cpu_percent() / (psutil.cpu_count() or 1),
            "system/system_memory_usage_megabytes": memory.used / 1e6,
            "system/process_memory_megabytes": process.memory_info().rss / 1e6,
        }
        log.write("system", None, values | gpu())

    def loop() -> None:
        while not stop.wait(INTERVAL):
            sample()

    thread = threading.Thread(target=loop, name="monitor", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        sample()


def _gpu(device: torch.device) -> Any:
    """A function that samples the fit's GPU, or nothing where there is none or no NVML."""
    if device.type != "cuda":
        return dict
    try:
        import pynvml

        pynvml.nvmlInit()
        handle = pynvml.nvmlDeviceGetHandleByIndex(device.index or 0)
    except Exception:
        # Without the optional nvidia-ml-py, or in a container without NVML, the GPU's series are simply absent.
        return dict

    def sample() -> dict[str, float]:
        name = f"system/gpu_{device.index or 0}"
        return {
            f"{name}_utilization_percentage": float(pynvml.nvmlDeviceGetUtilizationRates(handle).gpu),
            f"{name}_memory_usage_megabytes": pynvml.nvmlDeviceGetMemoryInfo(handle).used / 1e6,
            f"{name}_power_usage_watts": pynvml.nvmlDeviceGetPowerUsage(handle) / 1e3,
        }

    return sample
