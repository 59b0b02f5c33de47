"""The clients of a process: what becomes of their numbers and records at the end."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from despoolr_app.fleet.fleet import ClientsSettings, FleetClients
from despoolr_app.fleet.site_link import SiteLink
from despoolr_app.process.runtime import StartError
from despoolr_app.runs import directory as runs
from despoolr_app.runs.directory import RecordFile, RunError
from despoolr_core.records.kinds.site import LineLogged
from despoolr_core.records.stream import Record
from despoolr_core.share.fleet_api import SiteCard
from unit.app.fleet.test_lease import Site, answer, lease
from worlds.support import leave_out


async def test_numbers_are_given_back_also_where_a_task_of_the_fleet_failed() -> None:
    async def fail() -> None:
        raise RunError("no more")

    site = Site(answer(41, 7))
    clients = FleetClients(ClientsSettings(7, "http://site1", "token"), lambda _: None)
    clients._link = link = SiteLink("http://site1", "token", clients.say)
    link.lease = lease(site)
    await link.lease.take()
    clients._background.append(asyncio.create_task(fail()))
    await asyncio.sleep(0)
    with pytest.raises(RunError, match="no more"):
        await clients.stop()
    assert [what for what, _ in site.asked][-1] == "release h"
    assert link.http.closed


async def test_a_fleet_says_in_the_end_which_records_a_full_disk_did_not_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = Path("/dev/full")
    if not full.exists():
        leave_out("this system has no /dev/full")
    monkeypatch.setattr(runs, "opener", lambda _, flags: os.open(full, flags))
    said: list[str] = []
    clients = FleetClients(ClientsSettings(7, "http://site1", "token"), said.append)
    clients._records = RecordFile(tmp_path / "clients.jsonl")
    clients._records(Record(1, 1.0, "LOGON1/WS1", LineLogged(component="x", text="y")))
    await clients.stop()
    assert "could not be written" in said[0] and "No space left on device" in said[0]


@pytest.mark.parametrize(
    ("version", "changed"), [("9.9", {}), ("1.1", {"a_behaviour_of_tomorrow": "true"})]
)
async def test_a_site_of_a_later_despoolr_is_one_line(
    version: str, changed: dict[str, str]
) -> None:
    link = SiteLink("http://site1", "token", lambda _: None)
    try:
        with pytest.raises(StartError, match="site1 is of another version of Despoolr: "):
            link.behaviour_of(SiteCard("BPC", "SALES", version, changed, "Fast"))
    finally:
        await link.http.close()
