"""What a reader says about a MIF: in whose name, how bad, where, and by which rule.

Law: a finding is a value with a place; a refusal is an exception with the same facts. Who must act:
the giver of the file.
"""

from __future__ import annotations

import enum
import re
from bisect import bisect_left

import msgspec

from despoolr_core.errors import FormatError


class Mode(enum.StrEnum):
    """Whose rules count: the DMI specification's, a forgiving reader's, or SMS's."""

    STRICT = "strict"
    LENIENT = "lenient"
    SMS = "sms"


class Severity(enum.IntEnum):
    """How bad a finding is; from `ERROR` on the file is refused."""

    INFO = 1
    WARNING = 2
    ERROR = 3
    FATAL = 4


class MifFinding(msgspec.Struct, frozen=True):
    """One thing a reader noticed: where (from 1; 0 for the file as a whole), how bad, which rule of
    `RULES`, whose rule.
    """

    line: int
    column: int
    severity: Severity
    rule: str
    text: str
    source: str


class MifError(FormatError):
    """A MIF that is refused. `rule` names the row of `RULES`, `source` the document the rule comes
    from.
    """

    def __init__(
        self, reason: str, line: int = 0, column: int = 0, rule: str = "", source: str = ""
    ) -> None:
        super().__init__(reason, line, column)
        self.rule = rule
        self.source = source


class MifTooLarge(MifError):
    """A MIF refused for its size alone, before a look at its content. `size` and `size_max` in
    bytes.
    """

    def __init__(self, size: int, size_max: int, source: str) -> None:
        super().__init__(
            f"{size} bytes, more than the {size_max} allowed", rule="size", source=source
        )
        self.size = size
        self.size_max = size_max


class Places:
    """The lines of a text, found once, so that many places in it cost no more than its length."""

    __slots__ = ("_ends", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._ends: list[int] | None = None

    def of(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset, both from 1. Only LF ends a line, as in every MIF
        reader.
        """
        if self._ends is None:
            self._ends = [found.start() for found in re.finditer("\n", self._text)]
        line = bisect_left(self._ends, offset)
        return line + 1, offset - (self._ends[line - 1] if line else -1)
