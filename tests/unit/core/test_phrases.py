"""How amounts and lists are said to people."""

from __future__ import annotations

import pytest

from despoolr_core.phrases import counted, cut, how_often, named, size


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (1023, "1023 bytes"),
        (1024, "1.0 KiB"),
        (1536 * 1024, "1.5 MiB"),
        (1024**4 * 5000, "5000.0 TiB"),
    ],
)
def test_bytes_are_said_in_the_unit_that_fits(count: int, text: str) -> None:
    assert size(count) == text


def test_a_count_stands_with_its_noun() -> None:
    assert counted(0, "file") == "0 files"
    assert counted(1, "file") == "1 file"
    assert counted(2569, "PC") == "2,569 PCs"
    assert counted(2, "kind of failure", "kinds of failure") == "2 kinds of failure"


def test_one_and_two_times_have_words() -> None:
    assert [how_often(n) for n in (0, 1, 2, 1000)] == ["0 times", "once", "twice", "1,000 times"]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ((), ""),
        (("a",), "a"),
        (("a", "b"), "a and b"),
        (("a", "b", "c"), "a, b and c"),
        (tuple("abcde"), "a, b, c, d and e"),
        (tuple("abcdefg"), "a, b, c, d, e and 2 more"),
    ],
)
def test_the_first_few_are_named_and_the_rest_counted(words: tuple[str, ...], text: str) -> None:
    assert named(words) == text


def test_what_is_cut_ends_in_an_ellipsis_and_is_no_longer_than_asked() -> None:
    assert [cut("abcd", n) for n in (5, 4, 3, 1)] == ["abcd", "abcd", "ab\u2026", "\u2026"]
