"""What `top` shows on terminals of 80, 120 and 200 columns, as it is in `tests/data/top`.

`DESPOOLR_SNAPSHOTS=write` writes the files anew: read what changed before it is committed.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from despoolr_app.top.answer import PANES, TopAnswer, TopTarget
from despoolr_app.top.lines import by_hand_lines, head_lines, release_lines, why_lines
from despoolr_app.top.panes import pane_lines
from despoolr_app.top.table import TopCell, TopColumn, table, texts
from despoolr_core.records.kinds.run import FaultBegan
from despoolr_core.records.live.asked import PageQuery
from despoolr_core.records.live.fold import LiveFold
from despoolr_core.records.live.model import LiveClients, LiveWatched
from despoolr_server.http.live.routes import LiveAnswer
from worlds.live import Told, page_of
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


def test_what_is_broken_on_purpose_is_told_above() -> None:
    told = Told()
    told.tell(FaultBegan(fault="slow_share", where="LOGON1 by 2s"), "LOGON1")
    told.at += 600
    told.tell(FaultBegan(fault="link_down", where="SITE1 to LOGON1"), "SITE1")
    now = told.at + 7200
    answer = TopAnswer(now, 1.0, "SITE1", True, page_of(told.fold, PageQuery(), now))
    assert texts(head_lines(answer, 80, "live"))[1] == (
        "Broken on purpose: link_down, SITE1 to LOGON1, for 2 h; 1 more"
    )
    assert all(len(line) <= 40 for line in texts(head_lines(answer, 40, "live"))[1:])


def test_without_an_answer_the_heading_says_so() -> None:
    first = texts(head_lines(blocked_answer(), 80, "~ no answer: SITE1 does not answer"))[0]
    assert first.endswith("~ no answer: SITE1 does not answer")


def test_columns_give_way_in_their_order_and_then_names_are_cut() -> None:
    columns = (TopColumn("A"), TopColumn("B", 2), TopColumn("C", 1), TopColumn("N", is_number=True))
    rows = [((TopCell("a" * 20), TopCell("b" * 10), TopCell("c" * 10), TopCell("7")), None)]
    assert texts(table(columns, rows, 47))[1] == f"{'a' * 20}  {'b' * 10}  {'c' * 10}  7"
    assert texts(table(columns, rows, 40))[1] == f"{'a' * 20}  {'b' * 10}  7"
    assert texts(table(columns, rows, 30))[1] == f"{'a' * 20}  7"
    assert texts(table(columns, rows, 15))[1] == f"{'a' * 11}…  7"


def test_names_from_outside_drive_no_terminal() -> None:
    answer = blocked_answer(program="EVIL\x1b[2J\u202e.EXE")
    told = "\n".join(texts(pane_lines("blocked", answer, 200, answer.page.block_order)))
    assert "\x1b" not in told and "\u202e" not in told and r"EVIL\x1b[2J\u202e.EXE" in told


def test_what_is_told_of_names_from_outside_drives_no_terminal() -> None:
    answer = blocked_answer(program="EVIL\x1b[2J.EXE")
    answer.page.clients.append(LiveClients("wait for EVIL\x1b[2J", "wait", 1, ["WS1"]))
    told = [*why_lines(answer, TopTarget(answer.page.block_order[0]))]
    told += texts(pane_lines("clients", answer, 200))
    assert "\x1b" not in "\n".join(told) and "\n".join(told).count(r"EVIL\x1b[2J") >= 3


def test_a_block_is_explained_with_what_to_type() -> None:
    answer = blocked_answer()
    target = TopTarget(answer.page.block_order[0])
    told = why_lines(answer, target)
    assert "was refused" in told[0] and told[-1] == (
        "The same by hand: despoolr why --machine SITE1"
    )
    assert why_lines(answer, TopTarget("gone")) == ["It waits no more."]


def test_what_to_type_is_one_word_to_a_shell_whatever_the_machine_is_called() -> None:
    answer = blocked_answer()
    name = answer.page.block_order[0]
    block = answer.page.blocks[name]
    waiting = [msgspec.structs.replace(block.waiting[0], machine="PC; rm -rf x")]
    answer.page.blocks[name] = msgspec.structs.replace(block, waiting=waiting)
    (*_, told) = why_lines(answer, TopTarget(name))
    assert told.endswith("despoolr why --machine 'PC; rm -rf x'")


def test_a_release_says_whom_it_hits_and_whether_it_is_enough() -> None:
    answer = blocked_answer()
    block = answer.page.blocks[answer.page.block_order[0]]
    told = release_lines(answer, TopTarget(block.id, block.holds[0].open))
    assert told[0] == "Close b.dat on LOGON1 for WINWORD.EXE on WS1?"
    assert told[1].startswith("ALICE loses what is not saved.")
    assert told[2] == "This alone lets the update through."
    assert told[3] == "The same by hand: despoolr release LOGON1/O1"
    assert release_lines(answer, TopTarget(block.id)) == []


def test_of_a_share_that_is_only_watched_it_says_what_to_type_there() -> None:
    answer = blocked_answer()
    block = answer.page.blocks[answer.page.block_order[0]]
    target = TopTarget(block.id, block.holds[0].open)
    assert by_hand_lines(answer, target) == []
    commands = ["smbstatus -L", "smbcontrol PID close-share SHARE"]
    answer.watched = LiveWatched("runs/x-watch-FS1", "Grade B", commands, sees_waits=True)
    told = by_hand_lines(answer, target)
    assert told[0].startswith("LOGON1 is only watched: nothing is closed from here.")
    assert told[1].splitlines() == commands
    proves = ["Grade B.", "The same by hand: despoolr why runs/x-watch-FS1"]
    assert why_lines(answer, target)[-2:] == proves
    (head, *rows) = texts(pane_lines("open", answer, 80))
    assert head.split() == ["FILE", "HELD", "BY", "LETS", "OTHERS", "FOR"]
    assert rows and rows[0].startswith("SMS_PKGD\\")


def test_samples_alone_do_not_say_that_nobody_waits() -> None:
    page = page_of(LiveFold(), PageQuery(), NOW)
    answer = TopAnswer(NOW, 1.0, "FS1", False, page, LiveWatched("runs/x", "Grade C", []))
    told = [*texts(head_lines(answer, 80, "live")), *texts(pane_lines("blocked", answer, 80))]
    assert "Nobody is blocked" not in " ".join(told)
    assert told[1] == "0 files open.  Who is refused is not in samples."


def test_the_answer_that_is_read_is_the_one_that_a_server_gives() -> None:
    assert TopAnswer.__struct_fields__ == LiveAnswer.__struct_fields__


def test_an_answer_of_a_newer_server_is_read_without_what_is_not_known() -> None:
    raw = msgspec.json.decode(msgspec.json.encode(blocked_answer()))
    raw["page"]["news"] = 1
    assert msgspec.convert(raw, TopAnswer) == blocked_answer()
