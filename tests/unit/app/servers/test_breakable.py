"""A site that runs, broken on purpose: what others see of it, and that it is whole again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from despoolr_app.process.runtime import Runtime, prepare
from despoolr_app.process.settings import Listen, LogonSettings, RuntimeSettings, SiteSettings
from despoolr_app.servers.servers import Servers
from despoolr_core.profile import profile_of
from despoolr_core.records.kinds.share import OpenClosed, OpenGranted
from despoolr_core.records.stream import Record, of
from despoolr_core.response import Response
from despoolr_core.share.modes import Role
from despoolr_core.timing import Timing

ANYWHERE = Listen("127.0.0.1", 0)
FAULTS = "/api/v1/faults"


@dataclass
class Running:
    """BPC on SITE1 with LOGON1, at x60."""

    runtime: Runtime
    servers: Servers
    http: aiohttp.ClientSession
    records: list[Record]
    urls: dict[str, str] = field(default_factory=dict)

    async def ask(
        self,
        method: str,
        server: str,
        path: str,
        body: Any = None,
        machine: str = "ADMIN1",
        role: Role = Role.ADMIN,
    ) -> tuple[int, Any]:
        """The status and the body; 0 for a connection that was reset."""
        token = self.runtime.auth.issue(machine, "U", role)
        is_file = isinstance(body, bytes)
        data = body if is_file or body is None else msgspec.json.encode(body)
        headers = {"Authorization": f"Bearer {token}"}
        if not is_file:
            headers["Content-Type"] = "application/json"
        call = self.http.request(method, self.urls[server] + path, data=data, headers=headers)
        try:
            async with call as answer:
                read = await answer.read()
                is_json = "json" in answer.headers.get("Content-Type", "")
                return answer.status, msgspec.json.decode(read) if is_json else read
        except aiohttp.ClientConnectionError:
            return 0, None

    async def add(self, server: str, /, **fault: str) -> str:
        status, row = await self.ask("POST", server, FAULTS, fault)
        assert status == 201, row
        return str(row["id"])

    async def refused(self, server: str, /, **fault: str) -> str:
        status, problem = await self.ask("POST", server, FAULTS, fault)
        assert status == 400, problem
        return str(problem["detail"])

    async def clear(self, fault: str) -> None:
        status, row = await self.ask("DELETE", fault.rpartition("-")[0], f"{FAULTS}/{fault}")
        assert status == 200, row

    async def put(self, machine: str = "ADMIN1") -> int:
        """A file on LOGON1's package share."""
        return (await self.ask("PUT", "LOGON1", "/SMS_PKGD/a.dat", b"12345", machine))[0]


@asynccontextmanager
async def running(data: Path, *, allow_faults: bool = True) -> AsyncIterator[Running]:
    settings = RuntimeSettings(data, Timing(60.0), listens=(ANYWHERE,), allow_faults=allow_faults)
    runtime = prepare(settings)
    runtime.begin(None)
    records: list[Record] = []
    runtime.recorder.listeners.append(records.append)
    servers = Servers(runtime, data.parent, lambda _text: None)
    async with aiohttp.ClientSession() as http:
        site = Running(runtime, servers, http, records)
        try:
            logon = await servers.add_logon(LogonSettings(ANYWHERE, "LOGON1"))
            profile = profile_of("1.2")
            site.urls["SITE1"] = await servers.add_site(
                SiteSettings(ANYWHERE, "SITE1", "BPC", "SALES", profile, Response.FAST, (logon,))
            )
            site.urls["LOGON1"] = logon.url
            yield site
        finally:
            await servers.close()


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path / "data") as made:
        yield made


async def test_a_server_that_was_not_started_for_it_is_never_broken(tmp_path: Path) -> None:
    async with running(tmp_path / "data", allow_faults=False) as site:
        for method, path in (("GET", ""), ("POST", ""), ("DELETE", "/SITE1-1")):
            status, problem = await site.ask(method, "SITE1", FAULTS + path)
            assert (status, problem["detail"].split(" (")[0]) == (
                404,
                "SITE1 was not started with --allow-faults",
            )


@pytest.mark.parametrize("role", [Role.CLIENT, Role.SERVICE])
async def test_only_an_administrator_breaks_a_server(site: Running, role: Role) -> None:
    for method, path in (("GET", ""), ("POST", ""), ("DELETE", "/SITE1-1")):
        assert (await site.ask(method, "SITE1", FAULTS + path, role=role))[0] == 403


