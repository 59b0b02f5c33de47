"""What went wrong on the wire is a number and at most one line an interval."""

from __future__ import annotations

import asyncio

import pytest

from despoolr_lab.sim.world import run_virtual
from despoolr_server.http.base.counts.traffic import KINDS, LINE_S, Traffic


def test_the_first_is_told_at_once_and_the_rest_together_when_the_interval_is_over(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> Traffic:
        traffic = Traffic()
        traffic.count("hung_up")
        assert [record.getMessage() for record in caplog.records] == [
            "connections: 1 hung up before it was answered"
        ]
        for _ in range(156):
            traffic.count("hung_up")
        traffic.count("malformed")
        await asyncio.sleep(LINE_S - 1.0)
        assert len(caplog.records) == 1
        await asyncio.sleep(2.0)
        assert len(caplog.records) == 2
        await asyncio.sleep(10 * LINE_S)
        assert len(caplog.records) == 2, "nothing happened: nothing is said"
        traffic.count("malformed")
        assert len(caplog.records) == 3
        return traffic

    traffic = run_virtual(main)
    assert (
        caplog.records[1].getMessage()
        == "connections: 156 hung up before they were answered; 1 sent what is no HTTP"
    )
    assert (traffic.counts["hung_up"], traffic.counts["malformed"]) == (157, 2)
    assert set(traffic.counts) == set(KINDS)


def test_the_rest_is_told_at_the_end(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        traffic = Traffic()
        traffic.count("refused")
        traffic.count("refused")
        traffic.close()

    run_virtual(main)
    assert [record.getMessage() for record in caplog.records] == [
        "connections: 1 found no room"
    ] * 2


def test_a_quiet_one_only_counts(caplog: pytest.LogCaptureFixture) -> None:
    traffic = Traffic(line_s=0.0)
    traffic.count("refused")
    traffic.close()
    assert (traffic.counts["refused"], caplog.records) == (1, [])
