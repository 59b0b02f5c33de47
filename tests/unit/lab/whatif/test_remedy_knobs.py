"""What a marker and a reaper would have done, and to whom."""

from __future__ import annotations

from despoolr_core.records.ladder import CANNOT_HELP, FIXES
from unit.lab.whatif.test_ladder import ladder, named
from worlds.scenario import blocked_update, hold


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
