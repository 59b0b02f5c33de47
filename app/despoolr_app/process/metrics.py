"""What a process takes from its machine, for Prometheus: the numbers a soak looks at. Fleets and
servers have the same.

The law: asking costs a few reads of `/proc`; where there is none, a number that is not known is 0.
The names are in docs/metrics.md.
"""

from __future__ import annotations

import asyncio
import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from despoolr_core.version import PRODUCT_VERSION


class ProcessMetrics(Collector):
    """What the process takes from its machine: what a soak looks at."""

    def collect(self) -> Iterator[Metric]:
        """Version, memory, file descriptors, tasks, processor, birth."""
        times = os.times()
        build = GaugeMetricFamily(
            "despoolr_build_info", "What runs; always 1.", labels=["version", "python"]
        )
        build.add_metric((PRODUCT_VERSION, platform.python_version()), 1)
        yield build
        yield GaugeMetricFamily(
            "despoolr_process_memory_bytes", "Memory that is resident.", _resident()
        )
        yield GaugeMetricFamily(
            "despoolr_process_file_descriptors", "File descriptors that are open.", _descriptors()
        )
        yield GaugeMetricFamily(
            "despoolr_process_tasks", "Tasks of the event loop.", len(asyncio.all_tasks())
        )
        yield CounterMetricFamily(
            "despoolr_process_cpu_seconds", "Processor time.", times.user + times.system
        )
        yield GaugeMetricFamily(
            "despoolr_process_start_time_seconds", "When it started, since 1970.", _STARTED_AT
        )


def _resident() -> int:
    try:
        return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf(
            "SC_PAGE_SIZE"
        )
    except OSError:  # not Linux: unknown
        return 0


def _descriptors() -> int:
    try:
        return sum(1 for _ in Path("/proc/self/fd").iterdir())
    except OSError:
        return 0


def _started_at() -> float:
    """When this process started, in seconds since 1970, to the tick of the kernel's clock."""
    try:
        after_name = Path("/proc/self/stat").read_text("ascii").rpartition(")")[2].split()
        booted = next(
            line
            for line in Path("/proc/stat").read_text("ascii").splitlines()
            if line.startswith("btime ")
        )
        return float(booted.split()[1]) + int(after_name[19]) / os.sysconf("SC_CLK_TCK")
    except (OSError, StopIteration, ValueError, IndexError):
        return 0.0


_STARTED_AT: Final = _started_at()
