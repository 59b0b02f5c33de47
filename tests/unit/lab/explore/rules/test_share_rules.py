"""What must hold of every share: each rule with records that keep it, and that break it."""

from __future__ import annotations

from itertools import product
from typing import Any

from despoolr_core.records.kinds.client import MessageRead
from despoolr_core.records.kinds.fact import Fact
from despoolr_core.records.kinds.run import RunEnded, StepTaken
from despoolr_core.records.kinds.share import (
    FileDeleted,
    FileRenamed,
    FileWritten,
    OpenClosed,
    OpenGranted,
    OpenRefused,
    SessionEnded,
    SessionStarted,
    ShareStarted,
)
from despoolr_core.records.kinds.site import CopyEnded, CopyStarted, FileCopied
from despoolr_core.records.stream import Record
from despoolr_core.rules.conflict import conflicts
from despoolr_core.share.modes import NtStatus
from despoolr_core.share.wire import Blocker
from despoolr_lab.explore.rules import share_rules
from despoolr_lab.explore.rules.share_rules import ShareRules

WHERE = {"server": "LOGON1", "share": "SMS_PKGD", "path": "BPC00001/b.dat"}
COPIER = {
    "machine": "SITE1",
    "program": "SMS_DESPOOLER",
    "purpose": "job BPC00002 package BPC00001",
}


def granted(open_: str, access: str = "READ", share_mode: str = "READ", **more: Any) -> OpenGranted:
    facts: dict[str, Any] = {
        **WHERE,
        "open": open_,
        "session": f"S{open_}",
        "machine": f"WS{open_}",
        "user": "ALICE",
        "program": "WINWORD.EXE",
        "access": access,
        "share_mode": share_mode,
        "action": "OPENED",
        "purpose": "",
    }
    return OpenGranted(**{**facts, **more})


def closed(open_: str) -> OpenClosed:
    return OpenClosed(**WHERE, open=open_, machine=f"WS{open_}", reason="closed")


def refused(*blockers: str, episode: str = "E1", **more: Any) -> OpenRefused:
    facts: dict[str, Any] = {
        **WHERE,
        **COPIER,
        "user": "SMSService",
        "access": "WRITE",
        "share_mode": "READ",
        "nt_status": NtStatus.SHARING_VIOLATION.value,
        "win32": 32,
        "blockers": tuple(
            Blocker(name, f"WS{name}", "ALICE", "WINWORD.EXE", "READ", "READ", 0.0)
            for name in blockers
        ),
        "episode": episode,
    }
    return OpenRefused(**{**facts, **more})


def broken(*facts: Fact, causes: dict[int, int] | None = None) -> list[str]:
    rules = ShareRules(frozenset({"SMS_PKGD"}))
    records = [
        Record(seq, at, "BPC/SMS_DESPOOLER", fact, (causes or {}).get(seq, 0))
        for seq, fact in enumerate(facts, 1)
        # a file goes in the moment of what came before
        for at in [float(seq - isinstance(fact, FileDeleted))]
    ]
    found = [breach for record in records for breach in rules.apply(record)]
    return [breach.kind for breach in (*found, *rules.at_end(records))]


def test_readers_that_share_reading_hold_a_file_together() -> None:
    assert broken(granted("1"), granted("2"), closed("1"), closed("2")) == []


def test_a_writer_beside_a_reader_that_shares_reading_alone_is_told() -> None:
    assert broken(granted("1"), granted("2", "WRITE", "READ|WRITE")) == [share_rules.TWO_OPENS]
    assert broken(granted("1"), closed("1"), granted("2", "WRITE", "READ|WRITE")) == []


def test_a_file_written_under_who_does_not_share_it_is_told_and_its_own_is_not() -> None:
    written = FileWritten(**WHERE, **COPIER, size=1)
    assert broken(granted("1"), written) == [share_rules.CHANGED_UNDER]
    assert broken(granted("1", share_mode="READ|WRITE"), written) == []
    own = granted("1", "WRITE", "", machine="SITE1", program="SMS_DESPOOLER")
    assert broken(own, written) == []


