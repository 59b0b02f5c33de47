"""What the servers of a process stand on: records that cannot be written are told of."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from despoolr_app.process.logs.process_log import PLAIN, begin
from despoolr_app.process.runtime import prepare
from despoolr_app.process.settings import RuntimeSettings
from despoolr_app.runs import directory as runs
from despoolr_core.records.kinds.site import LineLogged
from worlds.support import leave_out


async def test_records_that_a_full_disk_does_not_take_are_told_of_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = Path("/dev/full")
    if not full.exists():
        leave_out("this system has no /dev/full")
    monkeypatch.setattr(runs, "opener", lambda _, flags: os.open(full, flags))
    stream = io.StringIO()
    begin(PLAIN, stream)
    runtime = prepare(RuntimeSettings(tmp_path))
    runtime.begin(0.0)
    for text in ("first", "second"):
        runtime.recorder.record("SITE1", LineLogged(component="x", text=text))
        runtime._flush()
    (told,) = stream.getvalue().splitlines()
    assert "could not be written" in told and "No space left on device" in told
    runtime.end(is_clean=True)
