"""What database and shares say at the end: nothing of a run of ours, and of each lie that is told
here what it is.
"""

from __future__ import annotations

from typing import Any

import pytest

from despoolr_lab.explore.agreement import commands, job_rows, packages
from despoolr_lab.explore.campaign import judge_here
from despoolr_lab.explore.rules import client_rules, share_rules, site_rules
from despoolr_lab.scenario.model import Scenario
from despoolr_lab.scenario.reading.load import parse_scenario
from despoolr_lab.scenario.run import RunOptions
from despoolr_server.engine.holders import Holders
from despoolr_server.site.despooler import removal
from despoolr_server.site.despooler.base.package_servers import PackageServers
from despoolr_server.site.despooler.client_results import ClientResults
from despoolr_server.site.despooler.retries import Retries
from despoolr_server.site.jobs import status
from despoolr_server.site.services.masters import MasterCarrier
from despoolr_server.site.services.scheduler import job_statuses, targets
from despoolr_server.site.services.sender import LanSender
from despoolr_server.site.state import winst_box
from despoolr_server.site.state.rows import queries

HEAD = """
name = "agreement"
title = "A package, a command for two clients, and a removal while a file is open"

[run]
for = "16h"

[[clients]]
names = ["WS1", "WS2"]
poll_every = "1h"

[[package]]
name = "OFFICE"
files = { "a.dat" = "a", "b.dat" = "b" }

[[step]]
at = "0s"
do = "job"
name = "RUN"
package = "OFFICE"
command = "SETUP.EXE"
mandatory_after = "0s"
"""
REMOVED = """
[[step]]
at = "3h"
do = "hold"
machine = "WS1"
package = "OFFICE"
file = "b.dat"
for = "3h"

[[step]]
at = "4h"
do = "job"
name = "REMOVE"
package = "OFFICE"
type = "remove"
"""


def said(more: str = "") -> list[str]:
    scenario: Scenario = parse_scenario(HEAD + more)
    return [key.kind for key in judge_here(scenario, RunOptions()).said]


def test_a_command_and_a_removal_while_a_file_is_open_are_told_as_they_are() -> None:
    assert said() == []
    assert said(REMOVED) == []


def test_a_package_that_is_told_as_removed_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    real = removal.remove_package

    async def forget(*of: Any) -> Any:
        result = await real(*of)
        return type(result)((), (), result.directory)

    monkeypatch.setattr(removal, "remove_package", forget)
    assert packages.NOT_REMOVED in said(REMOVED)


def test_a_package_is_on_a_server_what_its_job_says(monkeypatch: pytest.MonkeyPatch) -> None:
    real = queries.set_package_status

    def wrong(db: Any, package: str, site: str, server: str, _: str, *more: Any) -> None:
        real(db, package, site, server, "Retrying", *more)

    monkeypatch.setattr(queries, "set_package_status", wrong)
    assert said() == [packages.OTHER_STATUS]


def test_a_package_has_a_status_where_a_job_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "set_package_status", lambda *_: None)
    assert packages.OTHER_STATUS in said()


def test_who_was_meant_has_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    real = winst_box.put_records

    async def lose(share: Any, clients: Any, record: Any) -> None:
        await real(share, [one for one in clients if not one[1].endswith("1")], record)

    monkeypatch.setattr(winst_box, "put_records", lose)
    assert said() == [commands.NO_COMMAND, client_rules.NEVER_RUN]


CANCEL = """
[[step]]
at = "30m"
do = "job"
name = "LATER"
package = "OFFICE"
command = "OTHER.EXE"

[[step]]
at = "3h"
do = "cancel"
job = "LATER"
"""


def test_who_had_a_command_that_was_cancelled_has_it_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert said(CANCEL) == []

    async def keep(*_: Any) -> int:
        return 0

    monkeypatch.setattr(winst_box, "drop_records", keep)
    assert said(CANCEL) == [commands.NOT_TAKEN_BACK]


@pytest.mark.parametrize("off_s", [-86_400.0, 10 * 86_400.0])
def test_a_row_says_when_it_was_told(monkeypatch: pytest.MonkeyPatch, off_s: float) -> None:
    real = ClientResults._mif

    def late(self: Any, result: Any, status: str, tick: float, *more: Any) -> Any:
        return real(self, result, status, tick + off_s, *more)

    monkeypatch.setattr(ClientResults, "_mif", late)
    assert job_rows.WRONG_TIME in said()


def test_a_command_that_is_due_right_after_a_poll_runs_after_the_next_and_its_countdown() -> None:
    text = HEAD.replace('mandatory_after = "0s"', 'mandatory_after = "3h"')
    text = text.replace('at = "0s"', 'at = "1m"')
    scenario: Scenario = parse_scenario(text)
    assert list(judge_here(scenario, RunOptions()).said) == []


