"""The calls by which fleets lease their clients from a site server, and by which anyone sees that
all are there.

| Call | Does |
| --- | --- |
| `POST /api/v1/slots` `{holder, count}` | a range of numbers; with `first` exactly those |
| `PUT /api/v1/slots/{holder}` `{live}` | keeps it, says how many clients live; 404 if it is lost |
| `DELETE /api/v1/slots/{holder}` | gives it back |
| `GET /api/v1/slots` | every lease, how many clients are wanted and exist, whether that is exact |

Without `first` a holder gets the range that it has, or a free one; a range of `count` 0 says that
none is free. 409 says that the numbers, or the holder's name, are another's.

The law: a range is in the database before its holder hears of it, so a killed site server never
gives one out twice; a number that is a machine of another name is not given out, so no machine is
silently replaced. For administrators: who may lease may register machines.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import TypeVar

from despoolr_core.formats.client_number import name_of, number_in, number_of
from despoolr_core.formats.sms_id import is_sms_id
from despoolr_core.records.kinds.site import SlotsLapsed, SlotsLeased, SlotsReleased
from despoolr_core.records.stream import Recorder
from despoolr_core.rules.fold import fold
from despoolr_core.share.fleet_api import FleetRow, SlotFacts, SlotNews, SlotRequest, SlotSum
from despoolr_core.share.modes import Role
from despoolr_server.database.protocol import Connection, Database, insert_into
from despoolr_server.http.base.problem import Refused, known
from despoolr_server.http.base.surface import SURFACE, Surface, json_answer, query, read_json
from despoolr_server.http.handling.handler import Request, Route, StreamResponse
from despoolr_server.http.handling.single_write import SingleWriteResponse
from despoolr_server.site.state.rows.slots import Lease, SlotConflict, SlotTable, Span, Wish

T = TypeVar("T")


class SlotRoutes:
    """The calls of one site server. `restore` them before it answers."""

    def __init__(self, table: SlotTable, database: Database, recorder: Recorder, site: str) -> None:
        self.table = table
        self._database = database
        self._recorder = recorder
        self._site = site
        self._actor = f"{site}/FLEETS"
        self.clocks: dict[str, float] = {}
        """Machines whose clocks are wrong on purpose, and by how much: every fleet is told."""
        self._changing = asyncio.Lock()
        self._leased = asyncio.Event()

    def routes(self) -> list[Route]:
        """What `make_app` takes as `extra_routes`."""
        return [
            Route("GET", "/api/v1/slots", self._get),
            Route("POST", "/api/v1/slots", self._post),
            Route("PUT", "/api/v1/slots/{holder}", self._put),
            Route("DELETE", "/api/v1/slots/{holder}", self._delete),
        ]

    async def restore(self) -> None:
        """Read what the last start of this site server gave out."""
        rows = await self._database.run(lambda db: db.all('SELECT * FROM "ClientSlots"'))
        self.table.restore([Lease(row.Holder, row.First, row.Count) for row in rows], _now())

    async def keep_looking(self) -> None:
        """Take back what ran out, for ever. A table that is looked at now and then knows when the
        whole site slept; one that is empty need not be looked at.
        """
        while True:
            await self._expire()
            if self.table.leases():
                await asyncio.sleep(self.table.beat_s)
            else:
                self._leased.clear()
                await self._leased.wait()

    async def _get(self, request: Request) -> StreamResponse:
        _require_administrator(request)
        await self._expire()
        total = self.table.sum(_now())
        fleets = [FleetRow(x.holder, x.first, x.count, x.live) for x in self.table.leases()]
        return json_answer(
            SlotSum(
                total.wanted, total.leased, total.live, total.lapsed_count, total.is_exact, fleets
            )
        )

    async def _post(self, request: Request) -> StreamResponse:
        _require_administrator(request)
        asked = await read_json(request, SlotRequest)
        await self._expire()
        wish = Wish(asked.holder, asked.count, asked.first, asked.instance, asked.stopped)
        async with self._changing:
            others = await self._database.run(
                lambda db: _other_names(db, self._site, fold(asked.prefix))
            )
            before = {lease.holder: lease for lease in self.table.leases()}
            lease = self._asked(lambda: self.table.lease(wish, _now(), others))
            self._leased.set()
            former = before.get(lease.holder)
            if lease.count and (
                former is None or (former.first, former.count) != (lease.first, lease.count)
            ):
                await self._store(lease)
            elif former is not None and not lease.count:
                await self._database.run(lambda db: _erase(db, [former]))
                self._record(SlotsReleased, former)
        return json_answer(self._facts(lease), 201)

    async def _put(self, request: Request) -> StreamResponse:
        _require_administrator(request)
        news = await read_json(request, SlotNews)
        holder = request.match_info["holder"]
        await self._expire()
        if self.table.has_lapsed(holder):
            async with self._changing:
                had_lapsed = self.table.has_lapsed(holder)
                lease = self._asked(
                    lambda: self.table.renew(holder, news.live, _now(), news.instance)
                )
                self._leased.set()
                if lease is not None and had_lapsed:
                    await self._store(lease)
        else:
            lease = self._asked(lambda: self.table.renew(holder, news.live, _now(), news.instance))
        if lease is None:
            raise Refused(
                known("not-found", f"{holder} holds no clients, or no longer. Lease again.")
            )
        return json_answer(self._facts(lease))

    async def _delete(self, request: Request) -> StreamResponse:
        _require_administrator(request)
        instance = query(request, "instance")["instance"]
        async with self._changing:
            lease = self.table.release(request.match_info["holder"], instance)
            if lease is not None:
                await self._database.run(lambda db: _erase(db, [lease]))
                self._record(SlotsReleased, lease)
        return SingleWriteResponse(204)

    async def _expire(self) -> None:
        """Whoever asks first after a lease ran out takes it back; until somebody asks, it harms
        nobody.
        """
        async with self._changing:
            lapsed = self.table.expire(_now())
            if lapsed:
                await self._database.run(lambda db: _erase(db, lapsed))
                for lease in lapsed:
                    self._record(SlotsLapsed, lease)

    async def _store(self, lease: Lease) -> None:
        await self._database.run(lambda db: _write(db, lease))
        self._record(SlotsLeased, lease)

    def _asked(self, ask: Callable[[], T]) -> T:
        """What the table answers. Raises `Refused` (409) for numbers, or a name, that are
        another's.
        """
        try:
            return ask()
        except SlotConflict as conflict:
            headers = {"Retry-After": str(math.ceil(conflict.wait_s))} if conflict.wait_s else None
            raise Refused(known("clients-taken", str(conflict)), headers) from None

    def _facts(self, lease: Lease) -> SlotFacts:
        return SlotFacts(
            lease.holder,
            lease.first,
            lease.count,
            self.table.hold_s,
            self.table.lease_s,
            self.clocks,
        )

    def _record(self, kind: type[SlotsLeased | SlotsReleased | SlotsLapsed], lease: Lease) -> None:
        self._recorder.record(
            self._actor, kind(holder=lease.holder, first=lease.first, count=lease.count)
        )


def _write(db: Connection, lease: Lease) -> None:
    _erase(db, [lease])
    db.change(
        insert_into("ClientSlots", "Holder", "First", "Count"),
        {"Holder": lease.holder, "First": lease.first, "Count": lease.count},
    )


def _other_names(db: Connection, site: str, prefix: str) -> list[Span]:
    """Numbers that are machines of other names than a fleet with this prefix would give them.

    So are those to which it would give names of machines with other numbers: PC1 makes PC100001 of
    1, PC of 100001.
    """
    rows = db.all(
        'SELECT "SMSID", "Name" FROM "Machines" WHERE "SMSID" LIKE :start',
        {"start": f"{site}%"},  # letters and digits
    )
    # An older version's Data Loader took any text for an SMSID. What is none has no number.
    numbered = {number_of(sms_id): fold(name) for sms_id, name in rows if is_sms_id(sms_id)}
    others = {number for number, name in numbered.items() if name != name_of(prefix, number)}
    others |= {
        named for number in others if (named := number_in(prefix, numbered[number])) is not None
    }
    spans: list[Span] = []
    for number in sorted(others):
        if spans and spans[-1][1] == number:
            spans[-1] = (spans[-1][0], number + 1)
        else:
            spans.append((number, number + 1))
    return spans


def _erase(db: Connection, leases: list[Lease]) -> None:
    holders = [lease.holder for lease in leases]
    db.change('DELETE FROM "ClientSlots" WHERE "Holder" IN :holders', {"holders": holders})


def _now() -> float:
    return asyncio.get_running_loop().time()


def _require_administrator(request: Request) -> None:
    surface: Surface = request.app[SURFACE]
    if surface.principal(request).role is not Role.ADMIN:
        raise Refused(
            known(
                "forbidden", "Only an administrator leases clients. Use the token in admin.token."
            )
        )
