"""A ladder beside its run: `whatif.json`, and for each row the scenario that gives it again."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path
from typing import Final

import msgspec

from despoolr_app.disk.privacy import make_directory
from despoolr_app.runs.directory import write_whole
from despoolr_core.records.whatif.ladder import FILE, Ladder, LadderRow
from despoolr_lab.scenario.reading.written import to_toml
from despoolr_lab.whatif.ladder import Climb
from despoolr_lab.whatif.rerun import with_goal
from despoolr_lab.whatif.tried_change import Tried

DIRECTORY: Final = "whatif"
NAME_MAX: Final = 60
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9]+")


def keep(run: Path, ladder: Ladder, climb: Climb) -> Ladder:
    """Write it beside the records of a run; what an earlier what-if left goes. Returns the ladder
    with the command that gives each row again. Raises `RunError`.
    """
    place = run / DIRECTORY
    shutil.rmtree(place, ignore_errors=True)
    if ladder.rows:
        make_directory(place)
    rows = tuple(
        _keep_row(place, number, row, tried, ladder, climb)
        for number, (row, tried) in enumerate(zip(ladder.rows, climb.in_order(), strict=True), 1)
    )
    found = msgspec.structs.replace(ladder, rows=rows)
    write_whole(run / FILE, msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")
    return found


def _keep_row(
    place: Path, number: int, row: LadderRow, tried: Tried, ladder: Ladder, climb: Climb
) -> LadderRow:
    slug = _UNSAFE.sub("-", row.change).strip("-")[:NAME_MAX].strip("-")
    path = place / f"{number:02}-{slug}.toml"
    scenario = with_goal(tried.change.scenario, climb.expectations(tried.change))
    scenario.title = f"What if: {row.change}"[:200]
    comment = f"{row.change}: {row.word}, {row.held} of {row.worlds} worlds.\nGoal: {ladder.goal}."
    write_whole(path, to_toml(scenario, comment).encode())
    replay = f"despoolr run {shlex.quote(str(path))} --seed {ladder.seed}"
    return msgspec.structs.replace(row, replay=replay)
