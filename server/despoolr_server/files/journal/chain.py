"""The frames of a store's journals as one chain: each proves that it follows the one before, in its
journal and across them.

The law: a frame's CRC-32 begins where that of the frame before ended, the first frame's with its
journal's header, which names the store, the journal's number and the size it was laid out with; the
first record of a journal says where the one before ended. Beside the journals a mark says how far
they were safe when the last sync returned. What is whole up to the mark and ends there, or in a
frame of which a sector never reached the disk, ends as a kill or a power cut leaves it. Whatever
else does not follow is damage, and then nothing of any journal is to be trusted over the files as
they are.

A journal of the version before has no header, no chain and no mark; its frames check by themselves.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from despoolr_server.files.journal.records import (
    FRAME,
    FRAME_MAX,
    FRAME_SIZE,
    Abort,
    Entry,
    Follow,
    Keep,
    decode,
)

MAGIC: Final = b"DSPLRJ2\n"
_HEADER: Final = struct.Struct(">8sQQQI")
JOURNAL_HEADER_SIZE: Final = _HEADER.size
_MARK: Final = struct.Struct(">QQII")
MARK_SIZE: Final = _MARK.size
SECTOR: Final = 512
"""Bytes that reach a disk together or not at all."""


class ChainLink(NamedTuple):
    """A place in the chain: the journal, the offset after a frame, and that frame's checksum."""

    number: int
    offset: int
    checksum: int


class JournalReading(NamedTuple):
    """What journals say, up to the one with the number `last`. With `damage` (why, as a clause)
    there are no entries: none can be trusted.
    """

    entries: list[Entry]
    damage: str = ""
    last: int = 0


class Damaged(Exception):
    """A journal is not as it was written; the message says where."""


def render_header(store: int, number: int, capacity: int) -> bytes:
    """What a journal of `capacity` bytes begins with; `store` is whose it is."""
    checked = _HEADER.pack(MAGIC, store, number, capacity, 0)[:-4]
    return checked + zlib.crc32(checked).to_bytes(4, "big")


def first_checksum(header: bytes) -> int:
    """What the first frame of a journal follows."""
    return zlib.crc32(header)


def render_frame(payload: bytes, previous: int) -> tuple[bytes, int]:
    """One record as it stands in the journal after a frame with the checksum `previous`, and its
    own checksum.
    """
    checksum = _checksum(len(payload), payload, previous)
    return FRAME.pack(len(payload), checksum) + payload, checksum


def render_mark(link: ChainLink) -> bytes:
    """How far the journals are safe."""
    checked = _MARK.pack(*link, 0)[:-4]
    return checked + zlib.crc32(checked).to_bytes(4, "big")


def parse_mark(data: bytes) -> ChainLink | None:
    """The inverse; None for what is no mark."""
    if len(data) != MARK_SIZE or zlib.crc32(data[:-4]).to_bytes(4, "big") != data[-4:]:
        return None
    number, offset, checksum, _ = _MARK.unpack(data)
    return ChainLink(number, offset, checksum)


def read_journals(
    journals: Sequence[tuple[int, bytes]], store: int, mark: ChainLink | None
) -> JournalReading:
    """All records, by number and content of each journal in order, or why there is no telling;
    `mark` None: it is not there.
    """
    try:
        recorded, last = _read(journals, store, mark)
        return JournalReading(_that_count(recorded), last=last)
    except Damaged as damage:
        return JournalReading([], str(damage))


def _read(
    journals: Sequence[tuple[int, bytes]], store: int, mark: ChainLink | None
) -> tuple[list[Entry], int]:
    """Everything that was recorded, and the last journal that was begun. Raises `Damaged`."""
    entries: list[Entry] = []
    end: ChainLink | None = None
    last = 0
    for number, data in journals:
        if mark is None and data[: len(MAGIC)] != MAGIC:
            entries += _read_first_version(number, data)
            last = number
            continue
        journal = _Journal(number, data, store)
        found = journal.read(mark if mark is not None and mark.number == number else None)
        if not found:
            continue  # laid out and never begun
        if end is not None and journal.follows != end:
            # What the journal before lacks at its end may never have been safe; then nothing after
            # it was either.
            if not _ends_sooner(end, journal.follows) or (
                mark is not None and mark.number > end.number
            ):
                raise Damaged(
                    f"journal {number} does not follow journal {end.number}, which ends at byte "
                    f"{end.offset}"
                )
            break
        end, last = journal.end, number
        entries += found
    if mark is not None and not any(number >= mark.number for number, _ in journals):
        raise Damaged(f"journal {mark.number} is gone")
    return entries, last


