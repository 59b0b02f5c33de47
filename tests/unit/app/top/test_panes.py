"""What `top` shows on terminals of 80, 120 and 200 columns, as it is in `tests/data/top`.

`DESPOOLR_SNAPSHOTS=write` writes the files anew: read what changed before it is committed.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from despoolr_app.top.answer import PANES, TopAnswer
from despoolr_app.top.lines import head_lines
from despoolr_app.top.panes import pane_lines
from despoolr_app.top.table import texts
from despoolr_core.records.live.fold import LiveFold
from despoolr_core.records.live.model import LiveWatched
from despoolr_core.records.live.page_query import PageQuery
from worlds.live import page_of
from worlds.top import NOW, blocked_answer

FILES = Path(__file__).parents[3] / "data" / "top"


@pytest.mark.parametrize("width", [80, 120, 200])
def test_a_terminal_shows_what_stands_in_the_file(width: int) -> None:
    answer = blocked_answer()
    blocks = set(answer.page.block_order[:1])
    told = texts(head_lines(answer, width, "live"))
    for pane in PANES:
        told += ["", f"== {pane}", *texts(pane_lines(pane, answer, width, blocks))]
    assert all(len(line) <= width for line in told)
    path = FILES / f"top-{width}.txt"
    if os.environ.get("DESPOOLR_SNAPSHOTS") == "write":
        path.write_text("\n".join(told) + "\n", "utf-8")
    assert "\n".join(told) + "\n" == path.read_text("utf-8")


def test_an_idle_site_says_so_and_what_is_open() -> None:
    page = page_of(LiveFold(), PageQuery(), NOW)
    answer = TopAnswer(NOW, 1.0, "SITE1", True, page)
    assert texts(head_lines(answer, 80, "live"))[1] == (
        "Nobody is blocked.  0 files open, none in the way"
    )
    assert [texts(pane_lines(pane, answer, 80)) for pane in PANES] == [
        ["Nobody is blocked."],
        ["Nobody is in anybody's way."],
        ["No job was made."],
        ["No client has run a package yet."],
    ]


def test_names_from_outside_drive_no_terminal() -> None:
    answer = blocked_answer(program="EVIL\x1b[2J\u202e.EXE")
    told = "\n".join(texts(pane_lines("blocked", answer, 200, answer.page.block_order)))
    assert "\x1b" not in told and "\u202e" not in told and r"EVIL\x1b[2J\u202e.EXE" in told


def test_of_a_share_that_is_only_watched_what_is_open_is_listed() -> None:
    answer = blocked_answer()
    answer.watched = LiveWatched("runs/x-watch-FS1", "Grade B", [], sees_waits=True)
    (head, *rows) = texts(pane_lines("open", answer, 80))
    assert head.split() == ["FILE", "HELD", "BY", "LETS", "OTHERS", "FOR"]
    assert rows and rows[0].startswith("SMS_PKGD\\")
