"""Times for people, read and written."""

from __future__ import annotations

import pytest

from despoolr_core.times import moment, moment_s, signed_span_s, span, span_s, stopwatch
from despoolr_lab.scenario.reading.load import ScenarioError, parse_scenario
from worlds.scenario import SMALL


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90m", 5400.0), ("2d 4h 30m", 189000.0), ("0s", 0.0), ("1.5h", 5400.0), ("1w", 604800.0)],
)
def test_a_span_is_so_many_seconds(text: str, seconds: float) -> None:
    assert span_s(text) == seconds


@pytest.mark.parametrize("text", ["", "1 hour", "h", "-1h", "1h1", "ten minutes"])
def test_what_is_no_span_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="2d 4h"):
        span_s(text)


def test_a_span_may_have_one_sign() -> None:
    assert [signed_span_s(text) for text in ("-2h", "+2h", "2h", "0s")] == [-7200, 7200, 7200, 0]
    for text in ("+-2h", "-+2h", "--2h", "-", ""):
        with pytest.raises(ValueError, match="2d 4h"):
            signed_span_s(text)


def test_a_moment_is_a_span_since_the_start_or_a_date() -> None:
    assert moment_s("1h", 100.0) == 3700.0
    assert moment_s("1970-01-01 00:01", 100.0) == 60.0


@pytest.mark.parametrize("spoilt", ['at = "0s"', "[[expect]]"])
def test_what_comes_after_the_end_of_the_run_is_refused(spoilt: str) -> None:
    later = 'at = "61m"' if spoilt.startswith("at") else '[[expect]]\nat = "61m"'
    with pytest.raises(ScenarioError, match="61m is after the end of the run") as caught:
        parse_scenario(SMALL.replace(spoilt, later))
    assert "61m" in SMALL.replace(spoilt, later).splitlines()[caught.value.line - 1]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0 s"),
        (0.01, "0 s"),
        (0.2, "0.2 s"),
        (0.96, "1 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (3599, "1 h"),
        (3660, "1 h 1 min"),
        (86399, "1 d"),
        (8 * 86400 + 8 * 3600, "8 d 8 h"),
        (86400, "1 d"),
    ],
)
def test_a_span_has_two_units_and_never_sixty_of_one(seconds: float, text: str) -> None:
    assert span(seconds) == text


def test_a_moment_is_site_time_to_the_minute_or_to_the_second() -> None:
    assert moment(833792400.0) == "1996-06-03 09:00"
    assert moment(833792405.5, seconds=True) == "1996-06-03 09:00:05"


def test_how_far_a_run_is_reads_as_on_a_stopwatch() -> None:
    assert [stopwatch(5), stopwatch(65.9), stopwatch(3665)] == ["0:05", "1:05", "1:01:05"]
