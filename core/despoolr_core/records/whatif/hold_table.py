"""Every open of a run, or of some of its files, kept small: columns in place of objects.

The law: what the records do not tell of an open stays untold, and whoever asks for opens in the way
is given those as well: nobody can say that they are not. An open for attributes only is in nobody's
way and is left out.

The first byte of a file, where an open has locked it, is a row of its own, in the way of whoever
writes the whole file, whatever that open shares.

Bounded: `opens_max` opens, `files_max` files; what is beyond is counted.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection, Iterator
from typing import Final

import msgspec

from despoolr_core.records.kinds.share import (
    LockGranted,
    LockReleased,
    OpenClosed,
    OpenGranted,
    ShareStarted,
)
from despoolr_core.records.stream import Record
from despoolr_core.rules.conflict import conflicts, wants
from despoolr_core.rules.fold import fold
from despoolr_core.share.modes import Access, ShareMode, parse_flags

OPENS_MAX: Final = 2_000_000
FILES_MAX: Final = 200_000
HOLDERS_MAX: Final = 50_000
MODES_MAX: Final = 4_096
UNTOLD_ACCESS: Final = 1 << 6
UNTOLD_SHARING: Final = 1 << 7
FIRST_BYTE_LOCKED: Final = 1 << 8
_MODES: Final = 1 << 9
_STILL: Final = float("inf")

FileKey = tuple[str, str, str]
"""Server, share and path as they are compared."""


class Holder(msgspec.Struct, frozen=True):
    """Who has files open: a program on a machine, as far as both are known, and its user."""

    machine: str
    user: str
    program: str

    @property
    def told(self) -> str:
        """Its program and its machine."""
        who = self.machine or self.user or "somebody"
        return f"{self.program} on {who}" if self.program else who


NOBODY_KNOWN: Final = Holder("", "", "")
"""Whoever is beyond the bound: `somebody`."""


class AskedModes(msgspec.Struct, frozen=True):
    """What somebody asks a file for, in the letters of `rules.conflict`. `is_alone`: it is refused
    while anybody has it open; `writes_whole`: it meets what others have locked in it.
    """

    wanted: int
    shared: int
    is_alone: bool = False
    writes_whole: bool = False

    def is_stopped_by(self, modes: int) -> bool:
        """Whether an open with these modes is in its way, or may be."""
        if self.is_alone:
            return True
        if not self.wanted:
            return False
        if modes & FIRST_BYTE_LOCKED:
            return self.writes_whole
        if modes & UNTOLD_ACCESS:
            return True
        shared = 0 if modes & UNTOLD_SHARING else modes >> 3 & 7
        return conflicts(self.wanted, self.shared, modes & 7, shared)

    @property
    def table(self) -> bytes:
        """`is_stopped_by` for every value of modes."""
        return bytes(self.is_stopped_by(modes) for modes in range(_MODES))


def key_of(server: str, share: str, path: str) -> FileKey:
    """The file of a path as paths are compared."""
    return server, fold(share), fold(path)


def modes_of(access: str, share_mode: str) -> int:
    """Access and share mode of an open in one number; -1 where it is for attributes only."""
    found = int(parse_flags(ShareMode, share_mode)) << 3 if share_mode else UNTOLD_SHARING
    if not access:
        return found | UNTOLD_ACCESS
    wanted = wants(parse_flags(Access, access))
    return found | wanted if wanted else -1


class HoldTable:
    """The opens, in the order of their grants; a row is a place in the columns."""

    def __init__(
        self,
        wanted: Callable[[FileKey], bool],
        *,
        opens_max: int = OPENS_MAX,
        files_max: int = FILES_MAX,
    ) -> None:
        """`wanted` says which files matter."""
        self.opened = array("d")
        self.closed = array("d")
        self.file = array("i")
        self.holder = array("i")
        self.modes = array("h")
        self.holders: list[Holder] = []
        self.files: dict[FileKey, int] = {}
        self.left_out_count = 0
        self.lock_count = 0
        self.untold_count = 0
        """Opens whose access or share mode is not in the records."""
        self.start = self.end = 0.0
        self._wanted = wanted
        self._opens_max, self._files_max = opens_max, files_max
        self._places: dict[FileKey, int] = {}
        self._known_holders: dict[Holder, int] = {}
        self._known_modes: dict[tuple[str, str], int] = {}
        self._open: dict[tuple[str, str], int] = {}
        self._locks: dict[tuple[str, str], int] = {}
        self._rows: list[array[int]] | None = None

    def __len__(self) -> int:
        return len(self.opened) - self.lock_count

    def apply(self, record: Record) -> None:
        """Take the next record in."""
        fact = record.data
        if not self.start:
            self.start = record.at
        if record.at > self.end:
            self.end = record.at
        if type(fact) is OpenGranted:
            self._granted(fact, record.at)
        elif type(fact) is OpenClosed:
            for rows in (self._open, self._locks):
                self._end(rows, (fact.server, fact.open), record.at)
        elif isinstance(fact, LockGranted | LockReleased):
            self._lock(fact, record.at)
        elif type(fact) is ShareStarted:
            for rows in (self._open, self._locks):
                for key in [key for key in rows if key[0] == fact.server]:
                    self._end(rows, key, record.at)

    def rows_of(self, file: int) -> array[int]:
        """The rows of a file, by the times of their grants."""
        if self._rows is None:
            self._rows = [array("i") for _ in self.files]
            for row, place in enumerate(self.file):
                self._rows[place].append(row)
        return self._in_order(self._rows[file])

    def rows_where(self, is_asked: Callable[[FileKey], bool] | None = None) -> array[int]:
        """The rows of the files that are asked for (None: all), by the times of their grants."""
        if is_asked is None:
            return self._in_order(array("i", range(len(self.opened))))
        places = {place for key, place in self.files.items() if is_asked(key)}
        rows = array("i", (row for row, place in enumerate(self.file) if place in places))
        return self._in_order(rows)

    def stretches(self, rows: Collection[int], table: bytes = b"") -> Iterator[tuple[float, float]]:
        """From when to when each of these rows was held; with the `table` of a demand, of those in
        its way.
        """
        opened, closed, modes = self.opened, self.closed, self.modes
        for row in rows:
            if not table or table[modes[row]]:
                yield opened[row], closed[row]

    def _in_order(self, rows: array[int]) -> array[int]:
        opened = self.opened
        last = -_STILL
        for row in rows:
            if opened[row] < last:
                return array("i", sorted(rows, key=opened.__getitem__))
            last = opened[row]
        return rows

    def _granted(self, fact: OpenGranted, at: float) -> None:
        place = self._place_of(fact)
        if place < 0:
            return
        said = (fact.access, fact.share_mode)
        modes = self._known_modes.get(said)
        if modes is None:
            modes = modes_of(*said)
            if len(self._known_modes) < MODES_MAX:
                self._known_modes[said] = modes
        if modes < 0:
            return
        if len(self.opened) >= self._opens_max:
            self.left_out_count += 1
            return
        self.untold_count += bool(modes & (UNTOLD_ACCESS | UNTOLD_SHARING))
        self._open[fact.server, fact.open] = len(self.opened)
        self.opened.append(at)
        self.closed.append(_STILL)
        self.file.append(place)
        self.holder.append(self._holder_of(Holder(fact.machine, fact.user, fact.program)))
        self.modes.append(modes)

    def _lock(self, fact: LockGranted | LockReleased, at: float) -> None:
        key = fact.server, fact.open
        if fact.offset or not fact.length:
            return
        if isinstance(fact, LockReleased):
            self._end(self._locks, key, at)
            return
        row = self._open.get(key)
        if row is None or key in self._locks:
            return
        if len(self.opened) >= self._opens_max:
            self.left_out_count += 1
            return
        self.lock_count += 1
        self._locks[key] = len(self.opened)
        self.opened.append(at)
        self.closed.append(_STILL)
        self.file.append(self.file[row])
        self.holder.append(self.holder[row])
        self.modes.append(FIRST_BYTE_LOCKED)

    def _end(self, rows: dict[tuple[str, str], int], key: tuple[str, str], at: float) -> None:
        row = rows.pop(key, None)
        if row is not None:
            self.closed[row] = at

    def _place_of(self, fact: OpenGranted) -> int:
        said = (fact.server, fact.share, fact.path)
        place = self._places.get(said)
        if place is None:
            key = key_of(*said)
            place = -1
            if fact.path and self._wanted(key):
                place = self.files.get(key, -1)
                if place < 0:
                    if len(self.files) >= self._files_max:
                        self.left_out_count += 1
                        return -1
                    place = self.files[key] = len(self.files)
            if len(self._places) < self._files_max:
                self._places[said] = place
        return place

    def _holder_of(self, holder: Holder) -> int:
        place = self._known_holders.get(holder)
        if place is None:
            if len(self.holders) >= HOLDERS_MAX and holder != NOBODY_KNOWN:
                return self._holder_of(NOBODY_KNOWN)
            place = self._known_holders[holder] = len(self.holders)
            self.holders.append(holder)
        return place
