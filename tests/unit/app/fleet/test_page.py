"""A fleet's page: health and readiness for anyone, metrics for whoever has a token."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from despoolr_app.fleet.fleet import ClientsSettings, FleetClients
from despoolr_app.fleet.page import FleetPage, fleet_health
from despoolr_app.process.runtime import StartError
from despoolr_app.process.settings import ConfigError, Listen
from despoolr_core.share.modes import Role
from despoolr_server.http.base.auth import Auth
from unit.app.fleet.test_lease import Site, lease

HERE = Listen("127.0.0.1", 0)


class StagedClients(FleetClients):
    """Ten clients from number 41 on, as far as they are there."""

    live = 10
    reaches = True

    def __init__(self) -> None:
        settings = ClientsSettings(10, "http://site1", "token", first=41, holder="one")
        super().__init__(settings, lambda _: None)

    @property
    def live_count(self) -> int:
        return 0 if self.are_stopped else self.live

    @property
    def logon_urls(self) -> list[str]:
        return ["http://logon1"]

    async def reaches_logon_server(self) -> bool:
        return self.reaches


@asynccontextmanager
async def page_of(clients: FleetClients, auth: Auth | None = None) -> AsyncIterator[str]:
    page = FleetPage(clients, auth)
    url = await page.start(HERE)
    try:
        yield url
    finally:
        await page.stop()


async def get(url: str, **headers: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as http, http.get(url, headers=headers) as answer:
        return answer.status, await answer.text()


@pytest.mark.parametrize(
    ("live", "is_stopped", "reaches", "status", "says"),
    [
        (10, False, True, 200, "ok"),
        (10, False, False, 503, "no logon server answers"),
        (0, False, True, 503, "starting: 0 of 10 clients"),
        (7, False, True, 503, "incomplete: 7 of 10 clients"),
        (10, True, True, 503, "stopped: 0 of 10 clients"),
    ],
)
async def test_a_fleet_is_ready_with_all_its_clients_and_a_logon_server(
    live: int, is_stopped: bool, reaches: bool, status: int, says: str
) -> None:
    clients = StagedClients()
    clients.live, clients.are_stopped, clients.reaches = live, is_stopped, reaches
    async with page_of(clients) as url:
        assert await get(f"{url}/ready") == (status, f"{says}\n")
        code, body = await get(f"{url}/healthz")
    health = json.loads(body)
    assert code == 200 and health == {
        "fleet": "one",
        "status": says.partition(":")[0] if reaches else "ok",
        "first": 41,
        "wanted": 10,
        "live": 0 if is_stopped else live,
        "site": "http://site1",
        "logons": ["http://logon1"],
    }


async def test_a_fleet_that_stands_by_wants_no_clients_and_is_ready() -> None:
    clients = StagedClients()
    clients.live, clients.reaches, clients.lease = 0, False, lease(Site())
    clients.lease.is_standing_by = True
    health = fleet_health(clients)
    assert (health["status"], health["first"], health["wanted"]) == ("standing by", 0, 0)
    async with page_of(clients) as url:
        assert await get(f"{url}/ready") == (200, "standing by\n")


async def test_metrics_are_for_a_token_of_the_sites_secret() -> None:
    auth = Auth(b"sixteen bytes!!!")
    token = auth.issue("PROMETHEUS", "prometheus", Role.SERVICE)
    async with page_of(StagedClients(), auth) as url:
        assert (await get(f"{url}/metrics"))[0] == 401
        assert (await get(f"{url}/metrics", Authorization="Bearer wrong"))[0] == 401
        status, text = await get(f"{url}/metrics", Authorization=f"Bearer {token}")
        assert (await get(f"{url}/ready"))[0] == 200, "health asks for no token"
    assert status == 200 and "despoolr_fleet_clients 10.0" in text


async def test_metrics_for_anyone_are_not_for_a_page_of_another_name() -> None:
    async with page_of(StagedClients()) as url:
        assert (await get(f"{url}/metrics"))[0] == 200
        status, text = await get(f"{url}/metrics", Host="elsewhere.example")
    assert status == 421 and "elsewhere.example" in text


async def test_without_a_secret_a_fleet_listens_on_loopback_only() -> None:
    with pytest.raises(ConfigError, match=r"refusing to listen on 0\.0\.0\.0 without"):
        await FleetPage(StagedClients(), None).start(Listen("0.0.0.0", 0))


async def test_a_port_that_is_taken_is_one_line_that_says_so() -> None:
    async with page_of(StagedClients()) as url:
        taken = Listen("127.0.0.1", int(url.rpartition(":")[2]))
        with pytest.raises(StartError, match=r"is in use; .* choose another --listen"):
            await FleetPage(StagedClients(), None).start(taken)