def test_a_file_deleted_under_who_shares_that_is_another_file_from_then_on() -> None:
    shared = granted("1", share_mode="READ|DELETE")
    deleted = FileDeleted(**WHERE, **COPIER)
    assert broken(granted("1"), deleted) == [share_rules.CHANGED_UNDER]
    assert broken(shared, deleted, FileWritten(**WHERE, **COPIER, size=1)) == []


def test_a_renamed_directory_takes_what_is_open_in_it_along() -> None:
    renamed = FileRenamed(**{**WHERE, "path": "BPC00001"}, **COPIER, new_path="OLD")
    there = {**WHERE, "path": "OLD/b.dat"}
    shared = granted("1", share_mode="READ|DELETE")
    assert broken(shared, renamed, FileWritten(**there, **COPIER, size=1)) == [
        share_rules.CHANGED_UNDER
    ]


def test_who_is_refused_is_refused_by_opens_that_are_there() -> None:
    assert broken(granted("1"), refused("1")) == []
    assert broken(granted("1"), closed("1"), refused("1")) == [share_rules.STALE]
    allows = granted("1", share_mode="READ|WRITE")
    assert broken(allows, refused("1")) == [share_rules.NO_CONFLICT]
    assert share_rules.NOBODY in broken(granted("1"), refused(episode=""))


def test_a_range_and_a_deleted_file_are_refused_by_opens_that_are_there() -> None:
    shared = granted("1", share_mode="READ|WRITE|DELETE")
    for status in (NtStatus.FILE_LOCK_CONFLICT, NtStatus.DELETE_PENDING):
        by = {"nt_status": status.value}
        assert broken(shared, refused("1", **by)) == []
        assert share_rules.NOBODY in broken(shared, refused(episode="", **by))
        assert share_rules.STALE in broken(shared, closed("1"), refused("1", **by))


def test_a_file_that_was_deleted_while_it_was_open_goes_with_its_last_close() -> None:
    shared = granted("1", share_mode="READ|DELETE"), granted("2", share_mode="READ|DELETE")
    pending = refused("1", "2", nt_status=NtStatus.DELETE_PENDING.value)
    closes, deleted = (closed("1"), closed("2")), FileDeleted(**WHERE, **COPIER)
    began = ShareStarted(server="LOGON1")
    forgotten = [share_rules.DELETE_FORGOTTEN]
    assert broken(*shared, pending, *closes, deleted) == []
    assert broken(*shared, pending, *closes) == forgotten
    assert broken(*shared, pending, closed("1")) == []
    assert broken(*shared, pending, began) == []
    other = granted("3", share_mode="READ|DELETE")
    assert broken(*shared, pending, *closes, other, deleted) == forgotten


def test_nothing_is_made_in_a_directory_that_was_deleted_while_it_was_open() -> None:
    at = {**WHERE, "path": "BPC00001"}
    directory = granted("1", share_mode="READ|DELETE", **at)
    pending = refused("1", nt_status=NtStatus.DELETE_PENDING.value)
    closed_ = OpenClosed(**at, open="1", machine="WS1", reason="closed")
    assert broken(directory, pending, closed_, FileDeleted(**at, **COPIER)) == []
    assert broken(directory, pending, closed_) == [share_rules.DELETE_FORGOTTEN]


def test_a_refusal_without_an_episode_is_forgotten() -> None:
    assert broken(granted("1"), refused("1", episode="")) == [share_rules.FORGOTTEN]


def test_an_open_that_nobody_had_is_not_closed() -> None:
    assert broken(closed("1")) == [share_rules.CLOSED_TWICE]


def test_a_session_that_is_over_has_nothing_open() -> None:
    over = SessionEnded(server="LOGON1", session="S1", machine="WS1", reason="logoff")
    assert broken(granted("1"), over) == [share_rules.LEFT_OPEN]
    assert broken(granted("1"), closed("1"), over) == []


