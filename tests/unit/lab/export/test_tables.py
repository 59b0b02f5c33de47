"""Tables for spreadsheets: a header, one line a row, and no formula from outside."""

from __future__ import annotations

import csv
import io

import pytest

from despoolr_core.records.view import RunView
from despoolr_lab.cli.export import TABLE_NAMES
from despoolr_lab.export.tables import TABLES, table
from worlds.report import Site, blocked_update


def rows(view: RunView, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(b"".join(table(view, name)).decode())))


def test_the_command_names_the_tables_that_there_are() -> None:
    assert list(TABLES) == list(TABLE_NAMES)


@pytest.mark.parametrize("name", TABLE_NAMES)
def test_each_row_has_a_cell_for_each_column(name: str) -> None:
    found = list(csv.reader(io.StringIO(b"".join(table(RunView(blocked_update()), name)).decode())))
    assert len(found) > 1 and {len(row) for row in found} == {len(TABLES[name][0])}


def test_opens_say_who_held_what_from_when_to_when() -> None:
    (first, *_) = rows(RunView(blocked_update()), "opens")
    assert (first["machine"], first["program"], first["path"]) == (
        "WS1",
        "WINWORD.EXE",
        "PKG/b.dat",
    )
    assert first["opened_at"].startswith("1996-06-03 ") and int(first["refusal_count"]) == 12


def test_every_refusal_has_its_row() -> None:
    assert len(rows(RunView(blocked_update()), "refusals")) == 12


def test_a_name_that_begins_like_a_formula_is_none() -> None:
    site = Site().step().hold("=cmd()", program='@SUM(1,"2")').step()
    (row,) = rows(RunView(site.records), "opens")
    assert (row["machine"], row["program"]) == ("'=cmd()", '\'@SUM(1,"2")')


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\n", "\uff1d", "\uff20"])
def test_whatever_a_spreadsheet_begins_a_formula_with_is_a_text(first: str) -> None:
    site = Site().step().hold("WS1", program=f"{first}cmd()").step()
    (row,) = rows(RunView(site.records), "opens")
    assert row["program"].startswith("'")


def test_no_name_drives_the_terminal_on_which_a_table_is_read() -> None:
    site = Site().step().hold("WS1", program="\x1b[31mred\u202e\r").step()
    (row,) = rows(RunView(site.records), "opens")
    assert row["program"] == r"\x1b[31mred\u202e\x0d"
