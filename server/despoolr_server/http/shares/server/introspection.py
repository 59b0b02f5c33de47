"""Who holds what, who waits, why refused: the questions of an operator, answered from the table and
the episodes as they are.

Nothing here changes anything, except the two calls of an operator that end an episode or close an
open by force (the latter stands with the opens). Every list says how many rows there are, and cuts
at a stated limit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from despoolr_core.records.held_opens import HeldOpen
from despoolr_core.records.verdicts import verdict
from despoolr_core.share.modes import HTTP_STATUS, NtStatus, Role
from despoolr_core.share.wire import EpisodeEnd, Health, OpenRow
from despoolr_server.engine.rows import Open
from despoolr_server.http.base.metrics import Metrics
from despoolr_server.http.base.pieces import ROWS_BATCH, gathered, rows_answer
from despoolr_server.http.base.problem import KNOWN, Refused, answer, bad_request, known
from despoolr_server.http.base.surface import (
    ROWS_MAX,
    Surface,
    json_answer,
    query,
    read_json,
    whole_number,
)
from despoolr_server.http.handling import hdrs
from despoolr_server.http.handling.handler import Request, Route, StreamResponse
from despoolr_server.http.handling.single_write import SingleWriteResponse
from despoolr_server.http.shares.client_view import episodes_for, sees, told_to
from despoolr_server.http.shares.server.oldest_opens import OldestOpens
from despoolr_server.http.shares.server.trial import Trial
from despoolr_server.loop.pace import batches, breathe
from despoolr_server.shares.base.principal import Principal
from despoolr_server.shares.base.problems import TITLES

_EPOCH: Final = datetime(1970, 1, 1)
_TITLES: Final[dict[str, str]] = {status.value: title for status, title in TITLES.items()}


class IntrospectionRoutes:
    """Opens, episodes, why, health, metrics. What is refused is raised as `Refused`."""

    def __init__(self, surface: Surface, version: str, metrics: Metrics) -> None:
        self._surface = surface
        self._host = surface.host
        self._version = version
        self._metrics = metrics
        self._trial = Trial(surface.host)

    def routes(self) -> list[Route]:
        """The calls and their handlers."""
        return [
            Route("GET", "/api/v1/opens", self.opens),
            Route("GET", "/api/v1/episodes", self.episodes),
            Route("POST", "/api/v1/episodes/{episode}/end", self.end_episode),
            Route("GET", "/api/v1/why", self.why),
            Route("GET", "/problems/{name}", self.problem_type),
            Route("GET", "/healthz", self.health),
            Route("GET", "/ready", self.ready),
            Route("GET", "/metrics", self.metrics),
        ]

    async def opens(self, request: Request) -> StreamResponse:
        """The opens that stand, oldest first: all (of a client: what concerns it), or those of a
        share, a path, a machine.
        """
        who = self._surface.principal(request)
        asked = query(request, "share", "path", "machine", "limit")
        limit = whole_number("limit", asked["limit"], ROWS_MAX, highest=ROWS_MAX)
        rows, count = await self._oldest(who, asked, limit)
        told: list[OpenRow] = []
        for batch in batches(rows, ROWS_BATCH):
            standing = filter(None, (self._host.engine.find(row.handle) for row in batch))
            told += [told_to(who, self._host.row_of(row)) for row in standing]
            await breathe(len(batch), ROWS_BATCH)
        return await rows_answer(request, ("opens", told), ("count", count))

    async def _oldest(
        self, who: Principal, asked: Mapping[str, str], count_max: int
    ) -> tuple[list[Open], int]:
        """The oldest of the opens that are asked for and that the caller sees; how many these
        are.
        """
        host, is_client = self._host, who.role is Role.CLIENT
        share, path, machine = asked["share"], asked["path"], asked["machine"]
        if not (share or path or machine or is_client):
            return host.first_opens(count_max), host.open_count
        mine = await gathered(host.each_episode(who.machine), ROWS_BATCH) if is_client else ()
        may_see = sees(who, mine)
        found = OldestOpens(count_max)
        for batch in batches(host.each_open(share, path, machine)):
            for row in batch:
                if row is not None and may_see(row.machine, row.handle):
                    found.add(row)
            await breathe(len(batch))
        return found.rows(), found.count

    async def episodes(self, request: Request) -> StreamResponse:
        """The episodes on record: all (of a client: its own), or those of a waiting machine, a
        path.
        """
        who = self._surface.principal(request)
        asked = query(request, "machine", "path", "limit")
        limit = whole_number("limit", asked["limit"], ROWS_MAX, highest=ROWS_MAX)
        rows = episodes_for(
            who,
            await gathered(self._host.each_episode(asked["machine"], asked["path"]), ROWS_BATCH),
        )
        return await rows_answer(request, ("episodes", rows[:limit]), ("count", len(rows)))

    async def end_episode(self, request: Request) -> StreamResponse:
        """The update will not be tried again."""
        who = self._surface.principal(request)
        end = await read_json(request, EpisodeEnd)
        refusal = self._host.end_episode(who, request.match_info["episode"], end.reason)
        return answer(refusal) if refusal else SingleWriteResponse(204)

    async def why(self, request: Request) -> StreamResponse:
        """Who holds, or at a time held, a path or a machine's files, and each episode about it in
        one sentence.
        """
        who = self._surface.principal(request)
        asked = query(request, "machine", "path", "at", "limit")
        limit = whole_number("limit", asked["limit"], ROWS_MAX, highest=ROWS_MAX)
        at = site_time("at", asked["at"]) if asked["at"] else None
        ledger, machine, path = self._host.ledger, asked["machine"], asked["path"]
        mine = await gathered(ledger.each_about(machine, path, at), ROWS_BATCH)
        episodes = episodes_for(who, mine)
        may_see = sees(who, episodes)
        opens: list[HeldOpen] = []
        for batch in batches(ledger.each_open(at, machine=machine, path=path)):
            opens += [one for one in batch if one is not None and may_see(one.machine, one.open)]
            if len(opens) >= limit:
                break
            await breathe(len(batch))
        told = episodes[:limit]
        sentences = ("verdicts", (verdict(row) for row in told))
        return await rows_answer(
            request,
            ("at", ledger.moment(at)),
            ("opens", opens[:limit]),
            ("episodes", told),
            sentences,
        )

    async def problem_type(self, request: Request) -> StreamResponse:
        """What a problem's type means, in a line of text."""
        name = request.match_info["name"]
        if name in KNOWN:
            status, title, advice = KNOWN[name]
            return _text_answer(f"{status} {title}. {advice}\n")
        nt_status = "STATUS_" + name.upper().replace("-", "_")
        if nt_status in _TITLES:
            return _text_answer(
                f"{HTTP_STATUS[NtStatus(nt_status)]} {nt_status}: {_TITLES[nt_status]}.\n"
            )
        raise Refused(
            known(
                "unknown-call", f"There is no problem called {name[:80]!r}; see docs/share-api.md."
            )
        )

    async def health(self, _request: Request) -> StreamResponse:
        """Whether the server answers, and a few counts. Asks for no token: it names nobody."""
        now = self._surface.clock.now()
        damages = self._host.damages()
        body = Health(
            status="damaged" if damages else "ok",
            server=self._host.server,
            version=self._version,
            now=now,
            uptime_s=now - self._surface.started_at,
            shares=len(self._host.share_names()),
            sessions=self._metrics.session_count(),
            opens=self._metrics.open_count(),
            episodes_waiting=self._metrics.waiting_count(),
            requests=self._metrics.request_count(),
            damages=damages,
        )
        return json_answer(body)

    async def ready(self, _request: Request) -> StreamResponse:
        """Whether the server does its work. Asks for no token: it names nobody."""
        if reason := await self._trial.why_not():
            raise Refused(known("not-ready", f"{reason}."))
        return _text_answer("ok\n")

    async def metrics(self, request: Request) -> StreamResponse:
        """The same counts, and refusals by share and program, for Prometheus."""
        self._surface.principal(request)
        from despoolr_server.http.base.exposition import (  # noqa: PLC0415
            Exposition,
            Families,
        )

        for count in self._metrics.before:
            await count()
        waited: defaultdict[tuple[str, str], float] = defaultdict(float)
        each = self._host.ledger.each_waiter_seconds(self._surface.clock.now())
        for batch in batches(each):
            for labels, seconds in batch:
                waited[labels] += seconds
            await breathe(len(batch))
        families = Families(self._surface, self._metrics, waited)
        text, content_type = Exposition(families, *self._metrics.others).render()
        headers = {hdrs.CONTENT_TYPE: content_type, "X-Content-Type-Options": "nosniff"}
        return SingleWriteResponse(200, headers, text)


def _text_answer(text: str) -> SingleWriteResponse:
    return SingleWriteResponse(200, {hdrs.CONTENT_TYPE: "text/plain; charset=utf-8"}, text.encode())


def site_time(name: str, text: str) -> float:
    """Site seconds from seconds, or from `1996-03-04T09:00` (no zone: sites of SMS 1.x have none).
    Raises `Refused` (400) for anything else.
    """
    try:
        value = float(text)
    except ValueError:
        try:
            value = (datetime.fromisoformat(text).replace(tzinfo=None) - _EPOCH).total_seconds()
        except ValueError:
            value = float("nan")
    if not abs(value) < 1e12:
        raise bad_request(
            f"`{name}` must be seconds since 1970 or a time like 1996-03-04T09:00, not "
            f"{text[:40]!r}."
        )
    return value
