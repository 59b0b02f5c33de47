"""The clients of a process: what becomes of their numbers at the end."""

from __future__ import annotations

import asyncio

import pytest

from despoolr_app.fleet.fleet import ClientsSettings, FleetClients
from despoolr_app.fleet.site_link import SiteLink
from despoolr_app.runs.directory import RunError
from unit.app.fleet.test_lease import Site, answer, lease


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
