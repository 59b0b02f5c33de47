"""The opens of a run as columns, and whom a demand is stopped by."""

from __future__ import annotations

import pytest

from despoolr_core.records.whatif.hold_table import (
    UNTOLD_ACCESS,
    UNTOLD_SHARING,
    AskedModes,
    modes_of,
)
from despoolr_core.rules.conflict import conflicts


@pytest.mark.parametrize("wanted", range(1, 8))
def test_a_wish_is_stopped_as_the_conflict_rule_says(wanted: int) -> None:
    for shared in range(8):
        demand = AskedModes(wanted, shared)
        for held in range(8):
            for held_shared in range(8):
                says = conflicts(wanted, shared, held, held_shared)
                assert demand.is_stopped_by(held | held_shared << 3) == says
                assert demand.table[held | held_shared << 3] == says


def test_what_nobody_told_is_taken_to_be_in_the_way() -> None:
    demand = AskedModes(2, 1)
    assert demand.is_stopped_by(modes_of("READ", ""))
    assert demand.is_stopped_by(modes_of("", "READ|WRITE|DELETE"))
    assert modes_of("", "") == UNTOLD_ACCESS | UNTOLD_SHARING
    assert not demand.is_stopped_by(modes_of("READ", "READ|WRITE"))


def test_whoever_wants_nothing_of_the_file_is_stopped_by_nobody() -> None:
    assert not any(AskedModes(0, 7).table)
    assert all(AskedModes(4, 7, is_alone=True).table)


def test_an_open_for_attributes_has_no_modes() -> None:
    assert modes_of("READ_ATTRIBUTES", "NONE") == -1
