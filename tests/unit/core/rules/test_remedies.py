"""What a remedy asks of a holder, and whether the page of remedies says the same."""

from __future__ import annotations

import pytest

from despoolr_core.rules.remedies import COPY_STRATEGIES, HOLDER_CHANGES, Cost
from worlds.support import REPOSITORY

READ, WRITE, DELETE, ALL = 1, 2, 4, 7

ALWAYS = {"new_folder_and_switch", "at_restart"}
BY_WRITE = {"stop_at_first_lock", "skip_locked_and_retry", "retry_on_close"}
BY_DELETE = {"rename_aside", "posix_replace"}
PASSES = {
    # a reader who shares so much: who gets past it
    0: ALWAYS,
    READ: ALWAYS,
    READ | WRITE: ALWAYS | BY_WRITE,
    READ | DELETE: ALWAYS | BY_DELETE,
    ALL: ALWAYS | BY_WRITE | BY_DELETE,
}


@pytest.mark.parametrize("shared", PASSES)
def test_who_gets_past_a_reader_is_what_the_sharing_rule_says(shared: int) -> None:
    passes = {name for name, one in COPY_STRATEGIES.items() if one.could_pass(READ, shared)}
    assert passes == PASSES[shared]


def test_a_writer_is_passed_only_by_who_shares_writing_or_leaves_the_file_alone() -> None:
    passes = {name for name, one in COPY_STRATEGIES.items() if one.could_pass(READ | WRITE, ALL)}
    assert passes == ALWAYS | BY_DELETE


def test_the_page_of_remedies_has_each_as_it_is() -> None:
    page = (REPOSITORY / "docs" / "remedies.md").read_text("utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert rows == [
        f"| `{one.name}` | {one.says} | {one.needs or '-'} | {one.cost} |"
        for one in COPY_STRATEGIES.values()
    ] + [f"| `{one.name}` | {one.says} | {one.cost} |" for one in HOLDER_CHANGES.values()]


def test_a_change_of_holders_shortens_a_hold_and_never_lengthens_it() -> None:
    for change in HOLDER_CHANGES.values():
        assert change.held_s(3.0, 4.0) == 3.0
        assert change.held_s(10.0, 4.0) == (
            4.0 if change.takes_span else min(10.0, change.held_s_max)
        )


def test_costs_are_in_the_order_in_which_they_hurt() -> None:
    assert [cost.value for cost in Cost] == [
        "setting",
        "operating habit",
        "packaging change",
        "client change",
        "force",
    ]
