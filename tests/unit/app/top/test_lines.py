"""What `top` says above its panes, and of what is asked about a row."""

from __future__ import annotations

import msgspec

from despoolr_app.top.answer import TopAnswer, TopTarget
from despoolr_app.top.lines import by_hand_lines, head_lines, release_lines, why_lines
from despoolr_app.top.panes import pane_lines
from despoolr_app.top.table import texts
from despoolr_core.records.kinds.run import FaultBegan
from despoolr_core.records.live.fold import LiveFold
from despoolr_core.records.live.model import LiveClients, LiveWatched
from despoolr_core.records.live.page_query import PageQuery
from worlds.live import Told, page_of
from worlds.top import NOW, blocked_answer


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
    assert told[2] == "Nobody else is in the way of this file."
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


def test_samples_alone_do_not_say_that_nobody_waits() -> None:
    page = page_of(LiveFold(), PageQuery(), NOW)
    answer = TopAnswer(NOW, 1.0, "FS1", False, page, LiveWatched("runs/x", "Grade C", []))
    told = [*texts(head_lines(answer, 80, "live")), *texts(pane_lines("blocked", answer, 80))]
    assert "Nobody is blocked" not in " ".join(told)
    assert told[1] == "0 files open.  Who is refused is not in samples."
