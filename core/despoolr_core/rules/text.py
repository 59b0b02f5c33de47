"""What a text from outside may hold, and how it is shown: one rule at every door, one escape before
every terminal.

The law: a name or a line (of a machine, user, program, purpose, share, package, job, a reason, a
comment) has a bound and no character that ends a line, drives a terminal, turns the direction of
what stands beside it, or is none (U+FFFE, half of one). Where it comes in, it is refused; it is
never mended. File names are NTFS's and may hold C1 characters, and records are as old as they are:
so whatever is printed is escaped as well.

Sources: ECMA-48 (C0, C1), Unicode Standard Annex 14 (U+0085, U+2028, U+2029 end lines) and 9
(bidirectional controls).
"""

from __future__ import annotations

import re
from typing import Final

MACHINE_NAME_SIZE_MAX: Final = 15
"""Characters of a machine's name: NetBIOS."""
NAME_SIZE_MAX: Final = 256
"""Characters of a name."""
LINE_SIZE_MAX: Final = 1024
"""Characters of a line: a purpose, a reason, a message, a command, a comment."""

_UNFIT: Final = r"\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufffe\uffff"
_HALF: Final = r"\ud800-\udfff"
FIT: Final = rf"^[^{_UNFIT}]*$(?!\n)"
"""What a text that fits looks like, for a schema; JSON has no half characters."""

UNFIT: Final = f"[{_UNFIT}{_HALF}]"
"""One character that no name or line may have; none is printable, as Python has it."""
_BAD_BUT_LINES: Final = f"(?![\\t\\n\\r]){UNFIT}"


def why_unfit(text: str, size_max: int = NAME_SIZE_MAX) -> str:
    """Why a text is no name or line, as a clause; `""` for one that is."""
    if len(text) > size_max:
        return f"is longer than {size_max} characters"
    if text.isprintable() or not (found := re.search(UNFIT, text)):
        return ""
    return f"has the character U+{ord(found[0]):04X}, which no name or line may have"


def why_unfit_prose(text: str) -> str:
    """The same for a text of several lines, which has tabs and line ends, and no bound of its
    own.
    """
    found = None if text.isprintable() else re.search(_BAD_BUT_LINES, text)
    return f"has the character U+{ord(found[0]):04X}" if found else ""


def escaped(text: str) -> str:
    """A text as one line that is safe to print: what the rule forbids is shown as `\\x1b` or
    `\\u202e`.
    """
    return text if text.isprintable() else re.sub(UNFIT, _escape, text)


def escaped_prose(text: str) -> str:
    """A text of several lines that is safe to print: its tabs and line feeds stay."""
    return "\n".join("\t".join(map(escaped, line.split("\t"))) for line in text.split("\n"))


def escaped_json(text: str) -> str:
    """JSON that is safe to print, and still the same JSON: what JSON itself leaves raw can only
    stand in its strings.
    """
    return re.sub(_BAD_BUT_LINES, lambda found: f"\\u{ord(found[0]):04x}", text)


def _escape(found: re.Match[str]) -> str:
    number = ord(found[0])
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"
