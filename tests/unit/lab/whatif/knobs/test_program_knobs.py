"""Programs that jobs start, and ranges that are locked: what could be otherwise about them."""

from __future__ import annotations

import pytest

from despoolr_core.records.whatif.ladder import FIXES, NO_EFFECT
from unit.lab.whatif.test_ladder import ladder, named
from worlds.scenario import blocked_update, hold, scenario, share, update

MENU = {"command": "MENU.EXE", "runs": "2d", "opens": ["b.dat"]}
RUN = {
    "do": "job",
    "at": "10m",
    "name": "RUN",
    "package": "OFFICE",
    "command": "MENU.EXE",
    "machines": ["WS1"],
    "mandatory_after": "0s",
}


@pytest.mark.slow
def test_a_program_that_a_job_started_and_that_goes_on_for_days_is_in_the_way() -> None:
    staged = scenario(
        share("FIRST"),
        RUN,
        *update(at="5h"),
        programs=[MENU],
        hours=12,
    )
    knobs = {"closes_when_idle": ("30",), "shares": ("READ|DELETE",), "local_copy": ()}
    found = ladder(staged, knobs=knobs, worlds=1)
    words = {row.change: row.word for row in found.rows}
    assert words.pop("MENU.EXE on any client closing a file after 30 min") == FIXES
    assert words.pop("MENU.EXE on any client working on a copy of its own") == FIXES
    assert words.pop("MENU.EXE on any client sharing READ|DELETE") != FIXES
    assert not words
    assert named(found, "copy").toml == ("+copies_first = true",)


@pytest.mark.slow
def test_a_holder_that_locked_no_range_would_let_an_update_through() -> None:
    locking = hold(share_mode="READ|WRITE|DELETE", locks=[{"length": 2, "shared": True}])
    found = ladder(blocked_update(locking, hours=9), knobs={"shares": ()}, worlds=1)
    unlocked = named(found, "locking no range")
    assert (unlocked.word, unlocked.cost) == (FIXES, "client change")
    assert named(found, "sharing READ|DELETE").word == NO_EFFECT
