"""Counts for Prometheus: read at the moment of asking, so that counting costs the hot path one
addition; and its client is imported by the first who asks, for a simulated server is never asked.

Refusals are counted from the records, where local callers (the Despooler) and remote ones look the
same. Labels come from callers, so their number is bounded: pairs beyond the bound are counted as
`other`.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from despoolr_core.records.kinds.share import OpenRefused
from despoolr_core.records.stream import Record
from despoolr_server.http.base.surface import Surface

if TYPE_CHECKING:
    from prometheus_client.registry import Collector

LABELS_MAX: Final = 1000
"""How many pairs of share and program are counted apart."""


class RefusalCounts:
    """A listener on the records: opens that `server` refused, by share and program."""

    def __init__(self, server: str) -> None:
        self._server = server
        self.counts: defaultdict[tuple[str, str], int] = defaultdict(int)

    def __call__(self, record: Record) -> None:
        fact = record.data
        if not isinstance(fact, OpenRefused) or fact.server != self._server:
            return
        key = (fact.share, fact.program)
        if key not in self.counts and len(self.counts) >= LABELS_MAX:
            key = ("other", "other")
        self.counts[key] += 1


class Metrics:
    """What `/metrics` and `/healthz` count."""

    def __init__(self, surface: Surface, refusals: RefusalCounts) -> None:
        self._surface = surface
        self.refusals = refusals
        self.others: list[Collector] = []
        """What else `/metrics` tells."""

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

    def add(self, collector: Collector) -> None:
        """Let `/metrics` tell something more: what a composition root knows and a share does
        not.
        """
        self.others.append(collector)
