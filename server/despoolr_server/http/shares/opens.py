"""`/api/v1/sessions` and `/api/v1/opens`: holding a file open over HTTP, and all that a handle can
do.

HTTP has no connection whose end closes files, so a session lives on a lease that every call in it
renews. A call on a handle may say in which session it is made (`Despoolr-Session`). The host
decides; this module only reads requests and words answers.
"""

from __future__ import annotations

from typing import Final

from despoolr_core.share.wire import (
    LockRequest,
    OpenChange,
    OpenReply,
    OpenRequest,
    Problem,
    SessionRequest,
    WrittenReply,
)
from despoolr_server.http.base.conditions import byte_range, content_range, open_range
from despoolr_server.http.base.pieces import bytes_answer
from despoolr_server.http.base.problem import Refused, answer, bad_request, known
from despoolr_server.http.base.surface import (
    Surface,
    encode,
    expects,
    json_answer,
    query,
    read_body,
    read_json,
    switch,
    whole_number,
)
from despoolr_server.http.base.uploads import Sending
from despoolr_server.http.handling import hdrs
from despoolr_server.http.handling.handler import Request, Route, StreamResponse, when_gone
from despoolr_server.http.handling.single_write import SingleWriteResponse
from despoolr_server.http.shares.listings import listing_answer

OFFSET_MAX: Final = 2**64 - 1
"""Offsets and lengths of range locks are 64-bit unsigned."""


