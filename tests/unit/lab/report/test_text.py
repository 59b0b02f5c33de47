"""The report in a terminal: its picture to the letter, its width, and what it leaves out."""

from __future__ import annotations

import pytest

from despoolr_core.records.kinds.run import FaultBegan
from despoolr_core.records.kinds.share import EpisodeEnded
from despoolr_core.records.stream import Record
from despoolr_lab.report.text import WIDTH_MIN, render_text
from worlds.report import Site, blocked_update

FINDINGS = [
    {"name": "job UPDATE at the end", "expected": "Complete", "actual": "Complete", "ok": True},
    {
        "name": "a.dat is new",
        "expected": {"a.dat": "a, second"},
        "actual": {"a.dat": None},
        "ok": False,
    },
]

EXPECTED = r"""
VERDICT  WS1 did it.

EXPECTATIONS  1 of 2 hold
  ok   job UPDATE at the end                                                                Complete
  NOT  a.dat is new
       expected  a.dat: "a, second"
       found     a.dat: nothing

JOBS
  UPDATE  Pending 1996-06-03 08:00 > Active 1996-06-03 10:00 > Retrying 1996-06-03 10:00 >
          Complete 1996-06-04 10:00

TIMELINE  1996-06-03 08:00 to 1996-06-04 20:00, one column is 42 min
                           |     12:00    18:00   00:00    06:00   12:00       |
  \\LOGON1\SMS_PKGD\PKG\b.dat
    WINWORD.EXE on WS1     | ==================================)               | closed 06-04 09:00
    SMS_DESPOOLER on SITE1 |  x  x  x  x  x  x x  x  x  x  x  x o              | refused 12 times
    job UPDATE             |pprrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrC--------------| Complete
  = held open, ) closed, x refused, o got through, C Complete, p Pending, r Retrying
"""


def test_a_blocked_update_reads_like_this() -> None:
    text = render_text({"verdict": "WS1 did it.", "expectations": FINDINGS}, blocked_update())
    assert text == EXPECTED.strip("\n")


def test_no_line_is_longer_than_a_hundred_columns_and_nothing_steers_the_terminal() -> None:
    long = "W" * 300 + "\x1b[2J\u202e\r\n"
    site = (
        Site()
        .at(0)
        .step()
        .job("Active", name=long)
        .hold(long, path=f"{long}/{long}", program=long)
        .at(1)
        .refuse(program=long)
    )
    for number in range(40):
        site.workstation(f"{long}{number}", long).job(long, job=f"J{number}", name=long)
    findings = [
        {"name": long, "expected": {long: long}, "actual": [long] * 50, "ok": n % 2 == 0}
        for n in range(100)
    ]
    text = render_text({"verdict": long * 9, "expectations": findings}, site.at(9).step().records)
    assert max(map(len, text.splitlines())) <= 100
    assert text.isprintable() or set(text) - {c for c in text if c.isprintable()} == {"\n"}
    assert (
        "50 more expectations not shown" in text
        and "more job" in text
        and "more workstation" in text
    )


def test_many_attempts_share_a_column_as_a_digit_or_a_hash() -> None:
    lane = next(
        line
        for line in render_text({}, blocked_update(100)).splitlines()
        if "refused 100 times" in line
    )
    assert set(lane.split("|")[1].strip()) <= set("x23456789o ")
    lane = next(
        line
        for line in render_text({}, blocked_update(2000)).splitlines()
        if "refused 2,000 times" in line
    )
    assert "####" in lane


def test_a_file_nobody_closed_and_an_update_given_up() -> None:
    site = Site().at(0).step().job("Active").hold("WS1").at(1).refuse()
    site.record(
        "LOGON1/SITE1",
        EpisodeEnded(server="LOGON1", episode="E-J1-PKG/b.dat", state="given up", reason="100"),
    )
    text = render_text({}, site.at(2).job("Failed", "Active").at(10).step().records)
    assert "never closed" in text and "=>|" in text and "!" in text and "F----" in text


def test_workstations_are_drawn_where_nobody_was_refused() -> None:
    site = (
        Site()
        .at(0)
        .step()
        .job("Active")
        .at(2)
        .workstation("WS1", "Complete")
        .at(8)
        .workstation("WS1", "Canceled", "Complete")
    )
    text = render_text({}, site.at(10).step().records)
    assert "Nobody was in the way" in text and "WORKSTATIONS  Canceled 1" in text
    assert "None > Complete 1996-06-03 10:00 > Canceled 1996-06-03 16:00" in text
    assert "CCCC" in text and "////" in text


def test_an_empty_run_is_a_verdict_and_nothing_more() -> None:
    assert render_text({}, []) == "VERDICT  Nobody was in the way: no open was refused."


@pytest.mark.parametrize("width", [40, 79, 119, 199])
def test_a_page_is_as_wide_as_it_is_asked_to_be_and_no_less_than_a_terminal(width: int) -> None:
    lines = render_text({}, blocked_update(100), width=width).splitlines()
    longest = max(map(len, lines))
    assert longest <= max(WIDTH_MIN, width)
    lanes = [line for line in lines if line.count("|") == 2]
    assert len({line.rindex("|") for line in lanes}) == 1, "the picture has one right edge"
    assert {line.rindex("|") for line in lanes} == {max(WIDTH_MIN, width) - 21}


def test_what_was_broken_on_purpose_has_a_lane_of_its_own() -> None:
    records = blocked_update()
    first, last = records[0], records[-1]
    began = Record(
        last.seq + 1, first.at, "LOGON1", FaultBegan(fault="slow_share", where="LOGON1 by 2s")
    )
    text = render_text({}, [*records, began], width=100)
    (lane,) = [line for line in text.splitlines() if "slow_share" in line]
    assert "~" * 30 in lane and "broken" in lane
    assert "~ broken on purpose" in text
