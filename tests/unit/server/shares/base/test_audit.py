"""Refusals are counted by share and program, and callers cannot make that table grow for ever."""

from __future__ import annotations

from despoolr_core.records.stream import Record, Recorder
from despoolr_core.share.modes import NtStatus
from despoolr_server.engine.rows import Refusal
from despoolr_server.shares.base.audit import LABELS_MAX, Actor
from despoolr_server.shares.host import ShareHost
from worlds.share import StillClock

HELD = Refusal(NtStatus.SHARING_VIOLATION)


def refuse(host: ShareHost, program: str, refusal: Refusal = HELD) -> None:
    actor = Actor("PC1", "JANE", program)
    host.gate.audit.refused(actor, "SMS_SHR", "A.DAT", 1, 1, refusal, [])


def test_what_is_on_record_counts_and_a_missing_name_is_neither() -> None:
    records: list[Record] = []
    host = ShareHost("LOGON1", StillClock(), Recorder(lambda: 0.0, [records.append]))
    for program in ("A", "A", "B"):
        refuse(host, program)
    refuse(host, "A", Refusal(NtStatus.OBJECT_NAME_NOT_FOUND))
    assert host.refusal_counts == {("SMS_SHR", "A"): 2, ("SMS_SHR", "B"): 1}
    assert [record.kind for record in records] == ["share.started", *["open.refused"] * 3]


def test_labels_beyond_the_bound_are_counted_as_other() -> None:
    host = ShareHost("LOGON1", StillClock(), Recorder(lambda: 0.0))
    for number in range(LABELS_MAX + 5):
        refuse(host, f"P{number}")
    refuse(host, "P0")
    assert len(host.refusal_counts) == LABELS_MAX + 1
    assert host.refusal_counts["other", "other"] == 5
    assert host.refusal_counts["SMS_SHR", "P0"] == 2
