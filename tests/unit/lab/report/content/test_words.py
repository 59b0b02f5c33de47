"""How values and clashes are put into words."""

from __future__ import annotations

import pytest

from despoolr_lab.report.content import words


@pytest.mark.parametrize(
    "bad", ["\x00", "\x1b", "\x9b", "\u202e", "\u2066", "\u200b", "\ud800", "\ufeff", "\n"]
)
def test_what_a_terminal_or_a_browser_would_obey_is_replaced(bad: str) -> None:
    assert words.clean(f"a{bad}b") == "a�b"


def test_ordinary_letters_of_any_script_stay() -> None:
    assert words.clean("Büro 日本 naïve") == "Büro 日本 naïve"


def test_values_are_bounded_and_unambiguous() -> None:
    assert (
        words.value_text({"a.dat": "a, second", "b": None, "c": True, "d": [1, 2]})
        == 'a.dat: "a, second", b: nothing, c: yes, d: 1; 2'
    )
    assert words.value_text(list(range(100)), 1000).endswith("39; and 60 more")
    assert len(words.value_text("x" * 10_000)) == words.TEXT_MAX


@pytest.mark.parametrize(
    ("waiter", "holder", "text"),
    [
        (("WRITE", "READ"), ("READ", "READ"), "it wants to write; the holder lets others read"),
        (
            ("DELETE", "READ|WRITE|DELETE"),
            ("READ", "READ|WRITE"),
            "it wants to delete; the holder lets others read and write",
        ),
        (("READ", "READ"), ("WRITE", "READ"), "the holder may write; it lets others read"),
        (("READ", "READ"), ("READ", "NONE"), "it wants to read; the holder lets others do nothing"),
        (("READ", "READ"), ("READ", "READ"), ""),
        (("READ_ATTRIBUTES", "NONE"), ("READ_ATTRIBUTES", "NONE"), ""),
        (("READ", "READ"), ("READ_ATTRIBUTES", "NONE"), ""),
        (("no such word", "READ"), ("READ", "READ"), ""),
    ],
)
def test_a_clash_says_which_side_forbids_what(
    waiter: tuple[str, str], holder: tuple[str, str], text: str
) -> None:
    assert words.clash(*waiter, *holder) == text
