"""What one remedy would have done, and to whom."""

from __future__ import annotations

import pytest

from despoolr_core.records.whatif.ladder import CANNOT_HELP, FIXES, HARMS, NO_EFFECT
from despoolr_lab.whatif.knobs.fault_knobs import BROKEN_MAX
from unit.lab.whatif.test_ladder import ladder, named
from worlds.scenario import blocked_update, hold, scenario, share, update

pytestmark = pytest.mark.slow


def test_a_reaper_gets_an_update_through_and_cuts_its_holder_off() -> None:
    found = ladder(blocked_update(hours=30), knobs={"reaper": ("2", "48")})
    quick = named(found, "2 h")
    assert (quick.word, quick.effects.users_cut) == (FIXES, 1)
    assert quick.toml == ('+reaps_after = "2h"',)
    assert quick.goal_after_s is not None and quick.bound_after_s is not None
    assert quick.bound_after_s <= quick.goal_after_s
    assert named(found, "2 d").word == CANNOT_HELP


def test_a_marker_keeps_those_out_who_would_have_come_one_after_the_other() -> None:
    relay = [hold(f"WS{n}", at=f"{n}h", **{"for": "80m"}) for n in range(1, 9)]
    clients = [{"names": [f"WS{n}" for n in range(1, 9)]}]
    staged = blocked_update(*relay, hours=9, clients=clients)
    found = ladder(staged, knobs={"marker": ("1",), "copy_strategy": ("quiesce_marker",)})
    marker = named(found, "marker that all")
    assert marker.word == FIXES
    assert marker.effects.no_service_s > 0, "that is what it costs them"
    assert marker.effects.users_cut == 0
    assert named(found, "quiesce_marker").word != FIXES, "nobody looks for it"


def test_a_removal_that_would_have_got_through_does_no_harm_by_the_files_it_takes() -> None:
    staged = scenario(
        share(),
        hold(),
        {"do": "job", "at": "2h", "name": "REMOVE", "package": "OFFICE", "type": "remove"},
        hours=9,
    )
    found = ladder(staged, knobs={"closes_when_idle": ("30",)}, worlds=1)
    row = named(found, "closing it after 30 min")
    assert (row.word, row.effects.no_service_s) == (FIXES, 0.0)


def test_a_fix_that_takes_another_version_costs_what_an_upgrade_costs() -> None:
    staged = blocked_update(hours=6, version="1.2")
    found = ladder(staged, knobs={"fix": ("Q182414", "Q195936"), "version": ("1.2 SP4",)}, worlds=1)
    costs = {row.change: row.cost for row in found.rows if ", and " not in row.change}
    assert costs == {
        "the fix of Q182414": "packaging change",
        "the fix of Q195936": "setting",
        "SMS 1.2 SP4": "packaging change",
    }


def test_nothing_is_closed_that_is_closed_already() -> None:
    staged = blocked_update(
        hold(file="a.dat", program="EXCEL.EXE"),
        hold(),
        {"do": "release", "at": "7h", "machine": "WS1", "file": "a.dat"},
        {"do": "release", "at": "9h", "machine": "WS1"},
        hours=9.5,
    )
    found = ladder(staged, knobs={"local_copy": (), "closes_when_idle": ("30",)}, worlds=1)
    assert {row.change.partition(")")[0]: row.word for row in found.rows} == {
        "EXCEL.EXE on WS1 (holding a.dat": NO_EFFECT,
        "WINWORD.EXE on WS1 (holding b.dat": FIXES,
        "each of the 2 holders working on a copy of its own": FIXES,
        "each of the 2 holders closing it after 30 min": FIXES,
    }


def test_what_a_program_does_otherwise_it_does_each_time() -> None:
    """It opens the file before each attempt: once less is no remedy."""
    times = [f"{120 * number - 5}m" for number in range(1, 6)]
    inventories = [hold(program="INVENT.EXE", at=at, **{"for": "25m"}) for at in times]
    found = ladder(blocked_update(*inventories, hours=11), knobs={"local_copy": ()}, worlds=1)
    (row,) = found.rows
    assert row.change.startswith("INVENT.EXE on WS1 (holding b.dat, 5 times) working on")
    assert row.word == FIXES


