"""Clocks that differ by more than a minute are warned of, once for each time they begin to."""

from __future__ import annotations

from email.utils import formatdate

import pytest

from despoolr_app.clocks.skew import SKEW_S_MAX, SkewWatch, skew_s, told

NOW = 833_785_200.0


@pytest.mark.parametrize(
    "date", ["", "soon", "Mon, 99 Foo 1996", "x" * 10_000, "Sat, 01 Jan 999999999999 00:00:00 GMT"]
)
def test_what_is_no_date_tells_no_time(date: str) -> None:
    assert skew_s(date, NOW) is None


@pytest.mark.parametrize(
    ("ahead", "warns"),
    [(0, 0), (SKEW_S_MAX, 0), (-SKEW_S_MAX, 0), (SKEW_S_MAX + 1, 1), (-SKEW_S_MAX - 1, 1)],
)
def test_more_than_a_minute_either_way_is_warned_of(ahead: float, warns: int) -> None:
    said: list[str] = []
    watch = SkewWatch("LOGON1", said.append, lambda: NOW)
    watch.hear(formatdate(NOW + ahead, usegmt=True))
    assert len(said) == warns and watch.skew_s == ahead


def test_it_is_said_once_and_again_only_after_the_clocks_had_agreed() -> None:
    said: list[str] = []
    watch = SkewWatch("LOGON1", said.append, lambda: NOW)
    for ahead in (90, 95, 90, 0, 90):
        watch.hear(formatdate(NOW + ahead, usegmt=True))
    watch.hear("soon")
    assert (
        said
        == [
            "the clock of LOGON1 is 90 s ahead of this machine's: set both by one time server (NTP)"
        ]
        * 2
    )


def test_a_clock_that_is_behind_is_said_to_be() -> None:
    assert told("SITE1", -3600.0).startswith("the clock of SITE1 is 3,600 s behind this machine's")
