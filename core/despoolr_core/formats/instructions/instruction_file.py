"""Despooler instructions: what one machine asks the despooler of a site to do (`.INS`, `.SNI` in a
`DESPOOLR.BOX`).

The original is binary; ours has the layout that `snirdr` prints (Q140374), so that a person can
read every file:

    The execution time is M/D/Y 2-19-1970
    The number of retries is 0
    MICROSOFT|SMS|DOMAIN_COMMISSAR_WIREMOVE VAQ VAQ0000F Success VAQ00005
    PackageID = VAQ00003
    ...
    Server = \\\\SRV1\\SMS_PKGD
    End of instruction, 12 lines, CRC 1A2B3C4D

The last line counts the lines before it and has the CRC-32 of their bytes, so a truncated or
damaged file is known as such. A value is one line: a control character in it is written `&#10;`,
and a literal `&#` as `&#38;#`. The original compresses an `.INS` (Hdecomp makes the `.SNI` of it:
Q140374); ours is plain under both names.

What an instruction asks for is in `instruction`; this module knows only the paper it is written on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final
from zlib import crc32

import msgspec
from msgspec.structs import astuple

from despoolr_core.errors import FormatError
from despoolr_core.formats.dates import DateError, parse_date_time, render_date_time
from despoolr_core.rules.memory import remembered

WIREMOVE: Final = "MICROSOFT|SMS|DOMAIN_COMMISSAR_WIREMOVE"
"""A client's result, or its notice that a package expired (Q169491, Q188042)."""
INVENTORY: Final = "MICROSOFT|SMS|MINIJOBINSTRUCTION|INVENTORY"
"""Q153246."""
CONFIG: Final = "MICROSOFT|SMS|MINIJOBINSTRUCTION|CONFIG"
"""Q186408."""

FILE_SIZE_MAX: Final = 16 * 1024 * 1024
FIELDS_MAX: Final = 64
SERVERS_MAX: Final = 1_000
WORKSTATIONS_MAX: Final = 100_000
RETRIES_MAX: Final = 1_000_000
"""Our bounds on one instruction."""


class InstructionError(FormatError):
    """An instruction that is truncated, damaged or not one (event 1), or one that cannot be
    written.
    """


class DespoolerInstruction(msgspec.Struct, frozen=True, eq=False):
    """One instruction: when, which attempt, what, and its named values in order.

    `execute_at` is in site seconds, None for "at once". `retries` counts the attempts so far; it
    can be negative (Q191360). `words` follow the type on its line. `servers` and `workstations` are
    the repeated lines `Server = ` and `Workstation = `.
    """

    type: str
    words: tuple[str, ...] = ()
    fields: Mapping[str, str] = msgspec.field(default_factory=dict)
    servers: tuple[str, ...] = ()
    workstations: tuple[str, ...] = ()
    execute_at: float | None = None
    retries: int = 0
    lines: Mapping[str, int] = msgspec.field(default_factory=dict)
    """Where each field stood in the file that was read, for later complaints: two instructions are
    equal wherever their fields stood.
    """

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, DespoolerInstruction):
            return NotImplemented
        return astuple(self)[:-1] == astuple(other)[:-1]

    # -- typed reading; every complaint names the field and its line --

    def text(self, key: str) -> str:
        """The value of a field that must be there. Raises `InstructionError` if it is missing."""
        try:
            return self.fields[key]
        except KeyError:
            raise InstructionError(f"the instruction has no field {key!r}") from None

    def integer(self, key: str) -> int:
        """The value of a field as a whole number. Raises `InstructionError`, naming its line."""
        value = self.text(key)
        if not _INTEGER.fullmatch(value):
            raise self.wrong(key, "is not a whole number")
        return int(value)

    def flag(self, key: str) -> bool:
        """The value of a field that is `TRUE` or `FALSE`. Raises `InstructionError`, naming its
        line.
        """
        value = self.text(key)
        if value not in ("TRUE", "FALSE"):
            raise self.wrong(key, "is neither TRUE nor FALSE")
        return value == "TRUE"

    def time(self, key: str) -> float | None:
        """The value of a field in site seconds; None where it is empty. Raises `InstructionError`,
        naming its line.
        """
        value = self.text(key)
        if not value:
            return None
        try:
            return parse_date_time(value) or 0.0
        except DateError as error:
            raise InstructionError(f"{key}: {error.reason}", self.lines.get(key, 0), 1) from None

    def wrong(self, key: str, reason: str) -> InstructionError:
        """A complaint about the value of a field, at its line."""
        return InstructionError(
            f"{key} = {self.fields.get(key, '')!r} {reason}", self.lines.get(key, 0), len(key) + 4
        )


