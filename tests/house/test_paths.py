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
from pathlib import Path
from types import FrameType
from typing import Any, Final

import msgspec
import pytest

from despoolr_app.runs.directory import RECORDS, RecordFile, load_run
from despoolr_app.site_client.queries import RunSource, Wanted, WhyAnswer
from despoolr_client.agent.outbox import Pending
from despoolr_core.formats.reports.job_mif import JobReport
from despoolr_core.formats.reports.status_mif import StatusMif
from despoolr_core.records.kinds.share import OpenGranted, OpenRefused
from despoolr_core.records.stream import Record
from despoolr_core.records.view import Holding
from despoolr_core.rules.fold import fold
from despoolr_core.share.wire import EpisodeRow, OpenReply, OpenRequest
from despoolr_lab.scenario.reading.load import parse_scenario
from despoolr_lab.scenario.run import RunOptions, run_scenario
from despoolr_server.engine.names import Name
from despoolr_server.engine.rows import Ask, Open, Refusal
from despoolr_server.http.connections.lane import FirstLine
from despoolr_server.http.connections.whole_request import WholeRequest
from despoolr_server.http.handling.single_write import SingleWriteResponse
from worlds.share_server import serving
from worlds.support import REPOSITORY

PRODUCT: Final = ("despoolr_core.", "despoolr_server.", "despoolr_client.", "despoolr_app.")
Place = tuple[str, str]
"""A module and a function of it."""