def test_a_setting_that_helps_by_chance_makes_room_for_the_one_that_holds() -> None:
    """With Slow the first attempt happens to fall between two holds, in the world of the run."""
    times = [f"{120 * number - 5}m" for number in range(1, 12)]
    inventories = [
        hold(program="INVENT.EXE", at=at, may_fail=True, **{"for": "25m"}) for at in times
    ]
    knobs: dict[str, tuple[str, ...]] = {
        "retry_interval": ("Slow", "Medium", "Very Fast"),
        "copy_strategy": ("new_folder_and_switch",),
        "local_copy": (),
    }
    found = ladder(blocked_update(*inventories, hours=23), knobs=knobs, worlds=6)
    best = found.best
    assert best is not None
    assert best.change == "retrying every 24 min (Response Very Fast)"
    assert (best.held, best.worlds) == (6, 6)
    assert named(found, "Slow").held < named(found, "Slow").worlds == 6


def test_a_disk_that_is_full_and_a_link_that_is_down_are_told_first() -> None:
    broken = [
        {"do": "disk", "at": "90m", "server": "LOGON1", "share": "SMS_PKGD", "free": 0},
        {"do": "link", "at": "90m", "server": "LOGON2", "up": False},
    ]
    staged = scenario(share(), *broken, *update(), hours=6, servers=("LOGON1", "LOGON2"))
    found = ladder(staged, knobs={"mended": (), "retry_interval": ("Very Fast",)}, worlds=1)
    words = {row.change: row.word for row in found.rows if " and " not in row.change}
    assert words == {
        "nothing of 2 things being broken": FIXES,
        r"room enough on the disk of \\LOGON1\SMS_PKGD": NO_EFFECT,
        "LOGON2 staying on the network": NO_EFFECT,
        "retrying every 24 min (Response Very Fast)": NO_EFFECT,
    }


def test_a_program_that_hangs_is_a_holder_whom_nobody_can_ask() -> None:
    install = share(
        "INSTALL", type="run", command="SETUP.EXE", machines=["WS2"], mandatory_after="30m"
    )
    hangs = [{"command": "SETUP.EXE", "machines": ["WS2"], "hangs": True, "opens": ["b.dat"]}]
    staged = scenario(install, *update(at="6h"), programs=hangs, hours=12)
    found = ladder(staged, knobs={"mended": ()}, worlds=1)
    assert [(row.change, row.word, row.cost) for row in found.rows] == [
        ("SETUP.EXE on WS2 not hanging", FIXES, "client change"),
        ("restarting WS2 30 min after the first refusal", HARMS, "force"),
    ], "its PCM starts it again, while the server has files of both versions, and it hangs again"


def test_an_update_is_moved_before_or_after_what_stands_in_its_way() -> None:
    """A backup from one to noon, an update at two: it goes out at midnight, or after noon."""
    backup = [
        hold("SITE1", file, at="17h", program="BACKUP.EXE", **{"for": "11h"})
        for file in ("a.dat", "b.dat", "c.dat")
    ]
    staged = scenario(share(), *backup, *update(at="18h"), hours=28)
    found = ladder(staged, knobs={"window": ()}, worlds=1)
    assert {row.change: row.word for row in found.rows} == {
        "sending it at 00:00, 2 h earlier": FIXES,
        "sending it at 22:00, 4 h earlier": FIXES,
    }
    longer = scenario(share(), *backup, *update(at="18h"), hours=30.05, response="Medium")
    row = named(ladder(longer, knobs={"window": ("13",)}, worlds=1), "at 13:00, 11 h later")
    assert row.goal_after_s == pytest.approx(11 * 3600, abs=1800), "after the attempt as it was"


def test_a_timeline_of_dates_has_the_changes_of_one_of_spans() -> None:
    day = "1996-06-03"
    found = []
    for at in (("1h", "2h", "9h"), (f"{day} 09:00", f"{day} 10:00", f"{day} 17:00")):
        gone = {"do": "release", "at": at[2], "machine": "WS1"}
        staged = scenario(share(), hold(at=at[0]), *update(at=at[1]), gone, hours=9.5)
        knobs: dict[str, tuple[str, ...]] = {"window": ("16",), "closes_when_idle": ("30",)}
        asked = ladder(staged, knobs=knobs, worlds=1, deadlines=True)
        found.append([(row.change, row.word, row.act_before) for row in asked.rows])
    assert len(found[0]) == 2 and found[0] == found[1]


