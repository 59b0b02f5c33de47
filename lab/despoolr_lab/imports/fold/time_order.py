"""Whether the times of a file go forward.

The law: a file that is newest first is refused with what to do about it, for in it closes come
before their opens. One whose clock was set back on the way, or whose lines came late, as those of
one server of several do, is read, and that is said.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from despoolr_lab.imports.fold.notes import clock
from despoolr_lab.imports.traces.seen import Noted, Opened, Quiet, Seen
from despoolr_lab.imports.traces.source import ImportFailed

STEP_S: Final = 0.5
"""What is nearer to each other may stand in any order."""
SET_BACK_S: Final = 5.0
"""A step back that is told; a shorter one is a line that came late."""
JUDGED_STEPS: Final = 1_000
"""So many steps are enough to tell the order of a file."""
TURNED_STEPS: Final = 3
"""So many steps back, and more than forward, are no accident."""
SET_COUNT_MAX: Final = 3
"""A clock is not set more often: what goes back more often is in no order."""


def in_order(name: str, facts: Iterator[Seen], *, is_sampled: bool) -> Iterator[Seen]:
    """The facts of a file, and at the end what is to be said of their order. Raises `ImportFailed`
    for one that is newest first. An open in samples (`is_sampled`) is as old as it is.
    """
    first = last = last_fact_at = first_back_at = 0.0
    forward = back = back_count = 0
    longest = 0.0
    for fact in facts:
        last_fact_at = fact.at
        is_dated = not isinstance(fact, Noted | Quiet)
        if isinstance(fact, Opened):
            is_dated = not (is_sampled or fact.who.is_stranger)
        if is_dated:
            step = fact.at - last if last else 0.0
            last = fact.at
            first = first or last
            forward += step > STEP_S
            back += step < -STEP_S
            if step < -SET_BACK_S:
                back_count += 1
                first_back_at = first_back_at or last - step
                longest = max(longest, -step)
            if forward + back >= JUDGED_STEPS and back > forward and last < first:
                break
        yield fact
    if back >= TURNED_STEPS and back > forward and last < first:
        raise ImportFailed(
            f"{name} is newest first, so closes come before their opens in it: write it oldest "
            "first (`tac` turns lines round, `wevtutil qe` does it without /rd:true), and import "
            "that"
        )
    if back_count:
        more = f", and {back_count - 1:,} more times" if back_count > 1 else ""
        why = "its clock was set, or local time was"
        if back_count > SET_COUNT_MAX:
            why = "its lines are not in the order of their times"
        yield Noted(
            last_fact_at,
            "clock",
            f"the times of {name} go back by up to {longest:,.0f} s, first at "
            f"{clock(first_back_at)}{more}: {why}; what lasted over that may have lasted longer or "
            "shorter",
        )
