"""Which names a share accepts: decided here, once, before any file is touched.

The law: a name is parts between `/` or `\\`, kept as written (case-preserving) and compared by its
`key` (`despoolr_core.rules.fold`: as NTFS does, so that `ß` is not `SS`). A part that Windows could
not store, or would take for something else, is refused as OBJECT_NAME_INVALID: `.` and `..`,
control characters, `<>:"|?*`, a trailing dot or blank, a DOS device name with or without extension
([MS-FSCC] 2.1.5; Win32 "Naming Files, Paths, and Namespaces"). This module never knows what exists.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from despoolr_core.rules.fold import fold
from despoolr_core.rules.memory import remembered
from despoolr_core.rules.text import escaped

COMPONENT_MAX: Final = 255
"""UTF-16 units of one part: NTFS's bound. A character above the BMP has two."""

PATH_MAX: Final = 1024
"""Bytes of a whole path in UTF-8, separators included."""

DEPTH_MAX: Final = 64
"""Parts of a path: the directories, and the name in the last of them."""

DEVICE_NAMES: Final = frozenset(
    ["CON", "PRN", "AUX", "NUL", "CLOCK$", "CONIN$", "CONOUT$"]
    + [f"{port}{digit}" for port in ("COM", "LPT") for digit in "123456789¹²³"]
)
"""Names DOS takes for devices in every directory, whatever extension follows."""

TEXT_REMEMBERED_MAX: Final = 160
"""Characters of a path that is remembered once it was read; a longer one is read each time."""

_FORBIDDEN: Final = re.compile(r'[\x00-\x1f\x7f<>:"|?*]')
_SEPARATOR: Final = re.compile(r"[/\\]")
_DEVICE: Final = "|".join(re.escape(name) for name in sorted(DEVICE_NAMES) if name.isascii())
_USUAL_PART: Final = rf"(?!(?:{_DEVICE})(?![^./]))[\w$~-]+(?:\.[\w$~-]+)*"
_USUAL: Final = re.compile(rf"{_USUAL_PART}(?:/{_USUAL_PART})*", re.ASCII | re.IGNORECASE)
"""A path with which nothing is wrong but perhaps its length: told in a tenth of the time."""


class Name(msgspec.Struct, frozen=True, gc=False):
    """One accepted path: `path` as written with `/` between the parts, `key` for comparing; both
    `""` for the share's root.
    """

    path: str
    key: str

    @property
    def parent(self) -> Name:
        """The directory the name stands in; the root is its own parent."""
        return Name(self.path.rpartition("/")[0], self.key.rpartition("/")[0])

    @property
    def last(self) -> str:
        """The last part as written."""
        return self.path.rpartition("/")[2]

    def child(self, part: str) -> Name:
        """A name inside this directory (`part` must already be an accepted one)."""
        return (
            Name(f"{self.path}/{part}", f"{self.key}/{fold(part)}")
            if self.path
            else Name(part, fold(part))
        )

    def child_of(self, directory: str) -> str:
        """The path of this name's last part in a directory given by its stored path."""
        last = self.path.rpartition("/")[2]
        return f"{directory}/{last}" if directory else last


ROOT: Final = Name("", "")


class BadName(msgspec.Struct, frozen=True):
    """A refused path and why, as one clause for the problem's detail."""

    reason: str


@remembered(16_384, TEXT_REMEMBERED_MAX, len)
def parse_name(text: str) -> Name | BadName:
    """Read a path relative to a share. Separators at either end are dropped; an empty part in the
    middle is refused.
    """
    if (
        len(text) <= COMPONENT_MAX
        and _USUAL.fullmatch(text) is not None
        and text.count("/") < DEPTH_MAX
    ):
        return Name(text, fold(text))
    text = text.strip("/\\")
    if len(text) > PATH_MAX:  # before anything looks at it, or quotes it
        return BadName(f"the path is longer than {PATH_MAX} bytes")
    parts = _SEPARATOR.split(text)
    if parts == [""]:
        return ROOT
    for part in parts:
        if reason := why_bad(part):
            return BadName(reason)
    path = "/".join(parts)
    if reason := why_too_far(path):
        return BadName(reason)
    return Name(path, fold(path))


def found_name(path: str) -> Name:
    """The name of what a store has: made by hand or by an older version, it may be one that is
    accepted no more.
    """
    return Name(path, fold(path))


def why_too_far(path: str) -> str:
    """Why a path of accepted parts is refused as a whole, as a clause; `""` if it is fine."""
    depth = path.count("/") + 1
    if depth > DEPTH_MAX:
        return f"the path has {depth} parts, and {DEPTH_MAX} are the limit"
    if len(path.encode()) > PATH_MAX:
        return f"the path is longer than {PATH_MAX} bytes"
    return ""


def printable(text: str) -> str:
    """A refused path as it may stand in a record or a problem: cut at `PATH_MAX`, as one line that
    is safe to print.
    """
    return escaped(text[:PATH_MAX])


def why_bad(part: str) -> str:
    """Why one part of a path is refused, as a clause; `""` if it is fine."""
    if not part:
        return "a part of the path is empty"
    if part in (".", ".."):
        return f"{part!r} is not a name"
    if found := _FORBIDDEN.search(part):
        return f"{part!r} contains {found.group()!r}"
    if part[-1] in ". ":
        return f"{part!r} ends with a dot or a blank"
    if fold(part.partition(".")[0].rstrip(" ")) in DEVICE_NAMES:
        return f"{part!r} is a DOS device name"
    try:
        units = len(part) if part.isascii() else len(part.encode("utf-16-le")) // 2
    except UnicodeEncodeError:
        return f"{part!r} has half a surrogate pair"
    if units > COMPONENT_MAX:
        return f"a part of the path is longer than {COMPONENT_MAX} UTF-16 units"
    return ""
