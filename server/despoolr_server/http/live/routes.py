"""The calls of the live page.

| Call | Does |
| --- | --- |
| `GET /api/v1/live` | the page as it is now (JSON), or from now on (`Accept: text/event-stream`) |
| `POST /api/v1/servers/{server}/opens/{open}/release` | close an open there by force |

The stream's first event is `snapshot` with the page, then come `delta` with merge patches of it
(RFC 7396), each with an id; `beat` tells the time. Who comes again with `Last-Event-ID` gets what
it missed, or a snapshot. The token travels in a header as ever, so the page reads the stream with
`fetch`, not with `EventSource`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

import msgspec

from despoolr_core.records.live.model import LivePage, LiveWatched
from despoolr_core.records.live.page_query import DAY_S, PageQuery
from despoolr_core.rules.fields import LineText
from despoolr_core.share.modes import Role
from despoolr_core.share.wire import Problem
from despoolr_server.http.base.auth import Auth
from despoolr_server.http.base.problem import answer
from despoolr_server.http.base.surface import (
    json_answer,
    operator_of,
    principal_of,
    query,
    read_json,
    whole_number,
)
from despoolr_server.http.handling import hdrs
from despoolr_server.http.handling.handler import Request, Route, StreamResponse, over_aiohttp
from despoolr_server.http.handling.single_write import SingleWriteResponse
from despoolr_server.http.live.feeds import BEAT_S, Event, Feed, LiveFeeds
from despoolr_server.shares.base.principal import Principal

if TYPE_CHECKING:
    from despoolr_server.http.handling.over_aiohttp import StreamedResponse

SPAN_S_MAX: Final = 366 * 86_400
"""How far back a page goes at most, in site seconds."""
EVENT_STREAM: Final = "text/event-stream"
LAST_EVENT_ID: Final = "Last-Event-ID"

Releases = Callable[[Principal, str, str, str], Awaitable[Problem | None]]
"""`release(who, server, open, reason)`: close an open by force on a server of the site. Returns
what is in the way.
"""


class LiveAnswer(msgspec.Struct):
    """`GET /api/v1/live`: the page at a moment of site time; `server` tells it. `is_site`: it tells
    of the whole site. `scale` is how many site seconds pass in one second. `watched`: the server
    is another's, which `despoolr watch` looks at.
    """

    now: float
    scale: float
    server: str
    is_site: bool
    page: LivePage
    watched: LiveWatched | None = None


class ReleaseRequest(msgspec.Struct, forbid_unknown_fields=True):
    """`POST /api/v1/servers/{server}/opens/{open}/release`: why; it goes on record."""

    reason: LineText


class LiveRoutes:
    """The calls of one server. `scope` is its name where it tells of itself alone, and empty at a
    site server, which tells of the site. One that is only `watched` releases nothing.
    """

    def __init__(
        self,
        feeds: LiveFeeds,
        name: str,
        scope: str,
        scale: float,
        auth: Auth,
        release: Releases | None,
        watched: LiveWatched | None = None,
    ) -> None:
        self._feeds = feeds
        self._auth = auth
        self._watched = watched
        self._name = name
        self._scope = scope
        self._scale = scale
        self._release = release

    def routes(self) -> list[Route]:
        """What `make_app` takes as `extra_routes`."""
        release = "/api/v1/servers/{server}/opens/{open}/release"
        return [
            Route("GET", "/api/v1/live", self.live),
            *([Route("POST", release, self.release)] if self._release is not None else []),
        ]

    async def live(self, request: Request) -> StreamResponse:
        """The page, once or from now on."""
        who = principal_of(self._auth, request)
        given = query(request, "server", "package", "q", "span_s")
        asked = PageQuery(
            server=self._scope or given["server"],
            package=given["package"],
            word=given["q"],
            span_s=float(whole_number("span_s", given["span_s"], int(DAY_S), highest=SPAN_S_MAX)),
            only=who.machine if who.role is Role.CLIENT else "",
        )
        if EVENT_STREAM not in request.headers.get(hdrs.ACCEPT, ""):
            page = await self._feeds.page_once(asked, who.machine)
            return json_answer({**self._head(), "page": page})
        with self._feeds.listening(asked) as feed:
            await self._feeds.renew(feed)
            return await self._stream(request, feed)

    async def release(self, request: Request) -> StreamResponse:
        """Close an open on a server of the site by force."""
        assert self._release is not None
        who = operator_of(self._auth, request, "close another's open")
        names = request.match_info
        body = await read_json(request, ReleaseRequest)
        refusal = await self._release(who, names["server"], names["open"], body.reason)
        return answer(refusal) if refusal else SingleWriteResponse(204)

    async def _stream(self, request: Request, feed: Feed) -> StreamResponse:
        stream: StreamedResponse = over_aiohttp().StreamedResponse(
            headers={
                hdrs.CONTENT_TYPE: EVENT_STREAM,
                hdrs.CACHE_CONTROL: "no-store",
                "X-Content-Type-Options": "nosniff",
                "X-Accel-Buffering": "no",
            }
        )
        await stream.prepare(request)
        if stream.is_head_only:
            return stream
        await stream.write(event_text("hello", "", msgspec.json.encode(self._head())))
        version = feed.version_of(request.headers.get(LAST_EVENT_ID, ""))
        loop = asyncio.get_running_loop()
        beat_at = 0.0
        while not self._feeds.is_closed:
            events: list[Event] = feed.since(version, self._feeds.now())
            version = feed.version
            if loop.time() >= beat_at:
                beat = msgspec.json.encode({"now": self._feeds.now()})
                events.append(("beat", "", beat))
                beat_at = loop.time() + BEAT_S
            if events:
                await stream.write(b"".join(event_text(*event) for event in events))
            if version == feed.version:
                await feed.changed(max(0.0, beat_at - loop.time()))
        return stream

    def _head(self) -> dict[str, Any]:
        return {
            "now": self._feeds.now(),
            "scale": self._scale,
            "server": self._name,
            "is_site": not self._scope,
            **({"watched": self._watched} if self._watched is not None else {}),
        }


def event_text(name: str, event_id: str, data: bytes) -> bytes:
    """One server-sent event; without an id the reader keeps the one it has."""
    head = f"id: {event_id}\n" if event_id else ""
    return f"{head}event: {name}\n".encode() + b"data: " + data + b"\n\n"
