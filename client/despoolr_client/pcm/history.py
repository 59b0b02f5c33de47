r"""`PCMHIST.REG`, the client's memory of packages: RequestID to `New` or `Executed` (Q125934).

Deleting it puts packages back to pending (Q122202), and mandatory ones run again (Q229809). The
archive shows names and data, not the file's layout; ours is a registry script. `Expired` is ours
too: PCM must remember that it has reported an expiry, or it would report it at every poll.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from despoolr_core.errors import FormatError


class HistoryState(StrEnum):
    """What the client knows of one RequestID."""

    NEW = "New"
    EXECUTED = "Executed"
    EXPIRED = "Expired"


_HEADER: Final = "REGEDIT4"
_KEY: Final = r"[HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\SMS\Package Command Manager\History]"
_VALUE: Final = re.compile(r'"([0-9A-Za-z_]{1,16})"="(New|Executed|Expired)"')


class HistoryError(FormatError):
    """A PCMHIST.REG that is not one. PCM itself would have started a new one (Q229809)."""


def render_history(history: Mapping[str, HistoryState]) -> str:
    """The file's text, in the order the packages were met."""
    values = [f'"{request}"="{state.value}"' for request, state in history.items()]
    return "\r\n".join([_HEADER, "", _KEY, *values, ""])


def parse_history(text: str) -> dict[str, HistoryState]:
    """The inverse of `render_history`. Raises `HistoryError` with the line that is wrong."""
    lines = text.splitlines()
    if not lines or lines[0].strip() != _HEADER:
        raise HistoryError(f"a history starts with {_HEADER}", 1, 1)
    history: dict[str, HistoryState] = {}
    for number, line in enumerate(lines[1:], 2):
        text_of_line = line.strip()
        if not text_of_line or text_of_line == _KEY:
            continue
        match = _VALUE.fullmatch(text_of_line)
        if match is None:
            raise HistoryError(
                f'not a value of the history, which looks like "BPC001M"="New": {text_of_line!r}',
                number,
                1,
            )
        history[match[1]] = HistoryState(match[2])
    return history
