"""What is newest first is refused, for its closes come before their opens; a clock that was set
back on the way is told.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from despoolr_lab.imports.traces.source import ImportFailed
from unit.lab.imports.test_variants import AUDIT, FIELDS, PROCMON, SECURITY
from worlds.traces import TRACES, imported

BEGINS = {
    AUDIT: (0, "."),
    "1-one-holder-blocks/smbd.log": (0, r"\[\d{4}/"),
    FIELDS: (1, "."),
    PROCMON: (1, "."),
    SECURITY: (3, "<Event "),
}


@pytest.mark.parametrize("file", BEGINS)
def test_what_is_newest_first_is_refused_with_what_to_do(file: str, tmp_path: Path) -> None:
    head_lines, begins = BEGINS[file]
    lines = (TRACES / file).read_text("utf-8-sig").splitlines(keepends=True)
    entries = re.split(rf"(?m)^(?={begins})", "".join(lines[head_lines:]))
    turned = tmp_path / Path(file).name
    turned.write_text("".join(lines[:head_lines] + entries[::-1]), "utf-8")
    with pytest.raises(ImportFailed, match=rf"{turned.name} is newest first.*`tac`"):
        imported([turned])
    with pytest.raises(ImportFailed, match="newest first"):
        imported([TRACES / "2-nobody-closes/smbd.log", turned])


@pytest.mark.parametrize(("hour", "is_told"), [("18", True), ("19", False)])
def test_a_clock_that_is_set_back_is_told(hour: str, is_told: bool, tmp_path: Path) -> None:
    text = (TRACES / AUDIT).read_text("utf-8")
    first, last = text[: len(text) // 2], text[len(text) // 2 :]
    log = tmp_path / "audit.log"
    log.write_text(first + last.replace(" 19:", f" {hour}:"), "utf-8")
    notes = imported([log]).notes
    assert ("the times of audit.log go back by up to 3,600 s" in notes) == is_told
    assert "first at 2026-11-28 19:07" in notes or not is_told


def test_lines_of_a_server_that_come_late_are_in_no_order_and_not_newest_first(
    tmp_path: Path,
) -> None:
    log = tmp_path / "audit.log"
    line = (
        "Nov 28 19:10:{:02} fs1 smbd_audit: u|10.0.0.5|ws11|pkg|create_file|ok|0x1|file|open|/{}\n"
    )
    times = [at for n in range(20, 60, 2) for at in (n, n - 20)]
    log.write_text("".join(line.format(at, n) for n, at in enumerate(times)), "utf-8")
    found = imported([log])
    assert len(found.view.holdings) == len(times)
    assert "its lines are not in the order of their times" in found.notes


def test_two_requests_of_which_the_longer_began_first_are_not_newest_first(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    line = '10.0.0.5 - - [28/Nov/2026:19:07:{} +0000] "PUT /a.txt HTTP/1.1" {} 0\n'
    log.write_text(line.format("30", 423) + line.format("10", 204), "utf-8")
    (episode,) = imported([log]).episodes
    assert episode.state == "resolved"


def test_a_line_of_december_that_comes_late_is_of_the_year_before(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    line = "{} fs1 smbd_audit: alice|10.0.0.5|ws11|pkg|create_file|ok|0x1|file|open|/srv/pkg/{}\n"
    at = ["Dec 31 23:59:58", "Jan  1 00:00:01", "Dec 31 23:59:59", "Jan  1 00:00:09"]
    log.write_text("".join(line.format(one, n) for n, one in enumerate(at)), "utf-8")
    held = {one.path: one.opened_at for one in imported([log]).view.holdings}
    assert held["0"] < held["2"] < held["1"] < held["3"] < held["0"] + 60
