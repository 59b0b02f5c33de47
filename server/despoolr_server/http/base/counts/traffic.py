"""What went wrong on the wire, counted: callers that hung up, were too slow, sent what is no HTTP,
or found no room.

The law: a caller's doing is a number and at most one line an interval, never a traceback: whoever
can connect could fill a log.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from typing import Final

from despoolr_core.phrases import counted
from despoolr_server.http.handling.handler import AppKey

LINE_S: Final = 60.0
"""Seconds between two lines; what happens in between is told in the next one."""

_NONE_LEFT: Final = "found no descriptor left, or nearly none (ulimit -n)"
KINDS: Final[dict[str, tuple[str, str]]] = {
    "hung_up": ("hung up before it was answered", "hung up before they were answered"),
    "malformed": ("sent what is no HTTP", "sent what is no HTTP"),
    "too_slow": (
        "was too slow to send a request or to read an answer",
        "were too slow to send a request or to read an answer",
    ),
    "let_go": (
        "was closed while idle to make room for others",
        "were closed while idle to make room for others",
    ),
    "refused": ("found no room", "found no room"),
    "no_descriptor": (_NONE_LEFT, _NONE_LEFT),
}
"""What is counted, and how a line says it of one and of several."""

_log = logging.getLogger("despoolr.http")


class Traffic:
    """The counts of one server. `line_s` 0 prints nothing."""

    def __init__(self, *, line_s: float = LINE_S) -> None:
        self.line_s = line_s
        self.counts: Counter[str] = Counter(dict.fromkeys(KINDS, 0))
        self.connection_count = 0
        self._untold: Counter[str] = Counter()
        self._timer: asyncio.TimerHandle | None = None

    def count(self, kind: str) -> None:
        """One more of `kind`. The first after a silence is told at once, the rest together when
        `line_s` have passed.
        """
        self.counts[kind] += 1
        if not self.line_s:
            return
        self._untold[kind] += 1
        if self._timer is None:
            self.tell()

    def tell(self) -> None:
        """Print what has not been told yet, and be silent for `line_s`; with nothing to tell, until
        the next count.
        """
        self._timer = None
        if not self._untold:
            return
        told = "; ".join(
            counted(count, *KINDS[kind]) for kind, count in sorted(self._untold.items())
        )
        self._untold.clear()
        _log.warning("connections: %s", told)
        self._timer = asyncio.get_running_loop().call_later(self.line_s, self.tell)

    def close(self) -> None:
        """Tell the rest; nothing more is counted."""
        if self._timer is not None:
            self._timer.cancel()
        self.tell()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


TRAFFIC: Final = AppKey("traffic", Traffic)
"""Where an application has the counts of its server."""
