"""One HTTP call to one server as one token makes it, and what its answer means.

The law: a call ends in a success, in a `ShareError` that carries the server's own problem body, or
in `ShareUnreachable` when nobody answered, or somebody did who is no Despoolr server.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from despoolr_client.transport.message import Ask, header_lines
from despoolr_client.transport.replies import Reply
from despoolr_core.rules.fold import fold
from despoolr_core.share.chain import Chain, ChainReply, ChainResult, Link
from despoolr_core.share.contract import ShareError, ShareUnreachable, Watch, unwatched
from despoolr_core.share.modes import WIN32_CODE, NtStatus
from despoolr_core.share.wire import GATEWAY_ERRORS, EpisodeEnd, Problem

if TYPE_CHECKING:
    import aiohttp

T = TypeVar("T")

WatchThere = Callable[[str, Sequence[str]], Watch]
"""`watch(share, paths)`: what tells, without a call, of directories on another machine."""

_OWN: Final = ("/api/v1/opens/", "/api/v1/sessions/")
"""What a `DELETE` of ends an open or a session: to let go is never too late."""
_STATUS_WITHOUT_BODY: Final[dict[int, NtStatus]] = {
    400: NtStatus.INVALID_PARAMETER,
    401: NtStatus.ACCESS_DENIED,
    403: NtStatus.ACCESS_DENIED,
    404: NtStatus.OBJECT_NAME_NOT_FOUND,
    410: NtStatus.FILE_CLOSED,
    412: NtStatus.OBJECT_NAME_COLLISION,
    413: NtStatus.FILE_TOO_LARGE,
    416: NtStatus.END_OF_FILE,
    423: NtStatus.SHARING_VIOLATION,
    507: NtStatus.DISK_FULL,
}
encode: Final = msgspec.json.Encoder().encode
_PROBLEM: Final = msgspec.json.Decoder(Problem)
_KNOWN_STATUSES: Final = frozenset(NtStatus)


def _nobody_tells(_share: str, _paths: Sequence[str]) -> Watch:
    return unwatched


class HttpCaller:
    """A server's address, a token, and the pool they share with others."""

    __slots__ = (
        "_ask",
        "_base",
        "_http",
        "_lines",
        "_timeout",
        "may_act",
        "name",
        "program",
        "watch",
    )

    def __init__(
        self,
        http: aiohttp.ClientSession,
        base_url: str,
        token: str,
        *,
        name: str = "",
        program: str = "",
        timeout: aiohttp.ClientTimeout | None = None,
    ) -> None:
        self._http = http
        self._ask: Ask | None = None
        self._base = base_url.rstrip("/")
        self._timeout = timeout or http.timeout
        self.name = name or fold(urlsplit(base_url).hostname or "")
        self.program = program
        self.may_act: Callable[[], bool] | None = None
        """Asked before every request but one that gives something back; None: it may."""
        self.watch: WatchThere = _nobody_tells
        """Over a network nobody tells of a change: one looks."""
        # Bytes only: without this, a GET of a directory is answered with its listing.
        headers = {"Accept": "application/octet-stream"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if program:
            headers["Despoolr-Program"] = quote(program, errors="replace")
        self._lines = header_lines(headers)

    async def call_json(
        self, method: str, target: str, kind: type[T], body: msgspec.Struct | None = None
    ) -> T:
        """`call` with a JSON body, answered by a `kind`. Raises as `call`."""
        reply = await self.call(method, target, None if body is None else encode(body))
        try:
            return msgspec.json.decode(reply.body, type=kind)
        except msgspec.DecodeError as error:
            raise ShareUnreachable(
                f"{self._base} answers, but not as a Despoolr server: {error}"
            ) from None

    async def call(
        self,
        method: str,
        target: str,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """One round trip. `target` is percent-encoded. Raises `ShareError` for a problem,
        `ShareUnreachable` for no answer.
        """
        lines = self._lines + header_lines(headers) if headers else self._lines
        may_act = self.may_act
        if may_act is not None and method == "DELETE" and target.startswith(_OWN):
            may_act = None
        try:
            ask = self._ask
            if ask is None:
                ask = self._ask = way_to(self._http, self._base)
            reply = await ask(method, target, lines, data, self._timeout, may_act)
        except OSError as error:
            raise ShareUnreachable(
                f"{self.name} does not answer at {self._base}: {error}"
            ) from error
        if is_success(reply):
            return reply
        raise self.failure(reply)

    async def chain(self, calls: Sequence[Link], *, stops: bool = False) -> list[ChainResult]:
        """Several calls in one round trip; a result for each that was made, at least one. Raises as
        `call_json`.
        """
        reply = await self.call_json("POST", "/api/v1/chain", ChainReply, Chain(list(calls), stops))
        if not reply.results:
            raise ShareUnreachable(
                f"{self.name} answers, but not as a Despoolr server: a chain without a result"
            )
        return reply.results

    async def end_episode(self, episode: str, reason: str) -> None:
        """Tell the server that an update will not be tried again. Raises as `call`."""
        await self.call(
            "POST", f"/api/v1/episodes/{quote(episode, safe='')}/end", encode(EpisodeEnd(reason))
        )

    def failure(self, reply: Reply) -> ShareError | ShareUnreachable:
        """What an answer means that is no success."""
        status, body = reply.status, reply.body
        try:
            problem = _PROBLEM.decode(body)
        except msgspec.DecodeError:
            if status < 400 or status in GATEWAY_ERRORS:
                return ShareUnreachable(
                    f"{self._base} answers {status}, but not as a Despoolr server"
                )
            problem = Problem(
                "about:blank", f"HTTP {status}", status, body[:200].decode(errors="replace")
            )
        return known_error(problem)


def way_to(http: aiohttp.ClientSession, base: str) -> Ask:
    """How a server is asked over a session, aiohttp's or one with a way of its own. Raises
    `ConnectionError` for what is not an address.
    """
    own = getattr(http, "way_to", None)
    if own is not None:
        made: Ask = own(base)
        return made
    from despoolr_client.transport import exchange  # noqa: PLC0415 - where bytes are sent

    try:
        return exchange.way_to(http, base)
    except ValueError as error:
        raise ConnectionError(str(error)) from error


def is_success(reply: Reply) -> bool:
    """Whether it says what was asked for, or that it is as it was."""
    return reply.status < 300 or reply.status == 304


def known_error(problem: Problem) -> ShareError:
    """The error a problem body is; a status of another world is put into ours."""
    if problem.nt_status not in _KNOWN_STATUSES:
        nt_status = _STATUS_WITHOUT_BODY.get(problem.status, NtStatus.IO_DEVICE_ERROR)
        problem = msgspec.structs.replace(problem, nt_status=nt_status, win32=WIN32_CODE[nt_status])
    return ShareError(problem)


def query(**given: str) -> str:
    """A query string of what is not empty, with its `?`; `""` if nothing is."""
    asked = {name: value for name, value in given.items() if value}
    return f"?{urlencode(asked)}" if asked else ""
