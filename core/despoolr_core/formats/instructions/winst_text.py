"""WINST files as text: `winst` in the layout that PCMDUMP prints, read and written.

The original is binary and its offsets are unknown, so a file is stored in the layout of Q123499: a
heading of three lines, then records of 21 fields (domain.md (c)), a blank line between two records.
The article's sample reads and writes back character for character. Stored files have true months (1
to 12) and two-digit years (1970 to 2069); what the old tools print instead is in `pcmdump`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from msgspec.structs import astuple

from despoolr_core.errors import FormatError
from despoolr_core.formats.dates import NO_QUIRK, DateQuirk, parse_sms_date, render_sms_date
from despoolr_core.formats.instructions.winst import (
    RESERVED_SAMPLE,
    PackageServer,
    ServerType,
    WinstError,
    WinstFile,
    WorkstationInstruction,
)
from despoolr_core.rules.memory import remembered, size_of
from despoolr_core.rules.text import UNFIT

SERVERS_MAX: Final = 10
"""The distribution servers that one record can list (Q161310, Q165508)."""
RECORDS_MAX: Final = 1_000
"""The records of one file (our bound)."""
TEXT_MAX: Final = 1_024
"""The characters of one free text (our bound)."""
FILE_SIZE_MAX: Final = 4 * 1024 * 1024
"""The bytes of one file (our bound)."""


class Layout(msgspec.Struct, frozen=True):
    """How a tool prints an instruction file: the version in its heading, and its mistakes with
    dates.
    """

    version: str
    quirk: DateQuirk = NO_QUIRK


STORED: Final = Layout("1.0")
"""How files lie in the boxes: the heading of Q123499, true dates."""

RECORDS_REMEMBERED_MAX: Final = 1024
RECORD_REMEMBERED_SIZE_MAX: Final = 4096
"""Characters of a record that is remembered."""
"""Records that are read and written once however many files they stand in: a job's is the same in
20,000 clients' files.
"""

_TITLE: Final = "PCM Instruction File Dump Utility v"
_COPYRIGHT: Final = "Copyright 1993, 1994 Microsoft Corporation"
_LABEL_WIDTH: Final = 16
_VALUE_COLUMN: Final = _LABEL_WIDTH + 3  # counted from 1; after the colon and a blank
_CONTINUED: Final = " " * _LABEL_WIDTH
_ZONE: Final = "Zone: "
_TYPE: Final = " Type: "
_RESERVED_ROW: Final = 18
_SERVER_TYPES: Final = frozenset(map(int, ServerType))

_HEX: Final = re.compile(r"[0-9A-F]{2}(?: [0-9A-F]{2})*")


# -- one value on one line: how it is read and written. Both directions refuse the same things, with
# a reason. --


class _Scalar(msgspec.Struct, frozen=True):
    read: Callable[[str], Any]
    write: Callable[[Any, DateQuirk], str]


def _text(value: str, _quirk: DateQuirk = NO_QUIRK) -> str:
    if not value.isprintable() and (found := re.search(UNFIT, value)):
        raise WinstError(
            f"control character U+{ord(found[0]):04X} at character {found.start() + 1}: this text "
            "must be one line"
        )
    if len(value) > TEXT_MAX:
        raise WinstError(f"{len(value)} characters are more than {TEXT_MAX}")
    return value


def _id(width: int) -> _Scalar:
    def check(value: str, _quirk: DateQuirk = NO_QUIRK) -> str:
        if len(value) != width or not value.isascii() or not value.isalnum():
            raise WinstError(f"{value!r} must be {width} letters or digits")
        return value

    return _Scalar(check, check)


def _number(highest: int) -> _Scalar:
    def write(value: int, _quirk: DateQuirk = NO_QUIRK) -> str:
        if not 0 <= value <= highest:
            raise WinstError(f"{value} is not between 0 and {highest}")
        return str(int(value))

    def read(value: str) -> int:
        if len(value) > 9 or not value.isascii() or not value.isdigit() or str(int(value)) != value:
            raise WinstError(f"{value!r} is not a number between 0 and {highest}")
        write(int(value))
        return int(value)

    return _Scalar(read, write)


_TEXT: Final = _Scalar(_text, _text)
_DATE: Final = _Scalar(parse_sms_date, render_sms_date)
_FLAG: Final = _number(1)
_SERVERS: Final = "servers"
_RESERVED: Final = "reserved"

_FIELDS: Final[tuple[tuple[str, str, _Scalar | str], ...]] = (
    ("PCM Version", "pcm_version", _TEXT),
    ("SiteID", "site_id", _id(3)),
    ("RequestID", "request_id", _id(7)),
    ("PackageID", "package_id", _id(8)),
    ("JobID", "job_id", _id(8)),
    ("Install Flag", "install_flag", _number(2)),
    ("Install By Date", "install_by_date", _DATE),
    ("Install By Full", "install_by_full", _FLAG),
    ("Display Date", "display_date", _DATE),
    ("Display Full", "display_full", _FLAG),
    ("Expiration Date", "expiration_date", _DATE),
    ("Expiration Full", "expiration_full", _FLAG),
    ("User Input Flags", "user_input_flags", _FLAG),
    ("Operating System", "operating_system", _number(0x7F)),
    ("Disk Usage", "disk_usage", _TEXT),
    ("Run Command", "run_command", _TEXT),
    ("WCL Name", "wcl_name", _TEXT),
    ("Server(s)", "servers", _SERVERS),
    ("Package Name", "package_name", _TEXT),
    ("Comments", "comments", _TEXT),
    ("Domain Name", "domain_name", _TEXT),
    ("Reserved", "reserved", _RESERVED),
)
"""Every field of a record in order: its label, the attribute that holds its value, and how the
value is written.
"""


# -- writing --


def render_winst(file: WinstFile) -> bytes:
    """The file in PCMDUMP's layout, UTF-8, one newline a line. Raises `WinstError`, naming the
    field, for what could not be read back.
    """
    return render_text(file).encode()


def render_text(file: WinstFile, layout: Layout = STORED) -> str:
    """`render_winst` as text, for people and for the tool. Raises `WinstError` as that does."""
    if len(file.records) > RECORDS_MAX:
        raise WinstError(f"{len(file.records)} records are more than {RECORDS_MAX}")
    lines = [f"{_TITLE}{layout.version}", _COPYRIGHT]
    lines.append(_line("File Name", _written("File Name", _TEXT, file.file_name, layout.quirk)))
    seen: set[str] = set()
    for record in file.records:
        if record.request_id in seen:
            raise WinstError(f"RequestID: {record.request_id} appears twice")
        if seen:
            lines.append("")
        seen.add(record.request_id)
        lines += (
            _lines_again(record)
            if layout.quirk == NO_QUIRK
            else _record_lines(record, layout.quirk)
        )
    return "\n".join(lines) + "\n"


def add_record(data: bytes, record: WorkstationInstruction) -> bytes:
    """A stored file with this record added, or in the place of the one of its request. A record
    that is new is written behind the others, which are not written anew: with 800 of them that is
    a fifth of the work. Raises `WinstError` as `parse_winst` and `render_winst` do.
    """
    file = parse_winst(data)
    changed = file.with_record(record)
    if changed == file:
        return data
    is_added = 0 < len(file.records) < len(changed.records) <= RECORDS_MAX
    if not is_added or b"\r" in data or not data.endswith(b"\n") or data.endswith(b"\n\n"):
        return render_winst(changed)
    return data + "\n".join(["", *_lines_again(record), ""]).encode()


class RecordAdder:
    """Adds the same records to the files of many clients, most of which have the same behind their
    heading: what became of the last one's is remembered.
    """

    def __init__(self, records: Sequence[WorkstationInstruction]) -> None:
        self._records = records
        self._last: tuple[bytes, bytes] | None = None

    def added(self, file_name: str, data: bytes | None) -> bytes:
        """The file with the records, each as by `add_record`; None: there is none yet. Raises as
        that does.
        """
        heading = render_winst(WinstFile(file_name, ()))
        before = heading if data is None else data
        has_heading = before.startswith(heading)
        rest = before[len(heading) :]
        if has_heading and self._last is not None and self._last[0] == rest:
            return heading + self._last[1]
        after = before
        for record in self._records:
            after = add_record(after, record)
        if has_heading:
            self._last = rest, after[len(heading) :]
        return after


def _record_lines(record: WorkstationInstruction, quirk: DateQuirk) -> list[str]:
    lines: list[str] = []
    for label, name, kind in _FIELDS:
        value = getattr(record, name)
        if isinstance(kind, _Scalar):
            lines.append(_line(label, _written(label, kind, value, quirk)))
        elif kind is _SERVERS:
            lines += _server_lines(label, value)
        else:
            lines += _reserved_lines(label, value)
    return lines


@remembered(
    RECORDS_REMEMBERED_MAX, RECORD_REMEMBERED_SIZE_MAX, lambda record: size_of(astuple(record))
)
def _lines_again(record: WorkstationInstruction) -> list[str]:
    return _record_lines(record, NO_QUIRK)


def _line(label: str, value: str) -> str:
    return f"{label:<{_LABEL_WIDTH}}: {value}" if value else f"{label:<{_LABEL_WIDTH}}:"


def _written(label: str, kind: _Scalar, value: object, quirk: DateQuirk) -> str:
    try:
        return kind.write(value, quirk)
    except FormatError as error:
        raise WinstError(f"{label}: {error.reason}") from None


def _server_lines(label: str, servers: tuple[PackageServer, ...]) -> list[str]:
    if len(servers) > SERVERS_MAX:
        raise WinstError(f"{label}: {len(servers)} servers are more than {SERVERS_MAX} (Q161310)")
    lines = [] if servers else [_line(label, "")]
    for number, server in enumerate(servers):
        if not server.unc:
            raise WinstError(f"{label}: a server without a UNC name")
        if server.type not in _SERVER_TYPES:
            raise WinstError(f"{label}: server type {server.type} is not between 1 and 7")
        unc = _written(label, _TEXT, server.unc, NO_QUIRK)
        lines.append(_line("" if number else label, f"{unc}{_TYPE}{int(server.type)}"))
        if server.zone:
            lines.append(f"{_CONTINUED}  {_ZONE}{_written(label, _TEXT, server.zone, NO_QUIRK)}")
    return lines


def _reserved_lines(label: str, value: bytes) -> list[str]:
    if len(value) != len(RESERVED_SAMPLE):
        raise WinstError(f"{label}: {len(value)} bytes instead of {len(RESERVED_SAMPLE)}")
    first, second = value[:_RESERVED_ROW].hex(" ").upper(), value[_RESERVED_ROW:].hex(" ").upper()
    return [_line(label, first), f"{_CONTINUED}  {second}"]


# -- reading --


class _Lines:
    """The lines of a file and where the reader is. `number` counts from 1 and is that of the line
    taken last.
    """

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self.number = 0

    def peek(self) -> str | None:
        return self._lines[self.number] if self.number < len(self._lines) else None

    def take(self, expected: str) -> str:
        line = self.peek()
        if line is None:
            raise WinstError(
                f"the file ends where {expected} should be", self.number, len(self._lines[-1]) + 1
            )
        self.number += 1
        return line

    def skip_blank(self) -> bool:
        """Pass over blank lines; True if a line follows."""
        while (line := self.peek()) is not None and not line.strip():
            self.number += 1
        return line is not None

    def fail(self, reason: str, column: int = 1) -> WinstError:
        return WinstError(reason, self.number, column)


def parse_winst(data: bytes | str) -> WinstFile:
    """Read an instruction file. Raises `WinstError` with line and column."""
    if isinstance(data, bytes):
        quick = _quick(data)
        if quick is not None:
            return quick
    lines = _Lines(_split(data))
    if lines.take("the heading") != _TITLE + STORED.version:
        raise lines.fail(f"the first line is not {_TITLE + STORED.version!r}")
    if lines.take("the copyright line") != _COPYRIGHT:
        raise lines.fail(f"the second line is not {_COPYRIGHT!r}")
    file_name: str = _read(lines, "File Name", _TEXT)
    records: list[WorkstationInstruction] = []
    seen: set[str] = set()
    while lines.skip_blank():
        first = lines.number + 1
        if len(records) == RECORDS_MAX:
            raise WinstError(f"more than {RECORDS_MAX} records", first, 1)
        record = _record(lines)
        if record.request_id in seen:
            raise WinstError(
                f"RequestID: {record.request_id} appears twice", first + 2, _VALUE_COLUMN
            )
        seen.add(record.request_id)
        records.append(record)
    return WinstFile(file_name, tuple(records))


def _quick(data: bytes) -> WinstFile | None:
    """The file as `render_winst` writes it, its records looked up by their text; None if it must be
    read line by line.
    """
    if len(data) > FILE_SIZE_MAX or not data.isascii() or b"\r" in data:
        return None
    title, _, after = data.decode("ascii").removesuffix("\n").partition("\n")
    copyright_, _, after = after.partition("\n")
    name, _, after = after.partition("\n")
    if title != _TITLE + STORED.version or copyright_ != _COPYRIGHT:
        return None
    try:
        file_name: str = _read(_Lines([name]), "File Name", _TEXT)
    except WinstError:
        return None
    records = _records_again(after) if after else ()
    return None if records is None else WinstFile(file_name, records)


@remembered(RECORDS_REMEMBERED_MAX // 16, 16 * RECORD_REMEMBERED_SIZE_MAX, len)
def _records_again(text: str) -> tuple[WorkstationInstruction, ...] | None:
    """The records that these lines are, which most machines of a job have in common; None if they
    must be read line by line.
    """
    blocks = text.split("\n\n")
    if len(blocks) > RECORDS_MAX:
        return None
    try:
        records = tuple(map(_record_again, blocks))
    except WinstError:
        return None
    return records if len({record.request_id for record in records}) == len(records) else None


@remembered(RECORDS_REMEMBERED_MAX, RECORD_REMEMBERED_SIZE_MAX, len)
def _record_again(block: str) -> WorkstationInstruction:
    """The one record that these lines are. Raises `WinstError`."""
    lines = _Lines(block.split("\n"))
    record = _record(lines)
    if lines.peek() is not None:
        raise lines.fail("more than one record")
    return record


def _split(data: bytes | str) -> list[str]:
    if len(data) > FILE_SIZE_MAX:
        raise WinstError(f"{len(data)} bytes are more than {FILE_SIZE_MAX}")
    try:
        text = data.decode() if isinstance(data, bytes) else data
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        column = error.start - error.object.rfind(b"\n", 0, error.start)
        raise WinstError(
            f"byte {error.object[error.start]:02X} is not UTF-8 text", line, column
        ) from None
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    return lines[:-1] if len(lines) > 1 and not lines[-1] else lines


def _record(lines: _Lines) -> WorkstationInstruction:
    values: dict[str, Any] = {}
    for label, name, kind in _FIELDS:
        if isinstance(kind, _Scalar):
            values[name] = _read(lines, label, kind)
        else:
            values[name] = _servers(lines, label) if kind is _SERVERS else _reserved(lines, label)
    return WorkstationInstruction(**values)


def _read(lines: _Lines, label: str, kind: _Scalar) -> Any:
    value = _value(lines, label)
    try:
        return kind.read(value)
    except FormatError as error:
        raise lines.fail(f"{label}: {error.reason}", _VALUE_COLUMN) from None


def _value(lines: _Lines, label: str) -> str:
    line = lines.take(f"the field {label!r}")
    if not line.startswith(f"{label:<{_LABEL_WIDTH}}:"):
        raise lines.fail(f"expected the field {label!r}, found {line[:_LABEL_WIDTH].strip()!r}")
    return _after_colon(lines, line)


def _after_colon(lines: _Lines, line: str) -> str:
    value = line[_LABEL_WIDTH + 1 :]
    if value and not value.startswith(" "):
        raise lines.fail("a blank must follow the colon", _VALUE_COLUMN - 1)
    return value[1:]


def _servers(lines: _Lines, label: str) -> tuple[PackageServer, ...]:
    value = _value(lines, label)
    servers = [_server(lines, value)] if value else []
    while servers and (lines.peek() or "").startswith(_CONTINUED):
        line = lines.take("a server")
        if line.startswith(f"{_CONTINUED}:"):
            if len(servers) == SERVERS_MAX:
                raise lines.fail(
                    f"{label}: more than {SERVERS_MAX} servers (Q161310)", _VALUE_COLUMN
                )
            servers.append(_server(lines, _after_colon(lines, line)))
            continue
        zone = _plain(lines, line.removeprefix(f"{_CONTINUED}  {_ZONE}"))
        if zone == line or not zone or servers[-1].zone:
            raise lines.fail(
                f"{label}: expected another server, or the zone of the last one", _VALUE_COLUMN
            )
        servers[-1] = msgspec.structs.replace(servers[-1], zone=zone)
    return tuple(servers)


def _server(lines: _Lines, value: str) -> PackageServer:
    unc, _, kind = value.rpartition(_TYPE)
    if not unc or kind not in map(str, _SERVER_TYPES):
        raise lines.fail(
            f"{value!r} is not a server like \\\\CNS-SMS\\SMS_PKGD\\BPC0000A\\ Type: 2",
            _VALUE_COLUMN,
        )
    return PackageServer(_plain(lines, unc), ServerType(int(kind)))


def _plain(lines: _Lines, value: str) -> str:
    try:
        return _text(value)
    except WinstError as error:
        raise lines.fail(error.reason, _VALUE_COLUMN) from None


def _reserved(lines: _Lines, label: str) -> bytes:
    rows: list[str] = []
    for byte_count in (_RESERVED_ROW, len(RESERVED_SAMPLE) - _RESERVED_ROW):
        if rows and not (lines.peek() or f"{_CONTINUED}  ").startswith(f"{_CONTINUED}  "):
            raise lines.fail(f"{label}: its second line is missing", _VALUE_COLUMN)
        row = (
            lines.take("the second line of Reserved")[_VALUE_COLUMN - 1 :]
            if rows
            else _value(lines, label)
        )
        if not _HEX.fullmatch(row) or len(row) != byte_count * 3 - 1:
            raise lines.fail(f"{label}: {row!r} is not {byte_count} bytes in hex", _VALUE_COLUMN)
        rows.append(row)
    return bytes.fromhex(" ".join(rows))
