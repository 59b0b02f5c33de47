"""What the calls by which fleets lease their clients answer, whatever is asked and whatever the
site database holds.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from despoolr_core.records.stream import Record, Recorder
from despoolr_core.share.modes import Role
from despoolr_server.database.memory import MemoryDatabase
from despoolr_server.http.base.auth import Auth
from despoolr_server.http.site.slots import SlotRoutes
from despoolr_server.site.state.rows.queries import KnownMachine, set_machines
from despoolr_server.site.state.rows.slots import SlotTable
from worlds.share_server import Reply, Site, serving

JUNK: list[Any] = [
    None,
    True,
    -1,
    0,
    1,
    2**63,
    10**30,
    1.5,
    "",
    "PC",
    "x\n",
    "x" * 3000,
    "\x00",
    "\ud800",
    "ß",
    [],
    {},
]


class Slots:
    """The calls of a site, and its database."""

    def __init__(self, site: Site, database: MemoryDatabase, token: str) -> None:
        self._site = site
        self._token = token
        self.database = database

    async def post(self, body: bytes) -> Reply:
        return await self._site.ask(
            "POST", "/api/v1/slots", body, self._token, Content_Type="application/json"
        )

    async def renew(self, holder: str, body: bytes) -> Reply:
        return await self._site.ask(
            "PUT", f"/api/v1/slots/{holder}", body, self._token, Content_Type="application/json"
        )

    async def lease(self, **asked: Any) -> Reply:
        return await self.post(msgspec.json.encode(asked))

    async def know(self, *machines: tuple[str, str]) -> None:
        known = [KnownMachine(0, name, sms_id, "SALES", 2, "BPC") for sms_id, name in machines]
        await self.database.run(lambda db: set_machines(db, known))

    async def written(self) -> list[tuple[str, int, int]]:
        return [
            tuple(row)
            for row in await self.database.run(lambda db: db.all('SELECT * FROM "ClientSlots"'))
        ]


@asynccontextmanager
async def slots(wanted: int = 20) -> AsyncIterator[Slots]:
    records: list[Record] = []
    database, auth = MemoryDatabase(), Auth(b"sixteen bytes!!!")
    routes = SlotRoutes(SlotTable(wanted), database, Recorder(lambda: 0.0, [records.append]), "BPC")
    async with serving(auth, routes.routes()) as site:
        yield Slots(site, database, auth.issue("ADMIN1", "Administrator", Role.ADMIN))
    await database.close()


@asynccontextmanager
async def short_leases() -> AsyncIterator[tuple[Slots, Callable[[], Awaitable[str]]]]:
    """A site whose leases last a fifth of a second, and the kind of what it records next."""
    told: asyncio.Queue[Record] = asyncio.Queue()
    database, auth = MemoryDatabase(), Auth(b"sixteen bytes!!!")
    recorder = Recorder(lambda: 0.0, [told.put_nowait])
    routes = SlotRoutes(SlotTable(20, lease_s=0.2), database, recorder, "BPC")
    looking = asyncio.create_task(routes.keep_looking())

    async def next_kind() -> str:
        async with asyncio.timeout(60):
            return (await told.get()).kind

    async with serving(auth, routes.routes()) as site:
        token = auth.issue("ADMIN1", "Administrator", Role.ADMIN)
        yield Slots(site, database, token), next_kind
    looking.cancel()
    await database.close()


@pytest.mark.slow
async def test_what_a_site_without_fleets_leases_is_taken_back_when_it_is_not_renewed() -> None:
    async with short_leases() as (asked, next_kind):
        for holder in ("one", "two"):  # the table is empty before each
            assert (await asked.lease(holder=holder, count=5)).status == 201
            assert [await next_kind(), await next_kind()] == ["slots.leased", "slots.lapsed"]


async def test_what_a_fleet_takes_up_again_after_all_had_lapsed_is_taken_back_too() -> None:
    async with short_leases() as (asked, next_kind):
        assert (await asked.lease(holder="one", count=5)).status == 201
        assert [await next_kind(), await next_kind()] == ["slots.leased", "slots.lapsed"]
        assert (await asked.renew("one", b'{"live":5}')).status == 200
        assert [await next_kind(), await next_kind()] == ["slots.leased", "slots.lapsed"]


async def test_machines_whose_smsid_is_none_have_no_number() -> None:
    async with slots() as asked:
        await asked.know(
            ("BPC", "A"),
            ("BPC 0001", "B"),
            ("BPC-!", "C"),
            ("BPC00", "D"),
            ("BPC000001", "E"),
            ("BPC00002", "QX00002"),
        )
        reply = await asked.lease(holder="one", count=5)
    assert reply.status == 201, reply
    assert (reply.json["first"], reply.json["count"]) == (3, 5)


@pytest.mark.parametrize(
    "field", ["holder", "count", "first", "prefix", "instance", "stopped", "other"]
)
async def test_no_body_is_an_error_of_the_server(field: str) -> None:
    async with slots() as asked:
        await asked.know(("BPC00001", "PC00001"))
        for number, junk in enumerate(JUNK):
            body = {"holder": f"fleet-{number}", "count": 1, field: junk}
            reply = await asked.post(json.dumps(body).encode())
            assert reply.status in {201, 400, 409, 422}, (field, junk, reply)


async def test_a_range_that_its_holder_lost_is_not_written_down_any_more() -> None:
    async with slots(wanted=5) as asked:
        assert (await asked.lease(holder="one", count=5)).json["count"] == 5
        assert await asked.written() == [("one", 1, 5)]
        await asked.know(*((f"BPC{n:05}", f"QX{n:05}") for n in range(1, 6)))
        assert (await asked.lease(holder="one", count=5)).json["count"] == 0
        assert await asked.written() == []
        assert (await asked.lease(holder="two", count=5, prefix="QX")).json["count"] == 5
        assert await asked.written() == [("two", 1, 5)]
