"""What would have ended waits, by arithmetic over the opens that are known."""

from __future__ import annotations

from typing import Any

import pytest

from despoolr_core.records.kinds.share import (
    LockGranted,
    LockReleased,
)
from despoolr_core.records.view import RunView
from despoolr_core.records.whatif import waits
from despoolr_core.records.whatif.hold_table import HoldTable
from despoolr_core.records.whatif.waits import Ends, Hindsight
from despoolr_core.rules.remedies import COPY_STRATEGIES
from despoolr_core.share.wire import Blocker
from worlds.share_story import PLACE, Story


def hindsight(story: Story, end: float = 100.0) -> Hindsight:
    records = list(story.read())
    view = RunView(records)
    table = HoldTable(lambda _: True)
    for record in records:
        table.apply(record)
    table.end = end
    return Hindsight(table, view.ledger.rows(end), view.attempts)


def strategy(hindsight: Hindsight, name: str) -> Ends:
    return hindsight.by(COPY_STRATEGIES[name])


def test_retries_get_through_at_the_first_tick_that_is_free() -> None:
    story = Story()
    first = story.hold("O1", 1, 17)
    story.hold("O2", 19, 31)
    story.refuse(10, first)
    found = hindsight(story)
    assert found.as_it_was() == Ends(1, ())
    assert found.whenever().spans == (7,)
    assert [found.every(s).spans for s in (1, 5, 20, 21, 200)] == [(7,), (25,), (40,), (21,), ()]


def test_a_strategy_that_a_holder_lets_in_gets_through_at_once_and_another_never() -> None:
    story = Story()
    story.refuse(10, story.hold("O1", 1, share_mode="READ|DELETE"))
    found = hindsight(story)
    assert strategy(found, "rename_aside").spans == (0,)
    assert strategy(found, "new_folder_and_switch").spans == (0,)
    told = strategy(found, "skip_locked_and_retry")
    assert told.spans == () and told.why == (
        "WS1 keeps it open to the end; it needs: every holder shares WRITE"
    )
    refused = strategy(found, "retry_on_close")
    assert refused.spans == ()


def test_the_open_that_forbids_a_strategy_is_told_with_what_it_shares() -> None:
    story = Story()
    story.refuse(10, story.hold("O1", 1, program="WINWORD.EXE"))
    told = strategy(hindsight(story), "rename_aside")
    assert told.why == "WINWORD.EXE on WS1 shares READ only; it needs: every holder shares DELETE"


def test_who_writes_the_whole_file_waits_for_whoever_has_its_first_byte_locked() -> None:
    story = Story()
    locked: dict[str, Any] = {**PLACE, "lock": "EXCLUSIVE", "offset": 0, "length": 1}
    held = story.hold("O1", 1, 60, share_mode="READ|WRITE|DELETE", program="BTRIEVE.EXE")
    story.told.append((5, LockGranted(open="O1", machine="WS1", program="", purpose="", **locked)))
    story.refuse(10, held, access="WRITE", share_mode="NONE")
    assert strategy(hindsight(story), "skip_locked_and_retry").spans == (50,)
    assert strategy(hindsight(story), "rename_aside").spans == (0,)
    story.told.append((30, LockReleased(open="O1", machine="WS1", **locked)))
    assert strategy(hindsight(story), "skip_locked_and_retry").spans == (20,)
    story.told = [pair for pair in story.told if pair[0] not in (30, 60)]
    told = strategy(hindsight(story), "retry_on_close")
    assert told.why.startswith("BTRIEVE.EXE on WS1 has bytes of it locked to the end")


def test_a_program_that_closes_its_files_frees_what_nobody_else_has() -> None:
    story = Story()
    word = story.hold("O1", 1, program="WINWORD.EXE")
    backup = story.hold("O2", 5, 30, program="BACKUP.EXE", machine="SRV9")
    story.refuse(10, word, backup)
    found = hindsight(story)
    assert found.holders(8) == ["WINWORD.EXE", "BACKUP.EXE"]
    assert found.without("WINWORD.EXE").spans == (20,)
    assert found.without("BACKUP.EXE").why == "WINWORD.EXE on WS1 keeps it open to the end"


def test_force_cuts_what_is_in_the_way_at_the_first_refusal_and_counts_unsaved_work() -> None:
    story = Story()
    one = story.hold("O1", 1)
    two = story.hold("O2", 2, access="READ|WRITE", machine="WS2", user="bob")
    story.refuse(10, one, two)
    late = story.hold("O3", 12, machine="WS3", user="carol")
    story.refuse(15, one, two, late)
    assert hindsight(story).by_force() == (2, 2, 2, 1)


def test_an_open_whose_share_mode_nobody_told_is_in_the_way() -> None:
    story = Story()
    story.refuse(10, story.hold("O1", 1, 40, share_mode=""))
    found = hindsight(story)
    assert found.whenever().spans == strategy(found, "rename_aside").spans == (30,)


def test_a_moment_at_which_somebody_was_refused_is_not_free() -> None:
    story = Story()
    story.refuse(10, story.hold("O1", 1, 12))
    story.refuse(20, Blocker("O9", "WS9", "", "", "READ", "READ", 5))
    found = hindsight(story)
    assert list(found.whenever().spans) == pytest.approx([10.001])


def test_whoever_nobody_recorded_holds_it_until_the_waiter_gets_through() -> None:
    story = Story()
    nobody = Blocker("U1", "", "", "", "", "", 10, since="before")
    story.refuse(10, nobody)
    story.hold("O2", 50, 60, access="WRITE", machine="SRV2", user="")
    found = hindsight(story)
    assert found.as_it_was().spans == found.whenever().spans == (40,)
    assert found.at_once().spans == () and found.by_force().opens == 0


def test_a_close_in_the_last_second_is_the_end_of_the_recording() -> None:
    story = Story()
    story.refuse(10, story.hold("O1", 1, 99.5))
    assert hindsight(story, end=100).whenever() == Ends(1, (), "WS1 keeps it open to the end")
    assert hindsight(story, end=102).whenever().spans == (89.5,)


def test_only_so_many_stretches_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    story = Story()
    first = story.hold("O0", 1, 12)
    for number in range(1, 9):
        story.hold(f"O{number}", 10 * number + 5, 10 * number + 12)
    story.refuse(10, first)
    assert hindsight(story, end=200).every(10).spans == (90,)
    monkeypatch.setattr(waits, "STEPS_MAX", 3)
    assert hindsight(story, end=200).every(10).spans == ()


def test_a_wait_for_a_range_ends_with_its_holder_and_no_way_to_copy_is_asked() -> None:
    story = Story()
    held = story.hold("O1", 1, 25, share_mode="READ|WRITE|DELETE")
    story.refuse(10, held, purpose="lock of office/b.dat")
    found = hindsight(story)
    assert found.whenever().spans == (15,)
    assert strategy(found, "rename_aside") == Ends(0, ())
    assert found.without("WS1").spans == (0,)
