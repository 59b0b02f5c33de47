"""DATE (`mif.md` section 4)."""

from __future__ import annotations

import pytest

from despoolr_core.formats.mif.language.dates import (
    EMPTY_DATE,
    date_flaw,
    date_year,
    parse_date,
    render_date,
)
from despoolr_core.formats.mif.language.findings import MifError


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (0.0, "19700101000000.000000+000"),
        (805_806_000.5, "19950715110000.500000+000"),
        (951_782_400.0, "20000229000000.000000+000"),
        (0.000001, "19700101000000.000001+000"),
        (-1.0, "19691231235959.000000+000"),
        (1.9999999, "19700101000002.000000+000"),
    ],
)
def test_site_time_as_a_date_and_back(at: float, text: str) -> None:
    assert render_date(at) == text and len(text) == 25
    assert parse_date(text) == pytest.approx(at, abs=1e-6)


def test_the_offset_is_minutes_east_of_utc() -> None:
    assert parse_date("19700101010000.000000+060") == 0.0
    assert parse_date("19691231180000.000000-360") == 0.0


@pytest.mark.parametrize(
    "text", ["", EMPTY_DATE, "****0101000000.000000+000", "19700101**0000.000000+000"]
)
def test_a_date_that_names_no_point_in_time(text: str) -> None:
    assert date_flaw(text) is None and parse_date(text) is None


def test_unknown_microseconds_and_offset_count_as_nought() -> None:
    assert parse_date("19700101000001.******+***") == 1.0


@pytest.mark.parametrize(
    "text",
    [
        "20011024123515.000000-30",
        "99999999999.999999-999",
        "20011024123515,000000-300",
        "2001102412351*.000000-300",
        "20011024123515.000000 300",
        "٢٠٠١1024123515.000000+000",
    ],
)
def test_a_malformed_date_is_refused(text: str) -> None:
    assert date_flaw(text)
    with pytest.raises(MifError):
        parse_date(text)


def test_ref_knows_no_ranges_but_an_impossible_date_has_no_time() -> None:
    assert date_flaw("20011399999999.000000+000") is None
    with pytest.raises(MifError, match="no such date"):
        parse_date("20011399999999.000000+000")


def test_the_year() -> None:
    assert [
        date_year(t)
        for t in ("20311011051024.000000+000", "****1011051024.000000+000", EMPTY_DATE, "x")
    ] == [
        2031,
        None,
        None,
        None,
    ]