async def test_a_full_disk_refuses_what_is_written_and_has_room_again(site: Running) -> None:
    full = await site.add("LOGON1", fault="disk_full", server="LOGON1", share="SMS_PKGD")
    status, problem = await site.ask("PUT", "LOGON1", "/SMS_PKGD/a.dat", b"12345")
    assert (status, problem["win32"], problem["free_bytes"]) == (507, 112, 0)
    assert (await site.ask("PUT", "LOGON1", "/SMS_SHR/a.dat", b"12345"))[0] == 201
    await site.clear(full)
    assert await site.put() == 201


async def test_a_link_that_is_down_answers_nobody_but_the_one_who_mends_it(site: Running) -> None:
    down = await site.add("LOGON1", fault="link_down", server="logon1")
    assert await site.put() == 0 == (await site.ask("GET", "LOGON1", "/healthz"))[0]
    status, told = await site.ask("GET", "LOGON1", FAULTS)
    assert (status, [row["where"] for row in told["faults"]]) == (200, ["LOGON1 to everybody"])
    await site.clear(down)
    assert await site.put() == 201, "it was written while the server was cut off"


async def test_a_link_to_one_machine_is_cut_for_that_one(site: Running) -> None:
    await site.add("LOGON1", fault="link_down", server="LOGON1", other="pc7")
    assert await site.put("PC7") == 0 and await site.put("PC8") == 201


async def test_a_site_server_that_is_cut_off_reaches_nobody(site: Running) -> None:
    there = site.servers.reach.connect("SITE1", "LOGON1", "A")
    assert (await there.opens()).opens == []
    down = await site.add("SITE1", fault="link_down", server="SITE1", other="LOGON1")
    with pytest.raises(Exception, match="cut on purpose"):
        await there.opens()
    await site.clear(down)
    assert (await there.opens()).opens == []


@pytest.mark.parametrize("cut", ["SITE1", "LOGON1"])
async def test_nothing_is_released_over_a_link_that_is_down(site: Running, cut: str) -> None:
    def release(server: str) -> Any:
        path = f"/api/v1/servers/{server}/opens/O99/release"
        return site.ask("POST", "SITE1", path, {"reason": "x"})

    assert (await release("LOGON1"))[0] == 410
    other = "LOGON1" if cut == "SITE1" else "SITE1"
    down = await site.add(cut, fault="link_down", server=cut, other=other)
    status, problem = await release("LOGON1")
    assert (status, problem["detail"]) == (502, "LOGON1 was not reached: the line is cut.")
    assert (await release("SITE1"))[0] == 410
    await site.clear(down)
    assert (await release("LOGON1"))[0] == 410


@pytest.mark.slow
async def test_a_call_that_is_under_way_is_reset(site: Running) -> None:
    slow = await site.add("LOGON1", fault="slow_share", server="LOGON1", delay="1h")
    under_way = asyncio.create_task(site.put())
    await asyncio.sleep(0.1)
    assert not under_way.done()
    await site.add("LOGON1", fault="link_down", server="LOGON1")
    assert await under_way == 0
    await site.clear(slow)


@pytest.mark.slow
async def test_a_slow_server_answers_late(site: Running) -> None:
    now = asyncio.get_running_loop().time
    assert await site.put() == 201
    taken_s = []
    for _ in range(20):
        began = now()
        assert await site.put() == 204
        taken_s.append(now() - began)
    assert min(taken_s) < 0.5, "of a machine with much to do"
    await site.add("LOGON1", fault="slow_share", server="LOGON1", delay="20s")
    began = now()
    assert await site.put() == 204
    assert 0.6 < now() - began < 30  # 20 s of site time each way


@pytest.mark.slow
async def test_a_fault_ends_by_itself(site: Running) -> None:
    for lasts_s in (30, 300, 3000):  # of site time: a busy machine asks when half a second is over
        await site.add("LOGON1", fault="link_down", server="LOGON1", **{"for": f"{lasts_s}s"})
        if (status := await site.put()) == 0:
            break
    assert status == 0
    async with asyncio.timeout(60 + lasts_s / 60):
        while await site.put() not in {201, 204}:
            pass
    assert (await site.ask("GET", "LOGON1", FAULTS))[1]["faults"] == []


async def test_a_sender_that_died_is_started_again(site: Running) -> None:
    executive = site.servers._assembly.sites["BPC"].executive
    async with asyncio.timeout(60):
        while "SMS_LAN_SENDER" not in executive._tasks:  # noqa: ASYNC110 - they are starting
            await asyncio.sleep(0.01)
    died = await site.add("SITE1", fault="sender_dies", site="bpc")
    assert not await executive.kill("SMS_LAN_SENDER")
    assert "there already" in await site.refused("SITE1", fault="sender_dies", site="BPC")
    await site.clear(died)
    assert await executive.kill("SMS_LAN_SENDER")


