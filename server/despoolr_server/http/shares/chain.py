"""`POST /api/v1/chain`: several calls in one round trip, one after the other, settled on disk
together.

The law: each call passes the same gate as alone, or, where nothing can be in the way, together
with those beside it that are like it (`despoolr_server.shares.paths.boxes`); and nothing is
answered before all that was written is safe. What a chain does is not undone when a later call is
refused: the results say how far it came.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from despoolr_core.share.chain import (
    BYTES_MAX,
    CALLS_MAX,
    Chain,
    ChainClose,
    ChainDelete,
    ChainGet,
    ChainLogoff,
    ChainOpen,
    ChainPut,
    ChainReply,
    ChainResult,
    ChainSession,
    Link,
)
from despoolr_core.share.modes import NtStatus
from despoolr_core.share.wire import Problem
from despoolr_server.http.base.pieces import bytes_answer
from despoolr_server.http.base.problem import Refused, answer, bad_request
from despoolr_server.http.base.surface import Surface, read_json
from despoolr_server.http.base.uploads import Sending
from despoolr_server.http.handling import hdrs
from despoolr_server.http.handling.handler import Request, Route, StreamResponse
from despoolr_server.shares.base.principal import BeforeLarge, Caller, Content

CHAIN: Final = "/api/v1/chain"

BODY_SIZE_MAX: Final = 1024 * 1024
"""Bytes of a chain's JSON: 512 KiB of files in base64, and the names."""

COPIES: Final = 3
"""How many times the size of a file that a chain gets is in memory: the file, and its base64 in the
answer.
"""

_CHANGES: Final = (ChainPut, ChainDelete)
"""What has to be safe before it is answered."""

_NAMED: Final = (ChainGet, ChainPut, ChainDelete)
"""Calls on paths; of its path an open takes care itself (`Handles.open`)."""

_DONE: Final = ChainResult()
"""Of a call that gives nothing."""
_encode: Final = msgspec.json.Encoder().encode


def encode_results(results: list[ChainResult]) -> bytes:
    """The body of an answer."""
    return _encode(ChainReply(results))


class Made(msgspec.Struct):
    """What a chain came to, and what has to be safe before that is told: names of shares, and
    whether all that was written there is new.
    """

    results: list[ChainResult] = []
    written: set[str] = set()
    is_new: bool = True