def render_flag(value: bool) -> str:
    """`TRUE` or `FALSE`, as `flag` reads it."""
    return "TRUE" if value else "FALSE"


def render_time(at: float | None) -> str:
    """A time as `time` reads it: empty for None, whole milliseconds. Raises `DateError`."""
    return "" if at is None else render_date_time(at)


_TIME: Final = "The execution time is M/D/Y "
_RETRIES: Final = "The number of retries is "
_END: Final = re.compile(rb"End of instruction, (\d{1,9}) lines, CRC ([0-9A-F]{8})")
_INTEGER: Final = re.compile(r"-?\d{1,9}", re.ASCII)
_WORD: Final = r"[^\s\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+"
_KEY: Final = re.compile(r"[A-Za-z][A-Za-z0-9 ]{0,63}(?<! )", re.ASCII)
_KEY_SIZE_MAX: Final = 64
_ESCAPED: Final = r"&(?=#)|[\x00-\x1f\x7f-\x9f\u2028\u2029]"
_HALF: Final = r"[\ud800-\udfff]"
_REFERENCE: Final = re.compile(r"&#(\d{1,7});", re.ASCII)
_SERVER: Final = "Server"
_WORKSTATION: Final = "Workstation"
_REPEATED: Final = (_WORKSTATION, _SERVER)
_WORKSTATION_LINE: Final = f"{_WORKSTATION} = "
"""How most lines of an instruction for many begin: there can be 20,000."""


def render_instruction(instruction: DespoolerInstruction) -> bytes:
    """The instruction as a file, UTF-8. Raises `InstructionError` for what could not be read
    back, `DateError` for a time outside 1970 to 9999.
    """
    _check(instruction)
    fields = instruction.fields
    lines = [
        f"{_TIME}{render_date_time(instruction.execute_at)}",
        f"{_RETRIES}{instruction.retries}",
        " ".join((instruction.type, *instruction.words)),
    ]
    if _is_plain("".join(fields.values())):  # as nearly all are: a client writes two in a night
        lines += [f"{key} = {value}" if value else f"{key} =" for key, value in fields.items()]
    else:
        lines += [_line(key, value) for key, value in fields.items()]
    lines += [_line(_SERVER, server) for server in instruction.servers]
    lines += [_line(_WORKSTATION, workstation) for workstation in instruction.workstations]
    return with_end("\n".join(lines) + "\n", len(lines))


def heading(execute_at: float) -> str:
    """The first two lines of an instruction that is tried for the first time then. Raises
    `DateError`.
    """
    return f"{_TIME}{render_date_time(execute_at)}\n{_RETRIES}0\n"


def with_end(lines: str, count: int) -> bytes:
    """These lines, so many, and the last one, which says that they are whole."""
    body = lines.encode()
    return body + b"End of instruction, %d lines, CRC %08X\n" % (count, crc32(body))


def are_plain(words: Sequence[str], values: Sequence[str]) -> bool:
    """Whether these words can stand on the type line, and these values in fields as they are."""
    return all(words) and _is_word("".join(words)) and _is_plain("".join(values))


