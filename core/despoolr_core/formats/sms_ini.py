"""SMS.INI, the client's hidden file of settings: read, changed one key at a time, and otherwise
left as it was.

Sections and keys are found in any case. Comments, blank lines and unknown keys survive, and the
kind of line end; of two equal keys the first counts, as Windows reads it. `SmsIni` is a value: a
change makes a new one.

No article prints a whole file (domain.md b.1). For several keys the archive names no section: they
are looked for in every section but `[AppleServers]`, whose `CurrentLogonServer` is another thing
(Q127929), and written to `[Local]`.

CONFLICT: the key for results is `ResultsSharePoint` in Q166833 and the 1.0 manual,
`ResultSharePoint` in Q135768, which says that the manual is wrong. Both are read;
`ResultSharePoint` is written, in `[Package Command Manager]`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from despoolr_core.errors import FormatError
from despoolr_core.rules.fold import fold

SERVERS_MAX: Final = 8
"""Client Setup copies only the first eight logon servers of DOMAIN.INI (Q140145)."""
FILE_SIZE_MAX: Final = 64 * 1024
"""Bytes of one file (our bound; Windows 95 and NT 3.x read no larger INI file)."""

PCM_SECTION: Final = "Package Command Manager"
RESULT_KEY: Final = "ResultSharePoint"
RESULT_KEYS: Final = (RESULT_KEY, "ResultsSharePoint")

_DEFAULT_SECTION: Final = "Local"
_SERVER: Final = re.compile(r"SERVER(\d{1,4})", re.ASCII)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")


class SmsIniError(FormatError):
    """A text that is no INI file, or a value that cannot stand in one."""


class SmsIni(msgspec.Struct, frozen=True):
    """The lines of an SMS.INI, and what they say."""

    lines: tuple[str, ...] = ()
    line_end: str = "\r\n"

    # -- as any INI file --

    def get(self, section: str, key: str, default: str = "") -> str:
        """The value of a key, without the blanks around it; `default` where there is none."""
        found = self._find(section, key)
        return default if found is None else self.lines[found].partition("=")[2].strip()

    def items(self, section: str) -> list[tuple[str, str]]:
        """The keys and values of a section in order, as written."""
        wanted = fold(section)
        return [
            (key, self.lines[at].partition("=")[2].strip())
            for at, name, key in self._entries()
            if name == wanted
        ]

    def with_value(self, section: str, key: str, value: str) -> SmsIni:
        """The file with one key set: in its place, or at the end of its section, which is made if
        it is not there.

        Raises `SmsIniError` for what would not be read back as that key and value.
        """
        if _CONTROL.search(key + value) or value != value.strip():
            raise SmsIniError(
                f"{key}={value!r} cannot stand in an INI file: it must be one line without "
                "blanks around it"
            )
        if not key or key != key.strip() or "=" in key or key[0] in ";[":
            raise SmsIniError(f"{key!r} cannot be a key")
        if not section or section != section.strip() or "]" in section or _CONTROL.search(section):
            raise SmsIniError(f"{section!r} cannot be a section")
        line = f"{key}={value}"
        found = self._find(section, key)
        lines = list(self.lines)
        if found is not None:
            lines[found] = line
        elif (end := self._end_of(section)) is not None:
            lines.insert(end, line)
        else:
            lines += [f"[{section}]", line]
        return SmsIni(tuple(lines), self.line_end)

    def without(self, section: str, key: str) -> SmsIni:
        """The file without a key, however often it stands there."""
        name, wanted = fold(section), fold(key)
        gone = {at for at, where, what in self._entries() if where == name and fold(what) == wanted}
        return SmsIni(
            tuple(line for at, line in enumerate(self.lines) if at not in gone), self.line_end
        )

    def _entries(self) -> Iterator[tuple[int, str, str]]:
        """Every `key=value`: index of its line, its section folded, its key as written."""
        section = ""
        for at, line in enumerate(self.lines):
            name = _section(line)
            if name is not None:
                section = fold(name)
            elif "=" in line and not line.lstrip().startswith(";"):
                yield at, section, line.partition("=")[0].strip()

    def _find(self, section: str, key: str) -> int | None:
        name, wanted = fold(section), fold(key)
        return next(
            (at for at, where, what in self._entries() if where == name and fold(what) == wanted),
            None,
        )

    def _end_of(self, section: str) -> int | None:
        """Where a new key of the section goes: after its last line that is not blank."""
        end, inside = None, False
        for at, line in enumerate(self.lines):
            name = _section(line)
            if name is not None:
                if inside:
                    break
                inside = fold(name) == fold(section)
            if inside and line.strip():
                end = at + 1
        return end

    # -- as SMS.INI --

    def find(self, key: str) -> str:
        """The value of a key whose section the archive does not name; empty where there is none."""
        return next(
            (
                self.lines[at].partition("=")[2].strip()
                for at, section, what in self._entries()
                if section != "APPLESERVERS" and fold(what) == fold(key)
            ),
            "",
        )

    def with_found(self, key: str, value: str) -> SmsIni:
        """The file with such a key set: where it stands, else in `[Local]`."""
        wanted = fold(key)
        sections = [
            where
            for _, where, what in self._entries()
            if where != "APPLESERVERS" and fold(what) == wanted
        ]
        return self.with_value(sections[0] if sections else _DEFAULT_SECTION, key, value)

    @property
    def sms_id(self) -> str:
        """The value of `SMS Unique ID` (Q195823)."""
        return self.find("SMS Unique ID")

    @property
    def site_code(self) -> str:
        """`SiteCode`, or `Site` as some files have it (Q279752)."""
        return self.find("SiteCode") or self.find("Site")

    @property
    def domain(self) -> str:
        """The value of `Domain`: the machine's SMS domain (Q279752)."""
        return self.find("Domain")

    @property
    def current_logon_server(self) -> str:
        """`CurrentLogonServer`: where PCM takes its instructions from (Q126644, Q153288)."""
        return self.find("CurrentLogonServer")

    @property
    def result_share_point(self) -> str:
        """The UNC directory for results, in either spelling; the right one first (Q135768,
        Q166833).
        """
        return next((value for key in RESULT_KEYS if (value := self.get(PCM_SECTION, key))), "")

    def with_result_share_point(self, unc: str) -> SmsIni:
        """The file with `ResultSharePoint` set and the manual's spelling gone, so that no two
        answers remain (Q135768).
        """
        return self.without(PCM_SECTION, RESULT_KEYS[1]).with_value(PCM_SECTION, RESULT_KEY, unc)

    @property
    def servers(self) -> tuple[str, ...]:
        """The logon servers of `[Servers]` in the order of their numbers, at most eight
        (Q140145).
        """
        numbered = {
            int(found[1]): value
            for key, value in reversed(self.items("Servers"))
            if value and (found := _SERVER.fullmatch(fold(key)))
        }
        return tuple(numbered[number] for number in sorted(numbered))[:SERVERS_MAX]

    def with_servers(self, servers: Iterable[str]) -> SmsIni:
        """The file with these logon servers in `[Servers]`: only the first eight, as Client Setup
        copies them (Q140145).
        """
        ini = self
        for key, _ in self.items("Servers"):
            if _SERVER.fullmatch(fold(key)):
                ini = ini.without("Servers", key)
        for number, server in enumerate(list(servers)[:SERVERS_MAX], 1):
            ini = ini.with_value("Servers", f"Server{number}", server)
        return ini

    def local_flag(self, key: str, default: bool) -> bool:
        """A `[Local]` switch such as `DisablePCMCountdown=TRUE` (Q185805) or
        `ShowPCMIntroDialog=False` (Q192664).
        """
        value = fold(self.get("Local", key))
        return value == "TRUE" if value in ("TRUE", "FALSE") else default


