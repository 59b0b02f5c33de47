"""The calls by which fleets lease their clients from a site server, and by which anyone sees that all are there.

| Call | Does |
| --- | --- |
| `POST /api/v1/slots` `{holder, count}` | a range of client numbers: the holder's own, or a free one; `count` 0 if none is free |
| `PUT /api/v1/slots/{holder}` `{live}` | keeps it, and says how many of the clients exist; 404 if it is lost |
| `DELETE /api/v1/slots/{holder}` | gives it back |
| `GET /api/v1/slots` | every lease, how many clients are wanted and exist, and whether that is exact |

The law: a range is in the database before its holder hears of it, so a killed site server never gives one out twice.
For administrators: who may lease may register machines.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Final

import msgspec
from aiohttp import web
from sqlalchemy import Connection, delete, insert, select

from despoolr_core.records import Recorder
from despoolr_core.sharing import Role
from despoolr_lab.slots import NUMBER_MAX, Lease, SlotTable
from despoolr_server.http.app import SURFACE
from despoolr_server.http.problem import Refused, known
from despoolr_server.http.surface import Surface, json_answer, read_json
from despoolr_server.store.database import Database
from despoolr_server.store.schema import CLIENT_SLOTS

HOLDER_SIZE_MAX: Final = 64


class SlotRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Who wants how many clients."""

    holder: Annotated[str, msgspec.Meta(min_length=1, max_length=HOLDER_SIZE_MAX, pattern=r"^[\w.-]+$")]
    count: Annotated[int, msgspec.Meta(ge=1, le=NUMBER_MAX)]


class SlotNews(msgspec.Struct, forbid_unknown_fields=True):
    """How many of a holder's clients exist."""

    live: Annotated[int, msgspec.Meta(ge=0)]


class SlotFacts(msgspec.Struct):
    """A holder's clients: `first` to `first + count - 1`; how long they are its own without being renewed, in real seconds."""

    holder: str
    first: int
    count: int
    lease_s: float


class FleetRow(msgspec.Struct):
    """A lease, and how many of its clients exist."""

    holder: str
    first: int
    count: int
    live: int


class SlotSum(msgspec.Struct):
    """`GET /api/v1/slots`. `exact`: as many exist as were asked for, and none was ever lost (`lapsed` leases)."""

    wanted: int
    leased: int
    live: int
    lapsed: int
    exact: bool
    fleets: list[FleetRow]


class SlotRoutes:
    """The calls of one site server. `restore` them before it answers."""

    def __init__(self, table: SlotTable, database: Database, recorder: Recorder, site: str) -> None:
        self.table = table
        self._database = database
        self._recorder = recorder
        self._actor = f"{site}/FLEETS"
        self._changing = asyncio.Lock()

    def routes(self) -> list[web.RouteDef]:
        """For `extra_routes`."""
        return [
            web.get("/api/v1/slots", self._get),
            web.post("/api/v1/slots", self._post),
            web.put("/api/v1/slots/{holder}", self._put),
            web.delete("/api/v1/slots/{holder}", self._delete),
        ]

    async def restore(self) -> None:
        """Read what the last start of this site server gave out."""
        rows = await self._database.run(lambda db: db.execute(select(CLIENT_SLOTS)).all())
        self.table.restore([Lease(row.Holder, row.First, row.Count) for row in rows], _now())

    async def _get(self, request: web.Request) -> web.Response:
        _require_administrator(request)
        await self._expire()
        total = self.table.sum(_now())
        fleets = [FleetRow(x.holder, x.first, x.count, x.live) for x in self.table.leases()]
        return json_answer(SlotSum(total.wanted, total.leased, total.live, total.lapsed_count, total.is_exact, fleets))

    async def _post(self, request: web.Request) -> web.Response:
        _require_administrator(request)
        asked = await read_json(request, SlotRequest)
        await self._expire()
        async with self._changing:
            is_new = self.table.renew(asked.holder, 0, _now()) is None
            lease = self.table.lease(asked.holder, asked.count, _now())
            if is_new and lease.count:
                await self._database.run(lambda db: _write(db, lease))
                self._record("slots.leased", lease)
        return json_answer(self._facts(lease), 201)

    async def _put(self, request: web.Request) -> web.Response:
        _require_administrator(request)
        news = await read_json(request, SlotNews)
        await self._expire()
        lease = self.table.renew(request.match_info["holder"], news.live, _now())
        if lease is None:
            raise Refused(known("not-found", f"{request.match_info['holder']} holds no clients (any more). Lease anew."))
        return json_answer(self._facts(lease))

    async def _delete(self, request: web.Request) -> web.Response:
        _require_administrator(request)
        async with self._changing:
            lease = self.table.release(request.match_info["holder"])
            if lease is not None:
                await self._database.run(lambda db: _erase(db, [lease]))
                self._record("slots.released", lease)
        return web.Response(status=204)

    async def _expire(self) -> None:
        """Whoever asks first after a lease ran out takes it back; until somebody asks, it harms nobody."""
        async with self._changing:
            lapsed = self.table.expire(_now())
            if lapsed:
                await self._database.run(lambda db: _erase(db, lapsed))
                for lease in lapsed:
                    self._record("slots.lapsed", lease)

    def _facts(self, lease: Lease) -> SlotFacts:
        return SlotFacts(lease.holder, lease.first, lease.count, self.table.lease_s)

    def _record(self, kind: str, lease: Lease) -> None:
        self._recorder.record(self._actor, kind, holder=lease.holder, first=lease.first, count=lease.count)


def _write(db: Connection, lease: Lease) -> None:
    db.execute(delete(CLIENT_SLOTS).where(CLIENT_SLOTS.c.Holder == lease.holder))
    db.execute(insert(CLIENT_SLOTS).values(Holder=lease.holder, First=lease.first, Count=lease.count))


def _erase(db: Connection, leases: list[Lease]) -> None:
    db.execute(delete(CLIENT_SLOTS).where(CLIENT_SLOTS.c.Holder.in_([lease.holder for lease in leases])))


def _now() -> float:
    return asyncio.get_running_loop().time()


def _require_administrator(request: web.Request) -> None:
    surface: Surface = request.app[SURFACE]
    if surface.principal(request).role is not Role.ADMIN:
        raise Refused(known("forbidden", "Only an administrator leases clients. Use the token in admin.token."))
