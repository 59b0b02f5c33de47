"""`report.md`: the run for a pull request, in which nothing from outside is markup."""

from __future__ import annotations

from despoolr_core.records.kinds.run import FaultBegan, FaultEnded
from despoolr_core.records.stream import Record
from despoolr_lab.report.markdown import EPISODES_MAX, FAULTS_MAX, render_markdown
from worlds.report import Site, blocked_update


def test_it_opens_with_the_verdict_in_three_lines() -> None:
    page = render_markdown(blocked_update(), {"kb": "Q147819", "scenario": "q147819-in-use"})
    assert page.startswith(
        "# Q147819: in use\n\n* **WINWORD.EXE on WS1 kept SMS\\_DESPOOLER on SITE1 from b.dat.**\n"
    )
    assert page.count("\n* ") == 3 and page.endswith("|\n")


def test_tables_have_as_many_cells_in_each_row_as_in_their_head() -> None:
    summary = {"expectations": [{"name": "a|b", "expected": 1, "actual": "x|y", "ok": False}]}
    for block in render_markdown(blocked_update(), summary).split("\n\n"):
        if block.startswith("|"):
            rows = block.replace("\\|", "").splitlines()
            assert len({row.count("|") for row in rows}) == 1


def test_names_from_outside_are_no_markup() -> None:
    site = Site().step().hold("[x](http://evil)").at(1).refuse(program="@team <b>`")
    page = render_markdown(site.at(2).step().records, {"notes": ["# title\n* item"]})
    assert "[x](http" not in page and "<b>" not in page and " @team" not in page
    assert "team" in page and "\n# title" not in page


def test_an_entity_is_no_way_round_to_a_mention() -> None:
    page = render_markdown(blocked_update(), {"notes": ["&#64;team"]})
    assert "* \\&#" in page


def test_equal_runs_give_equal_pages_and_what_is_not_shown_is_counted() -> None:
    site = Site().step()
    for number in range(EPISODES_MAX + 2):
        site.hold(f"WS{number}", f"O{number}", f"PKG/{number}.dat").at(1).refuse(f"O{number}")
    records = site.at(2).step().records
    assert render_markdown(records, {}) == render_markdown(records, {})
    assert "2 more episodes not shown." in render_markdown(records, {})


def test_what_was_broken_on_purpose_is_a_table() -> None:
    site = Site().step().at(1)
    for number in range(FAULTS_MAX + 1):
        site.record("scenario", FaultBegan(fault="disk_full", where=f"LOGON1\\SHARE|{number}"))
    began = next(one.seq for one in site.records if isinstance(one.data, FaultBegan))
    site.at(2).records.append(
        Record(
            999, site.records[-1].at + 3600, "scenario",
            FaultEnded(fault="disk_full", where="LOGON1\\SHARE|0"), began,
        )
    )  # fmt: skip
    page = render_markdown(site.records, {})
    assert "## Broken on purpose\n\n| What | Where | From | Until |\n" in page
    rows = [line for line in page.splitlines() if "disk" in line]
    assert len(rows) == FAULTS_MAX and "1 more fault not shown." in page
    assert rows[0].startswith("| disk\\_full | LOGON1\\\\SHARE\\|0 | ")
    assert not rows[0].endswith("| the end |") and rows[1].endswith("| the end |")
    assert "Broken on purpose" not in render_markdown(blocked_update(), {})