def _section(line: str) -> str | None:
    text = line.strip()
    return text[1 : text.index("]")].strip() if text.startswith("[") and "]" in text else None


def parse_sms_ini(data: bytes | str) -> SmsIni:
    """Read an INI file. Raises `SmsIniError` with line and column for a heading without `]`, a
    value without a key, a key before the first section, a control character, bytes that are no
    UTF-8.
    """
    if len(data) > FILE_SIZE_MAX:
        raise SmsIniError(f"{len(data)} bytes are more than {FILE_SIZE_MAX}")
    try:
        text = data.decode() if isinstance(data, bytes) else data
    except UnicodeDecodeError as error:
        raw = error.object
        raise SmsIniError(
            f"byte {raw[error.start]:02X} is not UTF-8 text",
            raw.count(b"\n", 0, error.start) + 1,
            error.start - raw.rfind(b"\n", 0, error.start),
        ) from None
    lines = text.replace("\r\n", "\n").split("\n")
    inside = False
    for number, line in enumerate(lines, 1):
        if found := _CONTROL.search(line):
            raise SmsIniError(f"control character U+{ord(found[0]):04X}", number, found.start() + 1)
        bare = line.strip()
        column = len(line) - len(line.lstrip()) + 1
        if bare.startswith("["):
            if not _section(line):
                raise SmsIniError("a section must be [Name]", number, column)
            inside = True
        elif bare.startswith("="):
            raise SmsIniError("a value without a key", number, column)
        elif "=" in bare and not bare.startswith(";") and not inside:
            raise SmsIniError("a key before the first section", number, column)
    return SmsIni(
        tuple(lines[:-1] if not lines[-1] else lines),
        "\r\n" if "\r\n" in text or "\n" not in text else "\n",
    )


def render_sms_ini(ini: SmsIni) -> bytes:
    """The file as bytes, UTF-8, every line ended."""
    return "".join(line + ini.line_end for line in ini.lines).encode()
