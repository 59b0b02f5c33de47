"""Headers of conditions and ranges, as RFC 9110 reads them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from despoolr_server.http.conditions import (
    byte_range,
    content_range,
    http_date,
    is_by_then,
    is_plain,
    iso_date,
    matches,
    open_range,
)


@pytest.mark.parametrize(
    ("header", "etag", "matched"),
    [
        ('"a"', '"a"', True),
        ('"a"', '"b"', False),
        ('"x", "a"', '"a"', True),
        ('W/"a"', '"a"', True),
        ("*", '"a"', True),
        ("*", "", False),
        ('"a"', "", False),
        ("", '"a"', False),
        ('"a,b"', '"a,b"', True),
    ],
)
def test_a_tag_is_matched_in_a_list(header: str, etag: str, matched: bool) -> None:
    assert matches(header, etag) is matched


def test_only_one_strong_tag_is_plain() -> None:
    assert is_plain('"a"') and is_plain('""')
    assert not any(is_plain(header) for header in ('W/"a"', '"a", "b"', "*", '"', "a", ""))


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=2-4", (2, 5)),
        ("bytes=2-", (2, 10)),
        ("bytes=-3", (7, 10)),
        ("bytes=-30", (0, 10)),
        ("bytes=9-99", (9, 10)),
        ("bytes=4-2", None),
        ("bytes=-", None),
        ("bytes=0-1,3-4", None),
        ("octets=0-1", None),
        ("bytes=x-1", None),
    ],
)
def test_a_range_of_ten_octets(header: str, wanted: tuple[int, int] | None) -> None:
    assert byte_range(header, 10) == wanted


@pytest.mark.parametrize(
    ("header", "size"), [("bytes=10-", 10), ("bytes=10-12", 10), ("bytes=-0", 10), ("bytes=0-0", 0), ("bytes=-5", 0)]
)
def test_a_range_outside_the_file_is_not_satisfiable(header: str, size: int) -> None:
    with pytest.raises(ValueError, match="bytes"):
        byte_range(header, size)


@given(size=st.integers(1, 1000), first=st.integers(0, 1000), length=st.integers(1, 1000))
def test_a_range_is_what_slicing_would_give(size: int, first: int, length: int) -> None:
    header = f"bytes={first}-{first + length - 1}"
    if first < size:
        assert range(*byte_range(header, size) or ()) == range(size)[first : first + length]


def test_a_range_of_an_open_needs_no_size_unless_it_counts_from_the_end() -> None:
    assert open_range("bytes=5-9") == (5, 5)
    assert open_range("bytes=5-") == (5, None)
    assert open_range("bytes=-5") is None
    assert open_range("bytes=9-5") is None


def test_a_content_range_places_a_write() -> None:
    assert content_range("bytes 5-9/*") == (5, 5)
    assert content_range("bytes 0-0/10") == (0, 1)
    assert content_range("bytes 9-5/*") is None
    assert content_range("bytes */10") is None


def test_site_time_is_printed_as_an_http_date() -> None:
    assert http_date(825_932_400) == "Mon, 04 Mar 1996 09:40:00 GMT"


def test_dates_are_compared_to_the_second_and_a_bad_one_says_nothing() -> None:
    date = "Mon, 04 Mar 1996 08:00:00 GMT"
    assert is_by_then(date, 825926400.9)
    assert not is_by_then(date, 825926401.0)
    assert not is_by_then("yesterday", 0.0)
    assert not is_by_then("Mon, 99 Mar 1996 08:00:00 GMT", 0.0)
    assert iso_date(825926400) == "1996-03-04T08:00:00Z"
