"""One `/metrics` page out of many collectors, in Prometheus' text format.

The law: a metric stands once, with one HELP and one TYPE, however many collectors tell of it, and a
series has one value. A page that breaks this is thrown away as a whole by whoever reads it
strictly, and then a process has no metrics at all. Source: Prometheus' text exposition format 0.0.4
("Only one HELP line may exist for any given metric name").
"""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector


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
