"""Refusals are counted by share and program, and callers cannot make that table grow for ever."""

from __future__ import annotations

from despoolr_core.records.kinds.share import OpenGranted, OpenRefused
from despoolr_core.records.stream import Record
from despoolr_server.http.base.metrics import LABELS_MAX, RefusalCounts
from worlds.record_samples import sample


def refusal(
    program: str, server: str = "LOGON1", kind: type[OpenRefused | OpenGranted] = OpenRefused
) -> Record:
    return Record(1, 0.0, "x", sample(kind, server=server, share="SMS_SHR", program=program))


def test_only_this_servers_refusals_count() -> None:
    refusals = RefusalCounts("LOGON1")
    for record in (
        refusal("A"),
        refusal("A"),
        refusal("A", "LOGON2"),
        refusal("A", kind=OpenGranted),
    ):
        refusals(record)
    assert dict(refusals.counts) == {("SMS_SHR", "A"): 2}


def test_labels_beyond_the_bound_are_counted_as_other() -> None:
    refusals = RefusalCounts("LOGON1")
    for number in range(LABELS_MAX + 5):
        refusals(refusal(f"P{number}"))
    refusals(refusal("P0"))
    assert len(refusals.counts) == LABELS_MAX + 1
    assert refusals.counts["other", "other"] == 5
    assert refusals.counts["SMS_SHR", "P0"] == 2
