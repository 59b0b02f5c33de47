"""A file that somebody brings: read once, from its beginning, in lines of a bounded length.

The law: no more of it is in memory than one line and a buffer, whatever it holds (and what unpacks
it: `imports.traces.xz`). It may be packed (gzip, bzip2, xz), in UTF-8, or in UTF-16 as PowerShell
writes it, and its lines may end in any way; what is no text of that kind is read with replacement
characters. A line that is too long is cut, and counted as damage; a reader counts here what it
could not read, by line or packet, and the first few are told by number.
"""

from __future__ import annotations

import bz2
import codecs
import datetime as dt
import gzip
import io
import ipaddress
import lzma
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final, cast

from despoolr_core.phrases import counted
from despoolr_core.rules.fold import fold
from despoolr_lab.imports.traces.xz import open_xz

HEAD_SIZE: Final = 64 * 1024
"""How much of a file its format is told by."""
LINE_SIZE_MAX: Final = 1024 * 1024
"""Characters of a line; a frame of `tshark -T ek` is a line."""
COMMON_LINES_MAX: Final = 200_000
"""Lines that two parts of one log may have in common."""
DAMAGES_TOLD_MAX: Final = 5
NAME_SIZE_MAX: Final = 256
_SLOT_S: Final = 900
"""A zone's offset changes at quarters of an hour."""
_OF_MACHINE: Final = re.compile(
    r"log\.(?!(?:[ns]mbd|winbindd|wb-.*|samba.*)(?:\.|$))(.+?)(?:-\d{8})?(?:\.old)?(?:\.(?:gz|bz2|xz))?",
    re.ASCII,
)
_NUMBER: Final = re.compile(r"(.*[^\d.].*)\.\d+", re.ASCII)
_STAMP: Final = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)[T_ -]?(\d\d)[:-]?(\d\d)[:-]?(\d\d)(Z)?")
_PACKED: Final[dict[str, tuple[bytes, Callable[[Path], object]]]] = {
    "gzip": (b"\x1f\x8b", gzip.open),
    "bzip2": (b"BZh", bz2.open),
    "xz": (b"\xfd7zXZ\0", open_xz),
}
"""What packed files begin with, and what opens them."""
_DAMAGE: Final = (EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError)
"""What reading a packed file raises that is cut off or changed; for bzip2 it is an `OSError`
without a number.
"""
_UNREADABLE: Final = (OSError, *_DAMAGE)
PATH_SIZE_MAX: Final = 4096
DATA: Final = ":$DATA"
PORTS: Final = frozenset([139, 445])
"""Where SMB servers are."""


class ImportFailed(ValueError):
    """A file cannot be imported; the message says which, and what to do."""


