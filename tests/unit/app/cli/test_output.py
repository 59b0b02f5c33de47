"""Tables fit the terminal, and nothing is cut off for it."""

from __future__ import annotations

import re

import click
import pytest

from despoolr_app.cli.output import ShowGroup, put_over, table_lines

COLUMNS = ["FILE", "HELD BY", "FOR", "REFUSED OTHERS"]
ROWS = [
    [
        r"\\LOGON1\SMS_PKGD\BPC00001\b.dat",
        "WS1 (anna)",
        "8 d 23 h",
        "a hundred times, and once more after that",
    ]
]


def words(lines: list[str]) -> str:
    return " ".join(" ".join(lines).split())


def test_elsewhere_a_table_is_as_wide_as_it_is() -> None:
    assert table_lines(["A", "B"], [["1", "x" * 300], ["22", ""]]) == [
        "A   B",
        f"1   {'x' * 300}",
        "22",
    ]


def test_a_table_that_fits_exactly_is_left_alone() -> None:
    wide = table_lines(COLUMNS, ROWS)
    width = max(map(len, wide))
    assert table_lines(COLUMNS, ROWS, width) == wide
    assert table_lines(COLUMNS, ROWS, width - 1) != wide


def test_the_last_column_is_wrapped_where_that_is_enough() -> None:
    lines = table_lines(COLUMNS, ROWS, 85)
    assert (
        max(map(len, lines)) <= 85
        and lines[1].startswith(ROWS[0][0])
        and lines[2].startswith(" " * 55)
    )
    assert "a hundred times, and once more after that" in words([lines[1][55:], lines[2]])


@pytest.mark.parametrize("width", [20, 40, 60, 78])
def test_where_that_is_not_enough_each_row_says_what_it_is_about_and_then_the_rest(
    width: int,
) -> None:
    lines = table_lines(COLUMNS, ROWS, width)
    assert max(map(len, lines)) <= width
    assert ROWS[0][0] in "".join(lines[1:]).replace(" ", "")
    assert (
        "held by WS1 (anna), for 8 d 23 h, refused others a hundred times, and once more after that"
        in words(lines)
    )


def test_the_first_word_of_a_show_group_may_be_what_is_shown() -> None:
    shown: list[str] = []

    @click.group(cls=ShowGroup)
    def group() -> None: ...

    @group.command("show")
    @click.argument("name")
    @click.option("--loud", is_flag=True)
    def show(name: str, loud: bool) -> None:
        shown.append(name.upper() if loud else name)

    @group.command("create")
    @click.argument("name")
    def create(name: str) -> None:
        shown.append(f"made {name}")

    for arguments in (["x"], ["--loud", "x"], ["x", "--loud"], ["create", "x"], ["show", "create"]):
        group.main(arguments, standalone_mode=False)
    assert shown == ["x", "X", "X", "made x", "create"]


def test_a_state_has_a_colour_on_a_terminal_and_says_the_same_without(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = [["UPDATE", "Failed"], ["OTHER", "Complete"], ["THIRD", "of no colour"]]
    plain = table_lines(["JOB", "STATUS"], rows)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    coloured = table_lines(["JOB", "STATUS"], rows)
    assert "\x1b[31mFailed" in coloured[1] and "\x1b[32mComplete" in coloured[2]
    assert coloured[3] == plain[3]
    assert [re.sub(r"\x1b\[\d*m", "", line).rstrip() for line in coloured] == plain


def test_progress_is_one_line_whatever_it_says(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "40")
    put_over("a name\nand more \x1b[2J" + "x" * 300, 0.5)
    put_over()
    drawn = capsys.readouterr().err
    assert "\n" not in drawn and "\x1b[2J" not in drawn
    assert all(len(re.sub(r"\x1b\[[\d;]*\w", "", part)) < 40 for part in drawn.split("\r"))
