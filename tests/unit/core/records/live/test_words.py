"""Share modes and conflicts in words."""

from __future__ import annotations

import pytest

from despoolr_core.records.live.words import lets_others, why_refused, wishes
from despoolr_core.share.wire import Hold, LockedRange


def hold(access: str = "READ", share_mode: str = "READ", lock: LockedRange | None = None) -> Hold:
    return Hold(
        "WS50", "ALICE", "WINWORD.EXE", access, share_mode, 0.0, 0.0, 0.0, None, 1, lock=lock
    )


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("READ", "read only"),
        ("READ|WRITE", "read and write"),
        ("NONE", "nothing"),
        ("READ|WRITE|DELETE", "anything"),
        ("", "not known"),
        ("SOMETHING", "something"),
    ],
)
def test_a_share_mode_says_what_others_may_do(mode: str, words: str) -> None:
    assert lets_others(mode) == words


def test_an_access_says_what_is_wanted() -> None:
    assert wishes("READ|WRITE|DELETE") == "read, write and delete"
    assert wishes("READ_ATTRIBUTES") == "look at attributes"
    assert wishes("SOMETHING") == "something"


def test_the_flag_that_conflicts_is_told_of_whichever_side_has_it() -> None:
    assert why_refused("WRITE", "READ", hold()) == (
        "it wants to write; WINWORD.EXE lets others read only"
    )
    assert why_refused("READ", "READ", hold("WRITE", "READ|WRITE")) == (
        "WINWORD.EXE may write; it lets others read only"
    )
    both = why_refused("DELETE", "NONE", hold("READ", "NONE"))
    assert both == (
        "it wants to delete; WINWORD.EXE lets others nothing; "
        "WINWORD.EXE may read; it lets others nothing"
    )


def test_a_lock_is_told_as_one_and_what_nobody_knows_is_not_guessed() -> None:
    lock = LockedRange("EXCLUSIVE", 0, 10, 0.0)
    assert why_refused("WRITE", "READ", hold(lock=lock)) == (
        "WINWORD.EXE has bytes 0 to 9 locked (EXCLUSIVE)"
    )
    assert why_refused("WRITE", "READ", hold("", "")) == ""
    assert why_refused("ODD", "READ", hold()) == ""