class OpenRoutes:
    """Sessions, handles and their contents. Handlers raise `Refused`, which is answered as a
    problem.
    """

    def __init__(self, surface: Surface) -> None:
        self._surface = surface
        self._host = surface.host

    def routes(self) -> list[Route]:
        """The calls and their handlers."""
        return [
            Route("POST", "/api/v1/sessions", self.start_session),
            Route("PUT", "/api/v1/sessions/{session}", self.renew_session),
            Route("DELETE", "/api/v1/sessions/{session}", self.end_session),
            Route("PUT", "/api/v1/sessions/{session}/shares/{share}", self.join_share),
            Route("DELETE", "/api/v1/sessions/{session}/shares/{share}", self.leave_share),
            Route("POST", "/api/v1/opens", self.open),
            Route("GET", "/api/v1/opens/{open}", self.query, has_head=False),
            Route("PATCH", "/api/v1/opens/{open}", self.change),
            Route("DELETE", "/api/v1/opens/{open}", self.close),
            Route("GET", "/api/v1/opens/{open}/entries", self.entries, has_head=False),
            Route("GET", "/api/v1/opens/{open}/locks", self.locks, has_head=False),
            Route("POST", "/api/v1/opens/{open}/locks", self.lock),
            Route("DELETE", "/api/v1/opens/{open}/locks", self.unlock),
            Route("GET", "/api/v1/opens/{open}/content", self.read, has_head=False),
            Route("PUT", "/api/v1/opens/{open}/content", self.write),
        ]

    async def start_session(self, request: Request) -> StreamResponse:
        """201 with the session, whose lease runs from now."""
        who = self._surface.principal(request)
        reply = self._host.sessions.start(who, await read_json(request, SessionRequest))
        if isinstance(reply, Problem):
            return answer(reply)
        return json_answer(reply, 201, {hdrs.LOCATION: f"/api/v1/sessions/{reply.session}"})

    async def renew_session(self, request: Request) -> StreamResponse:
        """Keep-alive: the lease runs from now again."""
        reply = self._host.sessions.renew(
            self._surface.principal(request), request.match_info["session"]
        )
        return answer(reply) if isinstance(reply, Problem) else json_answer(reply)

    async def end_session(self, request: Request) -> StreamResponse:
        """Log off: all opens of the session are closed."""
        refusal = self._host.sessions.end(
            self._surface.principal(request), request.match_info["session"]
        )
        await self._host.sessions.all_closed()
        return answer(refusal) if refusal else SingleWriteResponse(204)

    async def join_share(self, request: Request) -> StreamResponse:
        """Connect the session to a share it has left."""
        names = request.match_info
        refusal = self._host.sessions.join(
            self._surface.principal(request), names["session"], names["share"]
        )
        return answer(refusal) if refusal else SingleWriteResponse(204)

    async def leave_share(self, request: Request) -> StreamResponse:
        """Disconnect the session from a share: its opens there are closed."""
        names = request.match_info
        refusal = self._host.sessions.leave(
            self._surface.principal(request), names["session"], names["share"]
        )
        await self._host.sessions.all_closed()
        return answer(refusal) if refusal else SingleWriteResponse(204)

    async def open(self, request: Request) -> StreamResponse:
        """201 with the handle, or 423 with the blockers."""
        who = self._surface.principal(request)
        reply = await self._host.handles.open(who, await read_json(request, OpenRequest))
        if isinstance(reply, Problem):
            return answer(reply)
        return opened(reply)

    async def close(self, request: Request) -> StreamResponse:
        """Give the open back; `?force=true&reason=` closes somebody else's."""
        handle = request.match_info["open"]
        if "?" in request.raw_path and request.query_string:
            asked = query(request, "force", "reason")
            if switch("force", asked["force"]):
                who = self._surface.operator(request, "close another's open")
                refusal = self._host.close_by_force(who, handle, asked["reason"])
                return answer(refusal) if refusal else SingleWriteResponse(204)
        caller = self._surface.caller(request)
        refusal = await self._host.handles.close(caller.who, handle, session=caller.session)
        return answer(refusal) if refusal else closed()

    async def query(self, request: Request) -> StreamResponse:
        """What the handle's file is now."""
        query(request)
        caller = self._surface.caller(request)
        facts = self._host.file_info.query(
            caller.who, request.match_info["open"], session=caller.session
        )
        return answer(facts) if isinstance(facts, Problem) else json_answer(facts)

    async def change(self, request: Request) -> StreamResponse:
        """Rename the handle's file, mark it for deletion, or set its attributes or size: one thing
        a call.
        """
        caller, handle = self._surface.caller(request), request.match_info["open"]
        change = await read_json(request, OpenChange)
        asked = [
            name
            for name in ("path", "delete", "attributes", "size")
            if getattr(change, name) is not None
        ]
        if len(asked) != 1 or (change.replace and change.path is None):
            raise bad_request(
                "Change one thing a call: `path` (with `replace`, if you like), `delete`, "
                "`attributes` or `size`."
            )
        host, who, session = self._host, caller.who, caller.session
        refusal: Problem | None
        if change.path is not None:
            refusal = await host.file_info.rename(
                who, handle, change.path, replace=change.replace, session=session
            )
        elif change.delete is not None:
            refusal = await host.file_info.mark_delete(who, handle, change.delete, session=session)
        elif change.attributes is not None:
            refusal = await host.file_info.set_attributes(
                who, handle, change.attributes, session=session
            )
        else:
            assert change.size is not None
            refusal = await host.file_info.set_size(who, handle, change.size, session=session)
        return answer(refusal) if refusal else SingleWriteResponse(204)

    async def entries(self, request: Request) -> StreamResponse:
        """The names in the handle's directory."""
        query(request)
        caller, handle = self._surface.caller(request), request.match_info["open"]
        async with self._surface.looks.one(caller.who.machine):
            found = await self._host.file_info.entries(caller.who, handle, session=caller.session)
        if isinstance(found, Problem):
            return answer(found)
        facts = self._host.file_info.query(caller.who, handle, session=caller.session)
        return (
            answer(facts)
            if isinstance(facts, Problem)
            else await listing_answer(request, facts.path, found)
        )

    async def locks(self, request: Request) -> StreamResponse:
        """What the handle has locked, and what it waits for."""
        query(request)
        caller = self._surface.caller(request)
        found = self._host.range_locks.held(
            caller.who, request.match_info["open"], session=caller.session
        )
        return answer(found) if isinstance(found, Problem) else json_answer(found)

    async def lock(self, request: Request) -> StreamResponse:
        """Lock ranges; without FAIL_IMMEDIATELY the answer may take `wait_s`."""
        caller, handle = self._surface.caller(request), request.match_info["open"]
        asked = await read_json(request, LockRequest)
        if request.transport is None or request.transport.is_closing():
            raise ConnectionResetError("the caller has gone")
        locked = await self._host.range_locks.lock(
            caller.who, handle, asked, session=caller.session, when_gone=when_gone(request)
        )
        if isinstance(locked, Problem):
            return answer(locked)
        if request.transport is None or request.transport.is_closing():
            for lock in locked.locks:  # nobody will ever know of it
                self._host.range_locks.unlock(
                    caller.who, handle, lock.offset, lock.length, session=caller.session
                )
        return json_answer(locked)

    async def unlock(self, request: Request) -> StreamResponse:
        """Unlock `?offset=&length=`, or cancel a waiting `?request=`."""
        caller, handle = self._surface.caller(request), request.match_info["open"]
        asked = query(request, "offset", "length", "request")
        if asked["request"] and not asked["offset"] and not asked["length"]:
            refusal = self._host.range_locks.cancel(
                caller.who, handle, asked["request"], session=caller.session
            )
        elif asked["offset"] and asked["length"] and not asked["request"]:
            offset, length = (
                whole_number(name, asked[name], 0, highest=OFFSET_MAX)
                for name in ("offset", "length")
            )
            refusal = self._host.range_locks.unlock(
                caller.who, handle, offset, length, session=caller.session
            )
        else:
            raise bad_request(
                "Say `offset` and `length` of the range to unlock, or the `request` to cancel."
            )
        return answer(refusal) if refusal else SingleWriteResponse(204)

    async def read(self, request: Request) -> StreamResponse:
        """Bytes of an open file: all, a `Range` (206), or `?offset=&length=` (200, empty at the
        end).
        """
        with Sending(request) as sending:
            return await self._read(request, sending)

    async def _read(self, request: Request, sending: Sending) -> StreamResponse:
        caller, handle = self._surface.caller(request), request.match_info["open"]
        who, session = caller.who, caller.session
        ranged = request.headers.get(hdrs.RANGE)
        if ranged is None:
            asked = query(request, "offset", "length")
            length = whole_number("length", asked["length"], 0) if asked["length"] else None
            offset = whole_number("offset", asked["offset"], 0)
            data = await self._host.handles.read(
                who, handle, offset, length, session=session, before=sending
            )
            return answer(data) if isinstance(data, Problem) else await _binary(request, data)
        query(request)
        part = open_range(ranged)
        data = await self._host.handles.read(
            who, handle, *(part or (0, None)), session=session, before=sending
        )
        if isinstance(data, Problem):
            return answer(data)
        if part is not None:
            if not data:
                raise Refused(
                    known("range-not-satisfiable", f"The file ends before byte {part[0]}.")
                )
            return await _binary(request, data, f"bytes {part[0]}-{part[0] + len(data) - 1}/*")
        try:
            tail = byte_range(ranged, len(data))
        except ValueError:
            raise Refused(
                known("range-not-satisfiable", "The file is empty."),
                {hdrs.CONTENT_RANGE: "bytes */0"},
            ) from None
        if tail is None:
            return await _binary(request, data)
        return await _binary(
            request, data[tail[0] : tail[1]], f"bytes {tail[0]}-{tail[1] - 1}/{len(data)}"
        )

    async def write(self, request: Request) -> StreamResponse:
        """Put bytes at `Content-Range`'s or `?offset=`'s place, or at the start."""
        caller = self._surface.caller(request)
        offset = whole_number("offset", query(request, "offset")["offset"], 0)
        if expects(request):
            refusal = self._host.handles.why_not_write(
                caller.who,
                request.match_info["open"],
                offset,
                request.content_length or 0,
                session=caller.session,
            )
            if refusal is not None:
                return answer(refusal)
        data = await read_body(request, self._surface.body_size_max)
        ranged = request.headers.get(hdrs.CONTENT_RANGE)
        if ranged is not None:
            part = content_range(ranged)
            if part is None or part[1] != len(data):
                raise bad_request(
                    f"`Content-Range: {ranged[:80]}` does not place {len(data)} bytes: bytes "
                    "FIRST-LAST/*."
                )
            offset = part[0]
        written = await self._host.handles.write(
            caller.who, request.match_info["open"], offset, data, session=caller.session
        )
        return (
            answer(written) if isinstance(written, Problem) else json_answer(WrittenReply(written))
        )


def opened(reply: OpenReply) -> SingleWriteResponse:
    """The answer to an open that was granted."""
    lines = f"Location: /api/v1/opens/{reply.open}\r\nContent-Type: application/json\r\n"
    return SingleWriteResponse(201, lines, encode(reply))


def closed() -> SingleWriteResponse:
    """The answer to a close."""
    return SingleWriteResponse(204)


async def _binary(request: Request, data: bytes, content_range: str = "") -> StreamResponse:
    headers = {hdrs.CONTENT_TYPE: "application/octet-stream", "X-Content-Type-Options": "nosniff"}
    if content_range:
        headers[hdrs.CONTENT_RANGE] = content_range
    return await bytes_answer(request, 206 if content_range else 200, headers, data)
