"""The short way of a chain in which no file is got: most of what a client says.

The law is that of `usual_calls`, and its calls are made by the functions that the handler has them
made by. But a chain cannot be known to need no wait before it is made. So it is begun here, once:
what then waits, fails or is long is `Unfinished`, and its rest is watched as a handler is. A chain
that made nothing but new files is answered when its store says that they are safe.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import msgspec

from despoolr_core.rules.fields import decoder_of
from despoolr_core.share.chain import CALLS_MAX, Chain, ChainGet
from despoolr_server.faults.line import ServerLine
from despoolr_server.files.protocol import StoreError
from despoolr_server.http.base.problem import answer
from despoolr_server.http.base.surface import Surface
from despoolr_server.http.connections.broken_line import lost
from despoolr_server.http.connections.call_count import CallCount, fail
from despoolr_server.http.connections.field_block import FieldBlock
from despoolr_server.http.connections.short_ways import Later, Unfinished
from despoolr_server.http.handling import hdrs
from despoolr_server.http.handling.handler import Request, StreamResponse, rest_of
from despoolr_server.http.handling.single_write import BODY_SIZE_MAX, SingleWriteResponse
from despoolr_server.http.shares import chain
from despoolr_server.http.shares.chain import ChainRoutes, Made, encode_results
from despoolr_server.shares.base.principal import Caller, Principal

_JSON: Final = "Content-Type: application/json\r\n"
_decode: Final = decoder_of(Chain)


class UsualChains:
    """The short way of one server's chains; `who_speaks` is that of all usual calls."""

    def __init__(
        self,
        surface: Surface,
        chains: ChainRoutes,
        who_speaks: Callable[[FieldBlock], Principal | str],
        line: ServerLine | None,
    ) -> None:
        self._paths, self._puts = surface.host.paths, surface.host.puts
        self._chains = chains
        self._who_speaks = who_speaks
        self._line = line
        self._count = CallCount(surface, hdrs.METH_POST, line)

    def usual(
        self, _last: str, block: FieldBlock, body: bytes, now: Callable[[], float]
    ) -> SingleWriteResponse | Later | Unfinished | None:
        """The answer to a chain that has a short way (`short_ways.Usual`)."""
        who, line = block.who, self._line
        if who is None:
            who = block.who = self._who_speaks(block)
        if not isinstance(who, Principal) or (line is not None and not line.is_whole):
            return None
        began = now()
        asked = _asked(body)
        return None if asked is None else self._begin(who, asked, began, now)

    def _begin(
        self, who: Principal, asked: Chain, began: float, now: Callable[[], float]
    ) -> SingleWriteResponse | Later | Unfinished:
        calls: Any = self._chains.made(Caller(who), asked)
        try:
            waits = calls.send(None)
        except StopIteration as done:
            made: Made = done.value
        except Exception as error:
            return self._count.rest(partial(fail, error), began)
        else:
            return self._count.rest(partial(self._when_made, calls, waits), began)
        told = encode_results(made.results)
        if len(told) > BODY_SIZE_MAX:
            return self._count.rest(partial(self._say, made), began)
        response = SingleWriteResponse(200, _JSON, told)
        if made.written:
            if not made.is_new or len(made.written) > 1:
                return self._synced(made, response, began, now)
            (share,) = made.written
            when_safe = self._puts.when_safe(share)
            if when_safe is not None:
                return Later(when_safe, partial(self._answer, who, share, response, began, now))
        self._count.add(200, began, now)
        return response

    def _synced(
        self, made: Made, response: SingleWriteResponse, began: float, now: Callable[[], float]
    ) -> SingleWriteResponse | Unfinished:
        sync: Any = self._paths.sync(made.written)
        try:
            waits = sync.send(None)
        except StopIteration as done:
            told = response if done.value is None else answer(done.value)
        except Exception as error:
            return self._count.rest(partial(fail, error), began)
        else:
            return self._count.rest(partial(self._when_synced, sync, waits, response), began)
        self._count.add(told.status, began, now)
        return told

    def _answer(
        self,
        who: Principal,
        share: str,
        response: SingleWriteResponse,
        began: float,
        now: Callable[[], float],
        error: StoreError | None,
        request_of: Callable[[], Request],
    ) -> StreamResponse:
        if self._line is not None and self._line.is_cut(who.machine):  # meanwhile
            raise lost(request_of())
        if error is not None:
            response = answer(self._paths.not_safe(share, error))
        self._count.add(response.status, began, now)
        return response

    async def _when_made(self, calls: Any, waits: Any, request: Request) -> StreamResponse:
        made: Any = await rest_of(calls, waits)
        return await self._say(made, request)

    async def _when_synced(
        self, sync: Any, waits: Any, response: SingleWriteResponse, _request: Request
    ) -> StreamResponse:
        failure: Any = await rest_of(sync, waits)
        return response if failure is None else answer(failure)

    async def _say(self, made: Made, request: Request) -> StreamResponse:
        return await self._chains.said(request, made)


def _asked(body: bytes) -> Chain | None:
    """A chain that may be begun; None for what has to be refused, and for one that gets files."""
    if len(body) > chain.BODY_SIZE_MAX:
        return None
    try:
        asked = _decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    calls = asked.calls
    if not 1 <= len(calls) <= CALLS_MAX or ChainGet in map(type, calls):
        return None
    return asked
