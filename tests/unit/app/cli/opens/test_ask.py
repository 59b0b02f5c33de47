"""The questions of an operator, put to a finished run and to a server that runs: the same rules for
both.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from despoolr.console import run
from despoolr_app.cli.base import output
from despoolr_app.runs.directory import RunDirectory, load_run, utc_stamp
from despoolr_app.site_client import queries
from despoolr_app.site_client.blocking_client import ask, health
from despoolr_app.site_client.client import ServerAddress
from despoolr_app.site_client.errors import SiteError
from despoolr_app.site_client.live import LiveSource
from despoolr_app.site_client.queries import FAULTS_TOLD_MAX, RunSource, Wanted
from despoolr_core.records.kinds.fact import Fact
from despoolr_core.records.kinds.run import FaultBegan, FaultEnded
from despoolr_core.records.kinds.share import OpenClosed, OpenGranted, OpenRefused
from despoolr_core.records.kinds.site import DetailStatusChanged, EventLogged, JobStatusChanged
from despoolr_core.records.stream import Recorder
from despoolr_core.share.modes import Role
from despoolr_core.share.wire import Blocker
from worlds.answer import data_of
from worlds.record_samples import sample
from worlds.share_server import Site, serving

START = 833_788_800.0  # 1996-06-03 08:00
HOUR = 3600.0
OPEN = {"server": "LOGON1", "share": "SMS_PKGD", "path": "BPC00001/b.dat"}
WORD: dict[str, Any] = {"machine": "WS1", "user": "anna", "program": "WINWORD.EXE"}
MODES: dict[str, Any] = {"access": "READ", "share_mode": "READ"}


class Story:
    """A run told in a few records: WS1 holds b.dat from nine to noon, the Despooler is refused at
    ten and eleven.
    """

    def __init__(self, root: Path) -> None:
        self.now = START
        self.run = RunDirectory.create(root, utc_stamp(START), "story", 1)
        self.recorder = Recorder(lambda: self.now, [self.run.listener])

    def at(self, hours: float, actor: str, fact: Fact) -> None:
        self.now = START + hours * HOUR
        self.recorder.record(actor, fact)

    def tell(self) -> None:
        self.at(0, "BPC/SMS_ADMINISTRATOR", _job("Pending", "", "created"))
        granted: dict[str, str] = {
            **OPEN,
            **WORD,
            **MODES,
            "session": "S1",
            "action": "OPENED",
            "purpose": "",
        }
        self.at(1, "LOGON1/WS1", OpenGranted(open="O1", **granted))
        other = granted | {"machine": "WS2", "path": "BPC00001/a.dat"}
        self.at(1, "LOGON1/WS2", OpenGranted(open="O2", **other))
        blocker = Blocker(open="O1", **WORD, **MODES, opened_at=START + HOUR)
        for hours in (2, 3):
            refused = OpenRefused(
                **OPEN,
                machine="SITE1",
                user="",
                program="SMS_DESPOOLER",
                access="WRITE",
                share_mode="NONE",
                nt_status="STATUS_SHARING_VIOLATION",
                win32=32,
                blockers=(blocker,),
                purpose="job BPC00002",
                episode="LOGON1-E1",
            )
            self.at(hours, "LOGON1/SITE1", refused)
            row = DetailStatusChanged(
                job="BPC00002",
                detail="Server",
                site="BPC",
                machine="LOGON1",
                status="Retrying",
                was="None",
            )
            self.at(hours, "BPC/LOADER", row)
            event = EventLogged(
                event=109, component="SMS_DESPOOLER", text="Failed.", job="BPC00002"
            )
            self.at(hours, "BPC/SMS_DESPOOLER", event)
        self.at(3, "BPC/S", _job("Retrying", "Active", "details"))
        self.at(4, "LOGON1/WS1", OpenClosed(open="O1", machine="WS1", reason="closed", **OPEN))
        self.run.close()


def _job(status: str, was: str, reason: str) -> JobStatusChanged:
    return JobStatusChanged(
        job="BPC00002",
        name="UPDATE",
        status=status,
        was=was,
        reason=reason,
        type="Run Command On Workstation",
        package="BPC00001",
    )


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("DESPOOLR_URL", "DESPOOLR_TOKEN", "DESPOOLR_SECRET", "DESPOOLR_RUNS"):
        monkeypatch.delenv(name, raising=False)
    Story(tmp_path / "runs").tell()
    return tmp_path / "runs"


Say = Callable[..., Any]


@pytest.fixture
def say(runs: Path, capsys: pytest.CaptureFixture[str]) -> Say:
    """Run a command; its JSON (`--json` given), or what it printed."""

    def said(*arguments: str) -> Any:
        assert run(arguments) == 0, capsys.readouterr().err
        out = capsys.readouterr().out
        return data_of(out) if "--json" in arguments else out

    return said


def test_locks_of_a_finished_run_are_what_was_held_at_the_end_and_what_stood_in_the_way(
    say: Say,
) -> None:
    locks = say("locks", "latest", "--json")["locks"]
    assert sorted((r["machine"], r["path"], r["refusal_count"], r["closed_at"]) for r in locks) == [
        ("WS1", "BPC00001/b.dat", 2, START + 4 * HOUR),
        ("WS2", "BPC00001/a.dat", 0, None),
    ]


@pytest.mark.parametrize(
    ("at", "holders"),
    [
        ("+30m", []),
        ("+2h", ["WS2", "WS1"]),
        ("1996-06-03T11:30", ["WS2", "WS1"]),
        (str(START + 5 * HOUR), ["WS2"]),
    ],
)
def test_locks_at_a_time_are_those_that_were_held_then(
    say: Say, at: str, holders: list[str]
) -> None:
    assert sorted(
        r["machine"] for r in say("locks", "latest", "--at", at, "--json")["locks"]
    ) == sorted(holders)


@pytest.mark.parametrize("path", ["b.dat", "B.DAT", "BPC00001\\b.dat", "bpc00001/b.dat", "b.*"])
def test_a_file_is_found_by_its_path_its_name_or_a_pattern(say: Say, path: str) -> None:
    assert [r["machine"] for r in say("locks", "latest", "--path", path, "--json")["locks"]] == [
        "WS1"
    ]


def test_locks_for_people_say_who_since_when_how_and_what_it_did(say: Say) -> None:
    text = say("locks", "latest", "--machine", "ws1")
    assert (
        r"\\LOGON1\SMS_PKGD\BPC00001\b.dat  WS1 (anna)  WINWORD.EXE  READ    READ    "
        r"1996-06-03 09:00:00" in text
    )
    assert "3 h, closed" in text and "twice" in text and "WS2" not in text


def test_why_is_one_sentence_for_each_update(say: Say) -> None:
    text = say("why")
    sentence = (
        "SMS_DESPOOLER on SITE1 was refused b.dat twice over 1 h because WINWORD.EXE "
        "on WS1 (user anna) held it open"
    )
    assert sentence in text and "LOGON1-E1 (waiting)" in text
    answer = say("why", "--json")
    assert len(answer["verdicts"]) == len(answer["episodes"]) == 1
    assert answer["episodes"][0]["attempt_count"] == 2 and [
        h["machine"] for h in answer["holders"]
    ] == ["WS1"]


def test_why_before_the_first_refusal_has_nothing_to_tell(say: Say) -> None:
    assert "Nobody was refused a file" in say("why", "--at", "+90m")
    assert "  1 h  " in say("locks", "--machine", "WS1", "--at", "+2h")
    assert say("why", "--machine", "WS2", "--json")["episodes"] == []


def test_why_at_a_time_tells_nothing_of_what_came_later(say: Say) -> None:
    text = say("why", "latest", "--at", "+150m")
    assert "was refused b.dat once because WINWORD.EXE" in text
    assert "closing that file would let the update through if nobody else is in the way" in text
    (episode,) = say("why", "--at", "+150m", "--json")["episodes"]
    assert (episode["attempt_count"], episode["state"]) == (1, "waiting")
    assert episode["holds"][0]["released_at"] is None


def test_jobs_of_a_finished_run_have_their_type_and_package(say: Say) -> None:
    (job,) = say("jobs", "--json")["jobs"]
    assert (job["type"], job["package"]) == ("Run Command On Workstation", "BPC00001")


def test_jobs_and_their_rows_are_read_from_the_records(say: Say) -> None:
    assert [(j["job"], j["name"], j["status"]) for j in say("jobs", "--json")["jobs"]] == [
        ("BPC00002", "UPDATE", "Retrying")
    ]
    for name in ("BPC00002", "bpc00002", "UPDATE"):
        found = say("job", name, "latest", "--json")
        assert [(d["kind"], d["machine"], d["status"]) for d in found["details"]] == [
            ("Server", "LOGON1", "Retrying")
        ]
    assert "BPC00002 UPDATE: Retrying since 1996-06-03 11:00:00" in say("job", "UPDATE")


def test_events_can_be_asked_by_code(say: Say) -> None:
    assert [e["code"] for e in say("events", "--json")["events"]] == [109, 109]
    assert len(say("events", "--limit", "1", "--json")["events"]) == 1
    assert "There are no such events" in say("events", "--code", "374")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["job", "NONE", "latest"], "no job 'NONE' in runs/latest; there are BPC00002 (UPDATE)"),
        (
            ["locks", "yesterday"],
            "there is no run 'yesterday'; the newest in runs are 19960603T080000Z-story-seed1",
        ),
        (
            ["locks", "latest", "--at", "tea-time"],
            "is not a time: give 1996-06-03T09:00, seconds since 1970, or +2h",
        ),
        (
            ["locks", "latest", "--url", "http://127.0.0.1:1"],
            "either a finished RUN or a running site",
        ),
        (["jobs", "--url", "nonsense"], "is not a server's URL"),
        (
            ["jobs", "--url", "http://127.0.0.1:1"],
            "does not answer (Connection refused); is it running?",
        ),
    ],
)
def test_a_question_that_cannot_be_answered_is_one_line_that_says_what_to_do(
    runs: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    assert run(arguments) == 2
    said = capsys.readouterr()
    path = str(runs.resolve())
    assert says in said.err.replace(path, "runs").replace(
        "runs/19960603T080000Z-story-seed1;", "runs/latest;"
    ), said.err
    assert len(said.err.splitlines()) == 1 and not said.out


def test_with_no_site_and_no_run_the_answer_is_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["locks"]) == 2
    assert "start one with `despoolr serve all` or `despoolr demo`" in capsys.readouterr().err


# -- a server that runs


async def _blocked(site: Site) -> LiveSource:
    """PC07 holds a file, the service is refused twice."""
    await site.ask("PUT", "/SMS_SHR/a.dat", b"one")
    await site.hold("a.dat")
    for _ in range(2):
        assert (
            await site.ask("PUT", "/SMS_SHR/a.dat", b"two", Despoolr_Purpose="update")
        ).status == 423
    return LiveSource(
        [ServerAddress("LOGON1", site.base, site.auth.issue("ADMIN1", "Administrator", Role.ADMIN))]
    )


async def test_a_running_server_gives_the_same_answers() -> None:
    async with serving() as site:
        source = await _blocked(site)
        locks = await asyncio.to_thread(source.locks, Wanted(path="a.dat"), None)
        why = await asyncio.to_thread(source.why, Wanted(machine="PC07"), None)
        elsewhere = await asyncio.to_thread(source.why, Wanted(machine="PC08"), None)
    assert [
        (r.machine, r.program, r.access, r.refusal_count, r.closed_at) for r in locks.locks
    ] == [("PC07", "EXCEL.EXE", "READ", 2, None)]
    (episode,), (sentence,) = why.episodes, why.verdicts
    assert episode.attempt_count == 2
    assert "EXCEL.EXE on PC07 (user anna) held it open" in sentence
    assert [*why.holders] == [*locks.locks] and elsewhere.episodes == []


async def test_the_answer_of_a_running_server_is_about_now_though_nothing_happens() -> None:
    async with serving() as site:
        source = await _blocked(site)
        await site.clock.sleep(0.01)  # the times of records have milliseconds
        before = site.clock.now()
        locks = await asyncio.to_thread(source.locks, Wanted(), None)
        why = await asyncio.to_thread(source.why, Wanted(), None)
    assert site.records[-1].at < before <= locks.at <= why.at


async def test_a_running_server_tells_what_stands_there_and_who_waits() -> None:
    async with serving() as site:
        source = await _blocked(site)
        (state,) = await asyncio.to_thread(source.states)
    assert [(row.machine, row.path.rpartition("/")[2]) for row in state.opens] == [
        ("PC07", "a.dat")
    ]
    assert [(row.state, row.attempt_count) for row in state.waiting] == [("waiting", 2)]
    assert state.at >= state.waiting[0].last_refused_at - 0.001


async def test_the_records_of_a_server_and_the_server_itself_say_the_same(tmp_path: Path) -> None:
    async with serving() as site:
        source = await _blocked(site)
        live = await asyncio.to_thread(source.why, Wanted(), None)
        with RunDirectory.create(tmp_path, utc_stamp(START), "live", 1) as kept:
            for record in site.records:
                kept.listener(record)
    told = RunSource(load_run(kept.path)).why(Wanted(), None)
    assert [*told.verdicts] == live.verdicts
    facts = [(h.server, h.path, h.machine, h.refusal_count, h.closed_at) for h in told.holders]
    assert facts == [
        (h.server, h.path, h.machine, h.refusal_count, h.closed_at) for h in live.holders
    ]


async def _ranged(site: Site) -> tuple[LiveSource, asyncio.Task[Any]]:
    """EXCEL.EXE has eleven bytes and a range of none locked, FOXPRO.EXE waits for one of them."""
    await site.ask("PUT", "/SMS_SHR/a.dat", b"one")
    modes = {"access": "READ|WRITE", "share_mode": "READ|WRITE"}
    held, other = await site.hold("a.dat", **modes), await site.hold("a.dat", "FOXPRO.EXE", **modes)

    def lock(handle: str, flags: str, *ranges: tuple[int, int]) -> Any:
        asked = {
            "locks": [
                {"offset": offset, "length": length, "flags": flags} for offset, length in ranges
            ],
            "wait_s": 60,
        }
        body = json.dumps(asked).encode()
        return asyncio.create_task(
            site.ask("POST", f"/api/v1/opens/{handle}/locks", body, site.client_token)
        )

    await lock(held, "SHARED|FAIL_IMMEDIATELY", (100, 10), (7, 1), (5, 0))
    waits = lock(other, "EXCLUSIVE", (105, 1))
    async with asyncio.timeout(60):
        while not site.host.engine.locking.waiting_count:
            await site.ask("GET", "/healthz")
    return LiveSource(
        [ServerAddress("LOGON1", site.base, site.auth.issue("ADMIN1", "Administrator", Role.ADMIN))]
    ), waits


async def test_locks_tell_the_bytes_that_are_locked_and_who_waits_for_them(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving() as site:
        source, waits = await _ranged(site)
        monkeypatch.setenv("COLUMNS", "160")
        arguments = ["locks", "--url", site.base, "--token", source.servers[0].token]
        assert await asyncio.to_thread(run, arguments) == 0
        waits.cancel()
    lines = capsys.readouterr().out.partition("Locked inside the files:")[2].split("\n")[1:]
    cells = [re.split(r"  +", line.strip()) for line in lines if line]
    assert cells[0] == ["FILE", "BY", "PROGRAM", "BYTES", "KIND", "SINCE"]
    assert [row[1:5] for row in cells[1:]] == [
        ["PC07", "EXCEL.EXE", "100 to 109", "SHARED"],
        ["PC07", "EXCEL.EXE", "7", "SHARED"],
        ["PC07", "EXCEL.EXE", "before 5", "SHARED"],
        ["PC07", "FOXPRO.EXE", "105", "EXCLUSIVE"],
    ]
    assert cells[4][5] == "waits" and cells[1][0] == r"\\LOGON1\SMS_SHR\a.dat"


async def test_the_records_know_which_ranges_were_locked_at_a_time(tmp_path: Path) -> None:
    async with serving() as site:
        source, waits = await _ranged(site)
        live = await asyncio.to_thread(source.locks, Wanted(), None)
        waits.cancel()
        (held, _) = live.locks
        await site.ask(
            "DELETE", f"/api/v1/opens/{held.open}/locks?offset=7&length=1", token=site.client_token
        )
        with RunDirectory.create(tmp_path, utc_stamp(START), "live", 1) as kept:
            for record in site.records:
                kept.listener(record)
        unlocked_at = next(record.at for record in site.records if record.kind == "lock.released")
    told = RunSource(load_run(kept.path))
    (row, _) = told.locks(Wanted(), None).locks
    assert (row.open, row.range_count) == (held.open, 2)
    assert [(one.offset, one.length) for one in row.ranges] == [(100, 10), (5, 0)]
    (row, _) = told.locks(Wanted(), unlocked_at - 1e-6).locks
    assert [(one.kind, one.offset) for one in row.ranges] == [
        (one.kind, one.offset) for one in held.ranges
    ]


async def test_a_server_that_does_not_answer_is_a_note_as_long_as_another_does() -> None:
    async with serving() as site:
        source = await _blocked(site)
        both = LiveSource([*source.servers, ServerAddress("LOGON2", "http://127.0.0.1:1", "")])
        locks = await asyncio.to_thread(both.locks, Wanted(), None)
    assert len([*locks.locks]) == 1 and "http://127.0.0.1:1 does not answer" in locks.notes[0]


async def test_a_token_that_is_not_accepted_is_told_where_the_right_one_lies() -> None:
    async with serving() as site:
        with pytest.raises(SiteError, match=r"does not accept the token \(401.*admin\.token"):
            await asyncio.to_thread(ask, ServerAddress("x", site.base, "wrong"), "opens", dict)
        assert (
            await asyncio.to_thread(health, ServerAddress("x", site.base, ""))
        ).server == "LOGON1"


async def test_a_question_for_the_site_put_to_a_logon_server_says_so() -> None:
    async with serving() as site:
        source = await _blocked(site)
        with pytest.raises(SiteError, match=r"is .* the site server"):
            await asyncio.to_thread(source.jobs)


def test_what_was_broken_on_purpose_is_beside_every_answer_of_a_run(tmp_path: Path) -> None:
    story = Story(tmp_path)
    for number in range(FAULTS_TOLD_MAX + 1):
        began = FaultBegan(fault="link_down", where=f"LOGON1 to PC{number}")
        story.at(number, "LOGON1", began)
    story.recorder.record("LOGON1", FaultEnded(fault="link_down", where=""), cause=2)
    story.run.close()
    told = RunSource(load_run(story.run.path))
    _killed, first, second, *_, last = told.why(Wanted(), None).notes
    assert first == "broken on purpose before that: 1 more"
    assert second == (
        "broken on purpose: link_down, LOGON1 to PC1, 1996-06-03 09:00 to 1996-06-03 16:00"
    )
    assert last == "broken on purpose: link_down, LOGON1 to PC8, since 1996-06-03 16:00"
    assert len(told.notes) == FAULTS_TOLD_MAX + 2


@pytest.mark.slow
def test_of_a_finished_run_only_opens_that_are_asked_for_are_kept(tmp_path: Path) -> None:
    story = Story(tmp_path)
    for number in range(3000):
        granted = sample(OpenGranted, server="LOGON1", open=f"O{number}", path=f"{number}.dat")
        story.at(number, "LOGON1/WS1", granted)
        if number % 1000:
            closed = sample(OpenClosed, server="LOGON1", open=f"O{number}", reason="closed")
            story.at(number + 0.5, "LOGON1/WS1", closed)
    story.run.close()
    told = RunSource(load_run(story.run.path))
    assert len(told._view.holdings) == 3
    assert [row.open for row in told.locks(Wanted(), None).locks] == ["O0", "O1000", "O2000"]
    assert [row.open for row in told.locks(Wanted(), START + 1.25 * HOUR).locks] == [
        "O0",
        "O1",
    ]


@pytest.mark.parametrize("command", ["why", "locks", "locks --by holder"])
def test_an_answer_too_long_for_memory_is_the_same_word_for_word(
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    story = Story(tmp_path)
    for number in range(12):
        who = WORD | {"machine": f"WS{number % 5}"}
        file = OPEN | {"path": f"BPC00001/{number % 3}.dat"}
        opened_at = START + number // 2 * HOUR
        granted = sample(OpenGranted, open=f"O{number}", **file, **who, **MODES)
        blocker = Blocker(open=f"O{number}", **who, **MODES, opened_at=opened_at)
        refused = sample(OpenRefused, **file, blockers=(blocker,), episode=f"E{number % 4}")
        story.at(number // 2, "LOGON1/WS1", granted)
        story.at(number // 2, "LOGON1/SITE1", refused)
        if number % 4:
            closed = sample(OpenClosed, open=f"O{number}", reason="closed", **file)
            story.at(number // 2 + 0.5, "LOGON1/WS1", closed)
    story.run.close()
    words = [*command.split(), str(story.run.path)]
    told = []
    for at_once, in_memory_max in ((500, 10_000), (2, 3)):
        monkeypatch.setattr(output, "AT_ONCE", at_once)
        monkeypatch.setattr(queries, "IN_MEMORY_MAX", in_memory_max)
        told.append([_answered(capsys, *words), _answered(capsys, *words, "--json")])
    assert told[0] == told[1]
    assert data_of(told[0][1]) and told[0][0].count("\n") > 4


def _answered(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert run([*words]) == 0
    return capsys.readouterr().out


def test_the_last_events_of_a_run_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "EVENTS_MAX", 2)
    story = Story(tmp_path)
    for number in range(3):
        story.at(number, "BPC/SMS_DESPOOLER", sample(EventLogged, event=number))
    story.run.close()
    told = RunSource(load_run(story.run.path))
    assert [event["code"] for event in told.events(10)] == [1, 2]
    assert [event["code"] for event in told.events(1)] == [2]
