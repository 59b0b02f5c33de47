"""What a server's metrics say of faults."""

from __future__ import annotations

from typing import Any

from despoolr_app.servers.metrics import FaultMetrics
from despoolr_core.records.stream import Recorder
from despoolr_core.share.fault_api import KINDS, LinkDown, SlowShare
from despoolr_server.faults.book import FaultBook
from worlds.share import StillClock


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