@dataclass
class TraceFile:
    """One file of an import. `zone` is that of times which have none (None: nobody said, and UTC is
    taken), `year` the year of times which have none (0: that of the file's date).
    """

    path: Path
    zone: dt.tzinfo | None = None
    year: int = 0
    ports: frozenset[int] = PORTS
    """Of SMB servers."""
    called: str = ""
    """What it is called instead of its name, where names are hidden."""
    hosts: frozenset[str] = frozenset()
    """The servers that the files of the import name in their first lines."""
    local: str = ""
    """What the machine that it was written on is called, where several wrote one each."""
    skipped_lines: int = 0
    """Its first lines that are left out: they are the last of the part before."""
    damage_count: int = 0
    damages: list[str] = field(default_factory=list)
    odd_text_count: int = 0
    """Lines of another encoding: what of them is no UTF-8 is shown as U+FFFD."""
    _slot: int = -1
    _ahead_s: float = 0.0

    @property
    def name(self) -> str:
        """Its name without its directory, or what it is called instead."""
        return self.called or self.path.name

    def utc(self, local: float) -> float:
        """Seconds since 1970 of a local time, itself given as if it were UTC."""
        if self.zone is None:
            return local
        slot = int(local // _SLOT_S)
        if slot != self._slot:
            try:
                date = dt.datetime.fromtimestamp(slot * _SLOT_S, dt.UTC).replace(tzinfo=self.zone)
                ahead = date.utcoffset()
            except (OverflowError, ValueError, OSError):
                ahead = None
            self._ahead_s = ahead.total_seconds() if ahead is not None else 0.0
            self._slot = slot
        return local - self._ahead_s

    @property
    def machine(self) -> str:
        """The client whose log it is by its name, as Samba's `log file = log.%m` gives it; empty
        where it has another.
        """
        found = _OF_MACHINE.fullmatch(self.path.name)
        if found is None:
            return ""
        numbered = _NUMBER.fullmatch(found[1])
        return name(numbered[1] if numbered is not None else found[1])

    @property
    def sampled_at(self) -> float:
        """When a sample without a time of its own was taken: as its name says
        (`..._2026-10-05_091000Z.json`), else the file's date. Raises `ImportFailed`.
        """
        found = _STAMP.search(self.path.name)
        if found is None:
            return self.modified_at
        try:
            at = dt.datetime.strptime("".join(found.groups()[:6]), "%Y%m%d%H%M%S")
        except ValueError:
            return self.modified_at
        local = at.replace(tzinfo=dt.UTC).timestamp()
        return local if found[7] else self.utc(local)

    @property
    def modified_at(self) -> float:
        """The file's own date, in seconds since 1970. Raises `ImportFailed`."""
        try:
            return self.path.stat().st_mtime
        except OSError as error:
            raise ImportFailed(f"cannot read {self.path}: {error.strerror}") from None

    def head(self) -> bytes:
        """The first bytes, unpacked: of a file that is damaged later, those before. Raises
        `ImportFailed`.
        """
        head = bytearray()
        try:
            with self._open() as file:
                while more := file.read1(HEAD_SIZE - len(head)):  # one that is joined has several
                    head += more
        except _UNREADABLE as error:
            if not head or (isinstance(error, OSError) and error.errno is not None):
                raise ImportFailed(f"cannot read {self.path}: {_reason(error)}") from None
        return bytes(head)

    def head_text(self) -> str:
        """The first characters. Raises `ImportFailed`."""
        head = self.head()
        return head.decode(encoding_of(head), "replace").removeprefix("\ufeff")

    def raw_lines(self, size_max: int = LINE_SIZE_MAX) -> Iterator[bytes]:
        """The lines as UTF-8, their ends cut off. Raises `ImportFailed`."""
        read = self._lines_as_they_are if self._is_plain() else self._lines_anew
        try:
            with self._open() as file:
                yield from islice(read(file, size_max), self.skipped_lines, None)
        except _UNREADABLE as error:
            if not isinstance(error, _DAMAGE) and error.errno is not None:
                raise ImportFailed(f"cannot read {self.path}: {_reason(error)}") from None
            self.damaged(f"the packed file is cut off or damaged ({_reason(error)})")

    def _is_plain(self) -> bool:
        """Whether its lines are UTF-8 that ends in LF, as nearly all are."""
        head = self.head()
        return encoding_of(head) == "utf-8" and (b"\n" in head or b"\r" not in head)

    def _lines_as_they_are(self, file: io.BufferedReader, size_max: int) -> Iterator[bytes]:
        number = 0
        while line := file.readline(size_max):
            number += 1
            if line[-1:] != b"\n" and len(line) >= size_max:
                self.damaged(f"line {number:,} is too long")
                while (rest := file.readline(LINE_SIZE_MAX)) and rest[-1:] != b"\n":
                    pass
            yield line.rstrip(b"\r\n")

    def _lines_anew(self, file: io.BufferedReader, size_max: int) -> Iterator[bytes]:
        encoding, number = encoding_of(self.head()), 0
        with io.TextIOWrapper(file, encoding, "replace", newline=None) as text:
            while line := text.readline(size_max):
                number += 1
                if line[-1:] != "\n" and len(line) >= size_max:
                    self.damaged(f"line {number:,} is too long")
                    while (rest := text.readline(LINE_SIZE_MAX)) and rest[-1:] != "\n":
                        pass
                yield line.rstrip("\n").removeprefix("\ufeff").encode("utf-8", "replace")

    def lines(self) -> Iterator[str]:
        """The lines as text, their ends cut off. Raises `ImportFailed`."""
        first = True
        for raw in self.raw_lines():
            try:
                line = raw.decode()
            except UnicodeDecodeError:
                line = raw.decode("utf-8", "replace")
                self.odd_text_count += 1
            yield line.removeprefix("\ufeff") if first else line
            first = False

    def whole(self, size_max: int) -> bytes:
        """All of it, as UTF-8. Raises `ImportFailed`, also for one that is larger."""
        try:
            with self._open() as file:
                data = file.read(size_max + 1)
        except _UNREADABLE as error:
            raise ImportFailed(f"cannot read {self.path}: {_reason(error)}") from None
        if len(data) > size_max:
            raise ImportFailed(
                f"{self.path} is one sample of more than {size_max // 1024 // 1024} MiB"
            )
        encoding = encoding_of(data)
        if encoding != "utf-8":
            data = data.decode(encoding, "replace").encode()
        return data.removeprefix(codecs.BOM_UTF8)

    def damaged(self, what: str) -> None:
        """Count something that could not be read; the first few are remembered."""
        self.damage_count += 1
        if len(self.damages) < DAMAGES_TOLD_MAX:
            self.damages.append(what[:200])

    @property
    def damage(self) -> str:
        """A sentence about what could not be read; empty where all was. Where names are hidden, it
        only counts: what is damaged may be a name.
        """
        if not self.damage_count:
            return ""
        if self.called:
            return f"{self.name}: {self.damage_count:,} damaged, left out"
        more = self.damage_count - len(self.damages)
        told = "; ".join(self.damages) + (f"; and {more:,} more" if more else "")
        return f"{self.name}: {self.damage_count:,} damaged, left out: {told}"

    @property
    def oddity(self) -> str:
        """A sentence about text in another encoding; empty where there was none."""
        if not self.odd_text_count:
            return ""
        return (
            f"{self.name}: {counted(self.odd_text_count, 'line')} with characters that are not "
            "UTF-8 and cannot be shown; `iconv -f latin1 -t utf-8` (or what it was written in) "
            "makes a file of it that can"
        )

    @property
    def packing(self) -> str:
        """What it was packed with (`gzip`, `bzip2`, `xz`), or empty. Raises `ImportFailed`."""
        try:
            with open(self.path, "rb") as file:
                return _packing(file)
        except OSError as error:
            raise ImportFailed(f"cannot read {self.path}: {_reason(error)}") from None

    @property
    def parts(self) -> Sequence[TraceFile]:
        """The files that it is: itself, but for `Rotated`."""
        return (self,)

    def _open(self) -> io.BufferedReader:
        with open(self.path, "rb") as file:
            unpack = _PACKED.get(_packing(file))
        if unpack is not None:
            return cast(io.BufferedReader, unpack[1](self.path))
        return cast(io.BufferedReader, open(self.path, "rb", buffering=HEAD_SIZE))


class Rotated(TraceFile):
    """What was rotated into several files, the oldest first: its lines are theirs, one file after
    the other, and what is damaged is told of the one that it stands in.
    """

    def __init__(self, parts: Sequence[TraceFile]) -> None:
        first = self._now = parts[0]
        super().__init__(first.path, first.zone, first.year, first.ports, first.called, first.hosts)
        self._parts = parts

    @property
    def parts(self) -> Sequence[TraceFile]:
        """The files, the oldest first."""
        return self._parts

    def raw_lines(self, size_max: int = LINE_SIZE_MAX) -> Iterator[bytes]:
        """The lines of one file after the other, as bytes. Raises `ImportFailed`."""
        for part in self._parts:
            self._now = part
            yield from part.raw_lines(size_max)

    def lines(self) -> Iterator[str]:
        """The lines of one file after the other, as text. Raises `ImportFailed`."""
        for part in self._parts:
            self._now = part
            yield from part.lines()

    def damaged(self, what: str) -> None:
        """Count something in the file that is being read."""
        self._now.damaged(what)


def lines_in_common(before: TraceFile, after: TraceFile) -> int:
    """How many of the last lines of one file are the first of another, as of two copies of one log
    that went on; 0 for more than `COMMON_LINES_MAX`. Raises `ImportFailed`.
    """
    wanted = [hash(line) for line in islice(after.raw_lines(), COMMON_LINES_MAX + 1)]
    if not wanted:
        return 0
    shorter, count = [0], 0  # of so many first ones, how many others are so as well
    for line in wanted[1:]:
        while count and wanted[count] != line:
            count = shorter[count - 1]
        count += wanted[count] == line
        shorter.append(count)
    count = 0
    for line in map(hash, before.raw_lines()):
        while count and (count == len(wanted) or wanted[count] != line):
            count = shorter[count - 1]
        count += wanted[count] == line
    return count if count <= COMMON_LINES_MAX else 0


def _packing(file: BinaryIO) -> str:
    first = file.read(6)
    return next((one for one, (begins, _) in _PACKED.items() if first.startswith(begins)), "")


def encoding_of(head: bytes) -> str:
    """What a file's first bytes say of its encoding: UTF-16 by its mark or its zeroes, else
    UTF-8.
    """
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if len(head) > 3 and head[1:4:2] == b"\x00\x00" and head[0]:
        return "utf-16-le"
    return "utf-8"


def name(text: str) -> str:
    """A name from outside, cut at its bound."""
    return text if len(text) <= NAME_SIZE_MAX else text[:NAME_SIZE_MAX]


def is_address(text: str) -> bool:
    """Whether a text is an address of IP, not a name."""
    if not (text[:1].isdigit() or ":" in text):
        return False
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def path_below(text: str) -> str:
    """A path as records have it: parts divided by `/`, none before the first, cut at its bound.
    The type of a stream of data is left out: `b.dat::$DATA` is `b.dat`.
    """
    path = text.replace("\\", "/").strip("/")
    if path[-1:] in ("A", "a") and fold(path[-len(DATA) :]) == DATA:
        path = path[: -len(DATA)].rstrip(":")
    return path[:PATH_SIZE_MAX]


def user_of(text: str) -> str:
    """A user without the domain: `EXAMPLE\\alice` is `alice`."""
    return name(text.rpartition("\\")[2])


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", "") or str(error)
