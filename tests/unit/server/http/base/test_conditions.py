"""Headers of conditions and ranges, as RFC 9110 reads them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from despoolr_server.http.base.conditions import (
    DATE_SIZE_MAX,
    OFFSET_MAX,
    byte_range,
    content_range,
    evaluate,
    http_date,
    http_time,
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
def test_a_range_of_ten_bytes(header: str, wanted: tuple[int, int] | None) -> None:
    assert byte_range(header, 10) == wanted


@pytest.mark.parametrize(
    ("header", "size"),
    [("bytes=10-", 10), ("bytes=10-12", 10), ("bytes=-0", 10), ("bytes=0-0", 0), ("bytes=-5", 0)],
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


@pytest.mark.slow
@given(
    st.one_of(
        st.text(max_size=60), st.from_regex(r"bytes=[0-9٣]{0,40}-[0-9]{0,40}", fullmatch=True)
    ),
    st.integers(0, 2000),
)
def test_any_range_has_an_answer(header: str, size: int) -> None:
    try:
        part = byte_range(header, size)
    except ValueError as error:
        assert str(error) == header, "416, and no mistake of ours"
        part = None
    assert part is None or 0 <= part[0] < part[1] <= size
    place = open_range(header)
    assert place is None or (
        0 <= place[0] <= OFFSET_MAX and (place[1] is None or 1 <= place[1] <= OFFSET_MAX)
    )
    placed = content_range(header.replace("=", " ") + "/*")
    assert placed is None or (0 <= placed[0] <= OFFSET_MAX and placed[1] >= 1)


@pytest.mark.parametrize("digits", [4000, 8000, 8_000_000])
def test_the_digits_of_a_range_are_read_in_time_that_grows_with_their_number(digits: int) -> None:
    assert open_range(f"bytes={'9' * digits}-") == (OFFSET_MAX, None)
    assert open_range(f"bytes={'0' * digits}5-") == (5, None)


def test_a_content_range_places_a_write() -> None:
    assert content_range("bytes 5-9/*") == (5, 5)
    assert content_range("bytes 0-0/10") == (0, 1)
    assert content_range("bytes 9-5/*") is None
    assert content_range("bytes */10") is None


def test_site_time_is_printed_as_an_http_date() -> None:
    assert http_date(825_932_400) == "Mon, 04 Mar 1996 09:40:00 GMT"


def test_dates_are_compared_to_the_second_and_a_bad_one_says_nothing() -> None:
    date = "Mon, 04 Mar 1996 08:00:00 GMT"
    assert is_by_then(date, 825926400.9) is True
    assert is_by_then(date, 825926401.0) is False
    assert is_by_then("yesterday", 0.0) is None
    assert is_by_then("Mon, 99 Mar 1996 08:00:00 GMT", 0.0) is None
    assert is_by_then(date.rjust(DATE_SIZE_MAX), 0.0) is True
    assert is_by_then(date.rjust(DATE_SIZE_MAX + 1), 0.0) is None
    assert iso_date(825926400) == "1996-03-04T08:00:00Z"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Sun, 06 Nov 1994 08:49:37 GMT", 784111777.0),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 784111777.0),
        ("Sun Nov  6 08:49:37 1994", 784111777.0),
        ("Mon, 04 Mar 0001 08:00:00 GMT", -62130211200.0),
        ("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", None),
        ("Mon, 01 Jan 0000 00:00:00 GMT", None),
        ("Mon, 01 Jan 2020 00:00:00 +99999999", None),
        ("Mon, 01 Jan 2020 25:00:00 GMT", None),
        ("Mon, 01 Foo 2020 00:00:00 GMT", None),
        ("Mon, ٠١ Jan 2020 00:00:00 GMT", None),
        ("825926400", None),
        ("", None),
        ("\udcff", None),
    ],
)
def test_a_date_is_one_of_http_s_three_forms_or_none(text: str, seconds: float | None) -> None:
    assert http_time(text) == seconds


@pytest.mark.slow
@given(
    st.text(max_size=200)
    | st.from_regex(r"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT", fullmatch=True)
)
def test_any_text_is_a_date_or_is_none(text: str) -> None:
    assert is_by_then(text, 0.0) in (True, False, None)


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        (f"bytes={'9' * 19}-", (OFFSET_MAX, None)),
        (f"bytes={'9' * 8000}-", (OFFSET_MAX, None)),
        (f"bytes=0-{'9' * 8000}", (0, OFFSET_MAX + 1)),
        (f"bytes={'0' * 8000}1-2", (1, 2)),
        ("bytes=٣-٤", None),
    ],
)
def test_a_number_of_any_length_is_a_place(
    header: str, wanted: tuple[int, int | None] | None
) -> None:
    assert open_range(header) == wanted


def test_a_range_that_begins_beyond_all_files_is_not_satisfiable() -> None:
    with pytest.raises(ValueError, match="bytes"):
        byte_range(f"bytes={'9' * 4400}-", 10)
    assert byte_range(f"bytes=-{'9' * 4400}", 10) == (0, 10)
    assert byte_range(f"bytes=2-{'9' * 4400}", 10) == (2, 10)
    assert content_range(f"bytes {'9' * 4400}-{'9' * 4400}/*") == (OFFSET_MAX, 1)


EARLIER, LATER = "Mon, 04 Mar 1996 07:59:59 GMT", "Mon, 04 Mar 1996 08:00:01 GMT"


@pytest.mark.parametrize(
    ("headers", "etag", "to_read", "to_change"),
    [
        ({"If-Match": '"a"'}, '"a"', 0, 0),
        ({"If-Match": '"b"'}, '"a"', 412, 412),
        ({"If-Match": 'W/"a"'}, '"a"', 412, 412),
        ({"If-Match": "*"}, "", 412, 412),
        ({"If-Match": "\udcff"}, '"a"', 412, 412),
        ({"If-Match": '"a"', "If-Unmodified-Since": EARLIER}, '"a"', 0, 0),
        ({"If-Unmodified-Since": EARLIER}, '"a"', 412, 412),
        ({"If-Unmodified-Since": LATER}, '"a"', 0, 0),
        ({"If-Unmodified-Since": EARLIER}, "", 0, 0),
        ({"If-Unmodified-Since": "garbage"}, '"a"', 0, 0),
        ({"If-None-Match": '"a"'}, '"a"', 304, 412),
        ({"If-None-Match": 'W/"a"'}, '"a"', 304, 412),
        ({"If-None-Match": "*"}, '"a"', 304, 412),
        ({"If-None-Match": "*"}, "", 0, 0),
        ({"If-None-Match": '"b"', "If-Modified-Since": LATER}, '"a"', 0, 0),
        ({"If-Modified-Since": LATER}, '"a"', 304, 0),
        ({"If-Modified-Since": EARLIER}, '"a"', 0, 0),
        ({"If-Modified-Since": "garbage"}, '"a"', 0, 0),
        ({"If-Match": '"b"', "If-None-Match": '"a"'}, '"a"', 412, 412),
        ({"If-Match": '"a"', "If-None-Match": '"a"'}, '"a"', 304, 412),
        ({"If-Unmodified-Since": EARLIER, "If-None-Match": '"a"'}, '"a"', 412, 412),
    ],
)
def test_conditions_are_looked_at_in_their_order(
    headers: dict[str, str], etag: str, to_read: int, to_change: int
) -> None:
    sent = CIMultiDict(headers)
    assert evaluate(sent, etag, 825926400.0, reads=True).status == to_read
    assert evaluate(sent, etag, 825926400.0, reads=False).status == to_change


def test_a_header_may_come_in_several_lines() -> None:
    assert (
        evaluate(
            CIMultiDict([("If-Match", '"b"'), ("If-Match", '"a"')]), '"a"', 0.0, reads=False
        ).status
        == 0
    )


@given(
    st.lists(
        st.tuples(st.sampled_from(["If-Match", "If-None-Match", "If-Modified-Since"]), st.text())
    ),
    st.booleans(),
)
def test_any_conditions_come_to_one_of_three_ends(
    headers: list[tuple[str, str]], reads: bool
) -> None:
    assert evaluate(CIMultiDict(headers), '"a"', 0.0, reads=reads).status in (0, 304, 412)
