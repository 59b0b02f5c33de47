"""The ladder as a table: every word is the ladder's."""

from __future__ import annotations

from despoolr_core.records.whatif.ladder import Effects, Ladder, LadderRow
from despoolr_lab.report.content.fixes import ROWS_MAX, fixes_of
from despoolr_lab.report.markdown import render_markdown
from worlds.report import blocked_update, render_report

FIX = LadderRow(
    change="copying to a new folder",
    cost="packaging change",
    word="fixes",
    worlds=20,
    held=20,
    goal_after_s=600.0,
    goal_after_least_s=600.0,
    goal_after_most_s=7200.0,
    act_before=833792400.0,
    toml=('+ copy_strategy = "new_folder_and_switch"',),
    replay="despoolr run x.toml",
)
HARM = LadderRow(
    change="sharing DELETE",
    cost="client change",
    word="harms",
    worlds=20,
    effects=Effects(users_cut=2),
)
NEVER = LadderRow(change="renaming", cost="setting", word="cannot help", why="b.dat shares READ")


def ladder(*rows: LadderRow, confirmed: bool = True) -> Ladder:
    return Ladder("run", "files are new", "never", rows, confirmed=confirmed, reruns=60, seed=3)


def test_each_change_is_a_row_with_its_evidence() -> None:
    fixes = fixes_of(ladder(FIX, HARM, NEVER))
    assert fixes is not None
    fix, harm, never = fixes.rows
    assert (fix.sign, fix.word, fix.kind, fix.worlds) == ("✓", "fixes", "good", "20 of 20")
    assert fix.change == "Copying to a new folder" and fix.effects == "nobody disturbed"
    assert fix.after == "~10 min (10 min to 2 h)" and fix.act_before == "1996-06-03 09:00"
    assert fix.spread is not None and fix.spread.at == fix.spread.least < fix.spread.most
    assert (harm.sign, harm.kind, harm.after) == ("✗", "bad", "never")
    assert harm.effects == "2 machines cut off" and harm.spread and harm.spread.is_never
    assert (never.sign, never.spread, never.effects) == ("⊘", None, "b.dat shares READ")
    assert fixes.footer[-1] == "60 reruns; this run is of world 3."


def test_without_a_question_there_is_no_table() -> None:
    assert fixes_of(None) is None and fixes_of(ladder()) is None


def test_rows_beyond_the_limit_are_counted() -> None:
    fixes = fixes_of(ladder(*[FIX] * (ROWS_MAX + 2)))
    assert fixes is not None and len(fixes.rows) == ROWS_MAX and fixes.left_out == 2


def test_the_page_and_the_markdown_have_the_table() -> None:
    page = render_report(blocked_update(), {}, ladder(FIX, HARM))
    for part in ("Copying to a new folder", "20 of 20", "$ despoolr run x.toml", "act before"):
        assert part in page.replace("Act before 1996", "act before")
    text = render_markdown(blocked_update(), {}, ladder(FIX, HARM))
    assert "| ✓ fixes | Copying to a new folder | 20 of 20 |" in text
    assert "not yet confirmed" not in page
    assert "not yet confirmed" in render_report(blocked_update(), {}, ladder(FIX, confirmed=False))