def test_who_is_busy_with_another_program_runs_the_next_one_after_it() -> None:
    later = HEAD.partition("[[step]]")[2].replace('"0s"', '"1h"', 1).replace("RUN", "NEXT")
    busy = '\n[[program]]\ncommand = "SETUP.EXE"\nruns = "2d"\n'
    assert said(f"\n[[step]]{later}{busy}") == []


@pytest.mark.parametrize("clocks", ['clock_offset = "1d"', ""])
def test_a_clock_that_is_wrong_says_when_a_command_is_run(clocks: str) -> None:
    fast = HEAD.replace("poll_every", f"{clocks}\npoll_every").replace(
        'after = "0s"', 'after = "10h"'
    )
    step = '\n[[step]]\nat = "30m"\ndo = "clock"\nmachine = "WS1"\noffset = "1d"\n'
    right = step.replace("30m", "9h").replace("1d", "0s")
    scenario: Scenario = parse_scenario(fast + ("" if clocks else step + right))
    assert judge_here(scenario, RunOptions()).said == {}


def test_a_logon_server_has_the_master_files(monkeypatch: pytest.MonkeyPatch) -> None:
    real = MasterCarrier._write

    async def lose(self: Any, role: Any, there: Any, some: list[Any]) -> int:
        return await real(self, role, there, some[1:]) + (len(some) > 0)

    monkeypatch.setattr(MasterCarrier, "_write", lose)
    assert commands.NOT_CARRIED in said()


def test_who_was_meant_has_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    real = targets.Targets.at
    monkeypatch.setattr(targets.Targets, "at", lambda self, site: real(self, site)[1:])
    assert said() == [job_rows.NO_ROW]


def test_a_job_that_is_done_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    real = status.overall_status
    monkeypatch.setattr(
        job_statuses,
        "overall_status",
        lambda was, said, **more: was if len(said) > 2 else real(was, said, **more),
    )
    assert job_rows.WRONG_STATUS in said()


def test_a_job_is_not_done_before_its_sites_are(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (job_statuses, job_rows):  # the rule itself is wrong, for whoever asks it
        monkeypatch.setattr(module, "overall_status", lambda *_, **__: "Complete")
        monkeypatch.setattr(module, "status_without_run", lambda was, *_, **__: was)
    held = REMOVED.replace('for = "3h"', 'for = "12h"').replace('type = "remove"', 'type = "share"')
    update = held.replace('name = "REMOVE"', 'send = "even if previously sent"\nname = "UPDATE"')
    kinds = said(update + "refresh_existing = true\n")
    assert job_rows.WRONG_STATUS in kinds


def test_an_instruction_that_was_lost_on_its_way_is_missed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def lose(*_: Any) -> None:
        return None

    monkeypatch.setattr(LanSender, "_deliver", lose)
    assert said() == [job_rows.NOTHING_COMES]


UPDATE = """
[[server]]
name = "LOGON1"

[[server]]
name = "LOGON2"

[[step]]
at = "3h"
do = "source"
package = "OFFICE"
files = { "a.dat" = "new a" }

[[step]]
at = "3h"
do = "job"
name = "UPDATE"
package = "OFFICE"
type = "share"
send = "even if previously sent"
refresh_existing = true
"""


@pytest.mark.slow
def test_who_has_a_package_gets_its_update(monkeypatch: pytest.MonkeyPatch) -> None:
    assert said(UPDATE) == []
    real = PackageServers.concerned

    def skip(self: Any, install: Any) -> Any:
        return real(self, install)[int(install.refresh_existing) :]

    monkeypatch.setattr(PackageServers, "concerned", skip)
    assert said(UPDATE) == [packages.LEFT_OUT]


HELD = """
[[step]]
at = "2h 30m"
do = "hold"
machine = "{}"
package = "OFFICE"
file = "a.dat"
server = "{}"
for = "3h"
"""


@pytest.mark.slow
def test_a_retry_is_of_both_servers_that_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    held = UPDATE + HELD.format("WS1", "LOGON1") + HELD.format("WS2", "LOGON2")
    assert said(held) == []
    real = Retries._targets
    monkeypatch.setattr(Retries, "_targets", lambda self, names: real(self, names)[-1:])
    assert site_rules.FORGOTTEN_SERVER in said(held)


@pytest.mark.slow
def test_all_who_are_in_the_way_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    held = UPDATE + HELD.format("WS1", "LOGON1") + HELD.format("WS2", "LOGON1")
    assert said(held) == []
    real = Holders.blockers

    def first(self: Any, wanted: int, shared: int, _most: int, *more: Any) -> Any:
        return real(self, wanted, shared, 1, *more)

    monkeypatch.setattr(Holders, "blockers", first)
    assert said(held) == [share_rules.UNNAMED]
