"""How long answers took, by class."""

from __future__ import annotations

from despoolr_server.http.base.counts.latency import SECONDS_BOUNDS, Latency


def test_an_answer_is_in_the_class_of_the_next_bound() -> None:
    latency = Latency()
    for seconds in (0.0005, 0.0006, 0.0015, 5.0, 7.0):
        latency.add(seconds)
    counts = dict(latency.buckets())
    assert (counts["0.0005"], counts["0.001"], counts["0.002"], counts["5.0"], counts["+Inf"]) == (
        1,
        2,
        3,
        4,
        5,
    )
    assert round(latency.sum_s, 9) == 12.0026


def test_nothing_counted_is_a_whole_histogram_of_zeros() -> None:
    assert [count for _, count in Latency().buckets()] == [0.0] * (len(SECONDS_BOUNDS) + 1)
