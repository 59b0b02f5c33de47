"""What a server's metrics say of faults, and when a site's rows are counted."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from despoolr_app.servers import metrics as module
from despoolr_app.servers.metrics import FaultMetrics, SiteMetrics
from despoolr_core.records.kinds.site import LineLogged
from despoolr_core.records.stream import Recorder
from despoolr_core.share.fault_api import KINDS, LinkDown, SlowShare
from despoolr_server.faults.book import FaultBook
from despoolr_server.site.state.rows.slots import SlotTable
from worlds.share import StillClock
from worlds.site import Bench


def said(metrics: FaultMetrics) -> dict[str, float]:
    (family,) = metrics.collect()
    return {sample.labels["fault"]: sample.value for sample in family.samples}


class Line:
    """A line that may be broken."""

    def __getattr__(self, _name: str) -> Any:
        return lambda *_: None


async def test_faults_that_last_are_counted_by_name_and_all_names_are_always_there() -> None:
    clock = StillClock()
    book = FaultBook("LOGON1", Line(), clock, Recorder(clock.now, []), "")
    metrics = FaultMetrics(book)
    nothing = dict.fromkeys(KINDS, 0.0)
    assert said(metrics) == said(FaultMetrics(None)) == nothing
    slow = await book.add(SlowShare(server="LOGON1"))
    for other in ("WS1", "WS2"):
        await book.add(LinkDown(server="LOGON1", other=other))
    assert said(metrics) == {**nothing, "slow_share": 1.0, "link_down": 2.0}
    await book.end(slow.id)
    assert said(metrics) == {**nothing, "link_down": 2.0}


async def test_rows_are_counted_after_the_site_recorded_something_and_at_no_other_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    count, counted = module._counts, []

    def counting(db: Any) -> Any:
        counted.append(1)
        return count(db)

    async def settled() -> int:
        for _ in range(100):
            await asyncio.sleep(0)
        return len(counted)

    monkeypatch.setattr(module, "_counts", counting)
    monkeypatch.setattr(module, "REFRESH_S", 0.0)
    bench = Bench()
    metrics = SiteMetrics(bench.site, bench.server.executive, SlotTable(0, 60.0))
    bench.recorder.listeners.append(metrics.hear)
    counting_on = asyncio.create_task(metrics.refresh())
    assert await settled() == 1, "once at the start"
    line = LineLogged(component="X", text="")
    bench.recorder.record("SITE1/LOGON1", line)
    assert await settled() == 1, "that was a share, and no service"
    bench.recorder.record("BPC/SMS_SCHEDULER", line)
    assert await settled() == 2
    bench.recorder.record("BPC/SMS_SCHEDULER", line)
    bench.recorder.record("BPC/SMS_SCHEDULER", line)
    assert await settled() == 3, "both at once"
    counting_on.cancel()
