"""The event loop that processes run on."""

from __future__ import annotations

import asyncio
import sys

import pytest

from despoolr_app.process.event_loop import loop_factory


def test_a_process_runs_on_it() -> None:
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        assert runner.run(asyncio.sleep(0, "done")) == "done"


def test_without_uvloop_it_is_asyncios_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert loop_factory() is None