def test_an_update_is_not_moved_to_the_hour_at_which_it_is_sent() -> None:
    source, job = update(at="1996-06-04 02:00")
    staged = scenario(
        share(), hold(at="17h"), {**source, "at": "17h 50m"}, job, hours=28, response="Medium"
    )
    found = ladder(staged, knobs={"window": ("2",)}, worlds=1)
    assert found.rows == ()


def test_nobody_restarts_a_machine_after_the_end_of_the_run() -> None:
    install = share(
        "INSTALL", type="run", command="SETUP.EXE", machines=["WS2"], mandatory_after="30m"
    )
    hangs = [{"command": "SETUP.EXE", "machines": ["WS2"], "hangs": True, "opens": ["b.dat"]}]
    staged = scenario(install, *update(at="6h"), programs=hangs, hours=6.6)
    found = ladder(staged, knobs={"mended": ()}, worlds=1)
    assert [row.change for row in found.rows] == ["SETUP.EXE on WS2 not hanging"]


def test_what_is_mended_is_whole_from_the_start() -> None:
    """A machine that begins switched off would stay so; a link is one from either of its ends."""
    steps = [
        {"do": "power", "at": "90m", "machine": "WS2", "on": True},
        {"do": "link", "at": "2h", "server": "LOGON1", "other": "SITE1", "up": False},
        {"do": "link", "at": "4h", "server": "SITE1", "other": "LOGON1", "up": True},
    ]
    clients = [{"names": ["WS1"]}, {"names": ["WS2"], "on": False}]
    staged = blocked_update(hold(), *steps, hours=12, clients=clients)
    found = ladder(staged, knobs={"mended": ()}, worlds=1)
    assert [row.change for row in found.rows] == ["the link between LOGON1 and SITE1 staying up"]


RUN = share("RUN", type="run", command="SETUP.EXE", machines=["WS1"], mandatory_after="0s")


@pytest.mark.parametrize("wrong_at", [("start",), ("5m",), ("start", "5m")])
def test_a_report_waits_for_a_clock_that_is_wrong(wrong_at: tuple[str, ...]) -> None:
    offset = {"clock_offset": "1d"} if "start" in wrong_at else {}
    clock = {"do": "clock", "machine": "WS1", "offset": "1d"}
    wrong = [{**clock, "at": at} for at in wrong_at if at != "start"]
    clients = [{"names": ["WS1"], "poll_every": "30m", **offset}]
    staged = scenario(RUN, *wrong, clients=clients, hours=14)
    found = ladder(staged, version="1.2", knobs={"mended": (), "fix": ("Q172899",)}, worlds=1)
    assert [(row.change, row.word) for row in found.rows] == [
        ("the fix of Q172899", FIXES),
        ("the clock of WS1 being right", FIXES),
    ]


def test_programs_that_hang_are_tried_one_by_one_up_to_a_bound_then_all() -> None:
    count = BROKEN_MAX + 1
    machines = [f"WS{number}" for number in range(1, count + 1)]
    programs = [
        {"command": f"P{number}.EXE", "machines": [machine], "opens": ["b.dat"], "hangs": True}
        for number, machine in enumerate(machines)
    ]
    later = {"command": "LATER.EXE", "machines": ["WS1"], "then": [{"hangs": True}]}
    staged = blocked_update(
        hold(), clients=[{"names": machines}], programs=[*programs, later], hours=9
    )
    found = ladder(staged, knobs={"mended": ()}, worlds=1)
    mended = [row.change for row in found.rows if "hanging" in row.change]
    assert len(mended) == BROKEN_MAX + 1
    assert f"none of {count + 1} hanging" in mended
    restarted = [row.change for row in found.rows if row.change.startswith("restarting")]
    assert f"restarting WS1 and WS2 and WS3 and {count - 3} more 30 min" in " ".join(restarted)
