"""The ledger of episodes: who waited for whom, from the records alone."""

from __future__ import annotations

import time
from collections.abc import Iterable
from random import Random
from typing import Any

import msgspec
import pytest

from despoolr_core.records import episodes
from despoolr_core.records.episodes import HOLDS_EACH, HOLDS_MAX, EpisodeLedger
from despoolr_core.records.kinds.share import (
    EpisodeEnded,
    FileWritten,
    LockGranted,
    LockReleased,
    OpenClosed,
    OpenGranted,
    OpenRefused,
    ShareStarted,
)
from despoolr_core.records.stream import Record, Recorder, decode, encode
from despoolr_core.records.verdicts import verdict
from despoolr_core.share.wire import Blocker, LockedRange

T0 = 833785200.0
"""1996-06-03 07:00."""
WORD: dict[str, Any] = {
    "machine": "WS3",
    "user": "ALICE",
    "program": "WINWORD.EXE",
    "access": "READ",
    "share_mode": "READ",
}


class Story:
    """Writes records as a share server would, `at` seconds after T0, into a ledger."""

    def __init__(self, **limits: Any) -> None:
        self.time = T0
        self.records: list[Record] = []
        self.ledger = EpisodeLedger(**limits)
        self.recorder = Recorder(lambda: self.time, [self.records.append, self.ledger.apply])

    def at(self, seconds: float) -> Story:
        self.time = T0 + seconds
        return self

    def granted(self, handle: str, path: str = "P1/b.dat", **who: str) -> Story:
        facts = WORD | {"session": "S1", "action": "OPENED", "purpose": ""} | who
        self.recorder.record(
            "LOGON1/WS3", OpenGranted(server="LOGON1", open=handle, share="PKG", path=path, **facts)
        )
        return self

    def closed(self, handle: str, path: str = "P1/b.dat") -> Story:
        facts = {"machine": "WS3", "share": "PKG", "path": path, "reason": "closed"}
        self.recorder.record("LOGON1/WS3", OpenClosed(server="LOGON1", open=handle, **facts))
        return self

    def refused_by_locks(self, *blockers: tuple[str, int, int]) -> Story:
        """A range is refused because of locks by (open, offset, length)."""
        named = tuple(
            Blocker(
                open=o,
                opened_at=T0,
                lock=LockedRange("EXCLUSIVE", at, n, self.time),
                **WORD,
            )
            for o, at, n in blockers
        )
        facts: dict[str, Any] = {
            "share": "PKG",
            "path": "P1/b.dat",
            "access": "WRITE",
            "share_mode": "READ",
            "win32": 33,
            "purpose": "",
        }
        facts |= {
            "nt_status": "STATUS_LOCK_NOT_GRANTED",
            "blockers": named,
            "episode": "E1",
            "user": "",
        }
        who: dict[str, Any] = {"machine": "SITE1", "program": "SMS_DESPOOLER"}
        self.recorder.record("LOGON1/SITE1", OpenRefused(server="LOGON1", **facts, **who))
        return self

    def unlocked(self, handle: str, offset: int, length: int) -> Story:
        facts: dict[str, Any] = {
            "machine": "WS3",
            "share": "PKG",
            "path": "P1/b.dat",
            "lock": "EXCLUSIVE",
            "offset": offset,
            "length": length,
        }
        self.recorder.record("LOGON1/WS3", LockReleased(server="LOGON1", open=handle, **facts))
        return self

    def refused(
        self, *blockers: str, path: str = "P1/b.dat", purpose: str = "", **waiter: str
    ) -> Story:
        who: dict[str, Any] = {"machine": "SITE1", "program": "SMS_DESPOOLER"} | waiter
        found = self.ledger.find(who["machine"], who["program"], "LOGON1", "PKG", path, purpose)
        episode = (found or f"E{len(self.records)}") if blockers else ""
        self.recorder.record(
            "LOGON1/SITE1",
            OpenRefused(
                server="LOGON1",
                user="SMSADMIN",
                share="PKG",
                path=path,
                access="WRITE",
                share_mode="READ",
                nt_status="STATUS_SHARING_VIOLATION",
                win32=32,
                blockers=tuple(
                    Blocker(open=blocker, opened_at=T0 - 3600, **WORD) for blocker in blockers
                ),
                purpose=purpose,
                episode=episode,
                **who,
            ),
        )
        return self

    def written(self, path: str = "P1/b.dat", purpose: str = "", **waiter: str) -> Story:
        who: dict[str, Any] = {"machine": "SITE1", "program": "SMS_DESPOOLER"} | waiter
        facts: dict[str, Any] = {"share": "PKG", "path": path, "size": 1, "purpose": purpose}
        self.recorder.record("LOGON1/SITE1", FileWritten(server="LOGON1", **facts, **who))
        return self


