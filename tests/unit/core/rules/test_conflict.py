"""The two-line rule: what share modes speak of, and which line of the rule forbids what."""

from __future__ import annotations

from despoolr_core.rules.conflict import ATTRIBUTES_ONLY, clash, conflicts, effective_modes, wants


def test_reads_writes_and_deletes_are_what_share_modes_speak_of() -> None:
    assert [wants(bit) for bit in (0x1, 0x20, 0x2, 0x4, 0x10000, 0x80, 0x100000)] == [
        1,
        1,
        2,
        2,
        4,
        0,
        0,
    ]


def test_an_open_for_attributes_that_overwrites_is_held_to_the_delete_part_alone() -> None:
    assert effective_modes(0x1, 0x2, 0) == (3, 0)
    assert effective_modes(0x80, 0, 0) == (0, 0)
    wanted, shared = effective_modes(0x80, 0x2, 0)
    assert (wanted, shared) == (ATTRIBUTES_ONLY, 3)
    assert conflicts(wanted, shared, 4, 7)
    assert not conflicts(wanted, shared, 3, 0)


def test_a_clash_is_a_conflict_and_says_which_line_forbids_what() -> None:
    for wanted in range(16):
        for shared in range(8):
            for held in range(8):
                for held_shared in range(8):
                    opens = (wanted, shared, held, held_shared)
                    ours, theirs = clash(*opens)
                    assert bool(ours or theirs) == conflicts(*opens)
                    if not wanted & ATTRIBUTES_ONLY:
                        assert clash(held, held_shared, wanted, shared) == (theirs, ours)
