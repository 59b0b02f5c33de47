"""How what is answered by a short way is counted and timed: with the answers of its handler."""

from __future__ import annotations

from collections.abc import Callable
from typing import Never

from despoolr_server.faults.line import ServerLine
from despoolr_server.http.base.problem import guarded
from despoolr_server.http.base.surface import Surface
from despoolr_server.http.connections.broken_line import over
from despoolr_server.http.connections.short_ways import Unfinished
from despoolr_server.http.handling.handler import Handler


class CallCount:
    """Of one method's calls, which come over `line` where there is one."""

    def __init__(self, surface: Surface, method: str, line: ServerLine | None) -> None:
        self._counts = surface.counts(method)
        self._latency = surface.latencies[method]
        self._auth = surface.auth
        self._line = line

    def add(self, status: int, began: float, now: Callable[[], float]) -> None:
        """A call that began at this time of the loop has been answered."""
        self._counts[status] += 1
        self._latency.add(now() - began)

    def rest(self, handler: Handler, began: float) -> Unfinished:
        """What is left of a call, watched as a handler is."""
        line = self._line
        carried = handler if line is None else over(line, self._auth, handler)
        return Unfinished(guarded(carried, self._counts, self._latency, began=began))


async def fail(error: Exception, _request: object) -> Never:
    """The rest of a call that went wrong. Raises `error`."""
    raise error