def test_refusals_of_one_update_are_attempts_of_one_episode() -> None:
    story = Story().granted("O1")
    for attempt in range(12):
        story.at(attempt * 7200).refused("O1", purpose="job 1")
    (row,) = story.ledger.rows()
    assert (row.state, row.attempt_count, row.blocked_s) == ("waiting", 12, 79200.0)
    assert (row.machine, row.program, row.path, row.server) == (
        "SITE1",
        "SMS_DESPOOLER",
        "P1/b.dat",
        "LOGON1",
    )
    (hold,) = row.holds
    assert (hold.machine, hold.refusal_count, hold.first_blocked_at, hold.released_at) == (
        "WS3",
        12,
        T0,
        None,
    )
    assert story.ledger.rows(T0 + 100_000)[0].blocked_s == 100_000


def test_the_verdict_is_one_sentence_that_says_who_what_how_long_and_the_remedy() -> None:
    story = Story().granted("O1")
    for attempt in range(12):
        story.at(attempt * 7200).refused("O1", purpose="job 1")
    story.recorder.record(
        "LOGON1/SITE1",
        EpisodeEnded(server="LOGON1", episode="E1", state="given up", reason="100 attempts"),
    )
    assert verdict(story.ledger.rows()[0]) == (
        "SMS_DESPOOLER on SITE1 was refused b.dat 12 times over 22 h because WINWORD.EXE on WS3 "
        "(user ALICE) held it open with READ access sharing READ since 1996-06-03 06:00; "
        "closing that file would have let the update through if nobody else was in the way."
    )


def test_getting_the_blocked_path_at_last_resolves_the_episode() -> None:
    story = Story().granted("O1").refused("O1", purpose="job 1")
    story.at(50).written("P1/a.dat", purpose="job 1")
    assert story.ledger.rows()[0].state == "waiting"
    story.at(60).closed("O1").at(100).written("p1/B.DAT", purpose="job 1")
    (row,) = story.ledger.rows()
    assert (row.state, row.ended_at, row.blocked_s) == ("resolved", T0 + 100, 100.0)
    assert row.holds[0].released_at == T0 + 60
    assert verdict(row).endswith(
        "the update got through at 1996-06-03 07:01:40, 2 min after the first refusal."
    )
    assert story.ledger.waiting_count == 0


def test_a_new_refusal_under_the_same_purpose_opens_the_same_episode_again() -> None:
    story = Story().refused("O1", purpose="job 1").at(10).written(purpose="job 1")
    story.at(20).refused("O2", path="P1/c.dat", purpose="job 1")
    (row,) = story.ledger.rows()
    assert (row.state, row.attempt_count, row.path, len(row.holds), row.ended_at) == (
        "waiting",
        2,
        "P1/c.dat",
        2,
        None,
    )
    assert story.ledger.waiting_count == 1


def test_without_a_purpose_each_path_has_its_episode_and_a_resolved_one_stays_so() -> None:
    story = (
        Story().refused("O1").refused("O1", path="P1/c.dat").at(10).written().at(20).refused("O1")
    )
    assert [(row.path, row.state) for row in story.ledger.rows()] == [
        ("P1/b.dat", "resolved"),
        ("P1/c.dat", "waiting"),
        ("P1/b.dat", "waiting"),
    ]


def test_an_episode_given_up_is_not_reopened() -> None:
    story = Story().refused("O1", purpose="job 1")
    story.recorder.record(
        "L", EpisodeEnded(server="LOGON1", episode="E0", state="given up", reason="")
    )
    story.at(10).refused("O1", purpose="job 1")
    assert [row.state for row in story.ledger.rows()] == ["given up", "waiting"]


