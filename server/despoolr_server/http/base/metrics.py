"""Counts for Prometheus: read at the moment of asking, so that counting costs the hot path one
addition; and its client is imported by the first who asks, for a simulated server is never asked.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from despoolr_server.http.base.surface import Surface

if TYPE_CHECKING:
    from prometheus_client.registry import Collector


class Metrics:
    """What `/metrics` and `/healthz` count."""

    def __init__(self, surface: Surface) -> None:
        self._surface = surface
        self.others: list[Collector] = []
        """What else `/metrics` tells."""
        self.before: list[Callable[[], Awaitable[None]]] = []
        """Called before each answer of `/metrics`: they count what is too long for one turn."""

    def open_count(self) -> int:
        """How many opens there are, over all shares."""
        return self._surface.host.open_count

    def session_count(self) -> int:
        """Sessions whose lease has not run out."""
        return self._surface.host.session_count

    def waiting_count(self) -> int:
        """Episodes in which somebody still waits."""
        return self._surface.host.ledger.waiting_count

    def request_count(self) -> int:
        """Requests answered since the start."""
        return sum(sum(counts.values()) for counts in self._surface.answers.values())

    def add(
        self, collector: Collector, before: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        """Let `/metrics` tell something more: what a composition root knows and a share does
        not.
        """
        self.others.append(collector)
        if before is not None:
            self.before.append(before)
