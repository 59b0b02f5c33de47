"""Which paths a share takes, and which it refuses before any file is touched."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from despoolr_core.rules.fold import fold
from despoolr_server.engine.names import (
    COMPONENT_MAX,
    DEPTH_MAX,
    PATH_MAX,
    ROOT,
    BadName,
    Name,
    found_name,
    parse_name,
    printable,
)


@pytest.mark.parametrize(
    "text", ["PCMINS.BOX/AB100001.INS", "pcmins.box\\ab100001.ins", "/PCMINS.BOX/AB100001.INS/"]
)
def test_both_separators_and_any_case_name_the_same_file(text: str) -> None:
    name = parse_name(text)
    assert isinstance(name, Name)
    assert name.key == "PCMINS.BOX/AB100001.INS"


def test_the_spelling_is_kept() -> None:
    name = parse_name("Pcmins.Box\\Note.txt")
    assert isinstance(name, Name)
    assert (name.path, name.last, name.parent.path) == (
        "Pcmins.Box/Note.txt",
        "Note.txt",
        "Pcmins.Box",
    )
    assert name.parent.parent == ROOT == ROOT.parent
    assert name.parent.child("x").key == "PCMINS.BOX/X"


@pytest.mark.parametrize("text", ["", "/", "\\", "//"])
def test_nothing_names_the_root(text: str) -> None:
    assert parse_name(text) == ROOT


@pytest.mark.parametrize(
    "text",
    [
        "..",
        "../etc/passwd",
        "A/../B",
        "A\\..\\B",
        "A/./B",
        ".",
        "A//B",
        "A\0",
        "A\nB",
        "A\x7f",
        *(f"A{char}B" for char in '<>:"|?*'),
        "A.TXT:stream",
        "trailing.",
        "trailing ",
        "D./F",
        "D /F",
        "...",
        "CON",
        "con",
        "D/nul",
        "PRN.TXT",
        "Aux.tar.gz",
        "COM1",
        "com9.log",
        "LPT1.",
        "LPT³",
        "NUL .TXT",
        "CONIN$",
        "clock$",
        "\ud800",
    ],
)
def test_a_bad_name_is_refused_with_a_reason(text: str) -> None:
    refusal = parse_name(text)
    assert isinstance(refusal, BadName)
    assert refusal.reason


@pytest.mark.parametrize(
    "text",
    ["COM0", "COM10", "CONSOLE", "NULL.TXT", "A.CON", ".hidden", "a b", "..x", "x..y", "ﬁ", "ı"],
)
def test_a_name_that_only_looks_bad_is_fine(text: str) -> None:
    assert isinstance(parse_name(text), Name)


def test_a_part_may_have_255_utf_16_units_and_no_more() -> None:
    assert isinstance(parse_name("x" * COMPONENT_MAX), Name)
    assert isinstance(parse_name("x" * (COMPONENT_MAX + 1)), BadName)
    for letter, units in (("ü", 1), ("漢", 1), ("\U0001f600", 2)):
        assert isinstance(parse_name(letter * (255 // units)), Name)
        assert isinstance(parse_name(letter * (255 // units + 1)), BadName)


def test_a_path_may_have_1024_bytes_and_no_more() -> None:
    longest = "/".join(["x" * 127] * 8) + "/"
    assert len(longest) == PATH_MAX
    assert isinstance(parse_name(longest[:-1]), Name)
    assert isinstance(parse_name(longest + "y"), BadName)
    assert isinstance(parse_name("x" * 100_000), BadName)


def test_folding_is_one_character_for_one() -> None:
    assert fold("straße") == "STRAßE"
    assert fold("ﬁle") == "ﬁLE"
    assert fold("Übung") == "ÜBUNG"


def test_a_refused_path_can_be_put_on_record() -> None:
    assert printable("\ud800" + "x" * 5000).encode().startswith(b"\\ud800x")
    assert len(printable("x" * 5000)) == PATH_MAX


@given(st.text(max_size=40))
def test_parsing_is_total_and_idempotent(text: str) -> None:
    name = parse_name(text)
    if isinstance(name, Name):
        assert parse_name(name.path) == name
        again = parse_name(name.key)
        assert isinstance(again, Name)
        assert again.key == name.key
        assert ".." not in name.path.split("/")
        assert "\0" not in name.path


_PIECES = ["CON", "con", "CLOCK$", "COM1", "COM0", "LPT9", "x", "A1", "_", "$", "~", "-"]
_PIECES += [".", " ", "..", "/", "\\", "é", "ß", ":", "*", "\x7f", "\n", "x" * 254, "1/" * 63]


@given(st.lists(st.sampled_from(_PIECES), max_size=8).map("".join))
def test_a_usual_path_is_read_as_part_by_part(text: str) -> None:
    longer = f"{text}/{'y' * 200}/{'z' * 200}"  # too long for the short way
    name, other = parse_name(text), parse_name(longer)
    if len(text) < 600 and text.strip("/\\") and not text.endswith(("/", "\\")):
        assert isinstance(name, Name) == isinstance(other, Name) or text.count("/") > 61
        if isinstance(name, Name) and isinstance(other, Name):
            assert other.path == f"{name.path}/{'y' * 200}/{'z' * 200}"
    if isinstance(name, Name):
        assert name.key == fold(name.path)


def test_a_path_may_have_64_parts_and_no_more() -> None:
    assert isinstance(parse_name("/".join(["d"] * DEPTH_MAX)), Name)
    refused = parse_name("/".join(["d"] * (DEPTH_MAX + 1)))
    assert isinstance(refused, BadName)
    assert refused.reason == "the path has 65 parts, and 64 are the limit"


def test_the_name_of_what_a_store_has_is_not_held_to_the_limits() -> None:
    deep = "/".join(["d"] * 500)
    assert found_name(deep) == Name(deep, deep.upper())
