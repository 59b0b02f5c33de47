"""The short way to the usual answers of opens, closes, polls, looks at small files and puts over
them, for connections with the fast lane (that of a chain is `usual_chains`).

The law: nothing is answered here that the calls' own handlers would answer otherwise. What stands
before them (the browser's guard, who calls, how a body is sent) is worked out once for a block of
header fields, and only blocks that pass it with nothing special come this way; a call with a
session or program of its own, over a line that is broken, or with a body that has to be looked at,
does not. The host decides (`handles.usual`, `paths.polls`, `paths.puts`), the answers are made by
the functions that make those of the handlers, and are counted and timed with them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from despoolr_core.rules.memory import Bounded
from despoolr_core.share.wire import OpenRequest
from despoolr_server.faults.line import ServerLine
from despoolr_server.files.protocol import StoreError
from despoolr_server.http.base.browser_guard import BrowserGuard
from despoolr_server.http.base.conditions import is_plain
from despoolr_server.http.base.surface import (
    IF,
    JSON_SIZE_MAX,
    PROGRAM,
    PURPOSE,
    SESSION,
    Surface,
)
from despoolr_server.http.connections.broken_line import lost
from despoolr_server.http.connections.field_block import FieldBlock
from despoolr_server.http.connections.short_ways import Later, Usual, UsualOfFile
from despoolr_server.http.handling import hdrs
from despoolr_server.http.handling.handler import Request, StreamResponse
from despoolr_server.http.handling.single_write import BODY_SIZE_MAX, SingleWriteResponse
from despoolr_server.http.shares.chain import CHAIN, ChainRoutes
from despoolr_server.http.shares.files import ShareRoutes, put_answer
from despoolr_server.http.shares.opens import closed, opened
from despoolr_server.http.shares.usual_chains import UsualChains
from despoolr_server.shares.base.principal import Caller, Principal

OPENS: Final = "/api/v1/opens"

_SPECIAL: Final = (hdrs.CONTENT_ENCODING, SESSION, PROGRAM, PURPOSE)
_CONDITIONS: Final = (IF, hdrs.IF_MATCH, hdrs.IF_UNMODIFIED_SINCE, hdrs.CONTENT_RANGE)
"""Looked at before `If-None-Match`, and what a `PUT` is refused for."""
_JSON: Final = "application/json"
_PLAIN_TYPES: Final = (_JSON, "application/octet-stream")
"""What a body is said to be by who is no form of a page; clients say the latter of all they send.
"""
WISHES_MAX: Final = 4096
WISHES_SIZE_MAX: Final = 1024 * 1024
"""How many bodies of opens are remembered, and how many bytes of them: who opens a file again says
so in the same words.
"""

_decode: Final = msgspec.json.Decoder(OpenRequest).decode


class _Look(msgspec.Struct, frozen=True):
    """Who asks for a file, or for what is newer than an ETag, and the answer's header if nothing
    is; whether for all of it.
    """

    caller: Caller
    etag: str
    headers: str
    is_whole: bool


class UsualRoutes:
    """The short ways of one server."""

    def __init__(
        self,
        surface: Surface,
        files: ShareRoutes,
        chains: ChainRoutes,
        guard: BrowserGuard,
        line: ServerLine | None,
    ) -> None:
        self._auth = surface.auth
        self._usual = surface.host.handles.usual
        self._polls = surface.host.polls
        self._puts = surface.host.puts
        self._files = files
        self._guard = guard
        self._line = line
        self._surface = surface
        self._wishes: Bounded[OpenRequest] = Bounded(WISHES_MAX, WISHES_SIZE_MAX)
        self._chains = UsualChains(surface, chains, self._who_speaks, line)

    def calls(self) -> dict[tuple[str, str], Usual]:
        """The short ways, by method and address."""
        return {
            (hdrs.METH_POST, OPENS): self._timed(hdrs.METH_POST, self._open),
            (hdrs.METH_DELETE, OPENS + "/{open}"): self._timed(hdrs.METH_DELETE, self._close),
            (hdrs.METH_POST, CHAIN): self._chains.usual,
        }

    def of_files(self) -> dict[str, UsualOfFile]:
        """The short ways of files, by method."""
        return {hdrs.METH_GET: self._looks(), hdrs.METH_PUT: self._usual_put}

    def _usual_put(self, share: str, path: str) -> Usual | None:
        """The short way of a file that is replaced."""
        put = self._puts.put_of(share, path)
        if put is None:
            return None
        when_safe, failed = self._puts.when_safe(share), self._puts.failed
        refused = self._files.put_refused
        counts, latency = (
            self._surface.counts(hdrs.METH_PUT),
            self._surface.latencies[hdrs.METH_PUT],
        )
        line, look_of, body_size_max = self._line, self._look_of, self._surface.body_size_max

        def usual(
            _last: str, block: FieldBlock, body: bytes, now: Callable[[], float]
        ) -> SingleWriteResponse | Later | None:
            look = block.look
            if look is None:
                look = block.look = look_of(block)
            if (
                not isinstance(look, _Look)
                or look.etag
                or not body
                or len(body) > body_size_max
                or (line is not None and not line.is_whole)
            ):
                return None
            began = now()
            written = put(look.caller, body)
            if written is None:
                return None
            response = put_answer(written)
            if when_safe is None:
                counts[204] += 1
                latency.add(now() - began)
                return response

            def answer(
                error: StoreError | None, request_of: Callable[[], Request]
            ) -> StreamResponse:
                if line is not None and line.is_cut(look.caller.who.machine):  # meanwhile
                    raise lost(request_of())
                told: StreamResponse = response
                if error is not None:
                    told = refused(request_of(), failed(look.caller, share, path, error))
                counts[told.status] += 1
                latency.add(now() - began)
                return told

            return Later(when_safe, answer)

        return usual

    def _looks(self) -> UsualOfFile:
        """That of a look: a poll that finds nothing new, and what is small."""
        counts, latency = (
            self._surface.counts(hdrs.METH_GET),
            self._surface.latencies[hdrs.METH_GET],
        )
        line, look_of, now_there = self._line, self._look_of, self._files.now_there
        poll_of = self._polls.poll_of

        def usual_read(share: str, path: str) -> Usual:
            is_unchanged: Callable[[Caller, str], bool] | None = None

            def usual(
                _last: str, block: FieldBlock, body: bytes, now: Callable[[], float]
            ) -> SingleWriteResponse | None:
                nonlocal is_unchanged
                look = block.look
                if look is None:
                    look = block.look = look_of(block)
                if not isinstance(look, _Look) or body or (line is not None and not line.is_whole):
                    return None
                began = now()
                response: SingleWriteResponse | None = None
                if look.etag and is_unchanged is None:  # most files are asked for once
                    is_unchanged = poll_of(share, path)
                if is_unchanged is not None and look.etag and is_unchanged(look.caller, look.etag):
                    response = SingleWriteResponse(304, look.headers)
                elif look.is_whole:
                    # a longer one is not said in one write, and would be read twice
                    response = now_there(look.caller, share, path, BODY_SIZE_MAX)
                if response is None:
                    return None
                counts[response.status] += 1
                latency.add(now() - began)
                return response

            return usual

        return usual_read

    def _look_of(self, block: FieldBlock) -> _Look | str:
        """What such a block asks of a file; "" if the handlers have to look at it."""
        headers = block.beside.headers
        etag = headers.get(hdrs.IF_NONE_MATCH)
        is_usual = hdrs.IF_MODIFIED_SINCE not in headers if etag is None else is_plain(etag)
        who = self._who_speaks(block) if is_usual else ""
        if not isinstance(who, Principal) or any(name in headers for name in _CONDITIONS):
            return ""
        tag = etag or ""
        return _Look(Caller(who), tag, f"Etag: {tag}\r\n", hdrs.RANGE not in headers)

    def _timed(
        self,
        method: str,
        answer: Callable[[Principal, str, bytes], SingleWriteResponse | None],
    ) -> Usual:
        counts, latency = self._surface.counts(method), self._surface.latencies[method]
        line, who_speaks = self._line, self._who_speaks

        def usual(
            last: str, block: FieldBlock, body: bytes, now: Callable[[], float]
        ) -> SingleWriteResponse | None:
            who = block.who
            if who is None:
                who = block.who = who_speaks(block)
            if not isinstance(who, Principal) or (line is not None and not line.is_whole):
                return None
            began = now()
            response = answer(who, last, body)
            if response is not None:
                counts[response.status] += 1
                latency.add(now() - began)
            return response

        return usual

    def _who_speaks(self, block: FieldBlock) -> Principal | str:
        """The caller of such a block; "" if the handlers have to look at it."""
        beside, token = block.beside, block.value(hdrs.AUTHORIZATION)
        if token is None:
            return ""
        if beside.is_plain is None:  # it is the same under each of our tokens
            headers = block.headers
            beside.is_plain = (
                headers.get(hdrs.CONTENT_TYPE, _JSON) in _PLAIN_TYPES
                and not any(name in headers for name in _SPECIAL)
                and self._guard.passes(headers)
            )
        who = self._auth.check(token) if beside.is_plain else None
        return who if who is not None else ""

    def _open(self, who: Principal, _last: str, body: bytes) -> SingleWriteResponse | None:
        known = self._wishes.get(body)
        request = _wish_of(body) if known is None else known
        reply = None if request is None else self._usual.open(who, request)
        if request is None or reply is None:
            return None
        if known is None:
            self._wishes.keep(body, request)
        return opened(reply)

    def _close(self, who: Principal, last: str, body: bytes) -> SingleWriteResponse | None:
        return None if body or not self._usual.close(who, last) else closed()


def _wish_of(body: bytes) -> OpenRequest | None:
    """What a body asks for that is plain; None if it has to be looked at."""
    if len(body) > JSON_SIZE_MAX or not body.isascii() or b"\\" in body or b"\x7f" in body:
        return None
    try:
        return _decode(body)
    except (msgspec.MsgspecError, RecursionError):
        return None
