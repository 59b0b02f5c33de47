"""What must hold of those who wait for a file, and of what is taken from others for them."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from despoolr_core.records.episodes import EpisodeLedger
from despoolr_core.records.kinds.fact import Fact
from despoolr_core.records.kinds.run import StepTaken
from despoolr_core.records.kinds.share import (
    EpisodeEnded,
    FileDeleted,
    FileRenamed,
    FileWritten,
    LockGranted,
    LockReleased,
    OpenClosed,
    OpenGranted,
    OpenRefused,
    RightsChanged,
)
from despoolr_core.records.kinds.site import CopyStarted
from despoolr_core.records.stream import Record
from despoolr_core.share.modes import NtStatus
from despoolr_core.share.wire import Blocker, LockedRange
from despoolr_lab.explore.rules import wait_rules
from despoolr_lab.explore.rules.wait_rules import WaitRules

WHERE = {"server": "LOGON1", "share": "SMS_PKGD", "path": "BPC00001/b.dat"}
COPIER = {
    "machine": "SITE1",
    "program": "SMS_DESPOOLER",
    "purpose": "job BPC00002 package BPC00001",
}
WRITTEN = FileWritten(**WHERE, **COPIER, size=1)
STARTED = CopyStarted(job="BPC00002", package="BPC00001", server="LOGON1", attempt=2)


class Deaf(EpisodeLedger):
    """A ledger that hears of nothing but refusals, and of one open alone."""

    def apply(self, record: Record) -> None:
        fact = record.data
        if isinstance(fact, OpenRefused):
            fact = refused(*[blocker.open for blocker in fact.blockers][:1])
            super().apply(Record(record.seq, record.at, record.actor, fact))


def told(
    *facts: Fact, ledger: EpisodeLedger | None = None, keeps_rights: bool = False, calm: float = 0.0
) -> list[str]:
    rules = WaitRules(keeps_rights)
    rules._ledger = ledger or rules._ledger
    records = [Record(seq, float(seq), "LOGON1/SITE1", fact) for seq, fact in enumerate(facts, 1)]
    found = [breach for record in records for breach in rules.apply(record)]
    return [breach.kind for breach in (*found, *rules.at_end(100_000.0, calm))]


def refused(*blockers: str, **more: Any) -> OpenRefused:
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
        "episode": "LOGON1-E1",
    }
    return OpenRefused(**{**facts, **more})


def granted(access: str) -> OpenGranted:
    return OpenGranted(
        **WHERE,
        **COPIER,
        open="9",
        session="S9",
        user="SMSService",
        access=access,
        share_mode="READ",
        action="OPENED",
    )


def test_an_episode_tells_of_each_refusal_and_of_all_who_were_in_the_way() -> None:
    assert told(refused("1"), refused("1", "2"), WRITTEN) == []
    assert told(refused("1", "2"), ledger=Deaf()) == [wait_rules.WRONG_HOLDER]
    no_ledger = EpisodeLedger("ELSEWHERE")
    assert told(refused("1"), refused("1"), ledger=no_ledger) == [wait_rules.MISCOUNTED]


def test_an_episode_ends_when_its_waiter_has_got_what_it_was_refused() -> None:
    other = {**WHERE, "path": "BPC00001/a.dat"}
    assert told(refused("1"), FileWritten(**other, **COPIER, size=1), granted("READ")) == []
    assert told(refused("1"), granted("WRITE")) == []
    assert told(refused("1"), WRITTEN, ledger=Deaf()) == [wait_rules.ENDED_EARLY]


def test_what_was_given_up_is_not_tried_again_but_after_a_death() -> None:
    ended = EpisodeEnded(server="LOGON1", episode="LOGON1-E1", state="given up", reason="100 times")
    assert told(refused("1"), ended) == []
    assert told(refused("1"), ended, STARTED) == [wait_rules.NOT_GIVEN_UP]
    assert told(refused("1"), ended, StepTaken(do="kill", at="1h"), STARTED) == []


def lock(open_: str, kind: str = "EXCLUSIVE", offset: int = 0) -> LockGranted:
    return LockGranted(
        **WHERE,
        open=open_,
        machine=f"WS{open_}",
        program="WINWORD.EXE",
        purpose="",
        lock=kind,
        offset=offset,
        length=10,
    )


def test_of_two_locks_of_a_range_none_is_exclusive() -> None:
    assert told(lock("1"), lock("2", offset=10)) == []
    assert told(lock("1", "SHARED"), lock("2", "SHARED")) == []
    assert told(lock("1"), lock("2", "SHARED", 9)) == [wait_rules.TWO_LOCKS]
    closed = OpenClosed(**WHERE, open="1", machine="WS1", reason="closed")
    assert told(lock("1"), closed, lock("2")) == []
    released = LockReleased(**WHERE, open="1", machine="WS1", lock="EXCLUSIVE", offset=0, length=10)
    assert told(lock("1"), released, lock("2")) == []


def by_range(offset: int = 0, status: NtStatus = NtStatus.FILE_LOCK_CONFLICT) -> OpenRefused:
    (blocker,) = refused("1").blockers
    held = LockedRange("EXCLUSIVE", offset, 10, 0.0)
    more = {"nt_status": status.value, "blockers": (replace(blocker, lock=held),)}
    return replace(refused("1"), **more)


def test_a_range_is_refused_by_a_lock_that_stands() -> None:
    released = LockReleased(**WHERE, open="1", machine="WS1", lock="EXCLUSIVE", offset=0, length=10)
    closed = OpenClosed(**WHERE, open="1", machine="WS1", reason="closed")
    assert told(lock("1"), by_range()) == []
    for over in (released, closed):
        assert told(lock("1"), over, by_range()) == [wait_rules.NO_LOCK]


def test_a_range_is_refused_by_a_lock_of_the_same_bytes() -> None:
    def step(offset: int) -> StepTaken:
        return StepTaken(
            do="hold", result={"range_refused": "locked", "offset": offset, "length": 5}
        )

    asked = lock("1"), by_range(status=NtStatus.LOCK_NOT_GRANTED)
    assert told(*asked, step(9)) == []
    assert told(*asked, step(10)) == [wait_rules.OTHER_BYTES]
    assert told(lock("1"), by_range(), step(10)) == []


def test_nothing_is_written_in_a_range_that_another_has_locked() -> None:
    assert told(lock("1", offset=1), WRITTEN) == []
    assert told(lock("1"), WRITTEN) == [wait_rules.UNDER_LOCK]
    own = replace(lock("1"), machine=COPIER["machine"], program=COPIER["program"])
    assert told(own, WRITTEN) == []


def test_locks_go_with_their_file_and_not_with_its_name() -> None:
    aside = f"{WHERE['path']}.old"
    there = {**WHERE, "machine": "SITE1", "program": "SMS_DESPOOLER", "purpose": ""}
    renamed = FileRenamed(**there, new_path=aside)
    assert told(lock("1"), renamed, lock("2")) == []
    moved = replace(lock("2"), path=aside)
    assert told(lock("1"), renamed, moved) == [wait_rules.TWO_LOCKS]
    released = LockReleased(**WHERE, open="1", machine="WS1", lock="EXCLUSIVE", offset=0, length=10)
    assert told(lock("1"), renamed, released, moved) == []
    back = FileRenamed(**{**there, "path": aside}, new_path=WHERE["path"])
    assert told(moved, lock("1"), back, lock("3")) == [wait_rules.TWO_LOCKS]
    assert told(lock("1"), FileDeleted(**there), lock("2")) == []


def rights(now: str | None, was: str | None) -> RightsChanged:
    return RightsChanged(share="SMS_PKGD", path="BPC00001", role="client", rights=now, was=was)


def test_rights_that_were_taken_are_given_back() -> None:
    taken, back = rights("NONE", None), rights(None, "NONE")
    assert told(taken, back) == []
    assert told(taken) == [wait_rules.RIGHTS_KEPT]
    assert told(taken, keeps_rights=True) == []
    assert told(taken, calm=99_999.0) == []
