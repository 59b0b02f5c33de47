"""What a marker and a reaper would have done, and to whom."""

from __future__ import annotations

from despoolr_core.records.ladder import CANNOT_HELP, FIXES, NO_EFFECT
from unit.lab.whatif.test_ladder import ladder, named
from worlds.scenario import blocked_update, hold, scenario, share, update


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


def test_nothing_is_closed_that_is_closed_already() -> None:
    staged = blocked_update(
        hold(file="a.dat"),
        hold(),
        {"do": "release", "at": "7h", "machine": "WS1", "file": "a.dat"},
        {"do": "release", "at": "9h", "machine": "WS1"},
        hours=9.5,
    )
    found = ladder(staged, knobs={"local_copy": (), "closes_when_idle": ("30",)}, worlds=1)
    assert {row.change.partition(")")[0]: row.word for row in found.rows} == {
        "WINWORD.EXE on WS1 (holding a.dat": NO_EFFECT,
        "WINWORD.EXE on WS1 (holding b.dat": FIXES,
        "each of the 2 holders working on a copy of its own": FIXES,
        "each of the 2 holders closing it after 30 min": FIXES,
    }


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
