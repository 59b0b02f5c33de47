"""One page out of many collectors: what several tell of stands once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from despoolr_server.http.base.exposition import Exposition


class Boxes(Collector):
    """A collector as a share has it."""

    def __init__(self, share: str, files: float) -> None:
        self.share, self.files = share, files

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily("box_files", "Files that wait.", labels=["share"])
        family.add_metric([self.share], self.files)
        yield family


class Counter(Collector):
    """One that means another type by the same name."""

    def collect(self) -> Iterator[Metric]:
        yield CounterMetricFamily("box_files", "Files that waited.", 1.0)


def test_a_metric_that_two_collectors_tell_of_has_one_head_and_the_series_of_both() -> None:
    page = Exposition(Boxes("SMS_SHRD", 1.0), Boxes("SMS_SITE", 2.0))
    text = page.render()[0].decode()
    assert text.splitlines() == [
        "# HELP box_files Files that wait.",
        "# TYPE box_files gauge",
        'box_files{share="SMS_SHRD"} 1.0',
        'box_files{share="SMS_SITE"} 2.0',
    ]
    assert [len(family.samples) for family in text_string_to_metric_families(text)] == [2]


def test_a_series_that_two_collectors_tell_of_has_one_value() -> None:
    text = Exposition(Boxes("SMS_SITE", 1.0), Boxes("SMS_SITE", 2.0)).render()[0].decode()
    assert [line for line in text.splitlines() if not line.startswith("#")] == [
        'box_files{share="SMS_SITE"} 1.0'
    ]


def test_asking_twice_tells_the_same() -> None:
    page = Exposition(Boxes("SMS_SHRD", 1.0), Boxes("SMS_SITE", 2.0))
    assert page.render() == page.render()


def test_one_name_with_two_types_is_a_bug_that_is_named() -> None:
    with pytest.raises(ValueError, match="box_files is described as gauge and as counter"):
        Exposition(Boxes("SMS_SITE", 1.0), Counter()).render()
