"""Rights and messages from afar: who may, what is answered, what goes on record."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from despoolr_app.clocks.loop_clock import LoopClock
from despoolr_client.transport.share_server import ShareServer
from despoolr_core.records.stream import Record, Recorder
from despoolr_core.share.contract import ShareError
from despoolr_core.share.modes import Role
from despoolr_lab.sim.sockets import SocketNetwork
from despoolr_server.assembly import SiteAssembly
from despoolr_server.database.memory import MemoryDatabase
from despoolr_server.files.memory import MemoryFileStore
from despoolr_server.http.base.auth import Auth
from despoolr_server.http.connections.connections import Runner
from despoolr_server.site.state.context import RemoteServer, SiteServerRole
from worlds.share_server import EPOCH, Site
from worlds.site import Bench


def unconnected(machine: str, server: str, program: str) -> RemoteServer:
    raise AssertionError(f"{machine} asks {server}, though no service runs")


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    clock, auth, network = LoopClock(EPOCH), Auth(b"sixteen bytes or more"), SocketNetwork()
    records: list[Record] = []
    recorder = Recorder(clock.now, [records.append])
    assembly = SiteAssembly(
        clock,
        lambda machine, share: MemoryFileStore(),
        lambda site: MemoryDatabase(),
        unconnected,
        recorder=recorder,
        auth=auth,
    )
    made = assembly.add_logon(SiteServerRole("LOGON1", "SALES"))
    runner = Runner(made.app, lane=False)
    await runner.setup()
    await network.serve(runner, "logon1")
    async with network.session("here") as http:
        yield Site(made.host, auth, clock, records, http, "http://logon1")
    await runner.cleanup()


RIGHTS = b'{"prefix": "BPC00001", "role": "client", "rights": "NONE"}'


async def test_rights_are_set_and_the_former_ones_answered(site: Site) -> None:
    first = await site.ask("PUT", "/api/v1/shares/SMS_PKGD/rights", RIGHTS)
    assert (first.status, first.body) == (200, b'{"former":null}')
    again = await site.ask(
        "PUT", "/api/v1/shares/SMS_PKGD/rights", RIGHTS.replace(b'"NONE"', b"null")
    )
    assert again.body == b'{"former":"NONE"}'


async def test_a_message_is_told_to_its_machine_and_to_no_other(site: Site) -> None:
    assert (
        await site.ask("POST", "/api/v1/messages", b'{"machine": "WS1", "text": "close it"}')
    ).status == 200
    other, own = (site.auth.issue(name, "ALICE", Role.CLIENT) for name in ("WS2", "WS1"))
    assert (await site.ask("GET", "/api/v1/messages", token=other)).body == b'{"messages":[]}'
    assert (
        await site.ask("GET", "/api/v1/messages", token=own)
    ).body == b'{"messages":["close it"]}'
    assert (await site.ask("GET", "/api/v1/messages", token=own)).body == b'{"messages":[]}'


async def test_a_service_changes_rights_and_tells_users_by_its_client(site: Site) -> None:
    def server(token: str) -> ShareServer:
        return ShareServer(site.http, site.base, token, site.clock)

    service, own = server(site.token), server(site.auth.issue("WS1", "ALICE", Role.CLIENT))
    assert await service.set_rights("SMS_PKGD", "BPC00001", Role.CLIENT, "NONE") is None
    assert await service.set_rights("SMS_PKGD", "BPC00001", Role.CLIENT, None) == "NONE"
    await service.send_message("WS1", "close it")
    assert await own.messages() == ["close it"] and await own.messages() == []
    with pytest.raises(ShareError):
        await own.set_rights("SMS_PKGD", "", Role.CLIENT, "FULL")


async def test_a_client_may_neither_change_rights_nor_send_messages(site: Site) -> None:
    token = site.auth.issue("WS1", "ALICE", Role.CLIENT)
    assert (
        await site.ask("PUT", "/api/v1/shares/SMS_PKGD/rights", RIGHTS, token=token)
    ).status == 403
    assert (
        await site.ask(
            "POST", "/api/v1/messages", b'{"machine": "WS2", "text": "hello"}', token=token
        )
    ).status == 403


@pytest.mark.parametrize(
    ("share", "body", "status"),
    [
        ("NOSUCH", RIGHTS, 404),
        ("SMS_PKGD", RIGHTS.replace(b"client", b"guest"), 400),
        ("SMS_PKGD", RIGHTS.replace(b"NONE", b"SOME"), 400),
        ("SMS_PKGD", b"{", 400),
    ],
)
async def test_what_does_not_fit_is_refused_with_what_there_is(
    site: Site, share: str, body: bytes, status: int
) -> None:
    reply = await site.ask("PUT", f"/api/v1/shares/{share}/rights", body)
    assert reply.status == status
    assert reply.problem.detail


async def test_a_message_has_a_length(site: Site) -> None:
    for length, status in ((1024, 200), (1025, 400)):
        text = ("x" * length).encode()
        assert (
            await site.ask(
                "POST", "/api/v1/messages", b'{"machine": "WS2", "text": "' + text + b'"}'
            )
        ).status == status


async def test_what_a_service_tells_a_user_of_the_site_servers_own_shares_reaches_the_user() -> (
    None
):
    bench, network = Bench(), SocketNetwork()
    runner = Runner(bench.server.app, lane=False)
    await runner.setup()
    await network.serve(runner, "site1")
    async with network.session("here") as http:
        site = Site(bench.server.host, bench.auth, bench.clock, bench.records, http, "http://site1")
        await bench.site.connect_as("SITE1", "SMS_DESPOOLER").send_message("WS1", "close it")
        for machine, expected in (("WS2", []), ("WS1", ["close it"]), ("WS1", [])):
            reply = await site.ask(
                "GET", "/api/v1/messages", token=bench.auth.issue(machine, "", Role.CLIENT)
            )
            assert reply.json == {"messages": expected}
    await runner.cleanup()
