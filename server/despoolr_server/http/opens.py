"""`/api/v1/sessions` and `/api/v1/opens`: holding a file open over HTTP.

HTTP has no connection whose end closes files, so a session lives on a lease that every call in it renews. The host decides;
this module only reads requests and words answers.
"""

from __future__ import annotations

from aiohttp import hdrs, web

from despoolr_core.wire import OpenRequest, Problem, SessionRequest, WrittenReply
from despoolr_server.http.conditions import byte_range, content_range, open_range
from despoolr_server.http.problem import Refused, answer, bad_request, known
from despoolr_server.http.surface import Surface, json_answer, query, read_body, read_json, switch, whole_number


class OpenRoutes:
    """Sessions, handles and their contents."""

    def __init__(self, surface: Surface) -> None:
        self._surface = surface
        self._host = surface.host

    def routes(self) -> list[web.RouteDef]:
        """The calls and their handlers."""
        return [
            web.post("/api/v1/sessions", self.start_session),
            web.put("/api/v1/sessions/{session}", self.renew_session),
            web.delete("/api/v1/sessions/{session}", self.end_session),
            web.post("/api/v1/opens", self.open),
            web.delete("/api/v1/opens/{open}", self.close),
            web.get("/api/v1/opens/{open}/content", self.read, allow_head=False),
            web.put("/api/v1/opens/{open}/content", self.write),
        ]

    async def start_session(self, request: web.Request) -> web.StreamResponse:
        """201 with the session, whose lease runs from now."""
        who = self._surface.principal(request)
        reply = self._host.start_session(who, await read_json(request, SessionRequest))
        if isinstance(reply, Problem):
            return answer(reply)
        return json_answer(reply, 201, {hdrs.LOCATION: f"/api/v1/sessions/{reply.session}"})

    async def renew_session(self, request: web.Request) -> web.StreamResponse:
        """Keep-alive: the lease runs from now again."""
        reply = self._host.renew_session(self._surface.principal(request), request.match_info["session"])
        return answer(reply) if isinstance(reply, Problem) else json_answer(reply)

    async def end_session(self, request: web.Request) -> web.StreamResponse:
        """Log off: all opens of the session are closed."""
        refusal = self._host.end_session(self._surface.principal(request), request.match_info["session"])
        return answer(refusal) if refusal else web.Response(status=204)

    async def open(self, request: web.Request) -> web.StreamResponse:
        """201 with the handle, or 423 with the blockers."""
        who = self._surface.principal(request)
        reply = await self._host.open(who, await read_json(request, OpenRequest))
        if isinstance(reply, Problem):
            return answer(reply)
        return json_answer(reply, 201, {hdrs.LOCATION: f"/api/v1/opens/{reply.open}"})

    async def close(self, request: web.Request) -> web.StreamResponse:
        """Give the open back; `?force=true&reason=` closes somebody else's."""
        handle = request.match_info["open"]
        if request.query_string:
            asked = query(request, "force", "reason")
            if switch("force", asked["force"]):
                who = self._surface.operator(request, "close another's open")
                refusal = self._host.close_by_force(who, handle, asked["reason"] or "forced")
                return answer(refusal) if refusal else web.Response(status=204)
        refusal = await self._host.close(self._surface.principal(request), handle)
        return answer(refusal) if refusal else web.Response(status=204)

    async def read(self, request: web.Request) -> web.StreamResponse:
        """Octets of an open file: all, a `Range` (206), or `?offset=&length=` (200, empty at the end)."""
        who = self._surface.principal(request)
        handle = request.match_info["open"]
        ranged = request.headers.get(hdrs.RANGE)
        if ranged is None:
            asked = query(request, "offset", "length")
            length = whole_number("length", asked["length"], 0) if asked["length"] else None
            data = await self._host.read_open(who, handle, whole_number("offset", asked["offset"], 0), length)
            return answer(data) if isinstance(data, Problem) else _octets(data)
        part = open_range(ranged)
        data = await self._host.read_open(who, handle, *(part or (0, None)))
        if isinstance(data, Problem):
            return answer(data)
        if part is not None:
            if not data:
                raise Refused(known("range-not-satisfiable", f"The file ends before octet {part[0]}."))
            return _octets(data, f"bytes {part[0]}-{part[0] + len(data) - 1}/*")
        try:
            tail = byte_range(ranged, len(data))
        except ValueError:
            raise Refused(known("range-not-satisfiable", "The file is empty."), {hdrs.CONTENT_RANGE: "bytes */0"}) from None
        if tail is None:
            return _octets(data)
        return _octets(data[tail[0] : tail[1]], f"bytes {tail[0]}-{tail[1] - 1}/{len(data)}")

    async def write(self, request: web.Request) -> web.StreamResponse:
        """Put octets at `Content-Range`'s or `?offset=`'s place, or at the start."""
        who = self._surface.principal(request)
        offset = whole_number("offset", query(request, "offset")["offset"], 0)
        data = await read_body(request, self._surface.body_size_max)
        ranged = request.headers.get(hdrs.CONTENT_RANGE)
        if ranged is not None:
            part = content_range(ranged)
            if part is None or part[1] != len(data):
                raise bad_request(f"`Content-Range: {ranged[:80]}` does not place {len(data)} octets: bytes FIRST-LAST/*.")
            offset = part[0]
        written = await self._host.write_open(who, request.match_info["open"], offset, data)
        return answer(written) if isinstance(written, Problem) else json_answer(WrittenReply(written))


def _octets(data: bytes, content_range: str = "") -> web.Response:
    headers = {hdrs.CONTENT_TYPE: "application/octet-stream", "X-Content-Type-Options": "nosniff"}
    if content_range:
        headers[hdrs.CONTENT_RANGE] = content_range
    return web.Response(status=206 if content_range else 200, body=data, headers=headers)