class Follower:
    """Sees every call of the product that what is followed goes into or comes out of, from a call
    of one function to the end of one of another.

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
        if event == "call" and frame in self._entered:
            return
        if not self.modules and place != self._begin:
            return
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        given = [frame.f_locals.get(name) for name in names] if event == "call" else [arg]
        if form := next((form for one in given if (form := self._form_of(one))), ""):
            self._note(module, form)
            if event == "call":
                self._entered.add(frame)
            else:
                self._note(_caller_of(frame) or module, form)
        self._is_over = event == "return" and place == self._end and frame in self._entered

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
    table = text.partition(f"**{title}**")[2].partition("\n\n| Step")[2].partition("\n\n")[0]
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


@pytest.mark.slow
def test_a_status_mif_takes_the_way_that_is_drawn_in_few_forms_and_with_few_returns() -> None:
    seen = Follower(
        form_of_mif,
        ("despoolr_client.agent.machine.windows", "write"),
        ("despoolr_server.database.sqlite", "change_each"),
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


# -- an open, and a refusal

HELD: Final = """
name = "held"
title = "A user's open file stops an update"
[run]
for = "3h"
[[clients]]
names = ["WS1"]
poll_every = "1h"
[[package]]
name = "OFFICE"
files = { "followed.dat" = "first" }
[[step]]
at = "0s"
do = "job"
name = "FIRST"
package = "OFFICE"
type = "share"
[[step]]
at = "50m"
do = "hold"
machine = "WS1"
package = "OFFICE"
file = "followed.dat"
program = "WINWORD.EXE"
[[step]]
at = "1h"
do = "source"
package = "OFFICE"
files = { "followed.dat" = "second" }
[[step]]
at = "1h"
do = "job"
name = "UPDATE"
package = "OFFICE"
type = "share"
send = "even if previously sent"
refresh_existing = true
"""
NAME: Final = "FOLLOWED.DAT"
TOLD: Final = "was refused followed.dat once because WINWORD.EXE on WS1"


def form_of_open(value: object) -> str:
    if isinstance(value, bytes):
        asked = NAME.lower().encode() in value and b"WINWORD" in value
        return "bytes" if asked or value.startswith(b'{"open":') else ""
    if isinstance(value, str):
        return ""
    if isinstance(value, OpenReply):
        return "OpenReply"
    if isinstance(value, Record):
        return form_of_open(value.data) and "Record"
    if isinstance(value, OpenRequest | OpenGranted | Open):
        return type(value).__name__ if fold(value.path).endswith(NAME) else ""
    if isinstance(value, Ask | Name):
        name = value.name if isinstance(value, Ask) else value
        return type(value).__name__ if name.key.endswith(NAME) else ""
    return next((form for one in fields_of(value) if (form := form_of_open(one))), "")


OPENS: Final = "/api/v1/opens"
LANE: Final = ("despoolr_server.http.connections.fast_lane", "data_received")
RECORDED: Final = ["server.http", "core.records", "server.http", "server.shares"]
"""The live page and who follows the records hear of a record before its recorder goes on."""


def form_of_call(value: object) -> str:
    """As `form_of_open`, from the bytes of the call to those of its answer."""
    if isinstance(value, bytes) and value.startswith(f"POST {OPENS} ".encode()):
        return "call"
    if isinstance(value, FirstLine):
        return "FirstLine" if (value.method, value.path) == ("POST", OPENS) else ""
    if isinstance(value, WholeRequest | SingleWriteResponse):
        return type(value).__name__
    return form_of_open(value)


async def follow_opens(count: int) -> Follower:
    """The last of so many opens of a file in the same words."""
    seen = Follower(form_of_call, LANE, LANE)
    async with serving() as site:
        await site.ask("PUT", "/SMS_SHR/followed.dat", b"first")
        session = await site.session(site.client_token, program="WINWORD.EXE")
        asked = msgspec.json.encode(
            {
                "session": session,
                "share": "SMS_SHR",
                "path": "followed.dat",
                "program": "WINWORD.EXE",
                "share_mode": "READ|WRITE",
            }
        )
        json = {"Content_Type": "application/json"}
        for _ in range(count - 1):
            await site.ask("POST", OPENS, asked, site.client_token, **json)
        with following(seen):
            reply = await site.ask("POST", OPENS, asked, site.client_token, **json)
        assert reply.status == 201, reply
    return seen


async def test_an_open_takes_the_way_that_is_drawn_and_comes_back_from_each_room_once() -> None:
    seen = await follow_opens(1)
    assert_drawn("An open", seen)
    routed, read = ["call", "FirstLine", "bytes"], ["OpenRequest", "WholeRequest"]
    asked, decided = ["Name", "Ask"], ["Open", "OpenGranted", "Record"]
    told = ["OpenReply", "SingleWriteResponse"]
    assert list(dict.fromkeys(seen.forms)) == [*routed, *read, *asked, *decided, *told]
    short_way = ["server.http", "server.shares"]
    from_files, from_engine = ["server.shares", "server.files", "server.shares"], ["server.shares"]
    from_each = [*from_files, *from_engine]
    assert seen.returns == [*short_way, *from_each, *RECORDED, "server.http"]


async def test_an_open_in_the_same_words_takes_the_short_way_that_is_drawn() -> None:
    seen = await follow_opens(2)
    assert_drawn("An open in the same words", seen)
    forms = ["call", "FirstLine", "bytes", "OpenRequest", "Name", "Open", "OpenGranted", "Record"]
    assert list(dict.fromkeys(seen.forms)) == [*forms, "OpenReply", "SingleWriteResponse"]
    from_engine = ["server.shares"]  # which is asked right after the files
    assert seen.returns == [*from_engine, *RECORDED, "server.http"]


def form_of_refusal(value: object) -> str:
    if isinstance(value, bytes):
        return "line" if b'"kind":"open.refused"' in value else ""
    if isinstance(value, str):
        return "text" if TOLD in value else ""
    if isinstance(value, Refusal):
        return "Refusal" if value.blockers else ""
    if isinstance(value, Record):
        return "Record" if isinstance(value.data, OpenRefused) else ""
    if isinstance(value, OpenRefused | EpisodeRow | WhyAnswer):
        return type(value).__name__
    if isinstance(value, Holding):
        return ""  # of an open that is in the way
    return next((form for one in fields_of(value) if (form := form_of_refusal(one))), "")


def test_a_refusal_takes_the_way_that_is_drawn_to_its_record_and_from_there_to_why(
    tmp_path: Path,
) -> None:
    check, record = (
        ("despoolr_server.engine.engine", "check"),
        ("despoolr_core.records.stream", "record"),
    )
    seen = Follower(form_of_refusal, check, record)
    kept = RecordFile(tmp_path / RECORDS)
    with following(seen):
        run_scenario(parse_scenario(HELD), RunOptions(version="1.2"), listeners=[kept])
    kept.close()
    lines = ("despoolr_app.runs.directory", "_lines")
    told = Follower(form_of_refusal, lines, ("despoolr_app.site_client.queries", "why"))
    with following(told):
        (sentence,) = RunSource(load_run(tmp_path)).why(Wanted(), None).verdicts
    assert TOLD in sentence
    seen.modules += told.modules
    assert_drawn("A refusal", seen)
    assert list(dict.fromkeys(seen.forms)) == ["Refusal", "OpenRefused", "Record", "line"]
    read = ["line", "Record", "OpenRefused"]
    # sentence by sentence, once there is the answer that has them
    assert list(dict.fromkeys(told.forms)) == [*read, "EpisodeRow", "WhyAnswer", "text"]
    written, read_back = ["core.records", "app.runs"] * 2, ["core.records", "app.runs"]
    # the ledger's rows are made for who holds, and again for the sentences
    rows = ["core.records", "app.site_client"] * 2
    assert seen.returns == [*written, *read_back, "core.records", *rows]
