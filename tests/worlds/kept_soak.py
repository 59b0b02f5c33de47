"""What a soak leaves on the disk, without one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from despoolr_lab.samples import FleetSample, ProcessSample, Sample, ShareSample, SiteSample
from despoolr_lab.soak.plan import Asked
from despoolr_lab.soak.watch import SoakWatch

ASKED = Asked(20, 900.0)


def soak(directory: Path, *, growth: float = 0.0, **summary: Any) -> SoakWatch:
    """What a soak of a quarter of an hour leaves, with a restart in it; the watch as it was in
    memory.
    """
    (directory / "asked.json").write_bytes(msgspec.json.encode(ASKED))
    if summary:
        (directory / "summary.json").write_bytes(msgspec.json.encode(summary))
    watch = SoakWatch()
    watch.open(directory / "samples.csv")
    for n in range(450):
        tasks = 40.0 + n * growth + n % 5
        process = ProcessSample(
            tasks=tasks, started_at=1.0 if n < 150 else 301.0, memory=5e7, cpu_s=n / 10
        )
        sample = Sample(
            "SITE1", 0.0, 0.0, process, ShareSample(opens=float(n % 7)), SiteSample(), FleetSample()
        )
        watch.take(n * 2.0, sample, is_judged=n < 430)
    watch.close()
    return watch