async def test_a_handle_that_a_service_forgets_is_open_until_the_fault_is_over(
    site: Running,
) -> None:
    spec = {"name": "OFFICE", "source": r"\\SITE1\PKGSRC\OFFICE"}
    _, made = await site.ask("POST", "SITE1", "/api/v1/packages", spec)
    path = f"{made['package']}/a.dat"
    assert (await site.ask("MKCOL", "LOGON1", f"/SMS_PKGD/{made['package']}"))[0] == 201
    assert (await site.ask("PUT", "LOGON1", f"/SMS_PKGD/{path}", b"1"))[0] == 201
    assert "no package X; there is BPC00001 (OFFICE)" in await site.refused(
        "SITE1", fault="handle_leaks", package="X", file="a.dat"
    )
    assert "cannot open b.dat" in await site.refused(
        "SITE1", fault="handle_leaks", package="OFFICE", file="b.dat"
    )
    leak = await site.add("SITE1", fault="handle_leaks", package="office", file="a.dat")
    opened = [fact for _, fact in of(site.records, OpenGranted) if fact.path == path][-1]
    assert (opened.machine, opened.program) == ("SITE1", "SMS_DESPOOLER")
    status, problem = await site.ask("PUT", "LOGON1", f"/SMS_PKGD/{path}", b"2")
    assert (status, problem["win32"]) == (423, 32)
    await site.clear(leak)
    assert opened.open in [fact.open for _, fact in of(site.records, OpenClosed)]


async def test_a_clients_clock_is_told_to_its_fleet(site: Running) -> None:
    machine = [{"name": "PC00001", "sms_id": "BPC00001", "domain": "SALES"}]
    await site.ask("POST", "SITE1", "/api/v1/machines", machine)
    assert "no machine 'PC9'" in await site.refused(
        "SITE1", fault="clock_jumps", machine="PC9", by="+1h"
    )
    wanted = {"holder": "one", "count": 1, "instance": "i"}
    _, before = await site.ask("POST", "SITE1", "/api/v1/slots", wanted)
    jump = await site.add("SITE1", fault="clock_jumps", machine="pc00001", by="-30m")
    news = {"live": 1, "instance": "i"}
    _, meanwhile = await site.ask("PUT", "SITE1", "/api/v1/slots/one", news)
    await site.clear(jump)
    _, after = await site.ask("PUT", "SITE1", "/api/v1/slots/one", news)
    assert "clocks" not in before and before == after
    assert meanwhile["clocks"] == {"PC00001": -1800.0}


async def test_a_server_breaks_only_itself_and_says_whom_to_ask(site: Running) -> None:
    said = await site.refused("SITE1", fault="disk_full", server="LOGON1")
    assert said == f"SITE1 breaks only itself, not LOGON1: ask that at {site.urls['LOGON1']}."
    said = await site.refused("SITE1", fault="link_down", server="MARS")
    assert said.endswith("no server of that name is known here.")
    assert "LOGON1 is no site server" in await site.refused("LOGON1", fault="sender_dies")
    assert "is the server of site BPC" in await site.refused(
        "SITE1", fault="sender_dies", site="PAR"
    )
    assert "has no share X; there is SMS_SHR, SMS_PKGD" in await site.refused(
        "LOGON1", fault="disk_full", server="LOGON1", share="X"
    )
    assert "no directory NO on SMS_SHR" in await site.refused(
        "LOGON1", fault="disk_full", server="LOGON1", share="SMS_SHR", path="NO"
    )
    assert "is no path" in await site.refused(
        "LOGON1", fault="disk_full", server="LOGON1", share="SMS_SHR", path="a/../b"
    )
    status, problem = await site.ask("DELETE", "SITE1", f"{FAULTS}/SITE1-9")
    assert (status, problem["detail"]) == (404, "SITE1 has no fault SITE1-9; there is none.")


@pytest.mark.slow
async def test_a_server_that_is_started_again_is_whole(tmp_path: Path) -> None:
    async with running(tmp_path / "data") as site:
        await site.add("LOGON1", fault="disk_full", server="LOGON1")
    assert [record.kind for record in site.records][-2:].count("fault.ended") == 1
    async with running(tmp_path / "data") as site:
        assert (await site.ask("GET", "LOGON1", FAULTS))[1]["faults"] == []
        assert await site.put() == 201
        assert await site.add("LOGON1", fault="disk_full", server="LOGON1") == "LOGON1-R21"