STARTED = CopyStarted(job="BPC00002", package="BPC00001", server="LOGON1", attempt=1)


def ended(result: str) -> CopyEnded:
    return CopyEnded(
        job="BPC00002",
        package="BPC00001",
        server="LOGON1",
        attempt=1,
        result=result,
        file="",
        win32=0,
    )


def copied(result: str, win32: int = 0) -> FileCopied:
    return FileCopied(
        job="BPC00002",
        package="BPC00001",
        server="LOGON1",
        file="b.dat",
        result=result,
        win32=win32,
    )


def test_a_copy_is_refused_by_a_share_that_has_a_record_of_it() -> None:
    causes = {3: 2, 4: 2, 5: 2}
    whole = (granted("1"), STARTED, refused("1"), copied("refused", 32), ended("refused"))
    assert broken(*whole, causes=causes) == []
    without = (granted("1"), STARTED, copied("refused", 32), ended("refused"))
    assert broken(*without, causes=causes) == [share_rules.FORGOTTEN]


def test_a_copy_is_not_complete_while_a_file_was_refused() -> None:
    causes = {3: 2, 4: 2, 5: 2}
    told = (granted("1"), STARTED, refused("1"), copied("refused", 32), ended("complete"))
    assert share_rules.FORGOTTEN in broken(*told, causes=causes)
    silent = (granted("1"), STARTED, refused("1"), ended("complete"))
    assert broken(*silent, causes=causes) == [share_rules.FORGOTTEN]
    late = (granted("1"), STARTED, refused("1"), copied("copied"), ended("complete"))
    assert broken(*late, causes=causes) == []


def ends(*facts: Fact, at: float, off: dict[str, float] | None = None) -> list[str]:
    rules = ShareRules(frozenset())
    records = [Record(seq, float(seq), "LOGON1", fact) for seq, fact in enumerate(facts, 1)]
    for record in records:
        assert not list(rules.apply(record))
    last = Record(len(records) + 1, at, "BPC", RunEnded(reason="time up"))
    return [breach.kind for breach in rules.at_end([*records, last], off or {})]


def test_a_service_closes_what_it_opened() -> None:
    of_service = granted("1", program="SMS_DESPOOLER")
    assert ends(of_service, at=3600.0) == []
    assert ends(of_service, at=86_400.0) == [share_rules.NEVER_CLOSED]
    assert ends(of_service, closed("1"), at=86_400.0) == []
    assert ends(granted("1"), at=86_400.0) == []  # a person may


def test_who_is_off_keeps_its_opens_until_its_lease_is_over() -> None:
    began = SessionStarted(
        server="LOGON1", session="S1", machine="WS1", user="ALICE", program="", lease_s=3600.0
    )
    held = began, granted("1")
    assert ends(*held, at=86_400.0) == []
    assert ends(*held, at=86_400.0, off={"WS1": 83_000.0}) == []
    assert ends(*held, at=86_400.0, off={"WS1": 80_000.0}) == [share_rules.OUTLIVED]
    assert ends(*held, at=86_400.0, off={"WS2": 80_000.0}) == []
    assert ends(*held, closed("1"), at=86_400.0, off={"WS1": 80_000.0}) == []


def test_the_rule_of_sharing_is_known_here_a_second_time() -> None:
    for modes in product(range(8), repeat=4):
        assert share_rules._exclude(*modes) == conflicts(*modes), modes


def test_a_machine_that_is_on_keeps_its_lease() -> None:
    lapsed = SessionEnded(server="LOGON1", session="S1", machine="WS1", reason="lease expired")
    off = SessionEnded(server="LOGON1", session="S1", machine="WS1", reason="logoff")
    assert broken(off) == broken(StepTaken(do="power", at="1h"), lapsed) == []
    assert broken(StepTaken(do="hold", at="1h"), lapsed) == [share_rules.LEASE_CUT]
    told = MessageRead(server="LOGON1", text="Please close", does="crash")
    assert broken(told, lapsed) == []
