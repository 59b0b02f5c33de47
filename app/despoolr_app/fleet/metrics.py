"""A fleet's counts for Prometheus: read at the moment of asking; never a label per client.

The names are in docs/metrics.md. A poll's time is this machine's: from the moment the client may
talk until it knows what its server has for it, so that a slow server shows here first.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from despoolr_client.fleet import POLL_S_BOUNDS, FleetCounts
from despoolr_core.records.kinds.client import ProgramStarted, ResultReported
from despoolr_server.http.base.exposition import Exposition

if TYPE_CHECKING:
    from despoolr_app.fleet.fleet import FleetClients


class FleetMetrics(Collector):
    """What one fleet's `/metrics` counts."""

    def __init__(self, clients: FleetClients, *more: Collector) -> None:
        self._clients = clients
        self._page = Exposition(self, *more)

    def render(self) -> tuple[bytes, str]:
        """The text for Prometheus, and its content type."""
        return self._page.render()

    def collect(self) -> Iterator[Metric]:
        """Every metric with its present value, as prometheus_client asks for them."""
        clients = self._clients
        counts = clients.fleet.counts if clients.fleet is not None else FleetCounts()
        yield GaugeMetricFamily(
            "despoolr_fleet_clients_wanted", "Clients this fleet is to have.", len(clients.numbers)
        )
        yield GaugeMetricFamily("despoolr_fleet_clients", "Clients that exist.", clients.live_count)
        polls = CounterMetricFamily(
            "despoolr_fleet_polls", "Polls, by what came of them.", labels=["result"]
        )
        polls.add_metric(["changed"], counts.changed)
        polls.add_metric(["failed"], counts.failed)
        polls.add_metric(["unchanged"], counts.polls - counts.changed - counts.failed)
        yield polls
        yield CounterMetricFamily(
            "despoolr_fleet_polls_late", "Polls that began late.", counts.late_count
        )
        yield CounterMetricFamily(
            "despoolr_fleet_runs", "Packages run.", clients.counts[ProgramStarted.KIND]
        )
        yield CounterMetricFamily(
            "despoolr_fleet_reports", "Reports handed in.", clients.counts[ResultReported.KIND]
        )
        unsent = (
            sum(agent.unsent_count for agent in clients.fleet.agents)
            if clients.fleet is not None
            else 0
        )
        yield GaugeMetricFamily(
            "despoolr_fleet_reports_unsent", "Reports that wait for their server.", unsent
        )
        yield _histogram(counts)


def _histogram(counts: FleetCounts) -> HistogramMetricFamily:
    buckets: list[tuple[str, float]] = []
    total = 0
    for bound, count in zip(
        [*(str(b) for b in POLL_S_BOUNDS), "+Inf"], counts.poll_s_classes, strict=True
    ):
        total += count
        buckets.append((bound, float(total)))
    family = HistogramMetricFamily(
        "despoolr_fleet_poll_seconds", "How long polls took, in seconds of this machine."
    )
    family.add_metric([], buckets, counts.poll_s_sum)
    return family
