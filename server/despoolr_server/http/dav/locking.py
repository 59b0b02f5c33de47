"""LOCK and UNLOCK: what they read and what they answer. Whether a lock is granted is the share's to
say (`share.dav`).

The law: a LOCK without a body refreshes the lock whose token `If` submits; with one it asks for
another. The answer shows the lock as it is, with the time that is left of it. A blocker is known by
what the client says it is: its `Despoolr-Program`, or else the product in its `User-Agent`.
"""

from __future__ import annotations

import re
from typing import Final

from msgspec.structs import replace
from multidict import MultiMapping

from despoolr_core.share.wire import Problem
from despoolr_server.http.base.problem import Refused, bad_request, known
from despoolr_server.http.base.surface import Surface, read_body
from despoolr_server.http.dav.answers import (
    dependent_response,
    failed_response,
    lock_error,
    lockdiscovery,
    multistatus,
    prop_answer,
    refuse,
)
from despoolr_server.http.dav.bodies import XML_SIZE_MAX, XmlRefused, parse_lockinfo
from despoolr_server.http.dav.request import (
    Asking,
    depth,
    no_body,
    only,
    product,
    timeout_s,
    xml_refused,
)
from despoolr_server.http.handling import hdrs
from despoolr_server.http.handling.handler import Handler, Request, RequestHead, StreamResponse
from despoolr_server.http.handling.single_write import SingleWriteResponse
from despoolr_server.shares.base.dav_locks import DavLock
from despoolr_server.shares.base.principal import Caller
from despoolr_server.shares.dav import LockWish
from despoolr_server.shares.paths.trees import Failures

_TOKEN: Final = re.compile(r"<([^<>\s]+)>|([^<>\s]+)")
"""RFC 4918, 10.5 has the token in angle brackets; the npm package `webdav` sends it without."""


class LockRoutes:
    """The two methods of class 2. Handlers raise `Refused`, which is answered as a problem."""

    def __init__(self, surface: Surface, asking: Asking) -> None:
        self._surface = surface
        self._host = surface.host
        self._asking = asking
        self.methods: dict[str, Handler] = {"LOCK": self.lock, "UNLOCK": self.unlock}

    async def lock(self, request: Request) -> StreamResponse:
        """200 with the lock (201 on a name that was free), 423 with the blockers, or 207 where they
        are further down.
        """
        caller, share, path = self._asking.asked(request)
        body = await read_body(request, XML_SIZE_MAX)
        self._asking.check_conditions(request, caller, share, path)
        if not body:
            return self._refresh(request, caller, share, path)
        try:
            info = parse_lockinfo(body)
        except XmlRefused as error:
            raise xml_refused(error, share, path) from None
        wish = LockWish(info.exclusive, is_deep(request), info.owner, timeout_s(request))
        named = self.named(caller, request.headers)
        whole = request.match_info.get("path", "")
        result = await self._host.dav.lock(named, share, whole, wish)
        return self.locked(request, share, path, result)

    def locked(
        self,
        request: RequestHead,
        share: str,
        path: str,
        result: tuple[DavLock, bool] | Problem | Failures,
    ) -> SingleWriteResponse:
        """What a LOCK came to."""
        lock_of = self._host.dav_locks.of_handle
        if isinstance(result, Problem):
            return refuse(request, result, error=lock_error(result, lock_of, locking=True))
        if isinstance(result, list):
            responses = []
            for where, problem in result:
                problem.dav_error = lock_error(problem, lock_of, locking=True)
                responses.append(failed_response(share, where, problem))
            return multistatus([*responses, dependent_response(share, path)])
        lock, created = result
        return self._shown(lock, 201 if created else 200)

    async def unlock(self, request: Request) -> StreamResponse:
        """204, or 409 for a token that is that of no lock there."""
        caller, share, path = self._asking.asked(request)
        await no_body(request)
        self._asking.check_conditions(request, caller, share, path)
        token = read_token(only(request, hdrs.LOCK_TOKEN, ""))
        if not token:
            raise bad_request(
                "UNLOCK needs a `Lock-Token` header: <opaquelocktoken:...>, as LOCK answered it."
            )
        return self.unlocked(
            request, share, path, self._host.dav.unlock(caller, share, path, token)
        )

    def unlocked(
        self, request: RequestHead, share: str, path: str, result: DavLock | Problem | None
    ) -> SingleWriteResponse:
        """What an UNLOCK came to."""
        if result is None:
            problem = known("lock-token-unknown", share=share, path=path)
            return refuse(request, problem, error="lock-token-matches-request-uri")
        return refuse(request, result) if isinstance(result, Problem) else SingleWriteResponse(204)

    def _refresh(self, request: Request, caller: Caller, share: str, path: str) -> StreamResponse:
        if not caller.tokens:
            raise bad_request(
                "A LOCK without a body refreshes a lock: name it in `If: (<token>)`. To lock, "
                "send a lockinfo."
            )
        lock = self._host.dav.refresh(caller, share, path)
        if lock is None:
            detail = (
                "None of the tokens is that of a lock of yours there. It may have timed out: "
                "lock again."
            )
            raise Refused(known("precondition-failed", detail, share=share, path=path))
        return refuse(request, lock) if isinstance(lock, Problem) else self._shown(lock)

    def named(self, caller: Caller, headers: MultiMapping[str]) -> Caller:
        """The caller by the names under which its lock will stand in others' way."""
        agent = product(headers.get(hdrs.USER_AGENT, ""))
        return replace(caller, program=caller.program or agent)

    def _shown(self, lock: DavLock, status: int = 0) -> SingleWriteResponse:
        fields = f"Lock-Token: <{lock.token}>\r\n" if status else ""
        return prop_answer(lockdiscovery([lock], self._host.dav.left_s), status or 200, fields)


def is_deep(request: RequestHead) -> bool:
    """Whether a LOCK asks for all below as well. Raises `Refused` for a depth that none has."""
    return depth(request, "infinity", "0", "infinity") == "infinity"


def read_token(text: str) -> str:
    """The token of a `Lock-Token` field; `""` for what is none."""
    found = _TOKEN.fullmatch(text.strip())
    return "" if found is None else found[1] or found[2]
