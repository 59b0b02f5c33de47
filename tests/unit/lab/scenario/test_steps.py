"""What each step does to a world, seen where a person would see it; and what it cannot do."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import msgspec
import pytest

from despoolr_core.records.kinds.client import ProgramStarted
from despoolr_core.records.kinds.run import StepTaken
from despoolr_core.records.kinds.share import (
    LockGranted,
    LockReleased,
    OpenClosed,
    OpenGranted,
    SessionStarted,
)
from despoolr_core.records.kinds.site import CopyEnded, SettingsChanged
from despoolr_core.records.stream import of
from despoolr_core.timing import Timing
from despoolr_lab.scenario.run import RunOptions, RunResult, run_scenario
from despoolr_lab.scenario.steps import StepError
from despoolr_lab.scenario.tables.steps import LOCKS_MAX
from worlds.scenario import (
    blocked_update,
    failed,
    files,
    hold,
    hours,
    log,
    play,
    scenario,
    share,
    status,
    update,
)

ON_SERVER = {"server": "LOGON1", "share": "SMS_PKGD", "path": "{package:OFFICE}/b.dat"}
BACKUP = {"do": "hold", "at": "1h", "machine": "LOGON1", "program": "NTBACKUP.EXE", **ON_SERVER}
COMMAND = {"do": "job", "at": "0s", "name": "RUN", "package": "OFFICE", "command": "SETUP.EXE"}


def release(machine: str, at: str = "2h", **more: str) -> dict[str, str]:
    return {"do": "release", "at": at, "machine": machine, **more}


def released(result: RunResult) -> list[Any]:
    """How many files each release closed."""
    return [
        fact.result["released"]
        for _, fact in of(result.records, StepTaken)
        if fact.do == "release" and fact.result
    ]


def held(result: RunResult, program: str) -> list[tuple[float, float]]:
    """From when to when a program had files open: hours since the start."""
    opened = {
        fact.open: at.at for at, fact in of(result.records, OpenGranted) if fact.program == program
    }
    return [
        (hours(result, opened[fact.open]), hours(result, at.at))
        for at, fact in of(result.records, OpenClosed)
        if fact.open in opened
    ]


def started(result: RunResult) -> list[tuple[str, float]]:
    """Which machine started a program when: hours since the start."""
    return [
        (at.actor.rpartition("/")[2], hours(result, at.at))
        for at, _ in of(result.records, ProgramStarted)
    ]


def test_a_job_that_is_cancelled_is_delivered_no_more() -> None:
    cancel = {"do": "cancel", "at": "1h", "job": "LATER"}
    result = play(scenario(share(), share("LATER", at="1h"), cancel, hours=3))
    assert (status(result, "FIRST"), status(result, "LATER")) == ("Complete", "Cancelled")


def test_a_hotfix_is_installed_while_the_site_runs() -> None:
    hotfix = {"do": "hotfix", "at": "1h", "article": "Q195936"}
    result = play(scenario(hotfix, share(at="2h"), hours=4), "1.2")
    assert log(result, "SMS_EXECUTIVE", "Hotfix Q195936")
    assert status(result, "FIRST") == "Complete", "the services run again"


@pytest.mark.parametrize("restarts", [False, True], ids=["at once", "after a restart, too"])
def test_settings_of_a_site_are_others_from_their_step_on(restarts: bool) -> None:
    forced = {
        "forced_disconnect_available": True,
        "use_forced_disconnect": True,
        "forced_disconnect_retries": 1,
    }
    steps: list[dict[str, Any]] = [{"do": "set", "at": "13h", "profile": forced}]
    if restarts:
        steps.append({"do": "kill", "at": "14h", "site": "BPC", "down_for": "1h"})
    result = play(blocked_update(hold(), *steps, hours=30), "1.1")
    (changed,) = of(result.records, SettingsChanged)
    assert changed[1].fields == forced
    assert status(result, "UPDATE") == "Complete", "the holder never closes its file"
    asked = [at.at for at, _ in of(result.records, CopyEnded)]
    assert len([at for at in asked if at < changed[0].at]) > 3, "it was refused meanwhile"


def test_another_response_counts_from_the_next_attempt_on() -> None:
    slow = {"do": "set", "at": "7h", "response": "Medium"}
    result = play(blocked_update(hold(), slow, hours=30), "1.1")
    tried = [hours(result, at.at) for at, ended in of(result.records, CopyEnded)]
    gaps = [later - earlier for earlier, later in pairwise(tried)]
    assert [round(gap) for gap in gaps][-3:] == [6, 6, 6]
    assert 2 in [round(gap) for gap in gaps], "what waited already waited for its time"


def test_a_source_loses_files_as_well_as_it_gets_some() -> None:
    gone = {"do": "source", "at": "90m", "package": "OFFICE", "delete": ["c.dat"]}
    wanted = [files(a="second", b="second", c="second", at="80m"), files(a="first", b="first")]
    new = {"a.dat": "a, first", "b.dat": "b, first"}
    again = update("100m", new, name="AGAIN")
    result = play(scenario(share(), *update("1h"), gone, *again, hours=4, expect=wanted), "1.2")
    assert not failed(result)


def test_a_program_on_a_server_holds_a_file_until_it_is_released() -> None:
    result = play(scenario(share(), BACKUP, release("LOGON1"), hours=3))
    assert held(result, "NTBACKUP.EXE") == [(1.0, 2.0)] and released(result) == [1]


def test_a_program_on_a_server_holds_a_file_for_as_long_as_was_said() -> None:
    result = play(scenario(share(), {**BACKUP, "for": "30m"}, hours=3))
    assert held(result, "NTBACKUP.EXE") == [(1.0, 1.5)]


def test_a_hold_locks_ranges_for_a_while_and_one_that_is_refused_is_on_record() -> None:
    mine = [{"offset": 10, "length": 5, "after": "10m", "for": "20m"}]
    theirs = [{"offset": 12, "length": 1, "shared": True, "after": "5m"}]
    one = hold(locks=mine, share_mode="READ|WRITE", **{"for": "1h"})
    other = hold("WS2", at="65m", locks=theirs, share_mode="READ|WRITE")
    later = hold("WS3", at="2h", locks=theirs, share_mode="READ|WRITE")
    result = play(scenario(share(), one, other, later, hours=3))
    locked = [
        (round(hours(result, r.at), 2), k.machine, k.lock)
        for r, k in of(result.records, LockGranted)
    ]
    assert locked == [(1.17, "WS1", "EXCLUSIVE"), (2.08, "WS3", "SHARED")]
    freed = [round(hours(result, r.at), 2) for r, _ in of(result.records, LockReleased)]
    assert freed[0] == 1.5
    told = [s.result for _, s in of(result.records, StepTaken) if s.result]
    refused = [one for one in told if "range_refused" in one]
    assert [(one["offset"], one["length"]) for one in refused] == [(12, 1)]
    assert not any("refused" in one for one in told), "the open was not refused"
    assert [finding.name for finding in failed(result)] == ["hold WS2 b.dat at 65m"]
    assert "the lock of 1 byte from 12 on was not granted" in str(failed(result)[0].actual)
    assert result.notes[0].startswith("a range that step hold was to lock was refused after 1 h")
    may = {**other, "may_fail": True}
    assert not failed(play(scenario(share(), one, may, later, hours=3)))


def test_a_hold_locks_a_bounded_number_of_ranges_and_none_for_no_time() -> None:
    with pytest.raises(msgspec.ValidationError, match="length <= 64"):
        scenario(hold(locks=[{"offset": n} for n in range(LOCKS_MAX + 1)]))
    with pytest.raises(msgspec.ValidationError, match="no time"):
        scenario(hold(locks=[{"for": "0s"}]))


def test_a_client_lets_go_of_one_file_or_of_all() -> None:
    three = [hold(file=f"{name}.dat") for name in "abc"]
    one, rest = release("WS1", file="B.DAT"), release("WS1", at="3h")
    result = play(scenario(share(), *three, one, rest, hours=4))
    assert held(result, "WINWORD.EXE") == [(1.0, 2.0), (1.0, 3.0), (1.0, 3.0)]
    assert released(result) == [1, 2]


def test_a_machine_that_connects_is_logged_on_and_has_nothing_open() -> None:
    connect = {"do": "connect", "at": "1h", "machine": "WS2"}
    result = play(scenario(share(), connect, hours=3))
    assert [
        (fact.machine, hours(result, at.at))
        for at, fact in of(result.records, SessionStarted)
        if fact.program == "EXPLORER.EXE"
    ] == [("WS2", 1.0)]
    assert held(result, "EXPLORER.EXE") == []


def test_a_user_runs_what_is_pending_after_a_poll_and_a_machine_without_power_does_not_poll() -> (
    None
):
    off = {"do": "power", "at": "10m", "machine": "WS2", "on": False}
    polls = [{"do": "poll", "at": "1h", "machine": name} for name in ("WS1", "WS3")]
    execute = {"do": "execute", "at": "2h", "machine": "WS1", "job": "RUN"}
    on = {"do": "power", "at": "5h", "machine": "WS2", "on": True}
    result = play(scenario(COMMAND, off, *polls, execute, on, hours=6))
    assert started(result) == [("WS1", 2.0)]
    asleep = {"do": "execute", "at": "2h", "machine": "WS2", "job": "RUN"}
    with pytest.raises(StepError, match="WS2 has no pending command of job RUN"):
        play(scenario(COMMAND, off, *polls, asleep, hours=6))
    may_fail = {**asleep, "may_fail": True}
    assert started(play(scenario(COMMAND, off, *polls, may_fail, hours=6))) == []


@pytest.mark.parametrize(("offset", "at"), [("0s", 6.0), ("+2h", 4.0), ("-1h", 7.0)])
def test_a_wrong_clock_starts_what_is_mandatory_at_a_wrong_time(offset: str, at: float) -> None:
    clock = {"do": "clock", "at": "10m", "machine": "WS1", "offset": offset}
    must = {**COMMAND, "machines": ["WS1"], "mandatory_after": "6h"}
    clients = [{"names": ["WS1"], "poll_every": "30m"}]
    ((machine, began),) = started(play(scenario(must, clock, hours=9, clients=clients)))
    assert machine == "WS1" and at <= began <= at + 0.5


def test_a_service_that_is_paused_does_nothing_until_it_goes_on() -> None:
    pause, resume = (
        {"do": "service", "at": at, "action": action, "service": "SMS_DESPOOLER"}
        for at, action in (("0s", "pause"), ("5h", "resume"))
    )
    expect = [{"that": "job", "job": "FIRST", "status": "Active", "at": "4h"}]
    result = play(scenario(pause, share(), resume, hours=8, expect=expect))
    assert not failed(result) and status(result, "FIRST") == "Complete"


def test_a_way_that_is_cut_between_two_servers_delays_what_goes_over_it() -> None:
    ways = [
        {"do": "link", "at": at, "server": "SITE1", "other": "LOGON1", "up": up}
        for at, up in (("0s", False), ("6h", True))
    ]
    expect = [{"that": "job", "job": "FIRST", "status": "Retrying", "at": "5h"}]
    result = play(scenario(*ways, share(), hours=12, expect=expect))
    assert not failed(result) and status(result, "FIRST") == "Complete"


def test_a_directory_has_a_disk_of_its_own_until_that_is_taken_back() -> None:
    full = {"do": "disk", "at": "0s", "server": "LOGON1", "share": "SMS_PKGD"}
    path = {"path": "\\BPC00001\\"}
    expect = [{"that": "job", "job": "FIRST", "status": "Retrying", "at": "5h"}]
    steps = ({**full, **path, "free": 0}, share(), {**full, **path, "free": -1, "at": "6h"})
    result = play(scenario(*steps, hours=12, expect=expect))
    assert not failed(result) and status(result, "FIRST") == "Complete"


@pytest.mark.parametrize(
    ("step", "says"),
    [
        (release("WS1"), "step release at 2h: WS1 holds nothing"),
        (release("WS1", file="b.dat"), "WS1 holds no b.dat: it was never opened"),
        (release("LOGON1"), "LOGON1 holds no file: it was never opened"),
        ({"do": "cancel", "at": "1h", "job": "NONE"}, "step cancel at 1h: no job 'NONE'"),
        (
            {"do": "hotfix", "at": "1h", "article": "Q195936"},
            "step hotfix at 1h: .* does not have the fault of Q195936",
        ),
    ],
)
def test_what_cannot_be_done_says_which_step_and_why(step: dict[str, Any], says: str) -> None:
    with pytest.raises(StepError, match=says):
        play(scenario(share(), step, hours=3), "1.2 SP4 + hotfixes")


def test_a_hold_that_reaches_no_server_ends_the_run_unless_it_may_fail() -> None:
    cut = {"do": "link", "at": "10m", "server": "LOGON1", "up": False}
    for one in (hold(), hold("SITE1")):
        with pytest.raises(StepError, match=r"cannot hold .*b\.dat: LOGON1 does not answer"):
            play(scenario(share(), cut, one, hours=3))
    may = [hold(may_fail=True), hold("SITE1", at="2h", may_fail=True)]
    result = play(scenario(share(), cut, *may, hours=3))
    assert not failed(result) and not held(result, "WINWORD.EXE")
    told = [s.result["refused"] for _, s in of(result.records, StepTaken) if s.result]
    assert len(told) == 2 and all("LOGON1" in text for text in told)


def test_what_may_fail_does_though_its_machine_is_off_or_its_site_is_down() -> None:
    off = {"do": "power", "at": "10m", "machine": "WS1", "on": False}
    kill = {"do": "kill", "at": "50m", "down_for": "30m"}
    execute = {"do": "execute", "at": "1h", "machine": "WS2", "job": "RUN"}
    with pytest.raises(StepError, match="step execute at 1h"):
        play(scenario(COMMAND, kill, execute, hours=3))
    may = [{**hold(), "may_fail": True}, {**execute, "may_fail": True}]
    result = play(scenario(COMMAND, off, kill, *may, hours=3))
    told = [s.result["refused"] for _, s in of(result.records, StepTaken) if s.result]
    assert len(told) == 2 and told[0] == "WS1 is switched off"


def test_a_machine_without_power_holds_nothing() -> None:
    off = {"do": "power", "at": "10m", "machine": "WS1", "on": False}
    with pytest.raises(StepError, match=r"WS1 cannot hold .*b\.dat: WS1 is switched off"):
        play(scenario(share(), off, hold(), hours=3))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("step", "says"),
    [
        ({"do": "link", "server": "LOGON1", "up": False}, "links are cut in virtual time only"),
        ({"do": "disk", "server": "LOGON1", "free": 0}, "simulated with files in memory only"),
    ],
)
def test_neither_links_nor_disks_fail_where_time_is_not_virtual(
    step: dict[str, Any], says: str
) -> None:
    with pytest.raises(StepError, match=says):
        run_scenario(scenario({**step, "at": "1m"}, hours=1), RunOptions(timing=Timing(3600.0)))


def test_a_file_that_is_deleted_is_gone_and_one_that_is_held_stays() -> None:
    gone = {**ON_SERVER, "do": "delete", "at": "1h", "path": "{package:OFFICE}/c.dat"}
    held_too = {**ON_SERVER, "do": "delete", "at": "2h", "may_fail": True}
    result = play(
        scenario(
            share(),
            gone,
            hold(at="90m"),
            held_too,
            hours=3,
            expect=[
                {"that": "files", "package": "OFFICE", "files": {"b.dat": True, "c.dat": False}}
            ],
        )
    )
    assert result.passed, result.findings
    assert ["delete" in note for note in result.notes] == [True]


@pytest.mark.slow
@pytest.mark.parametrize("rights", ["READ", "NONE"])
def test_an_update_waits_while_the_service_may_not_write(rights: str) -> None:
    entry = {"do": "acl", "server": "LOGON1", "share": "SMS_PKGD", "role": "service"}
    result = play(
        scenario(
            share(),
            {**entry, "at": "1h", "path": "{package:OFFICE}", "rights": rights},
            *update(at="2h"),
            {**entry, "at": "5h", "path": "{package:OFFICE}", "rights": ""},
            hours=8,
            expect=[
                {"that": "job", "job": "UPDATE", "status": "Retrying", "at": "4h"},
                {"that": "job", "job": "UPDATE", "status": "Complete"},
            ],
        )
    )
    assert result.passed, [f for f in result.findings if not f.ok]


@pytest.mark.parametrize("is_deleted", [True, False])
def test_without_its_history_a_client_runs_what_it_has_run(is_deleted: bool) -> None:
    mandatory = {**COMMAND, "machines": ["WS1"], "mandatory_after": "1h"}
    forget = {"do": "delete_history", "at": "6h", "machine": "WS1"}
    result = play(scenario(mandatory, *([forget] if is_deleted else []), hours=12))
    assert len(started(result)) == (2 if is_deleted else 1)


@pytest.mark.slow
def test_what_a_killed_site_had_open_elsewhere_is_open_until_its_lease_is_over() -> None:
    """Nobody renews it for a process that is gone, and the one that starts has nothing open."""
    old = {f"f{n:03}.dat": "first" * 50 for n in range(60)}
    new = dict.fromkeys(old, "second" * 50)
    lease_s, look_s = 3600.0, 1200.0
    ends: list[tuple[float, str]] = []
    for kill_s in (7502.08, 7502.09, 7502.1, 7502.11, 7502.12):
        result = play(
            scenario(
                share(),
                *update("2h", new),
                {"do": "kill", "at": f"{kill_s}s", "down_for": "6h"},
                packages={"OFFICE": old},
                clients=[{"names": ["WS1"], "poll_every": "20m"}],
                hours=12,
            ),
            "1.2 SP4",
        )
        kill = result.scenario.start + kill_s
        opened = {
            fact.open: at.at
            for at, fact in of(result.records, OpenGranted)
            if fact.machine == "SITE1" and fact.server == "LOGON1"
        }
        ends += [
            (at.at - kill, fact.reason)
            for at, fact in of(result.records, OpenClosed)
            if opened.get(fact.open, kill + 1.0) <= kill + 0.1 and at.at > kill + 1.0
        ]
        assert status(result, "UPDATE") == "Complete"
    assert ends, "it died between an open and its close"
    for after_s, reason in ends:
        assert reason == "lease expired"
        assert lease_s - 10.0 <= after_s <= lease_s + look_s


@pytest.mark.parametrize("turns", [0, 3])
def test_a_service_is_restarted_between_two_of_its_steps(turns: int) -> None:
    restart = {"do": "service", "action": "restart", "service": "SMS_DESPOOLER", "at": "5m 3s"}
    result = play(blocked_update(hold(), {**restart, "turns": turns}, release("WS1", "3h")))
    assert len(log(result, "SMS_EXECUTIVE", "restarted")) == 1
    assert status(result, "UPDATE") == "Complete"


def test_of_a_site_that_is_down_no_service_is_restarted() -> None:
    restart = {"do": "service", "action": "restart", "service": "SMS_DESPOOLER", "at": "5m 3s"}
    with pytest.raises(StepError, match="site BPC is down"):
        play(blocked_update({"do": "kill", "at": "5m"}, {**restart, "turns": 3}))