def _is_key(text: str) -> bool:
    """Whether a text can be the name of a field."""
    return len(text) <= _KEY_SIZE_MAX and _is_short_key(text)


@remembered(1024, _KEY_SIZE_MAX, len)
def _is_short_key(text: str) -> bool:
    """The names of a site's instructions are few."""
    return _KEY.fullmatch(text) is not None


def _is_word(text: str) -> bool:
    is_plain = text.isprintable() and " " not in text and text != ""
    return is_plain or re.fullmatch(_WORD, text) is not None


def _check(instruction: DespoolerInstruction) -> None:
    for word in (instruction.type, *instruction.words):
        if not _is_word(word):
            raise InstructionError(f"{word!r} cannot stand on the type line: it must be one word")
    _check_keys(tuple(instruction.fields))
    _check_bounds(instruction)


@remembered(256, 1024, lambda keys: sum(map(len, keys)))
def _check_keys(keys: tuple[str, ...]) -> None:
    """The kinds of a site's instructions are few, and each has always the same fields."""
    for key in keys:
        if not _is_key(key) or key in _REPEATED:
            raise InstructionError(f"{key!r} cannot be the name of a field")


def _check_bounds(instruction: DespoolerInstruction) -> None:
    if abs(instruction.retries) > RETRIES_MAX:
        raise InstructionError(f"{instruction.retries} retries are more than {RETRIES_MAX}")
    for name, count, bound in (
        ("fields", len(instruction.fields), FIELDS_MAX),
        ("servers", len(instruction.servers), SERVERS_MAX),
        ("workstations", len(instruction.workstations), WORKSTATIONS_MAX),
    ):
        if count > bound:
            raise InstructionError(f"{count} {name} are more than {bound}")


def _is_plain(value: str) -> bool:
    """Whether nothing of it is escaped: all that is but `&` is not printable."""
    return value.isprintable() and "&" not in value


def _line(key: str, value: str) -> str:
    if _is_plain(value):
        return f"{key} = {value}" if value else f"{key} ="
    if re.search(_HALF, value):
        raise InstructionError(f"{key} = {value!r} has half a surrogate pair")
    escaped = re.sub(_ESCAPED, lambda found: f"&#{ord(found[0])};", value)
    return f"{key} = {escaped}" if escaped else f"{key} ="


def _referred(found: re.Match[str]) -> str:
    """The character of a reference. Raises `ValueError` or `OverflowError` where there is none."""
    character = chr(int(found[1]))
    if re.match(_HALF, character):
        raise ValueError("half a surrogate pair")
    return character


def parse_instruction(data: bytes | str) -> DespoolerInstruction:
    """Read an instruction file. Raises `InstructionError` with the line for one that is cut short,
    damaged or no instruction.
    """
    text = _whole(data)
    lines = text.split("\n")
    del lines[-1]
    execute_at = _execution_time(lines[0])
    retries = lines[1].removeprefix(_RETRIES)
    if retries == lines[1] or not _INTEGER.fullmatch(retries) or abs(int(retries)) > RETRIES_MAX:
        raise InstructionError(f"expected '{_RETRIES}N'", 2, 1)
    kind, *words = lines[2].split(" ")
    if (not lines[2].isprintable() or "" in words or not kind) and not all(
        map(_is_word, (kind, *words))
    ):
        raise InstructionError("expected the type of the instruction and its words", 3, 1)
    if len(lines) <= 3 + FIELDS_MAX and "&" not in text:
        plain = _plain_fields(lines)
        places = None if plain is None else _places(tuple(plain))
        if plain is not None and places is not None:
            return DespoolerInstruction(
                kind, tuple(words), plain, (), (), execute_at, int(retries), places
            )
    fields: dict[str, str] = {}
    repeated: dict[str, list[str]] = {_SERVER: [], _WORKSTATION: []}
    where: dict[str, int] = {}
    for number, line in enumerate(lines[3:], 4):
        if line.startswith(_WORKSTATION_LINE) and "&" not in line:
            repeated[_WORKSTATION].append(line[len(_WORKSTATION_LINE) :])
            continue
        key, value = _field(line, number)
        if key in repeated:
            repeated[key].append(value)
        elif key in fields:
            raise InstructionError(f"the field {key!r} appears twice", number, 1)
        else:
            fields[key] = value
            where[key] = number
    instruction = DespoolerInstruction(
        kind,
        tuple(words),
        fields,
        tuple(repeated[_SERVER]),
        tuple(repeated[_WORKSTATION]),
        execute_at,
        int(retries),
        where,
    )
    _check_bounds(instruction)
    return instruction


