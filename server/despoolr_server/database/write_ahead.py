"""Whether SQLite's write-ahead log is whole: what SQLite itself does not ask.

SQLite reads the log up to the first frame that does not check and forgets the rest without a word,
as is right after a power cut. But a transaction is committed only when the one before is on disk;
so if frames of a later transaction follow a bad one, somebody damaged the file, and to go on would
bring old rows back. Of the last ones the index beside the log (`-shm`) tells how many frames there
were: it outlives a killed process, and after a power cut it is none that SQLite knows, or older.
Format: sqlite.org/fileformat2.html, section 4; sqlite.org/walformat.html, section 2.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Final

_HEADER: Final = struct.Struct(">8I")
_FRAME: Final = struct.Struct(">6I")
_INDEX: Final = struct.Struct("=3I2BH2I2I8s2I")
_INDEX_VERSION: Final = 3007000
CHECKED_MAX: Final = 16 * 1024 * 1024
"""Bytes of a log that is looked at: SQLite begins it anew at 4 MiB, unless somebody reads all the
while.
"""
_MAGIC: Final = (0x377F0682, 0x377F0683)
"""The last bit says in which order the words of a checksum are read: little or big end first."""


def why_log_broken(path: Path) -> str:
    """What is wrong with a log, as a clause; `""` if nothing is, or there is none. Raises
    `OSError`.
    """
    try:
        if path.stat().st_size > CHECKED_MAX:
            return ""
        data = path.read_bytes()
    except FileNotFoundError:
        return ""
    if len(data) < _HEADER.size or not any(data):
        return f"{path.name} was emptied" if _frames_told(path) else ""
    magic, _, page_size, _, *salts, first, second = _HEADER.unpack_from(data)
    order = ">" if magic & 1 else "<"
    if magic not in _MAGIC or _sums(data[:24], order, 0, 0) != (first, second):
        return f"the first bytes of {path.name} are damaged"
    return _why_frames_broken(path, data, page_size, salts, order)


def _why_frames_broken(
    path: Path, data: bytes, page_size: int, salts: list[int], order: str
) -> str:
    sums = _HEADER.unpack_from(data)[-2:]
    step = _FRAME.size + page_size
    bad = whole_count = 0
    has_ended = False
    for offset in range(_HEADER.size, len(data) - step + 1, step):
        page, commit, *frame_salts, one, other = _FRAME.unpack_from(data, offset)
        if frame_salts != salts and not bad:
            # Left from before the log began anew, unless ours follow.
            bad, has_ended = offset, bool(commit)
            continue
        if not bad:
            sums = _sums(data[offset : offset + 8], order, *sums)
            sums = _sums(data[offset + _FRAME.size : offset + step], order, *sums)
            if sums != (one, other) or not page:
                bad, has_ended = offset, bool(commit)
            else:
                whole_count += 1
            continue
        if frame_salts == salts:
            if has_ended:
                return f"{path.name} is damaged at byte {bad}"
            has_ended = bool(commit)
    if whole_count < _frames_told(path, data[16:24]):
        return f"{path.name} is damaged or cut after frame {whole_count}"
    return ""


def _frames_told(log: Path, salts: bytes = b"") -> int:
    """How many frames a log (with these salts) had, by its index; 0 if that is not known. Raises
    `OSError`.
    """
    index = log.with_name(log.name.removesuffix("-wal") + "-shm")
    try:
        with index.open("rb") as file:
            first, second = file.read(_INDEX.size), file.read(_INDEX.size)
    except FileNotFoundError:
        return 0
    if first != second or len(second) < _INDEX.size:
        return 0
    version, _, _, is_made, _, _, frames, *_, of_log, _, _ = _INDEX.unpack(first)
    is_its = version == _INDEX_VERSION and is_made and salts in (b"", of_log)
    return frames if is_its else 0


def _sums(data: bytes, order: str, first: int, second: int) -> tuple[int, int]:
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for one, other in zip(words[::2], words[1::2], strict=True):
        first = (first + one + second) & 0xFFFF_FFFF
        second = (second + other + first) & 0xFFFF_FFFF
    return first, second
