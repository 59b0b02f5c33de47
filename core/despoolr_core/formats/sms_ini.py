"""SMS.INI, the client's hidden file of settings, as PCM reads it.

Sections and keys are found in any case; of two equal keys the first counts, as Windows reads it.

No article prints a whole file (domain.md b.1). For several keys the archive names no section: they
are looked for in every section but `[AppleServers]`, whose `CurrentLogonServer` is another thing
(Q127929).

CONFLICT: the key for results is `ResultsSharePoint` in Q166833 and the 1.0 manual,
`ResultSharePoint` in Q135768, which says that the manual is wrong. Both are read, in
`[Package Command Manager]`.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from despoolr_core.errors import FormatError
from despoolr_core.rules.fold import fold

SERVERS_MAX: Final = 8
"""Client Setup copies only the first eight logon servers of DOMAIN.INI (Q140145)."""
FILE_SIZE_MAX: Final = 64 * 1024
"""Bytes of one file (our bound; Windows 95 and NT 3.x read no larger INI file)."""

PCM_SECTION: Final = "Package Command Manager"
RESULT_KEYS: Final = ("ResultSharePoint", "ResultsSharePoint")

_SERVER: Final = re.compile(r"SERVER(\d{1,4})", re.ASCII)
_CONTROL: Final = r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]"


class SmsIniError(FormatError):
    """A text that is no INI file."""


class SmsIni(msgspec.Struct, frozen=True):
    """What an SMS.INI says: its values in order, each with its section and key, folded."""

    values: tuple[tuple[str, str, str], ...] = ()

    def get(self, section: str, key: str) -> str:
        """The value of a key, without the blanks around it; empty where there is none."""
        place = fold(section), fold(key)
        return next((value for *where, value in self.values if tuple(where) == place), "")

    def find(self, key: str) -> str:
        """The value of a key whose section the archive does not name; empty where there is none."""
        wanted = fold(key)
        return next(
            (
                value
                for section, name, value in self.values
                if section != "APPLESERVERS" and name == wanted
            ),
            "",
        )

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

    @property
    def servers(self) -> tuple[str, ...]:
        """The logon servers of `[Servers]` in the order of their numbers, at most eight
        (Q140145).
        """
        numbered = {
            int(found[1]): value
            for section, key, value in reversed(self.values)
            if section == "SERVERS" and value and (found := _SERVER.fullmatch(key))
        }
        return tuple(numbered[number] for number in sorted(numbered))[:SERVERS_MAX]

    def local_flag(self, key: str, default: bool) -> bool:
        """A `[Local]` switch such as `DisablePCMCountdown=TRUE` (Q185805)."""
        value = fold(self.get("Local", key))
        return value == "TRUE" if value in ("TRUE", "FALSE") else default


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
    section: str | None = None
    values = []
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        if not line.isprintable() and (found := re.search(_CONTROL, line)):
            raise SmsIniError(f"control character U+{ord(found[0]):04X}", number, found.start() + 1)
        bare = line.strip()
        column = len(line) - len(line.lstrip()) + 1
        if bare.startswith("["):
            name = bare[1:].partition("]")[0].strip() if "]" in bare else ""
            if not name:
                raise SmsIniError("a section must be [Name]", number, column)
            section = fold(name)
        elif bare.startswith("="):
            raise SmsIniError("a value without a key", number, column)
        elif "=" in bare and not bare.startswith(";"):
            if section is None:
                raise SmsIniError("a key before the first section", number, column)
            key, _, value = bare.partition("=")
            values.append((section, fold(key.strip()), value.strip()))
    return SmsIni(tuple(values))