def test_somebody_elses_success_resolves_nothing() -> None:
    story = (
        Story()
        .refused("O1", purpose="job 1")
        .written(purpose="job 2")
        .written(purpose="job 1", machine="SITE2")
    )
    assert story.ledger.rows()[0].state == "waiting"


def test_a_refusal_that_nobody_blocks_is_no_episode() -> None:
    assert Story().refused().ledger.rows() == []


def test_waiter_seconds_are_counted_for_each_blocker_until_it_lets_go() -> None:
    story = Story().granted("O1").refused("O1").refused("O1", "O2", machine="SITE2")
    story.at(100).closed("O1").at(300)
    story.written()
    waited = list(story.ledger.each_waiter_seconds(T0 + 300))
    assert waited == [(("PKG", "WINWORD.EXE"), seconds) for seconds in (100.0, 100.0, 300.0)]


def test_a_restarted_server_holds_nothing_any_more() -> None:
    story = Story().granted("O1").refused("O1", purpose="job 1").at(50)
    story.recorder.record("LOGON1", ShareStarted(server="LOGON1"))
    assert story.ledger.opens() == []
    assert story.ledger.rows()[0].holds[0].released_at == T0 + 50


def test_an_episode_at_a_time_knows_no_later_holder_release_or_end() -> None:
    story = Story().granted("O1").at(100).refused("O1", purpose="job 1").at(200).closed("O1")
    story.at(210).granted("O2", machine="WS9").at(220).refused("O2", purpose="job 1")
    story.at(230).closed("O2").at(300).written(purpose="job 1")
    (row,) = story.ledger.why(at=T0 + 150).episodes
    assert (row.state, row.ended_at, row.blocked_s) == ("waiting", None, 50)
    assert [(hold.open, hold.released_at) for hold in row.holds] == [("O1", None)]
    (row,) = story.ledger.why(at=T0 + 225).episodes
    assert [(hold.open, hold.released_at) for hold in row.holds] == [("O1", T0 + 200), ("O2", None)]


def test_who_closes_while_an_answer_about_an_earlier_time_is_made_is_told_of() -> None:
    story = Story().granted("O1").granted("O2").at(10).closed("O1").at(20)
    answer = story.ledger.each_open(T0 + 5)
    first = next(answer)
    story.closed("O2")
    assert [one.open for one in (first, *answer) if one is not None] == ["O1", "O2"]


def test_why_tells_who_held_and_who_was_refused_at_a_time() -> None:
    story = Story().granted("O1").at(100).refused("O1", purpose="job 1").at(200).closed("O1")
    story.at(300).written(purpose="job 1").at(400).granted("O2", machine="WS9")
    ledger = story.ledger
    assert [held.open for held in ledger.why(path="p1/B.dat", at=T0 + 150).opens] == ["O1"]
    assert len(ledger.why(path="P1/b.dat", at=T0 + 150).episodes) == 1
    assert ledger.why(path="P1/b.dat", at=T0 + 250).opens == []
    assert ledger.why(path="P1/b.dat", at=T0 + 50).episodes == []
    assert ledger.why(path="P1/b.dat", at=T0 + 350).episodes == []
    now = ledger.why(path="P1/b.dat")
    assert [held.machine for held in now.opens] == ["WS9"]
    assert len(now.verdicts) == 1
    assert ledger.why(machine="ws3").episodes[0].machine == "SITE1"
    assert ledger.why(machine="site1", path="P1/other").episodes == []


def test_the_ledger_is_bounded_and_drops_what_ended_first() -> None:
    story = Story(episodes_max=3, history_max=2)
    for number in range(3):
        story.refused("O1", path=f"F{number}")
    story.written("F1")
    story.refused("O1", path="F3")
    assert [row.path for row in story.ledger.rows()] == ["F0", "F2", "F3"]
    story.refused("O1", path="F4")
    assert [row.path for row in story.ledger.rows()] == ["F2", "F3", "F4"]
    assert story.ledger.waiting_count == 3
    for number in range(4):
        story.granted(f"O{number}").closed(f"O{number}")
    assert len(story.ledger.opens(T0)) <= 2