def _plain_fields(lines: list[str]) -> dict[str, str] | None:
    """The fields on all lines from the fourth on, whatever their names are; None if that is not
    what they are, or two are one.
    """
    fields: dict[str, str] = {}
    for line in lines[3:]:
        key, equals, value = line.partition(" =")
        if not equals or value[:1] not in " ":  # that is nothing, or a blank
            return None
        fields[key] = value[1:]
    return fields if len(fields) == len(lines) - 3 else None


@remembered(256, 1024, lambda keys: sum(map(len, keys)))
def _places(keys: tuple[str, ...]) -> Mapping[str, int] | None:
    """The line of each field of an instruction that has nothing else; None if one of these is no
    such field's name. The same for all who ask: the kinds of a site's instructions are few.
    """
    if any(key in _REPEATED or not _is_key(key) for key in keys):
        return None
    return MappingProxyType({key: number for number, key in enumerate(keys, 4)})


def _whole(data: bytes | str) -> str:
    """The lines before the last, after a check that the last fits them."""
    if len(data) > FILE_SIZE_MAX:
        raise InstructionError(f"{len(data)} bytes are more than {FILE_SIZE_MAX}")
    raw = (data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass")).replace(
        b"\r\n", b"\n"
    )
    body, _, last = raw.removesuffix(b"\n").rpartition(b"\n")
    count = body.count(b"\n") + 1
    if not raw.startswith(_TIME.encode()):
        raise InstructionError(
            f"expected '{_TIME}M-D-YYYY': this is no despooler instruction", 1, 1
        )
    found = _END.fullmatch(last)
    if found is None:
        raise InstructionError(
            "the file is truncated: its last line is not 'End of instruction'", count + 1, 1
        )
    if int(found[1]) != count:
        raise InstructionError(
            f"the last line speaks of {found[1].decode()} lines, there are {count}", count + 1, 1
        )
    body += b"\n"
    if int(found[2], 16) != crc32(body):
        raise InstructionError(
            f"the file is damaged: its CRC is {crc32(body):08X}, not {found[2].decode()}",
            count + 1,
            1,
        )
    if count < 3:
        raise InstructionError("there is no type line", count + 1, 1)
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise InstructionError(
            f"byte {body[error.start]:02X} is not UTF-8 text",
            body.count(b"\n", 0, error.start) + 1,
            error.start - body.rfind(b"\n", 0, error.start),
        ) from None


def _execution_time(line: str) -> float | None:
    try:
        return parse_date_time(line[len(_TIME) :])
    except DateError as error:
        raise InstructionError(error.reason, 1, len(_TIME) + 1) from None


def _field(line: str, number: int) -> tuple[str, str]:
    key, equals, value = line.partition(" =")
    is_key = key in _REPEATED or _is_key(key)
    if not equals or not is_key or (value and not value.startswith(" ")):
        raise InstructionError(f"expected 'name = value', found {line[:40]!r}", number, 1)
    if "&" not in value:
        return key, value[1:]
    try:
        return key, _REFERENCE.sub(_referred, value[1:])
    except (ValueError, OverflowError):
        raise InstructionError(
            "a character reference to no character", number, len(key) + 4
        ) from None
