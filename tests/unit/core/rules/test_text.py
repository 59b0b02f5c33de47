"""Which names and lines are taken at a door, and what a terminal gets to see."""

from __future__ import annotations

import json
import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from despoolr_core.formats import sms_ini, tracer
from despoolr_core.formats.instructions import instruction_file
from despoolr_core.rules.text import (
    FIT,
    LINE_SIZE_MAX,
    NAME_SIZE_MAX,
    UNFIT,
    escaped,
    escaped_json,
    escaped_prose,
    why_unfit,
    why_unfit_prose,
)

BAD = [
    "\0",
    "\t",
    "\n",
    "\r",
    "\x1b",
    "\x7f",
    "\x80",
    "\x85",
    "\x9b",
    "\u061c",
    "\u200e",
    "\u2028",
    "\u2029",
    "\u202e",
    "\u2066",
    "\u2069",
    "\ud800",
]
anything = st.text(st.characters(codec=None))


@pytest.mark.parametrize("char", BAD)
@pytest.mark.parametrize("text", ["{}", "A{}", "{}B", "A{}B"])
def test_what_ends_lines_drives_terminals_or_turns_directions_is_refused_anywhere(
    char: str, text: str
) -> None:
    assert f"U+{ord(char):04X}" in why_unfit(text.format(char))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "WINWORD.EXE",
        "job BPC00002 package BPC00001",
        "Jürgen",
        "\u0645\u0631\u062d\u0628\u0627",
        "\U0001f600",
        "\ufeff",
    ],
)
def test_names_of_any_script_are_taken(text: str) -> None:
    assert why_unfit(text) == ""


def test_a_name_at_its_bound_is_taken_and_one_past_it_is_not() -> None:
    assert why_unfit("x" * NAME_SIZE_MAX) == ""
    assert why_unfit("x" * (NAME_SIZE_MAX + 1)) == f"is longer than {NAME_SIZE_MAX} characters"
    assert why_unfit("x" * LINE_SIZE_MAX, LINE_SIZE_MAX) == ""


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_the_schema_says_the_same_as_the_rule(text: str) -> None:
    assert (re.search(FIT, text) is not None) == (why_unfit(text, len(text)) == "")


@given(anything)
def test_what_is_shown_is_one_line_that_the_rule_would_take(text: str) -> None:
    shown = escaped(text)
    assert why_unfit(shown, len(shown)) == ""
    assert escaped(shown) == shown
    assert len(shown.splitlines()) <= 1


@given(anything)
def test_prose_keeps_its_lines_and_nothing_else_of_what_is_forbidden(text: str) -> None:
    shown = escaped_prose(text)
    assert shown.count("\n") == text.count("\n")
    assert why_unfit_prose(shown) == ""
    assert why_unfit(shown.replace("\n", "").replace("\t", ""), len(shown)) == ""


@pytest.mark.slow
@given(st.dictionaries(st.text(), st.text()))
def test_json_is_the_same_json_and_drives_no_terminal(value: dict[str, str]) -> None:
    raw = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    shown = escaped_json(raw)
    assert json.loads(shown) == value
    assert why_unfit_prose(shown) == ""


PRINTABLE = "".join(char for char in map(chr, range(0x110000)) if char.isprintable())


@pytest.mark.parametrize("pattern", [UNFIT, sms_ini._CONTROL, tracer._BREAK, tracer._CONTROL])
def test_nothing_printable_is_looked_for_where_a_text_is_printable(pattern: str) -> None:
    assert len(PRINTABLE) > 100_000 and re.search(pattern, PRINTABLE) is None


def test_a_word_is_printable_and_has_no_blank_or_is_looked_at() -> None:
    words = PRINTABLE.replace(" ", "")
    assert len(words) == len(PRINTABLE) - 1 and re.fullmatch(instruction_file._WORD, words)
    assert re.fullmatch(instruction_file._WORD, " ") is None
    assert re.fullmatch(instruction_file._WORD, "") is None
    assert re.search(instruction_file._ESCAPED, PRINTABLE) is None
