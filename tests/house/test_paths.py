"""What `docs/architecture.md` draws step by step, followed: a status MIF from a client's Windows
directory to its row of Job Details, an open from HTTP to the engine and back, a refusal from the
engine to what `why` says.

Each passes through the modules that its table names, in that order, and changes its form no more
often than is said here. A room is a package of the tree (the core has none but its records: its
formats are forms); a return is an entry into a room in which what is followed was before, and which
it had left.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

import msgspec

from despoolr_client.agent.outbox import Pending
from despoolr_core.formats.job_mif import JobReport
from despoolr_core.formats.status_mif import StatusMif
from despoolr_lab.scenario.reading.load import parse_scenario
from despoolr_lab.scenario.run import RunOptions, run_scenario
from worlds.support import REPOSITORY

PRODUCT: Final = ("despoolr_core.", "despoolr_server.", "despoolr_client.", "despoolr_app.")
Place = tuple[str, str]
"""A module and a function of it."""


class Follower:
    """Sees every call of the product that what is followed goes into or comes out of, from its
    entry into one function to that into another.

    `form_of` says in which form a value has it; empty: it has not.
    """

    def __init__(self, form_of: Callable[[object], str], begin: Place, end: Place) -> None:
        self.modules: list[str] = []
        self.forms: list[str] = []
        self._form_of = form_of
        self._begin, self._end = begin, end
        self._entered: set[FrameType] = set()
        """A coroutine that goes on after a wait is not entered anew."""
        self._is_over = False

    def hear(self, frame: FrameType, event: str, arg: Any) -> None:
        """What `sys.setprofile` calls."""
        module = frame.f_globals.get("__name__", "")
        if self._is_over or event not in ("call", "return") or not module.startswith(PRODUCT):
            return
        code = frame.f_code
        place = module, code.co_name
        if event == "call":
            if frame in self._entered or not (self.modules or place == self._begin):
                return
            names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
            form = self._form_in([frame.f_locals.get(name) for name in names])
            self._is_over = place == self._end and bool(form)
            if form:
                self._entered.add(frame)
                self._note(module, form)
        elif self.modules and (form := self._form_of(arg)):
            self._note(_caller_of(frame) or module, form)

    def _form_in(self, given: list[object]) -> str:
        return next((form for one in given if (form := self._form_of(one))), "")

    def _note(self, module: str, form: str) -> None:
        self.modules += [module] * (self.modules[-1:] != [module])
        self.forms += [form] * (self.forms[-1:] != [form])

    @property
    def returns(self) -> list[str]:
        """The rooms that were entered again."""
        rooms: list[str] = []
        for room in filter(None, map(room_of, self.modules)):
            rooms += [room] * (rooms[-1:] != [room])
        return [room for at, room in enumerate(rooms) if room in rooms[:at]]


def room_of(module: str) -> str:
    """`server.shares`, `site.loader`; empty for the core's formats, rules and bodies."""
    parts = module.removeprefix("despoolr_").split(".")
    if parts[:2] == ["server", "site"]:
        del parts[0]
    return "" if parts[0] == "core" and parts[1] != "records" else ".".join(parts[:2])


def _caller_of(frame: FrameType) -> str:
    above = frame.f_back
    while above is not None and not above.f_globals.get("__name__", "").startswith(PRODUCT):
        above = above.f_back
    return "" if above is None else str(above.f_globals["__name__"])


@contextmanager
def following(follower: Follower) -> Iterator[None]:
    """Let a follower hear every call that is made meanwhile."""
    before = sys.getprofile()
    sys.setprofile(follower.hear)
    try:
        yield
    finally:
        sys.setprofile(before)


def drawn(title: str) -> list[str]:
    """The modules of one table of the document."""
    text = (REPOSITORY / "docs/architecture.md").read_text("utf-8")
    table = text.partition(f"**{title}**")[2].partition("\n**")[0]
    return re.findall(r"^\|[^|]*\|[^|]*?`(despoolr_[\w.]+)`", table, re.M)


def assert_drawn(title: str, seen: Follower) -> None:
    """The way goes through the modules of the table, in its order."""
    passed = iter(seen.modules)
    modules = drawn(title)
    assert len(modules) >= 5 and [one for one in modules if one not in passed] == []


def fields_of(value: object) -> list[object]:
    """What is in a value, if it is one that has parts."""
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, list | tuple):
        return list(value)
    if isinstance(value, msgspec.Struct):
        return [getattr(value, name, None) for name in value.__struct_fields__]
    return []


# -- a status MIF

MARK: Final = "Followed"
REPORTED: Final = f"""
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


def form_of_mif(value: object) -> str:
    if isinstance(value, bytes):
        return "bytes" if MARK.encode() in value else ""
    if isinstance(value, StatusMif | JobReport):
        return type(value).__name__ if value.description == MARK else ""
    if isinstance(value, dict) and "UpdatedAt" in value and value.get("Description") == MARK:
        return "row"
    # one that is being made has nothing yet
    inside = [getattr(value, "report", None)] if isinstance(value, Pending) else fields_of(value)
    return next((form for one in inside if (form := form_of_mif(one))), "")


def test_a_status_mif_takes_the_way_that_is_drawn_in_few_forms_and_with_few_returns() -> None:
    seen = Follower(
        form_of_mif,
        ("despoolr_client.agent.windows", "write"),
        ("despoolr_server.database.memory", "change_each"),
    )
    with following(seen):
        result = run_scenario(parse_scenario(REPORTED), RunOptions(version="1.2"))
    assert result.passed
    assert_drawn("A status MIF", seen)
    read_by_the_client, judged = ["bytes", "StatusMif"], ["bytes", "StatusMif", "JobReport"]
    assert seen.forms == [*read_by_the_client, *judged, "bytes", "JobReport", "row"]
    read_from_the_logon_server = ["server.shares", "server.http", "client.transport"]
    written, read = ["server.shares", "server.files"], ["server.shares"]
    assert seen.returns == [*read_from_the_logon_server, *written, *read, *written, *read]
