"""How SMS writes a point in time, and what its old tools get wrong."""

from __future__ import annotations

import math

import pytest

from despoolr_core.formats.dates import (
    NO_SMS_DATE,
    DateError,
    DateQuirk,
    calendar,
    parse_date_time,
    parse_sms_date,
    render_ctime,
    render_date_time,
    render_long_date,
    render_sms_date,
    site_time,
)
from worlds.tracer_lines import parse_ctime

MONTHS_FROM_ZERO = DateQuirk(month_from_zero=True)
YEARS_SINCE_1900 = DateQuirk(year_since_1900=True)


def test_site_time_counts_seconds_since_1970_without_a_zone() -> None:
    assert site_time(1970) == 0.0
    assert site_time(1970, 1, 2, 0, 0, 1) == 86401.0


def test_a_date_is_month_day_and_two_digits_of_the_year() -> None:
    assert render_sms_date(site_time(1994, 9, 21, 17, 56)) == "09/21/94 17:56:00"
    assert parse_sms_date("09/21/94 17:56:00") == site_time(1994, 9, 21, 17, 56)


def test_no_date_is_all_zeros() -> None:
    assert render_sms_date(None) == NO_SMS_DATE == "00/00/00 00:00:00"
    assert parse_sms_date(NO_SMS_DATE) is None


@pytest.mark.parametrize(("text", "year"), [("70", 1970), ("99", 1999), ("00", 2000), ("69", 2069)])
def test_two_digits_of_a_year_mean_1970_to_2069(text: str, year: int) -> None:
    assert parse_sms_date(f"06/15/{text} 12:00:00") == site_time(year, 6, 15, 12)
    assert render_sms_date(site_time(year, 6, 15, 12)) == f"06/15/{text} 12:00:00"


def test_a_year_that_two_digits_cannot_hold_is_refused() -> None:
    with pytest.raises(DateError, match="2070 cannot be written with two digits"):
        render_sms_date(site_time(2070))


def test_the_old_tool_prints_december_as_11_and_january_as_00() -> None:
    """Q153369: the sample's 11/31/94 is 31 December 1994."""
    december = site_time(1994, 12, 31, 17, 56)
    assert render_sms_date(december, MONTHS_FROM_ZERO) == "11/31/94 17:56:00"
    assert render_sms_date(site_time(1995, 1, 15), MONTHS_FROM_ZERO) == "00/15/95 00:00:00"


def test_the_old_tool_prints_the_year_2000_as_100() -> None:
    """Q249578."""
    assert render_sms_date(site_time(2000, 3, 1), YEARS_SINCE_1900) == "03/01/100 00:00:00"
    assert render_sms_date(site_time(1999, 12, 31), YEARS_SINCE_1900) == "12/31/99 00:00:00"


def test_a_year_of_three_digits_is_no_stored_date() -> None:
    with pytest.raises(DateError, match="Q249578"):
        parse_sms_date("03/01/100 00:00:00")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "9/21/94 17:56:00",
        "09/21/94",
        "11/31/94 17:56:00",
        "02/29/95 00:00:00",
        "00/01/95 00:00:00",
        "09/21/94 24:00:00",
    ],
)
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(DateError):
        parse_sms_date(text)


def test_a_leap_day_is_a_date() -> None:
    assert parse_sms_date("02/29/96 00:00:00") == site_time(1996, 2, 29)


def test_fractions_of_a_second_are_cut_off_where_the_form_has_none() -> None:
    assert render_sms_date(site_time(1994, 9, 21, 17, 56, 7) + 0.999) == "09/21/94 17:56:07"


@pytest.mark.parametrize("at", [-1.0, math.nan, math.inf, 1e12])
def test_a_time_outside_the_calendar_is_refused(at: float) -> None:
    with pytest.raises(DateError):
        calendar(at)


def test_the_tracer_prints_times_like_ctime() -> None:
    at = site_time(1998, 11, 10, 17, 56, 25)
    assert render_ctime(at) == "Tue Nov 10 17:56:25 1998"
    assert parse_ctime("Tue Nov 10 17:56:25 1998") == at
    assert (
        parse_ctime("Sun Nov  1 00:00:00 1998")
        == parse_ctime("Sun Nov 01 00:00:00 1998")
        == site_time(1998, 11, 1)
    )


def test_the_tracer_of_2_0_adds_milliseconds() -> None:
    at = site_time(1999, 10, 15, 17, 9, 46, 677)
    assert render_ctime(at, milliseconds=True) == "Fri Oct 15 17:09:46.677 1999"
    assert parse_ctime("Fri Oct 15 17:09:46.677 1999") == at


@pytest.mark.parametrize(
    "text",
    ["Xyz Nov 10 17:56:25 1998", "Tue Nvm 10 17:56:25 1998", "Tue Nov 31 17:56:25 1998", "now"],
)
def test_what_is_no_tracer_time_is_refused(text: str) -> None:
    with pytest.raises(DateError):
        parse_ctime(text)


def test_pcm_prints_four_digits_of_the_year_when_it_starts() -> None:
    """Q188578: `PCM executed on 06/19/1998 10:39:28`."""
    assert render_long_date(site_time(1998, 6, 19, 10, 39, 28)) == "06/19/1998 10:39:28"


def test_an_execution_time_is_a_day_and_the_time_of_day_where_there_is_one() -> None:
    """Q140374 prints `2-19-1970`."""
    assert render_date_time(site_time(1970, 2, 19)) == "2-19-1970"
    assert render_date_time(site_time(2001, 5, 13, 18, 4, 37)) == "5-13-2001 18:04:37"
    assert render_date_time(site_time(2001, 5, 13, 18, 4, 37, 250)) == "5-13-2001 18:04:37.250"
    assert parse_date_time("2-19-1970") == site_time(1970, 2, 19)
    assert parse_date_time("5-13-2001 18:04:37.250") == site_time(2001, 5, 13, 18, 4, 37, 250)


def test_at_once_is_the_start_of_1970() -> None:
    assert render_date_time(None) == render_date_time(0.0) == "1-1-1970"
    assert parse_date_time("1-1-1970") is None


@pytest.mark.parametrize(
    "text", ["", "2/19/1970", "2-30-1970", "1-1-1969", "2-19-1970 25:00:00", "2-19-70"]
)
def test_what_is_no_execution_time_is_refused(text: str) -> None:
    with pytest.raises(DateError):
        parse_date_time(text)
