"""When nobody had any of some files open: the best windows for an update, and who comes back at the
same time of every day.

The law: a window is a stretch of the recording in which no open of these files is known. It is a
fact of the past; what is free at the same time of every day that was recorded is the best that can
be said of tomorrow. Times are site seconds, times of the day are of the calendar that the records
have.
"""

from __future__ import annotations

import heapq
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec

from despoolr_core.records.whatif.hold_table import FileKey, HoldTable
from despoolr_core.records.whatif.stretches import DAY_S, SLOT_S, Busy, free_of_day

WINDOWS_MAX: Final = 5
WINDOW_S_MIN: Final = 1.0
HABITS_MAX: Final = 8
DAYS_MIN: Final = 2
"""Days on which somebody has to come back to be told as a habit."""
_HOUR_S: Final = 3600
_OFTEN: Final = 0.75


class FreeWindow(msgspec.Struct, frozen=True):
    """A stretch in which nobody had any of the files open. `at_edge`: the recording begins or ends
    with it.
    """

    begin: float
    end: float
    at_edge: bool = False


class DailyWindow(msgspec.Struct, frozen=True):
    """Seconds after midnight, how long it is free every day, and on how many days that was seen."""

    begin_s: int
    length_s: int
    days: int


class Habit(msgspec.Struct, frozen=True):
    """Somebody who has files open at the same hour of the day: on how many of the days that were
    recorded, and how many files at most.
    """

    who: str
    hour: int
    days: int
    days_recorded: int
    files: int


class Quietest(msgspec.Struct, frozen=True):
    """The longest stretch with the fewest opens, and how many those are of how many machines."""

    begin: float
    end: float
    opens: int
    holders: int


class UpdateWindows(msgspec.Struct, frozen=True, omit_defaults=True):
    """Windows for an update of `files` files within a recording, the longest first. `quietest` is
    told where there is no window, `daily` where two days or more were recorded.
    """

    files: int
    begin: float
    end: float
    windows: tuple[FreeWindow, ...] = ()
    daily: DailyWindow | None = None
    quietest: Quietest | None = None
    habits: tuple[Habit, ...] = ()
    opens: int = 0


def windows_of(
    table: HoldTable, is_asked: Callable[[FileKey], bool] | None = None
) -> UpdateWindows:
    """The windows of a recording for the files that are asked for (None: all of a table)."""
    rows = table.rows_where(is_asked)
    begin, end = table.start, table.end
    busy = Busy(table.stretches(rows))
    free = (gap for gap in busy.gaps(begin, end) if gap.length_s >= WINDOW_S_MIN)
    gaps = heapq.nlargest(WINDOWS_MAX, free, key=lambda gap: gap.length_s)
    daily = free_of_day(busy, begin, end)
    return UpdateWindows(
        files=sum(is_asked is None or is_asked(key) for key in table.files),
        begin=begin,
        end=end,
        windows=tuple(
            FreeWindow(gap.begin, gap.end, gap.begin <= begin or gap.end >= end) for gap in gaps
        ),
        daily=DailyWindow(daily[0] * SLOT_S, daily[1] * SLOT_S, daily[2]) if daily else None,
        quietest=None if gaps or not rows else _quietest(table, rows),
        habits=_habits(table, rows),
        opens=len(rows),
    )


def _quietest(table: HoldTable, rows: Sequence[int]) -> Quietest | None:
    """The longest stretch with the fewest opens; None in a recording of one moment."""
    levels = _levels(table, rows)
    return min(levels, key=lambda one: (one.opens, one.begin - one.end), default=None)


def _levels(table: HoldTable, rows: Sequence[int]) -> Iterator[Quietest]:
    """How much is open when: one sweep over beginnings and ends."""
    ends = array("i", sorted(rows, key=table.closed.__getitem__))
    changes = heapq.merge(
        ((table.opened[row], 1, row) for row in rows),
        ((table.closed[row], -1, row) for row in ends),
    )
    held: Counter[int] = Counter()
    count, at = 0, table.start
    for when, step, row in changes:
        when = min(when, table.end)
        if when > at:
            yield Quietest(at, when, count, len(held))
            at = when
        count += step
        holder = table.holder[row]
        held[holder] += step
        if not held[holder]:
            del held[holder]
    if table.end > at:
        yield Quietest(at, table.end, count, len(held))


def _habits(table: HoldTable, rows: Sequence[int]) -> tuple[Habit, ...]:
    """Those who have files open at an hour of the day, on most days, and not all day long."""
    begin, end = table.start, table.end
    days_recorded = int(-(-(end - begin) // DAY_S))
    if days_recorded < DAYS_MIN:
        return ()
    days: dict[tuple[int, int], int] = defaultdict(int)
    first_day = int(begin // DAY_S)
    for row, step in _hours(table, rows):
        days[table.holder[row], step % 24] |= 1 << (step // 24 - first_day)
    needed = max(DAYS_MIN, _OFTEN * days_recorded)
    regular = {key: count for key, seen in days.items() if (count := seen.bit_count()) >= needed}
    all_day = {who for who, hours in Counter(who for who, _ in regular).items() if hours > 12}
    files: dict[tuple[int, int], set[int]] = defaultdict(set)
    for row, step in _hours(table, rows):
        key = table.holder[row], step % 24
        if key in regular and key[0] not in all_day:
            files[key].add(table.file[row])
    most: dict[int, tuple[int, int]] = {}
    for (who, hour), held in sorted(files.items()):
        if len(held) > most.get(who, (0, 0))[0]:
            most[who] = len(held), hour
    found = [
        Habit(
            table.holders[who].told,
            hour,
            min(regular[who, hour], days_recorded),  # the first day may end at this hour
            days_recorded,
            count,
        )
        for who, (count, hour) in most.items()
    ]
    found.sort(key=lambda one: (-one.files, one.who))
    return tuple(found[:HABITS_MAX])


def _hours(table: HoldTable, rows: Sequence[int]) -> Iterator[tuple[int, int]]:
    """The hours since 1970 in which each row was held. What is held for half a day is no habit of
    an hour, whoever has it.
    """
    for row in rows:
        first, last = max(table.opened[row], table.start), min(table.closed[row], table.end)
        if last - first < DAY_S / 2:
            for step in range(int(first // _HOUR_S), int(last // _HOUR_S) + 1):
                yield row, step
