"""What would have ended the waits of a recording, by arithmetic over the opens that are known: more
attempts, other ways to copy, a holder that closes its files, and what closing by force would cut.

The law: nothing is run. Every other open is taken to have been as it was, so a time is a bound: no
earlier than that. An open whose access or share mode nobody told counts as in the way, and whoever
nobody recorded holds the file until the waiter gets through. A moment at which the records have a
refusal is not free, whatever the known opens say.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from msgspec.structs import replace

from despoolr_core.records.episode import RESOLVED
from despoolr_core.records.whatif.hold_table import (
    FIRST_BYTE_LOCKED,
    UNTOLD_ACCESS,
    UNTOLD_SHARING,
    AskedModes,
    Holder,
    HoldTable,
    key_of,
)
from despoolr_core.records.whatif.stretches import Busy
from despoolr_core.rules.conflict import wants
from despoolr_core.rules.remedies import CopyStrategy
from despoolr_core.share.modes import Access, ShareMode, parse_flags, render_share_mode
from despoolr_core.share.wire import EpisodeRow, Hold

STEPS_MAX: Final = 2_000
"""Stretches that are looked at to find the end of one wait; beyond, it counts as not ended."""
TAIL_S: Final = 1.0
"""What is closed in the last second of a recording was closed by whoever ended it."""
TO_THE_END: Final = "to the end"
"""How a reason says that something goes on for as long as there are records."""
_NEVER: Final = float("inf")
_AFTER_S: Final = 0.001
_ALONE: Final = AskedModes(7, 0, is_alone=True)


class Ends(NamedTuple):
    """How the waits would have ended: how many there are, how long each of those that end lasts,
    and what keeps one that does not (empty: nothing that is known).
    """

    waits: int
    spans: tuple[float, ...]
    why: str = ""

    @property
    def median_s(self) -> float | None:
        """The middle one of those that end."""
        return sorted(self.spans)[len(self.spans) // 2] if self.spans else None

    @property
    def longest_s(self) -> float | None:
        """The longest of those that end."""
        return max(self.spans, default=None)


class ForcedCut(NamedTuple):
    """What closing everything that is in the way at each first refusal takes away."""

    opens: int
    machines: int
    users: int
    written: int
    """Opens that could write: their work may be lost."""


class Hindsight:
    """The waits of a run and the opens of their files."""

    def __init__(
        self,
        table: HoldTable,
        waits: Sequence[EpisodeRow],
        attempts: Mapping[str, Sequence[float]],
    ) -> None:
        """`attempts` are the moments of the refusals of each episode."""
        self._table = table
        self._last = table.end - TAIL_S
        self._waits = [_Wait(one, attempts.get(one.episode, ()), table) for one in waits]
        self._busy: dict[tuple[tuple[int, ...], AskedModes, str], Busy] = {}

    def as_it_was(self) -> Ends:
        """Those that ended, and after how long."""
        spans = [
            one.row.ended_at - one.row.first_refused_at
            for one in self._waits
            if one.row.state == RESOLVED and one.row.ended_at is not None
        ]
        return Ends(len(self._waits), tuple(spans))

    def whenever(self) -> Ends:
        """With an attempt at every moment, of the kind that were made."""
        return self._ends(self._waits, [self._next(one, one.first) for one in self._waits])

    def every(self, interval_s: float) -> Ends:
        """With an attempt every so often from the first on."""
        return self._ends(self._waits, [self._at_ticks(one, interval_s) for one in self._waits])

    def by(self, strategy: CopyStrategy) -> Ends:
        """With another way to copy, at the earliest. Only what waited for an open is asked."""
        demand = AskedModes(
            strategy.wants, strategy.shares, strategy.yields_to_any, strategy.writes_in_place
        )
        asked = [one for one in self._waits if one.is_open]
        found = self._ends(asked, [self._next(one, one.first, demand) for one in asked], demand)
        if found.why and strategy.needs:
            return found._replace(why=f"{found.why}; it needs: {strategy.needs}")
        return found

    def without(self, holder: str) -> Ends:
        """Had a program (or a machine whose programs nobody told) closed its files at once."""
        ends = [self._next(one, one.first, without=holder) for one in self._waits]
        return self._ends(self._waits, ends, without=holder)

    def at_once(self) -> Ends:
        """With everything closed that is in the way: what nobody recorded cannot be."""
        spans = [0.0 for one in self._waits if any(not _is_nobody(hold) for hold in one.row.holds)]
        return Ends(len(self._waits), tuple(spans), "nobody is known whose files could be closed")

    def holders(self, count: int) -> list[str]:
        """Who stood in the way, those who refused most first."""
        refusals: Counter[str] = Counter()
        for wait in self._waits:
            for hold in wait.row.holds:
                if hold.machine or hold.program:
                    refusals[closer(hold)] += hold.refusal_count
        return [who for who, _ in refusals.most_common(count)]

    def by_force(self) -> ForcedCut:
        """What is cut if what is in the way is closed at the first refusal of each wait."""
        cut: dict[tuple[str, str], Hold] = {}
        for wait in self._waits:
            for hold in wait.row.holds:
                if hold.first_blocked_at <= wait.first + _AFTER_S and not _is_nobody(hold):
                    cut[wait.row.server, hold.open] = hold
        return ForcedCut(
            len(cut),
            len({hold.machine for hold in cut.values()}),
            len({hold.user or hold.machine for hold in cut.values()}),
            sum(bool(hold.access and _wanted(hold.access) & 2) for hold in cut.values()),
        )

    # -- one wait

    def _at_ticks(self, wait: _Wait, interval_s: float) -> float | None:
        at = wait.first
        for _ in range(STEPS_MAX):
            free = self._next(wait, at)
            if free is None:
                return None
            ticks = -(-(free - wait.first) // interval_s)
            at = wait.first + ticks * interval_s
            if at > self._last:
                return None
            if at <= free:
                return at
        return None

    def _next(
        self, wait: _Wait, at: float, demand: AskedModes | None = None, without: str = ""
    ) -> float | None:
        """The first moment from one on that is free; None where none is before the end."""
        of_files = self._busy_of(wait, demand or wait.demand, without)
        others = wait.others if demand is None or demand.wanted else Busy()
        if without:
            others = wait.others_without(without)
        refused = wait.attempts if demand is None and not without else ()
        for _ in range(STEPS_MAX):
            free = others.until(of_files.until(at))
            if of_files.until(free) > free:
                at = free
                continue
            if demand is None and wait.row.state == RESOLVED and free > wait.ended_at:
                return max(at, wait.ended_at)  # it did get through; what is open then is its own
            if free > self._last:
                return None
            place = bisect_left(refused, free)
            busy_again = min(of_files.next_begin(free), others.next_begin(free))
            if place < len(refused) and refused[place] < busy_again:
                at = refused[place] + _AFTER_S
                continue
            return free
        return None

    def _busy_of(self, wait: _Wait, demand: AskedModes, without: str) -> Busy:
        if not wait.is_open:
            return Busy()
        key = (wait.files, demand, without)
        found = self._busy.get(key)
        if found is None:
            table = self._table
            rows: Sequence[int] = ()
            for place in wait.files:
                of_file = table.rows_of(place)
                rows = sorted((*rows, *of_file), key=table.opened.__getitem__) if rows else of_file
            if without:
                named = {n for n, one in enumerate(table.holders) if closer(one) == without}
                rows = [row for row in rows if table.holder[row] not in named]
            found = self._busy[key] = Busy(table.stretches(rows, demand.table))
        return found

    # -- all of them

    def _ends(
        self,
        waits: Sequence[_Wait],
        ends: Iterable[float | None],
        demand: AskedModes | None = None,
        without: str = "",
    ) -> Ends:
        spans = []
        why = ""
        for wait, end in zip(waits, ends, strict=True):
            if end is not None:
                spans.append(max(0.0, end - wait.first))
            elif not why:
                why = self._why(wait, demand or wait.demand, without)
        return Ends(len(waits), tuple(spans), why)

    def _why(self, wait: _Wait, demand: AskedModes, without: str) -> str:
        table = self._table
        is_stopped = demand.table
        for place in wait.files if wait.is_open else ():
            for row in table.rows_of(place):
                holder = table.holders[table.holder[row]]
                if (
                    table.closed[row] > self._last
                    and is_stopped[table.modes[row]]
                    and closer(holder) != without
                ):
                    return f"{holder.told} {_sharing(table.modes[row], demand, wait.demand)}"
        held = next((one for one in wait.row.holds if _end_of(one, wait.row) == _NEVER), None)
        if held is not None and _is_nobody(held):
            return f"whoever nobody recorded has it open {TO_THE_END}"
        return f"{closer(held)} keeps it open {TO_THE_END}" if held is not None else ""


class _Wait:
    """One wait: what it wants of which files, and who else is in its way."""

    def __init__(self, row: EpisodeRow, attempts: Sequence[float], table: HoldTable) -> None:
        self.row = row
        self.first = row.first_refused_at
        self.ended_at = _NEVER if row.ended_at is None else row.ended_at
        self.attempts = array("d", attempts)
        self.is_open = (
            row.purpose.partition(" ")[0] not in ("lock", "read", "write", "rename")
            and row.nt_status != "STATUS_DELETE_PENDING"
        )
        paths = {hold.path for hold in row.holds if hold.path} | {row.path}
        keys = (key_of(row.server, row.share, path) for path in sorted(paths))
        self.files = tuple(sorted({table.files[key] for key in keys if key in table.files}))
        shared = int(parse_flags(ShareMode, row.share_mode)) if row.share_mode else 0
        self.demand = AskedModes(_wanted(row.access), shared) if row.access else _ALONE
        if not self.demand.wanted:
            self.demand = _ALONE
        self._others = [one for one in row.holds if not self.is_open or _is_nobody(one)]
        self.others = self.others_without("")

    def others_without(self, holder: str) -> Busy:
        """When those are in the way that the opens of its files do not tell of."""
        held = sorted(
            (hold.first_blocked_at, _end_of(hold, self.row))
            for hold in self._others
            if not holder or _is_nobody(hold) or closer(hold) != holder
        )
        return Busy(held)


def closer(one: Hold | Holder) -> str:
    """What is asked to close its files: a program on all its machines, or else a machine."""
    return one.program or one.machine or one.user


def _is_nobody(hold: Hold) -> bool:
    return not hold.machine and not hold.program


def _end_of(hold: Hold, row: EpisodeRow) -> float:
    if hold.released_at is not None:
        return hold.released_at
    return _NEVER if row.ended_at is None else row.ended_at


def _wanted(access: str) -> int:
    return wants(parse_flags(Access, access))


def _sharing(modes: int, demand: AskedModes, asked: AskedModes) -> str:
    """What of an open that lasts to the end is in the way."""
    if replace(demand, writes_whole=False) == asked or demand.is_alone:
        return f"keeps it open {TO_THE_END}"
    if modes & FIRST_BYTE_LOCKED:
        return f"has bytes of it locked {TO_THE_END}"
    if modes & (UNTOLD_SHARING | UNTOLD_ACCESS):
        return f"keeps it open {TO_THE_END}, in a share mode that is not in the sources"
    shared = modes >> 3 & 7
    return f"shares {render_share_mode(shared)} only" if shared else "shares nothing"
