"""The first pass of a what-if: what the sharing rule says of known opens, and no more."""

from __future__ import annotations

import pytest

from despoolr_core.records.episode import RESOLVED
from despoolr_core.records.view import RunView
from despoolr_core.records.whatif.bounds import BlockedUpdate, Bound, blocked_updates, together
from despoolr_core.rules.remedies import COPY_STRATEGIES
from worlds.scenario import HOUR, blocked_update, hold, play


def blocked(*steps: dict[str, object], hours: float = 12) -> BlockedUpdate:
    result = play(blocked_update(*steps, hours=hours), "1.1")
    (found,) = blocked_updates(result.records, RunView(result.records))
    return found


def test_who_holds_to_the_end_cannot_be_waited_for() -> None:
    bound = blocked(hold()).as_it_asked()
    assert bound.cannot_help
    assert bound.why == "WINWORD.EXE on WS1 keeps b.dat open to the end"


def test_who_closes_is_a_bound_for_every_retry() -> None:
    update = blocked(hold(**{"for": "4h"}))
    bound = update.as_it_asked()
    assert bound.free_at is not None
    assert bound.free_at - update.since == pytest.approx(3 * HOUR, abs=600)


def test_a_rename_cannot_help_against_a_holder_that_shares_reading_only() -> None:
    bound = blocked(hold()).by(COPY_STRATEGIES["rename_aside"])
    assert bound.cannot_help
    assert bound.why == (
        "WINWORD.EXE on WS1 shares READ only; it needs: every holder shares DELETE"
    )


def test_a_holder_that_shares_delete_changes_that() -> None:
    update = blocked(hold(share_mode="READ|DELETE"))
    assert not update.by(COPY_STRATEGIES["rename_aside"]).cannot_help
    assert update.by(COPY_STRATEGIES["stop_at_first_lock"]).cannot_help


def test_a_new_folder_asks_nobody() -> None:
    update = blocked(hold())
    assert update.by(COPY_STRATEGIES["new_folder_and_switch"]) == Bound(update.since)


def test_an_open_that_began_after_the_first_refusal_is_not_held_against_a_change() -> None:
    update = blocked(hold(**{"for": "2h"}), hold("WS2", at="2h 30m"))
    assert [one.machine for one in update.holdings] == ["WS1"]
    assert not update.as_it_asked().cannot_help


def test_an_earlier_first_attempt_knows_fewer_opens() -> None:
    update = blocked(hold())
    assert update.begun_at(update.since - 2 * HOUR).holdings == ()
    assert update.begun_at(update.since).holdings == update.holdings


def test_of_several_updates_each_must_get_through() -> None:
    never, late, soon = Bound(None, "held"), Bound(30.0, "late"), Bound(10.0)
    assert together([soon, late]) == late
    assert together([soon, never, late]) is never


def test_an_update_that_came_through_was_blocked_as_well_and_says_so() -> None:
    assert blocked(hold(**{"for": "4h"})).episode.state == RESOLVED
    assert blocked(hold()).episode.state != RESOLVED
