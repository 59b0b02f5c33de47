"""The records that a report is measured with are records, and make a run that has what to tell."""

from __future__ import annotations

import asyncio

import pytest

from despoolr_core.records.episodes import EpisodeLedger
from despoolr_core.records.stream import decode
from despoolr_lab.bench import many


def test_made_up_records_are_as_a_server_writes_them() -> None:
    records = [decode(line) for line in many._lines(5_000)]
    assert [record.seq for record in records] == list(range(1, 5_001))
    kinds = {record.kind for record in records}
    assert {"open.granted", "open.closed", "open.refused", "episode.ended"} <= kinds
    ledger = EpisodeLedger()
    for record in records:
        ledger.apply(record)
    assert [*ledger.each(records[-1].at)]
    assert ledger.waiting_count <= 1


@pytest.mark.slow
def test_opens_are_measured_with_few_held_and_with_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(many, "FEW", 10)
    monkeypatch.setattr(many, "PAIRS", 10)
    found = asyncio.run(many._opens(100))
    assert found["held_growth_1000000"] > 0
