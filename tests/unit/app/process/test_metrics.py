"""What a process takes from its machine: read where there is a `/proc`, 0 where there is none."""

from __future__ import annotations

import gc
import os
import time
from pathlib import Path

import pytest

from despoolr_app.process import metrics
from despoolr_app.process.metrics import ProcessMetrics

KNOWN = "despoolr_process_memory_bytes", "despoolr_process_file_descriptors"


def values() -> dict[str, float]:
    """The value of each metric, by its name."""
    families = ProcessMetrics().collect()
    return {sample.name: sample.value for family in families for sample in family.samples}


@pytest.mark.slow
async def test_a_process_tells_its_memory_its_descriptors_its_tasks_and_its_birth() -> None:
    gc.collect()  # what earlier tests left open is closed now, not between the two looks
    before = values()
    with Path(os.devnull).open("rb"):
        after = values()
    assert before["despoolr_process_memory_bytes"] > 1_000_000
    assert after["despoolr_process_file_descriptors"] == (
        before["despoolr_process_file_descriptors"] + 1
    )
    assert before["despoolr_process_tasks"] == 1
    age_s = time.clock_gettime(time.CLOCK_REALTIME) - before["despoolr_process_start_time_seconds"]
    assert 0 < age_s < 7 * 86_400
    assert before["despoolr_build_info"] == 1


async def test_where_there_is_no_proc_what_is_not_known_is_0_and_the_rest_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(metrics, "Path", lambda path: tmp_path / path.lstrip("/"))
    told = values()
    assert [told[name] for name in KNOWN] == [0, 0]
    assert told["despoolr_process_cpu_seconds_total"] > 0 and told["despoolr_process_tasks"] == 1
    assert metrics._started_at() == 0.0