def test_so_many_opens_are_known_as_held_and_who_waits_for_a_further_one_is_told() -> None:
    story = Story(opens_max=2).granted("O1").granted("O2").granted("O3").refused("O3")
    assert [row.open for row in story.ledger.opens()] == ["O1", "O2"]
    assert story.ledger.held_count == 2
    story.closed("O3").closed("O1")
    (row,) = story.ledger.rows()
    assert row.holds[0].open == "O3" and row.holds[0].released_at == T0
    assert [row.open for row in story.granted("O4").ledger.opens()] == ["O2", "O4"]


def test_opens_are_known_in_their_order_in_however_many_parts_they_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(episodes, "PART_MAX", 3)
    story, held, chance = Story(opens_max=20), list[str](), Random(7)
    for number in range(400):
        if held and chance.random() < 0.48:
            story.closed(held.pop(chance.randrange(len(held))))
        elif len(held) < 20:
            story.granted(f"O{number}")
            held.append(f"O{number}")
        assert [row.open for row in story.ledger.each_held()] == held
        assert [row.open for row in story.ledger.opens()] == held
        assert story.ledger.held_count == len(held)
        assert len(story.ledger._held_before) <= 2 * 20 // 3 + 1
    story.recorder.record("LOGON1", ShareStarted(server="LOGON1"))
    assert not story.ledger.held_count and not story.ledger.opens()


def test_an_episode_whose_holders_come_and_go_forgets_those_that_went_first() -> None:
    story = Story().granted("O1").granted("O2").refused("O1", "O2", purpose="job 1").closed("O2")
    for number in range(3, HOLDS_MAX + 3):
        story.granted(f"O{number}").refused(f"O{number}", purpose="job 1").closed(f"O{number}")
    (row,) = story.ledger.rows()
    names = [hold.open for hold in row.holds]
    assert len(names) == HOLDS_MAX and names[0] == "O1", "it is held still"
    assert names[1:] == [f"O{number}" for number in range(4, HOLDS_MAX + 3)]
    assert row.attempt_count == HOLDS_MAX + 1
    story.closed("O1")
    assert story.ledger.rows()[0].holds[0].released_at == T0


def test_holds_of_all_episodes_are_bounded_by_the_episode_that_ended_first() -> None:
    story = Story(episodes_max=4)
    for job in ("job 1", "job 2", "job 3"):
        for number in range(HOLDS_EACH + 10):
            handle = f"{job[-1]}{number}"
            story.granted(handle).refused(handle, purpose=job).closed(handle)
        story.written(purpose=job)
    rows = story.ledger.rows()
    assert [row.purpose for row in rows] == ["job 2", "job 3"]
    assert sum(len(row.holds) for row in rows) <= 4 * HOLDS_EACH


@pytest.mark.slow
def test_a_refusal_costs_the_same_however_many_holders_an_episode_has_had() -> None:
    def cost(story: Story, first: int, count: int) -> float:
        began = time.process_time()
        for number in range(first, first + count):
            story.refused(f"O{number}", purpose="job 1").closed(f"O{number}")
        return time.process_time() - began

    story = Story()
    cost(story, 0, 100)
    few = min(cost(story, 100 * n, 100) for n in range(1, 5))
    cost(story, 1000, HOLDS_MAX)
    many = min(cost(story, 10_000 + 100 * n, 100) for n in range(40))
    assert many < 8 * few, "each that had it open would be gone through again: 40 times as many"


def told(records: Iterable[Record], server: str = "") -> EpisodeLedger:
    """A ledger that has taken these records in."""
    ledger = EpisodeLedger(server)
    for record in records:
        ledger.apply(record)
    return ledger


def test_the_same_records_from_the_file_make_the_same_ledger() -> None:
    story = (
        Story()
        .granted("O1")
        .refused("O1", purpose="job 1")
        .at(60)
        .refused("O1", "O2", purpose="job 1")
    )
    story.at(70).closed("O1").at(80).written(purpose="job 1").refused("O3", path="X")
    lines = [encode(record) for record in story.records]
    again = told([decode(line) for line in lines])
    assert msgspec.json.encode(again.rows()) == msgspec.json.encode(story.ledger.rows())
    assert again.opens(T0) == story.ledger.opens(T0)
    assert [*again.each_waiter_seconds(T0)] == [*story.ledger.each_waiter_seconds(T0)]


