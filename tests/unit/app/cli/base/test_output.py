"""Tables fit the terminal, and nothing is cut off for it."""

from __future__ import annotations

import re

import click
import pytest
from rich.cells import cell_len
from rich.console import Console

from despoolr_app.cli.base import output
from despoolr_app.cli.base.output import ShowGroup, echo_json, put_over, table_lines
from despoolr_core.again import Again

COLUMNS = ["FILE", "HELD BY", "FOR", "REFUSED OTHERS"]
ROWS = [
    [
        r"\\LOGON1\SMS_PKGD\BPC00001\b.dat",
        "WS1 (anna)",
        "8 d 23 h",
        "a hundred times, and once more after that",
    ]
]


def lines_of(columns: list[str], rows: list[list[str]], width_max: int = 0) -> list[str]:
    return [*table_lines(columns, rows, width_max)]


def words(lines: list[str]) -> str:
    return " ".join(" ".join(lines).split())


def test_elsewhere_a_table_is_as_wide_as_it_is() -> None:
    assert lines_of(["A", "B"], [["1", "x" * 300], ["22", ""]]) == [
        "A   B",
        f"1   {'x' * 300}",
        "22",
    ]


def test_a_table_that_fits_exactly_is_left_alone() -> None:
    wide = lines_of(COLUMNS, ROWS)
    width = max(map(len, wide))
    assert lines_of(COLUMNS, ROWS, width) == wide
    assert lines_of(COLUMNS, ROWS, width - 1) != wide


def test_the_last_column_is_wrapped_where_that_is_enough() -> None:
    lines = lines_of(COLUMNS, ROWS, 85)
    assert (
        max(map(len, lines)) <= 85
        and lines[1].startswith(ROWS[0][0])
        and lines[2].startswith(" " * 55)
    )
    assert "a hundred times, and once more after that" in words([lines[1][55:], lines[2]])


def test_where_that_is_not_enough_the_first_column_has_a_line_of_its_own_above_the_others() -> None:
    others = ["WS2 (bert)", "1 h", "once"]
    rows = [*ROWS, [ROWS[0][0], *others], [r"\\LOGON1\SMS_PKGD\c.dat", *others]]
    assert lines_of(COLUMNS, rows, 78) == [
        "FILE",
        "    HELD BY     FOR       REFUSED OTHERS",
        r"\\LOGON1\SMS_PKGD\BPC00001\b.dat",
        "    WS1 (anna)  8 d 23 h  a hundred times, and once more after that",
        "    WS2 (bert)  1 h       once",
        r"\\LOGON1\SMS_PKGD\c.dat",
        "    WS2 (bert)  1 h       once",
    ]
    assert lines_of(COLUMNS, rows, 67) == lines_of(COLUMNS, rows, 78)
    assert "HELD BY" not in " ".join(lines_of(COLUMNS, rows, 66)), "one cell less: sentences"


def test_a_row_without_its_first_cell_is_not_told_below_another() -> None:
    others = ["WS2 (bert)", "1 h", "once"]
    lines = lines_of(COLUMNS, [*ROWS, ["", *others]], 78)
    assert lines[-2:] == ["", "    WS2 (bert)  1 h       once"]


def test_columns_give_way_where_the_first_has_a_line_of_its_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(output, "_console", lambda **_: Console(width=66, force_terminal=True))
    output.echo_table(COLUMNS, ROWS, gives_way=["FOR"])
    told = re.sub(r"\x1b\[[\d;]*\w", "", capsys.readouterr().out).splitlines()
    assert [line.rstrip() for line in told] == [
        "FILE",
        "    HELD BY     REFUSED OTHERS",
        ROWS[0][0],
        "    WS1 (anna)  a hundred times, and once more after that",
        "1 column left out: --wide",
    ]


@pytest.mark.parametrize("width", [20, 40, 60, 66])
def test_wide_characters_are_wrapped_by_the_cells_they_take(width: int) -> None:
    file = r"\\LOGON1\SMS_PKGD" + "\\" + "更新プログラム" * 6
    last = "更新が百回拒否され" * 4 + " and once more"
    lines = lines_of(COLUMNS, [[file, "WS1 (安娜)", "8 d", last]], width)
    assert max(map(cell_len, lines)) <= width
    assert last.replace(" ", "") in "".join("".join(lines).split())


@pytest.mark.parametrize("width", [20, 40, 60, 66])
def test_where_that_is_not_enough_each_row_says_what_it_is_about_and_then_the_rest(
    width: int,
) -> None:
    lines = lines_of(COLUMNS, ROWS, width)
    assert max(map(len, lines)) <= width
    assert ROWS[0][0] in "".join(lines[1:]).replace(" ", "")
    assert COLUMNS[-1].lower() in words(lines[:4]).lower(), "the names of all columns"
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
    plain = lines_of(["JOB", "STATUS"], rows)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    coloured = lines_of(["JOB", "STATUS"], rows)
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


def test_a_long_answer_is_laid_out_as_a_short_one(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"a": [1, {"b": "\n\x1b[2J"}]}, {}, "text", []]
    for data in ({"rows": rows, "more": {"one": 1}}, {"more": "", "rows": []}, {"rows": rows[:1]}):
        told = []
        for value in (data["rows"], Again(lambda data=data: data["rows"])):  # type: ignore[misc]
            echo_json(data | {"rows": value}, source="S", at=1.0, notes=["a note"])
            told.append(capsys.readouterr().out)
        assert told[0] == told[1]


@pytest.mark.parametrize("width", [0, 40, 60, 100])
def test_a_long_table_is_drawn_as_a_short_one(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [[f"{number} {'漢' * (number % 3)}", "x" * number, "Failed", ""] for number in range(25)]
    whole = lines_of(COLUMNS, rows, width)
    monkeypatch.setattr(output, "AT_ONCE", 4)
    assert lines_of(COLUMNS, rows, width) == whole
