"""The servers of one process: what services are told of servers beside them, and elsewhere."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from aiohttp import ClientSession

from despoolr_app.process import discovery
from despoolr_app.process.private_file import NoRoomToWrite
from despoolr_app.process.runtime import StartError, prepare
from despoolr_app.process.settings import Listen, LogonSettings, RuntimeSettings, SiteSettings
from despoolr_app.servers.servers import Servers
from despoolr_core.profile import profile_of
from despoolr_core.response import Response
from despoolr_core.share.fleet_api import ServerCard, SetupFacts
from despoolr_core.share.modes import Role
from despoolr_server.shares.base.principal import Principal
from despoolr_server.site.state import boxes
from despoolr_server.site.state.rows import queries
from despoolr_server.site.state.rows.queries import NO_PCM

ANYWHERE = Listen("127.0.0.1", 0)


async def test_a_service_is_told_of_a_server_beside_it_and_must_ask_one_it_does_not_hear(
    tmp_path: Path,
) -> None:
    runtime = prepare(RuntimeSettings(tmp_path / "data", listens=(ANYWHERE,)))
    runtime.begin(None)
    servers = Servers(runtime, tmp_path, lambda _text: None)
    try:
        beside = await servers.add_logon(LogonSettings(ANYWHERE, "LOGON1"))
        elsewhere = ServerCard("LOGON2", "http://127.0.0.1:9", True, True, "SMS_PKGD", "")
        profile = profile_of("1.2")
        await servers.add_site(
            SiteSettings(
                ANYWHERE, "SITE1", "BPC", "SALES", profile, Response.SLOW, (beside, elsewhere)
            )
        )
        told, untold = (
            servers.reach.connect("SITE1", name, "A").share(boxes.LOGON_SHARE).watch([""])
            for name in ("LOGON1", "LOGON2")
        )
        told(0.0)  # the first time it finds the server
        assert told(0.0) == told(0.0) is not None
        assert untold(0.0) is None
        before = len(servers.reach._connections)
        for user in ("A", "B", "C"):
            who = Principal("ADMIN1", user, Role.ADMIN)
            problem = await servers.reach.release("SITE1", who, "LOGON2", "O1", "x")
            assert problem is not None and problem.status == 502
        assert len(servers.reach._connections) == before + 1, "one way there, whoever goes it"
    finally:
        await servers.close()


async def test_a_share_that_is_called_as_a_call_is_refused_in_a_line(tmp_path: Path) -> None:
    runtime = prepare(RuntimeSettings(tmp_path / "data", listens=(ANYWHERE,)))
    runtime.begin(None)
    servers = Servers(runtime, tmp_path, lambda _text: None)
    try:
        with pytest.raises(StartError, match="no share may be called docs"):
            await servers.add_logon(LogonSettings(ANYWHERE, "LOGON1", package_share="docs"))
    finally:
        await servers.close()


async def test_servers_that_a_full_disk_cannot_list_serve_and_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: Path, __: bytes) -> None:
        raise NoRoomToWrite("cannot write servers.json: no room")

    said: list[str] = []
    runtime = prepare(RuntimeSettings(tmp_path / "data", listens=(ANYWHERE,)))
    runtime.begin(None)
    servers = Servers(runtime, tmp_path, said.append)
    try:
        card = await servers.add_logon(LogonSettings(ANYWHERE, "LOGON1"))
        monkeypatch.setattr(discovery, "write_private", full)
        servers.announce()
        assert said == [
            "cannot write servers.json: no room: commands find these servers by --url only"
        ]
        async with ClientSession() as session, session.get(f"{card.url}/healthz") as answer:
            assert answer.status == 200
    finally:
        monkeypatch.undo()
        await servers.close()


async def test_a_server_of_netwares_is_told_to_the_services_and_is_a_machine_without_pcm(
    tmp_path: Path,
) -> None:
    for start in (1, 2):
        runtime = prepare(RuntimeSettings(tmp_path / "data", listens=(ANYWHERE,)))
        runtime.begin(None)
        servers = Servers(runtime, tmp_path, lambda _text: None)
        try:
            cards = tuple(
                ServerCard(name, "http://127.0.0.1:9", True, True, "SMS_PKGD", "")
                for name in ("NT1", "NW2", "NW3")
            )
            url = await servers.add_site(
                SiteSettings(
                    *(ANYWHERE, "SITE1", "BPC", "SALES", profile_of("1.2"), Response.SLOW, cards),
                    netware=frozenset({"NW2", "NW3"}),
                )
            )
            site = servers._assembly.sites["BPC"].context
            assert [role.is_netware for role in site.servers] == [False, True, True]
            machines = await site.database.run(queries.machines)
            assert [(m.name, m.sms_id, m.operating_system, m.domain) for m in machines] == [
                ("NW2", "BPCZZ000", NO_PCM, "SALES"),
                ("NW3", "BPCZZ001", NO_PCM, "SALES"),
            ], f"start {start}"
            authorised = {"Authorization": f"Bearer {runtime.token}"}
            async with ClientSession() as http:
                answer = await http.get(f"{url}/api/v1/setup", headers=authorised)
                facts = msgspec.json.decode(await answer.read(), type=SetupFacts)
            assert [card.netware for card in facts.servers] == [False, True, True]
        finally:
            await servers.close()
