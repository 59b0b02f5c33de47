"""What a terminal shows is measured in its cells."""

from __future__ import annotations

import textwrap

import pytest
from rich.cells import cell_len

from despoolr_app.cells import cut, fill, padded, wrap

TEXT = "SMS_DESPOOLER on SITE1 was refused b.dat 100 times over 8 d because of WINWORD.EXE-on-WS50"
WIDE = "更新がWS50で b.dat に拒否され、再試行は 11:10 に予定されています"


@pytest.mark.parametrize("width", [1, 7, 20, 40, 79])
def test_plain_text_is_wrapped_as_ever(width: int) -> None:
    assert wrap(TEXT, width) == textwrap.wrap(TEXT, width)
    assert fill(TEXT, 40, "> ", "    ") == textwrap.fill(
        TEXT, 40, initial_indent="> ", subsequent_indent="    "
    )


@pytest.mark.parametrize("width", [8, 13, 20, 40])
def test_a_line_takes_no_more_cells_than_it_may_and_uses_them(width: int) -> None:
    lines = wrap(WIDE, width, "名: ", "  ")
    assert max(map(cell_len, lines)) <= width
    assert "".join("".join(lines).split()) == "名:" + "".join(WIDE.split())
    assert len(lines) <= 2 * cell_len(WIDE) // (width - 4) + 1


def test_what_is_cut_or_padded_has_as_many_cells() -> None:
    assert (cut("更新プログラム", 7), cut("更新", 4), cut("更新", 3)) == ("更新プ…", "更新", "更…")
    assert (cut("更新", 1), cut("b.dat", 3), cut("b.dat", 5)) == ("…", "b.…", "b.dat")
    assert (padded("更新", 6), padded("b.dat", 3)) == ("更新  ", "b.dat")
