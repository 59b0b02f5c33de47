"""What smbtorture tells is read as it tells it."""

from __future__ import annotations

from despoolr_lab.bench.samba import ticks

SAID = (
    b"Opening 2 connections\nRunning for 3 seconds\n"
    b"1.00 second: open[num/s=3709,avslat=0.000290,minlat=0.000104,maxlat=0.010943] "
    b"close[num/s=3708,avslat=0.000261,minlat=0.000065,maxlat=0.019948]     \r"
    b"2.01 second: open[num/s=2361,avslat=0.000431,minlat=0.000104,maxlat=0.009543] "
    b"close[num/s=2360,avslat=0.000414,minlat=0.000068,maxlat=0.008608]     \r"
)


def test_each_second_is_told_once_with_what_was_closed_in_it() -> None:
    assert ticks(SAID) == [(1.0, 3708), (2.01, 2360)]


def test_a_second_that_is_told_by_half_is_not_counted() -> None:
    for end in range(len(SAID) - 7, SAID.index(b"2.01"), -7):
        assert ticks(SAID[:end])[:1] == [(1.0, 3708)]
    assert ticks(SAID[: SAID.index(b"maxlat=0.008608")]) == [(1.0, 3708)]
    assert ticks(b"") == []
