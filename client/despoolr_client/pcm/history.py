r"""`PCMHIST.REG`, the client's memory of packages: RequestID to `New` or `Executed` (Q125934).

Deleting it puts packages back to pending (Q122202), and mandatory ones run again (Q229809).
`Expired` is ours: PCM must remember that it has reported an expiry, or it would report it at every
poll.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class HistoryState(StrEnum):
    """What the client knows of one RequestID."""

    NEW = "New"
    EXECUTED = "Executed"
    EXPIRED = "Expired"


History = Mapping[str, HistoryState]
"""RequestID to state. Never changed in place: thousands of clients may have the same one."""

NO_HISTORY: Final[History] = {}
