"""A status MIF, followed from a client's Windows directory to its row of Job Details: it passes
through the modules that `docs/architecture.md` names, in that order, and changes its form no more
often than is said there.
"""

from __future__ import annotations

import re
import sys
from types import FrameType
from typing import Any, Final

from despoolr_client.agent.outbox import Pending
from despoolr_client.pcm.reporting import Report
from despoolr_core.formats.job_mif import JobReport
from despoolr_core.formats.status_mif import StatusMif
from despoolr_lab.scenario.reading.load import parse_scenario
from despoolr_lab.scenario.run import RunOptions, run_scenario
from worlds.support import REPOSITORY

MARK: Final = "Followed"
SCENARIO: Final = f"""
name = "followed"
title = "One workstation runs one setup, which leaves a status MIF"
[run]
for = "3h"
[[clients]]
names = ["WS1"]
poll_every = "1h"
first_poll = "10m"
[[package]]
name = "PATCH"
files = {{ "setup.exe" = "a patch" }}
[[program]]
command = "SETUP.EXE"
runs = "5m"
mif = {{ status = "Success", description = "{MARK}" }}
[[step]]
at = "0s"
do = "job"
name = "PATCH-ALL"
package = "PATCH"
command = "SETUP.EXE /q"
mandatory_after = "1m"
[[expect]]
that = "workstations"
job = "PATCH-ALL"
rows = {{ WS1 = "Complete" }}
"""
PRODUCT: Final = ("despoolr_core.", "despoolr_server.", "despoolr_client.")
BEGIN, END = "despoolr_client.pcm.reporting", "despoolr_server.database.memory"


class Follower:
    """Sees every call of the product that the MIF's description goes into or comes out of."""

    def __init__(self) -> None:
        self.modules: list[str] = []
        self.forms: list[str] = []
        self._is_over = False

    def hear(self, frame: FrameType, event: str, arg: Any) -> None:
        """What `sys.setprofile` calls."""
        module = frame.f_globals.get("__name__", "")
        if self._is_over or event not in ("call", "return") or not module.startswith(PRODUCT):
            return
        code = frame.f_code
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        given = [frame.f_locals.get(name) for name in names] if event == "call" else [arg]
        self._is_over = module == END and code.co_name == "change_each" and MARK in str(given)
        form = "row" if self._is_over else form_of(given)
        if form and (self.modules or module == BEGIN):
            self.modules += [module] * (self.modules[-1:] != [module])
            self.forms += [form] * (self.forms[-1:] != [form])


def form_of(value: Any) -> str:
    """In which form a value has the description; empty: it has not."""
    if isinstance(value, bytes):
        return "bytes" if MARK.encode() in value else ""
    if isinstance(value, StatusMif | JobReport):
        return type(value).__name__ if value.description == MARK else ""
    if isinstance(value, dict | list | tuple):
        inside = value.values() if isinstance(value, dict) else value
        return next((found for one in inside if (found := form_of(one))), "")
    if isinstance(value, Pending | Report):  # perhaps one that is being made
        return form_of([getattr(value, name, None) for name in ("report", "mif")])
    return ""


def followed() -> Follower:
    follower = Follower()
    before = sys.getprofile()
    sys.setprofile(follower.hear)
    try:
        result = run_scenario(parse_scenario(SCENARIO), RunOptions(version="1.2"))
    finally:
        sys.setprofile(before)
    assert result.passed
    return follower


def test_a_status_mif_takes_the_way_that_is_drawn_and_no_more_forms_than_are_told() -> None:
    text = (REPOSITORY / "docs/architecture.md").read_text("utf-8")
    table = text.partition("**A status MIF**")[2].partition("**A refusal**")[0]
    drawn = re.findall(r"^\|[^|]*\|[^|]*?`(despoolr_[\w.]+)`", table, re.M)
    seen = followed()
    passed = iter(seen.modules)
    assert len(drawn) >= 7 and [one for one in drawn if one not in passed] == []
    assert "It is read twice, judged once, written once and read again" in " ".join(table.split())
    peeked, judged = ["bytes", "StatusMif"], ["bytes", "StatusMif", "JobReport"]
    assert seen.forms == [*peeked, *judged, "bytes", "JobReport", "row"]
