"""One `/metrics` page out of many collectors, in Prometheus' text format; and what a server's own
collector tells.

The law: a metric stands once, with one HELP and one TYPE, however many collectors tell of it, and a
series has one value. A page that breaks this is thrown away as a whole by whoever reads it
strictly, and then a process has no metrics at all. Source: Prometheus' text exposition format 0.0.4
("Only one HELP line may exist for any given metric name").
"""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from despoolr_server.http.base.metrics import Metrics
from despoolr_server.http.base.surface import Surface
from despoolr_server.shares.base.audit import LABELS_MAX


class Families(Collector):
    """The metrics of one server. Labels come from callers, so their number is bounded: what is
    beyond the bound is told as `other`. `waited` is how long each (share, program) made others
    wait, in seconds.
    """

    def __init__(
        self, surface: Surface, metrics: Metrics, waited: dict[tuple[str, str], float]
    ) -> None:
        self._surface = surface
        self._metrics = metrics
        self._waited = waited

    def collect(self) -> Iterator[Metric]:
        """Every metric with its present value, as prometheus_client asks for them."""
        yield GaugeMetricFamily("despoolr_opens", "Opens that stand.", self._metrics.open_count())
        yield GaugeMetricFamily(
            "despoolr_sessions", "Sessions on a lease.", self._metrics.session_count()
        )
        yield GaugeMetricFamily(
            "despoolr_episodes_waiting",
            "Updates that wait for a file.",
            self._metrics.waiting_count(),
        )
        remembered = GaugeMetricFamily(
            "despoolr_remembered", "What is kept to answer why.", labels=["kind"]
        )
        for kind, count in self._surface.host.ledger.remembered().items():
            remembered.add_metric([kind], count)
        yield remembered
        waiting = GaugeMetricFamily(
            "despoolr_lock_requests_waiting",
            "Requests for a range lock that wait.",
            labels=["share"],
        )
        for share, count in self._surface.host.range_locks.waiting_counts().items():
            waiting.add_metric([share], count)
        yield waiting
        waited = GaugeMetricFamily(
            "despoolr_waiter_site_seconds",
            "How long a program's open files have made others wait, over the episodes on record.",
            labels=["share", "program"],
        )
        for labels, seconds in _bounded(self._waited):
            waited.add_metric(labels, seconds)
        yield waited
        uptime = self._surface.clock.now() - self._surface.started_at
        yield GaugeMetricFamily(
            "despoolr_uptime_site_seconds", "Seconds of site time since the start.", uptime
        )
        refusals = CounterMetricFamily(
            "despoolr_refusals", "Opens refused.", labels=["share", "program"]
        )
        for (share, program), count in self._surface.host.refusal_counts.items():
            refusals.add_metric([share, program], count)
        yield refusals
        requests = CounterMetricFamily(
            "despoolr_requests", "Requests answered.", labels=["method", "status"]
        )
        for method, counts in self._surface.answers.items():
            for status, count in counts.items():
                requests.add_metric([method, str(status)], count)
        yield requests
        took = HistogramMetricFamily(
            "despoolr_request_seconds", "How long answers took.", labels=["method"]
        )
        for method, latency in self._surface.latencies.items():
            if any(latency.classes):  # of a page with all methods they were two thirds
                took.add_metric([method], latency.buckets(), latency.sum_s)
        yield took
        traffic = self._surface.traffic
        yield GaugeMetricFamily(
            "despoolr_connections", "Connections that stand.", traffic.connection_count
        )
        troubles = CounterMetricFamily(
            "despoolr_connection_troubles", "What went wrong on connections.", labels=["kind"]
        )
        for kind, count in traffic.counts.items():
            troubles.add_metric([kind], count)
        yield troubles


def _bounded(values: dict[tuple[str, str], float]) -> Iterator[tuple[tuple[str, str], float]]:
    """The largest of them, and the sum of the rest as `other`."""
    ordered = sorted(values.items(), key=lambda item: (-item[1], item[0]))
    yield from ordered[:LABELS_MAX]
    if len(ordered) > LABELS_MAX:
        yield ("other", "other"), sum(value for _, value in ordered[LABELS_MAX:])


class Exposition(Collector):
    """The collectors of one process. Each is asked when the page is, and not before."""

    def __init__(self, *collectors: Collector) -> None:
        self._collectors = list(collectors)

    def render(self) -> tuple[bytes, str]:
        """The page, and its content type."""
        return generate_latest(self), CONTENT_TYPE_LATEST

    def collect(self) -> Iterator[Metric]:
        """Every metric once, with the samples of all who tell of it; of two values for one series
        the first stands.

        Raises `ValueError` if two collectors mean different types by one name: that is a bug of
        ours.
        """
        metrics: dict[str, Metric] = {}
        for collector in self._collectors:
            for metric in collector.collect():
                known = metrics.setdefault(metric.name, metric)
                if known is metric:
                    continue
                if known.type != metric.type:
                    raise ValueError(
                        f"{metric.name} is described as {known.type} and as {metric.type}"
                    )
                there = {(sample.name, *sorted(sample.labels.items())) for sample in known.samples}
                known.samples += [
                    s for s in metric.samples if (s.name, *sorted(s.labels.items())) not in there
                ]
        yield from metrics.values()
