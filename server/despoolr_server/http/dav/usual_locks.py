"""The short way to the usual answers of LOCK and UNLOCK, for connections with the fast lane.

The law is that of `http.shares.usual_calls`: nothing is answered here that the handlers would
answer otherwise. Who asks, how deep and for how long is worked out once for a block of header
fields; a call with a condition, a session or a program of its own, with a body that has to be
looked at or without one, does not come this way. The share decides, and `LockRoutes` words the
answers of both. A lock on a new name is begun here, once, and waits for the disk as `Unfinished`.

A pair takes 128 us of the process's own code in place of 217: the rest was a request, its
fields, and what each handler looks at first.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import msgspec
from multidict import MultiMapping

from despoolr_server.faults.line import ServerLine
from despoolr_server.http.base.browser_guard import BrowserGuard
from despoolr_server.http.base.conditions import are_in
from despoolr_server.http.base.problem import Refused
from despoolr_server.http.base.surface import IF, PROGRAM, PURPOSE, SESSION, Surface
from despoolr_server.http.connections.call_count import CallCount, fail
from despoolr_server.http.connections.field_block import FieldBlock
from despoolr_server.http.connections.short_ways import Unfinished, Usual, UsualOfFile
from despoolr_server.http.dav.bodies import XML_SIZE_MAX, LockInfo, XmlRefused, parse_lockinfo
from despoolr_server.http.dav.locking import LockRoutes, is_deep, read_token
from despoolr_server.http.dav.request import timeout_s
from despoolr_server.http.handling import hdrs
from despoolr_server.http.handling.handler import Request, StreamResponse, rest_of
from despoolr_server.http.handling.single_write import SingleWriteResponse
from despoolr_server.shares.base.gate import SEPARATORS
from despoolr_server.shares.base.principal import Caller
from despoolr_server.shares.dav import LockWish

_SPECIAL: Final = (IF, hdrs.CONTENT_ENCODING, SESSION, PROGRAM, PURPOSE)


class _Head(msgspec.Struct, frozen=True):
    """What such a call says beside its body."""

    method: str
    block: FieldBlock

    @property
    def headers(self) -> MultiMapping[str]:
        """Those that few ask for."""
        return self.block.headers


class _Asker(msgspec.Struct, frozen=True):
    """Who asks so, also by the names under which a lock stands in others' way; how deep, and for
    how many seconds.
    """

    caller: Caller
    named: Caller
    is_deep: bool
    timeout_s: float


class UsualLocks:
    """The short ways of one server's locks."""

    def __init__(
        self, surface: Surface, locks: LockRoutes, guard: BrowserGuard, line: ServerLine | None
    ) -> None:
        self._auth, self._host = surface.auth, surface.host
        self._locks, self._unlocks = (
            CallCount(surface, "LOCK", line),
            CallCount(surface, "UNLOCK", line),
        )
        self._routes = locks
        self._guard = guard
        self._line = line

    def of_files(self) -> dict[str, UsualOfFile]:
        """The short ways, by method."""
        return {"LOCK": self._usual_lock, "UNLOCK": self._usual_unlock}

    def _usual_lock(self, share: str, path: str) -> Usual | None:
        if not path or path.endswith(SEPARATORS):
            return None
        lock, is_unread = self._host.dav.lock, self._host.gate.is_unread
        count, told, asker_of = self._locks, self._routes.locked, self._asker_of

        def usual(
            _last: str, block: FieldBlock, body: bytes, now: Callable[[], float]
        ) -> SingleWriteResponse | Unfinished | None:
            asker, info = asker_of(block), _info(body)
            if asker is None or info is None or is_unread(share, path):
                return None
            began = now()
            wish = LockWish(info.exclusive, asker.is_deep, info.owner, asker.timeout_s)
            call: Any = lock(asker.named, share, path, wish)
            try:
                try:
                    waits = call.send(None)
                except StopIteration as done:
                    response = told(_Head("LOCK", block), share, path, done.value)
                else:
                    return count.rest(partial(self._when_locked, share, path, call, waits), began)
            except Exception as error:
                return count.rest(partial(fail, error), began)
            count.add(response.status, began, now)
            return response

        return usual

    async def _when_locked(
        self, share: str, path: str, call: Any, waits: Any, request: Request
    ) -> StreamResponse:
        result: Any = await rest_of(call, waits)
        return self._routes.locked(request, share, path, result)

    def _usual_unlock(self, share: str, path: str) -> Usual | None:
        if not path or path.endswith(SEPARATORS):
            return None
        unlock, count = self._host.dav.unlock, self._unlocks
        told, asker_of = self._routes.unlocked, self._asker_of

        def usual(
            _last: str, block: FieldBlock, body: bytes, now: Callable[[], float]
        ) -> SingleWriteResponse | Unfinished | None:
            asker, token = asker_of(block), read_token(block.value(hdrs.LOCK_TOKEN) or "")
            if asker is None or body or not token:
                return None
            began = now()
            try:
                result = unlock(asker.caller, share, path, token)
                response = told(_Head("UNLOCK", block), share, path, result)
            except Exception as error:
                return count.rest(partial(fail, error), began)
            count.add(response.status, began, now)
            return response

        return usual

    def _asker_of(self, block: FieldBlock) -> _Asker | None:
        """Who asks so; None where the handlers have to look, or at a line that is not whole."""
        asker = block.locks
        if asker is None:
            asker = block.locks = self._read(block) or ""
        is_whole = self._line is None or self._line.is_whole
        return asker if isinstance(asker, _Asker) and is_whole else None

    def _read(self, block: FieldBlock) -> _Asker | None:
        headers = block.headers
        if (
            any(name in headers for name in _SPECIAL)
            or are_in(headers)
            or not self._guard.passes(headers)
        ):
            return None
        who = self._auth.check(headers.get(hdrs.AUTHORIZATION))
        if who is None:
            return None
        caller, head = Caller(who), _Head("LOCK", block)
        try:
            return _Asker(
                caller, self._routes.named(caller, headers), is_deep(head), timeout_s(head)
            )
        except Refused:
            return None


def _info(body: bytes) -> LockInfo | None:
    """What a body asks for; None for none, and for what has to be refused."""
    if not 0 < len(body) <= XML_SIZE_MAX:
        return None
    try:
        return parse_lockinfo(body)
    except XmlRefused:
        return None