class _Journal:
    """One journal: `read` goes through its frames; then `follows` is its first record, `end` where
    it ends.
    """

    def __init__(self, number: int, data: bytes, store: int) -> None:
        head = data[:JOURNAL_HEADER_SIZE]
        if (
            len(head) < JOURNAL_HEADER_SIZE
            or head[:-4] != render_header(*_HEADER.unpack(head)[1:4])[:-4]
        ):
            raise Damaged(f"journal {number} does not begin as one")
        if head != render_header(*_HEADER.unpack(head)[1:4]):
            raise Damaged(f"the first bytes of journal {number} do not check")
        _, of_store, of_number, capacity, _ = _HEADER.unpack(head)
        if of_store != store:
            raise Damaged(f"journal {number} is another store's")
        if of_number != number:
            raise Damaged(f"journal {number} was written as journal {of_number}")
        if len(data) < capacity:
            raise Damaged(f"journal {number} has {len(data)} of its {capacity} bytes")
        self._data = memoryview(data)
        self._number = number
        self.end = ChainLink(number, JOURNAL_HEADER_SIZE, first_checksum(head))
        self.follows: ChainLink | None = None

    def read(self, mark: ChainLink | None) -> list[Entry]:
        """The records, the first left out. Raises `Damaged`."""
        found: list[Entry] = []
        has_passed = mark is None or self.end == mark
        while (step := _step(self._data, self.end.offset, self.end.checksum)) is not None:
            entry, offset, checksum = step
            self.end = ChainLink(self._number, offset, checksum)
            has_passed = has_passed or self.end == mark
            if isinstance(entry, Follow):
                self.follows = ChainLink(entry.number, entry.offset, entry.checksum)
            found.append(entry)
        if found and not isinstance(found[0], Follow):
            raise Damaged(f"journal {self._number} does not say what it follows")
        how = _ending(self._data, self.end.offset)
        if how == "damaged" or (
            mark is not None and not has_passed and self.end.offset < mark.offset
        ):
            raise Damaged(f"journal {self._number} is damaged at byte {self.end.offset}")
        if not has_passed:
            raise Damaged(f"journal {self._number} is not the one that was written")
        return found


def _ends_sooner(end: ChainLink, follows: ChainLink | None) -> bool:
    return follows is not None and follows.number == end.number and follows.offset > end.offset


def _step(data: memoryview, offset: int, previous: int | None) -> tuple[Entry, int, int] | None:
    """The record at an offset, where it ends, its checksum; None if there is no whole one.
    `previous` None: without a chain.
    """
    start = offset + FRAME_SIZE
    if start > len(data):
        return None
    length, checksum = FRAME.unpack_from(data, offset)
    end = start + length
    if not length or length > FRAME_MAX or end > len(data):
        return None
    payload = data[start:end]
    if checksum != (
        zlib.crc32(payload) if previous is None else _checksum(length, payload, previous)
    ):
        return None
    try:
        return decode(payload), end, checksum
    except msgspec.DecodeError:
        return None


def _ending(data: memoryview, offset: int) -> str:
    """How a journal ends at an offset where no whole frame is: with nothing (`end`), `cut` by a
    crash, or `damaged`.
    """
    head = data[offset : offset + FRAME_SIZE]
    if not any(head):
        return "end"
    length = FRAME.unpack(head)[0] if len(head) == FRAME_SIZE else 0
    end = offset + FRAME_SIZE + length
    if len(head) < FRAME_SIZE or (length <= FRAME_MAX and end > len(data)):
        return "cut"  # the file ends in it: a frame too large for its journal, which had to grow
    for start in range(
        offset - offset % SECTOR, min(end, offset + FRAME_SIZE + FRAME_MAX, len(data)), SECTOR
    ):
        if not any(data[max(start, offset) : min(start + SECTOR, end)]):
            return "cut"
    return "damaged"


def _read_first_version(number: int, data: bytes) -> list[Entry]:
    """A journal without header and chain, up to where it ends. Raises `Damaged`."""
    view, offset = memoryview(data), 0
    entries: list[Entry] = []
    while (step := _step(view, offset, None)) is not None:
        entries.append(step[0])
        offset = step[1]
    if _ending(view, offset) == "damaged":
        raise Damaged(f"journal {number} is damaged at byte {offset}")
    return entries


def _that_count(recorded: list[Entry]) -> list[Entry]:
    """Without those that were voided, which did not happen, and those that are not needed."""
    found: list[tuple[int, Entry]] = []
    records = [entry for entry in recorded if not isinstance(entry, Follow)]
    for number, entry in enumerate(records):
        if isinstance(entry, Abort):
            if found:
                found.pop()
        elif isinstance(entry, Keep):
            kept = {number - back for back in entry.back}
            found = [one for one in found if one[0] in kept]
        else:
            found.append((number, entry))
    return [entry for _, entry in found]


def _checksum(length: int, payload: bytes | memoryview, previous: int) -> int:
    return zlib.crc32(payload, zlib.crc32(length.to_bytes(4, "big"), previous))
