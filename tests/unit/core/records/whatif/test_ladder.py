"""What a ladder says in one sentence, and how harm is counted."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from despoolr_core.records.whatif.ladder import (
    CANNOT_HELP,
    FIXES,
    NO_EFFECT,
    NOT_SETTLED,
    Effects,
    Ladder,
    LadderRow,
    told,
)
from despoolr_core.records.whatif.windows import FreeWindow, UpdateWindows


def ladder(*rows: LadderRow, **more: Any) -> Ladder:
    return Ladder(source="run", goal="all new", as_it_was="never", rows=rows, **more)


def row(change: str, word: str, **more: Any) -> LadderRow:
    return LadderRow(change=change, cost="setting", word=word, **more)


def test_the_best_remedy_is_named_with_its_evidence() -> None:
    found = ladder(
        row("copy strategy new_folder", FIXES, worlds=20, held=20, goal_at=833796600.0),
        row("SMS 2.0", NO_EFFECT, worlds=1),
    )
    assert told(found) == (
        "Copy strategy new_folder would have got it through at 1996-06-03 10:10, in 20 of 20 "
        "worlds; nobody disturbed."
    )


def test_a_status_is_kept_true() -> None:
    found = ladder(row("the fix", FIXES, worlds=1, held=1), is_of_update=False)
    assert told(found) == ("The fix would have kept it true, in 1 of 1 world; nobody disturbed.")


def test_harm_is_told_with_the_remedy() -> None:
    effects = Effects(users_cut=2, rights_lost=1, no_service_s=600.0)
    found = ladder(row("force", FIXES, worlds=1, held=1, effects=effects))
    assert told(found).endswith(
        "users lose the right to the package (Q182414), 2 machines cut off, 10 min without service."
    )


@pytest.mark.parametrize(
    ("rows", "more", "said"),
    [
        ((), {"is_met": True}, "Nothing to fix: the goal holds as it was."),
        (("never", CANNOT_HELP), {}, "Nothing that was tried would have fixed it."),
        (
            ("x", NOT_SETTLED),
            {},
            "Nothing that was tried would have fixed it; 1 change not settled.",
        ),
        (
            ("a copy", NOT_SETTLED),
            {"confirmed": False},
            "A copy could have helped (not yet confirmed by reruns).",
        ),
        (
            ("sync_test on CI1 closing its files", NOT_SETTLED),
            {"confirmed": False},
            "sync_test on CI1 closing its files could have helped (not yet confirmed by reruns).",
        ),
        (
            (),
            {"confirmed": False, "rows": (row("retries", NOT_SETTLED, waits=3, ended=2),)},
            "Retries could have ended 2 of 3 waits (not yet confirmed by reruns).",
        ),
        (
            (),
            {"is_met": True, "windows": UpdateWindows(3, 0, 90, (FreeWindow(30, 60),))},
            "Nobody had any of the 3 files open from 1970-01-01 00:00:30 to 1970-01-01 00:01:00.",
        ),
        (
            (),
            {"is_met": True, "windows": UpdateWindows(0, 0, 90, (FreeWindow(30, 60),))},
            "Nothing to fix: the goal holds as it was.",
        ),
    ],
)
def test_what_is_not_known_is_said(rows: Any, more: Any, said: str) -> None:
    found = ladder(*([row(*rows)] if rows else []))
    assert told(msgspec.structs.replace(found, **more)) == said


def test_harm_beyond_what_was_done_anyway_is_all_that_counts() -> None:
    before = Effects(users_cut=2, no_service_s=100.0)
    after = Effects(users_cut=1, no_service_s=160.0, mixed_installs=3)
    assert after.beyond(before) == Effects(no_service_s=60.0, mixed_installs=3)


def test_data_that_are_lost_outweigh_everything() -> None:
    worst = Effects(data_lost=1)
    assert worst.rank > Effects(rights_lost=9, users_cut=99, no_service_s=1e6).rank


def test_a_ladder_comes_back_from_its_file() -> None:
    found = ladder(row("x", FIXES, worlds=2, held=1, toml=("+a = 1",)), notes=("cut short",))
    assert msgspec.json.decode(msgspec.json.encode(found), type=Ladder) == found