class ChainRoutes:
    """The call that makes several calls in one round trip."""

    def __init__(self, surface: Surface) -> None:
        self._surface = surface
        self._host = surface.host

    def routes(self) -> list[Route]:
        """The call and its handler."""
        return [Route("POST", CHAIN, self.chain)]

    async def chain(self, request: Request) -> StreamResponse:
        """A result for each call that was made. Raises `Refused` (400) for too few or too many."""
        caller = self._surface.caller(request)
        asked = await read_json(request, Chain, BODY_SIZE_MAX)
        if not 1 <= len(asked.calls) <= CALLS_MAX:
            raise bad_request(f"A chain has 1 to {CALLS_MAX} calls, not {len(asked.calls)}.")
        with Sending(request) as sending:
            made = await self.made(caller, asked, lambda size: sending(COPIES * size))
            return await self.said(request, made)

    async def said(self, request: Request, made: Made) -> StreamResponse:
        """The answer, when all that was written is safe."""
        failure = await self._host.paths.sync(made.written)
        if failure is not None:
            return answer(failure)
        return await bytes_answer(
            request, 200, {hdrs.CONTENT_TYPE: "application/json"}, encode_results(made.results)
        )

    async def made(self, caller: Caller, asked: Chain, before: BeforeLarge | None = None) -> Made:
        """Make the calls; `before` is told the size of a large file that is got."""
        made = Made()
        results, written = made.results, made.written
        fetched = 0
        session = ""
        calls = asked.calls
        at = is_tried = 0
        directory: str | None = None
        while at < len(calls):
            call = calls[at]
            if isinstance(call, _NAMED) and call.path.rpartition("/")[0] != directory:
                directory = call.path.rpartition("/")[0]
                if self._host.gate.is_unread(call.share, call.path, for_any=True):
                    await self._read_ahead(calls[at:], directory)
            if is_tried <= at and isinstance(call, _CHANGES):
                count, done = self._together(caller, calls[at:])
                is_tried = at + count
                if done:
                    written.add(call.share)
                    made.is_new &= isinstance(call, ChainPut)
                    results += done
                    at += len(done)
                    continue
            if isinstance(call, ChainOpen) and not call.request.session:
                call.request.session = session
            result = self._usual(caller, call) or await self._one(caller, call, before)
            session = result.session.session if result.session is not None else session
            results.append(result)
            at += 1
            if isinstance(call, _CHANGES):
                written.add(call.share)
                is_made = isinstance(call, ChainPut) and call.create and result.problem is None
                made.is_new &= is_made
            elif result.data:
                fetched += len(result.data)
            if (asked.stops and result.problem is not None) or fetched >= BYTES_MAX:
                break
        return made

    async def _read_ahead(self, calls: Sequence[Link], directory: str) -> None:
        """One may be made together with those that follow it in its directory."""
        gate = self._host.gate
        for call in calls:
            if not isinstance(call, _NAMED):
                continue
            if call.path.rpartition("/")[0] != directory:
                return
            if gate.is_unread(call.share, call.path):
                await gate.read_ahead(call.share, call.path)

    def _together(self, caller: Caller, calls: Sequence[Link]) -> tuple[int, Sequence[ChainResult]]:
        """How many of these calls are like the first, and what became of those of them that could
        be made in one.
        """
        first, boxes, count = calls[0], self._host.boxes, 1
        if not isinstance(first, _CHANGES) or not boxes.takes(first.share):
            return count, ()
        if isinstance(first, ChainDelete):
            paths = [first.path]
            for call in calls[1:]:
                if not isinstance(call, ChainDelete) or call.share != first.share:
                    break
                paths.append(call.path)
            if (count := len(paths)) > 1:
                return count, [ChainResult()] * boxes.delete(caller, first.share, paths)
        else:
            files = [(first.path, first.data)]
            for call in calls[1:]:
                if (
                    not isinstance(call, ChainPut)
                    or call.create is not first.create
                    or call.share != first.share
                ):
                    break
                files.append((call.path, call.data))
            if (count := len(files)) > 1:
                made = boxes.create(caller, first.share, files, passing=first.create)
                return count, [ChainResult(facts.etag) for facts in made]
        return count, ()

    def _usual(self, caller: Caller, call: Link) -> ChainResult | None:
        """What becomes of a call that has a short way, for which nobody waits."""
        host, who = self._host, caller.who
        if isinstance(call, ChainClose):
            is_closed = not caller.session and host.handles.usual.close(who, call.open)
            return _DONE if is_closed else None
        if isinstance(call, ChainGet):
            content = host.polls.content_now(caller, call.share, call.path)
            return None if content is None else ChainResult(content.etag, content.data)
        if isinstance(call, ChainOpen):
            if call.read:
                both = host.handles.usual.open_and_read(who, call.request, BYTES_MAX)
                return None if both is None else ChainResult(data=both[1], open=both[0])
            reply = host.handles.usual.open(who, call.request)
            return None if reply is None else ChainResult(open=reply)
        return None

    async def _one(self, caller: Caller, call: Link, before: BeforeLarge | None) -> ChainResult:
        host, who = self._host, caller.who
        if isinstance(call, ChainGet):
            try:
                content = await host.paths.get(caller, call.share, call.path, before=before)
            except Refused as refused:
                # of this call alone: those before it are done
                return ChainResult(problem=refused.problem)
            if isinstance(content, Problem):
                return ChainResult(problem=content)
            assert isinstance(content, Content), "not modified without an ETag"
            return ChainResult(content.etag, content.data)
        if isinstance(call, ChainPut):
            written = await host.paths.put(
                caller, call.share, call.path, call.data, create_only=call.create, sync=False
            )
            if isinstance(written, Problem):
                return ChainResult(problem=written)
            return ChainResult(written.etag)
        if isinstance(call, ChainDelete):
            return ChainResult(
                problem=await host.paths.delete(caller, call.share, call.path, sync=False)
            )
        if isinstance(call, ChainSession):
            reply = host.sessions.start(who, call.request)
            return (
                ChainResult(problem=reply)
                if isinstance(reply, Problem)
                else ChainResult(session=reply)
            )
        if isinstance(call, ChainOpen):
            return await self._open(caller, call)
        if isinstance(call, ChainLogoff):
            refusal = host.sessions.end(who, call.session)
            await host.sessions.all_closed()
            return ChainResult(problem=refusal)
        return ChainResult(problem=await host.handles.close(who, call.open, session=caller.session))

    async def _open(self, caller: Caller, call: ChainOpen) -> ChainResult:
        who, handles = caller.who, self._host.handles
        reply = handles.usual.open(who, call.request) or await handles.open(who, call.request)
        if isinstance(reply, Problem):
            return ChainResult(problem=reply)
        if not call.read or reply.size > BYTES_MAX:
            return ChainResult(open=reply)
        data = await handles.read(who, reply.open, 0, None)
        if isinstance(data, Problem):
            if data.nt_status != NtStatus.END_OF_FILE:
                return ChainResult(open=reply, problem=data)
            data = b""
        return ChainResult(data=data, open=reply)