def test_a_ledger_for_one_server_ignores_the_others() -> None:
    story = Story().granted("O1").refused("O1")
    assert told(story.records, "LOGON2").rows() == []
    assert len(told(story.records, "LOGON1").rows()) == 1


def test_many_holders_are_named_up_to_three() -> None:
    row = Story().refused("O1", "O2", "O3", "O4", "O5").ledger.rows()[0]
    assert verdict(row).count("WINWORD.EXE") == 3
    assert "and 2 more" in verdict(row)
    assert "refused b.dat once because" in verdict(row)


def test_who_came_one_after_the_other_refused_anew_and_who_stood_there_together_did_not() -> None:
    story = Story()
    for at, who in enumerate((["O1"], ["O1", "O2"], ["O3"], ["O3"], ["O4"])):
        story.at(at * 60).refused(*who, purpose="job 1")
    story.at(600).refused("O5", path="P1/C.DAT", purpose="job 1")
    story.at(660).refused("O6", path="p1/c.dat", purpose="job 1")
    (row,) = story.ledger.rows()
    assert row.attempt_count == 7
    said = verdict(row)
    assert "refused 7 times over 11 min: b.dat 5 times because" in said
    assert ", C.DAT twice because" in said and "c.dat" not in said


def test_what_was_closed_lets_the_next_attempt_through_unless_somebody_else_is_in_the_way() -> None:
    story = Story().granted("O1").at(60).refused("O1").at(120).closed("O1")
    story.at(180).granted("O2")
    assert verdict(story.ledger.rows()[0]).endswith(
        "that file is closed now, so the next attempt lets it through if nobody else is in the way."
    )


def test_each_lock_in_the_way_is_a_hold_of_its_own_that_ends_with_its_unlock_or_its_open() -> None:
    story = (
        Story()
        .at(0)
        .granted("O1")
        .at(60)
        .refused_by_locks(("O1", 0, 10), ("O1", 20, 1), ("O1", 30, 0))
    )
    assert verdict(story.ledger.rows()[0]) == (
        "SMS_DESPOOLER on SITE1 was refused b.dat once because WINWORD.EXE on WS3 (user ALICE) "
        "held bytes 0 to 9 locked (EXCLUSIVE) since 1996-06-03 07:01:00; WINWORD.EXE on WS3 (user "
        "ALICE) held byte 20 locked (EXCLUSIVE) since 1996-06-03 07:01:00; WINWORD.EXE on WS3 "
        "(user ALICE) held the point before byte 30 locked (EXCLUSIVE) since 1996-06-03 07:01:00; "
        "unlocking that range would let it through."
    )
    story.at(120).unlocked("O1", 20, 1).at(180).closed("O1")
    (row,) = story.ledger.rows()
    assert [hold.released_at for hold in row.holds] == [T0 + 180, T0 + 120, T0 + 180]
    assert "that range is free now" in verdict(row)


def test_a_lock_that_is_granted_at_last_resolves_the_episode() -> None:
    story = Story().granted("O1").refused_by_locks(("O1", 0, 10))
    facts: dict[str, Any] = {
        "share": "PKG",
        "path": "P1/b.dat",
        "lock": "EXCLUSIVE",
        "offset": 0,
        "length": 10,
        "purpose": "",
    }
    who: dict[str, Any] = {"machine": "SITE1", "program": "SMS_DESPOOLER"}
    story.at(90).recorder.record(
        "LOGON1/SITE1", LockGranted(server="LOGON1", open="O2", **facts, **who)
    )
    (row,) = story.ledger.rows()
    assert (row.state, row.blocked_s) == ("resolved", 90)
    assert decode(encode(story.records[1])) == story.records[1]


def test_an_open_that_is_told_again_keeps_its_beginning_and_ends_no_wait() -> None:
    story = Story().granted("O1").at(60).refused("O1")
    story.at(120).granted("O1", machine="SITE1", program="SMS_DESPOOLER", since="before")
    (held,) = story.ledger.each_held()
    assert (held.opened_at, held.machine, story.ledger.held_count) == (T0, "WS3", 1)
    assert story.ledger.waiting_count == 1
    assert Story().granted("O1", since="before").ledger.held_count == 1
