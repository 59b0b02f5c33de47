"""A server's shares cost one round trip for each thing asked, and an operator's calls answer."""

from __future__ import annotations

import aiohttp
import pytest

from despoolr_core.share.contract import ShareError, ShareUnreachable
from despoolr_core.share.modes import Role
from unit.client.transport.test_server_session import LEASE_S, Logon, virtually


def test_each_thing_asked_is_one_round_trip() -> None:
    async def story(logon: Logon) -> list[str]:
        share = logon.server().share("SMS_SHR")
        await share.write("A.INS", b"1")
        await share.read("A.INS")
        await share.read_if_changed("A.INS", '"x"')
        await share.list()
        await share.stat("A.INS")
        await share.make_directory("X/Y")
        await share.rename("A.INS", "B.INS")
        await share.delete("B.INS")
        return logon.asked

    assert virtually(story) == [
        "PUT /SMS_SHR/A.INS",
        "GET /SMS_SHR/A.INS",
        "GET /SMS_SHR/A.INS",
        "GET /SMS_SHR/",
        "GET /SMS_SHR/A.INS?stat=true",
        "MKCOL /SMS_SHR/X/Y?parents=true",
        "MOVE /SMS_SHR/A.INS",
        "DELETE /SMS_SHR/B.INS",
    ]


def test_the_operators_calls_answer() -> None:
    async def story(logon: Logon) -> None:
        holder = logon.server(program="EXCEL.EXE").share("SMS_SHR")
        await holder.write("b.dat", b"1")
        file = await holder.open("b.dat")
        site = logon.server("SITE1", Role.SERVICE, program="SMS_DESPOOLER")
        with pytest.raises(ShareError):
            await site.share("SMS_SHR").write("b.dat", b"2", purpose="job 1")
        assert [row.open for row in (await site.opens(machine="ws3")).opens] == [file.handle]
        assert (await site.opens(path="c.dat")).count == 0
        await site.close_by_force(file.handle, "update")
        await site.share("SMS_SHR").write("b.dat", b"2", purpose="job 1")

    virtually(story)


def test_a_server_that_is_left_is_logged_off_even_if_it_does_not_answer_any_more() -> None:
    async def story(logon: Logon) -> None:
        async with logon.server() as server:
            await server.session.start("WINWORD.EXE")
            assert logon.host.session_count == 1
        assert logon.host.session_count == 0
        async with logon.server(timeout=aiohttp.ClientTimeout(total=5.0)) as server:
            await server.session.start("WINWORD.EXE")
            logon.network.take_down("logon1")
            with pytest.raises(ShareUnreachable):
                await server.opens()

    virtually(story)


def test_a_machine_without_power_closes_nothing_and_renews_nothing() -> None:
    async def story(logon: Logon) -> None:
        server = logon.server()
        await server.share("SMS_SHR").write("b.dat", b"1")
        await server.share("SMS_SHR").open("b.dat")
        server.abandon()
        asked = list(logon.asked)
        await logon.clock.sleep(3 * LEASE_S)
        assert logon.asked == asked and logon.host.open_count == 1

    virtually(story)
