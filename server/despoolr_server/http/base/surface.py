"""What every handler stands on: the host, who is calling, and how requests are read, each with its
limit.

A limit is stated once, here, and tested at its edge. Whatever is wrong with a request is a
`Refused` that names the header, the parameter or the JSON field, and the bound it broke.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Final, TypeVar
from urllib.parse import unquote

import msgspec
from multidict import CIMultiDict, istr

from despoolr_core.clock import Clock
from despoolr_core.rules.fields import decode
from despoolr_core.rules.memory import Bounded
from despoolr_core.rules.text import LINE_SIZE_MAX, NAME_SIZE_MAX, why_unfit
from despoolr_core.share.modes import Role
from despoolr_server.http.base.auth import CHALLENGES, REMEMBERED_MAX, REMEMBERED_SIZE_MAX, Auth
from despoolr_server.http.base.browser_guard import check_json_type
from despoolr_server.http.base.counts.latency import Latency
from despoolr_server.http.base.counts.traffic import Traffic
from despoolr_server.http.base.problem import Refused, bad_request, known
from despoolr_server.http.base.uploads import UPLOADS, Looks
from despoolr_server.http.handling import hdrs
from despoolr_server.http.handling.handler import AppKey, Request, over_aiohttp
from despoolr_server.http.handling.single_write import SingleWriteResponse
from despoolr_server.shares.base.principal import Caller, Principal
from despoolr_server.shares.host import ShareHost

T = TypeVar("T")

JSON_SIZE_MAX: Final = 64 * 1024
"""Bytes in a JSON body."""

IDENTITY_SIZE_MAX: Final = 1024
"""Bytes in `Despoolr-Session`, `Despoolr-Program`, `Despoolr-Purpose`, as sent
(percent-encoded).
"""

ROWS_MAX: Final = 10_000
"""Rows in one answer of `opens` and `episodes`; the count in the answer is always the full one."""

IF: Final = istr("If")
"""WebDAV's header. (A header that is asked for by a plain text is folded anew each time: five times
the cost.)
"""
SESSION: Final = istr("Despoolr-Session")
PROGRAM: Final = istr("Despoolr-Program")
PURPOSE: Final = istr("Despoolr-Purpose")

CHALLENGED: Final = CIMultiDict((hdrs.WWW_AUTHENTICATE, challenge) for challenge in CHALLENGES)
encode: Final = msgspec.json.Encoder().encode
_JSON: Final[dict[str, str]] = {hdrs.CONTENT_TYPE: "application/json"}


class Surface:
    """One server's HTTP surface: what its handlers share."""

    def __init__(self, host: ShareHost, auth: Auth, clock: Clock, *, body_size_max: int) -> None:
        self.host = host
        self.auth = auth
        self.clock = clock
        self.body_size_max = body_size_max
        self.started_at = clock.now()
        self.traffic = Traffic()
        self.looks = Looks()
        self.answers: dict[str, defaultdict[int, int]] = {}
        """Answers by the route's method and the status."""
        self.latencies: defaultdict[str, Latency] = defaultdict(Latency)
        """How long answers took, by the route's method."""
        self._nameless: Bounded[Caller] = Bounded(
            REMEMBERED_MAX, REMEMBERED_SIZE_MAX
        )  # by `Authorization`: a token once proved stays proved

    def counts(self, method: str) -> defaultdict[int, int]:
        """The counter for the answers of routes with this method (`*`: any other)."""
        return self.answers.setdefault(method, defaultdict(int))

    def principal(self, request: Request) -> Principal:
        """Who is calling. Raises `Refused` (401) for a header that proves nothing."""
        return principal_of(self.auth, request)

    def caller(self, request: Request) -> Caller:
        """Who is calling, in which session, with which program, and what for."""
        headers = request.headers
        session, program, purpose = headers.get(SESSION), headers.get(PROGRAM), headers.get(PURPOSE)
        if session is None and program is None and purpose is None:
            header = headers.get(hdrs.AUTHORIZATION)
            caller = self._nameless.get(header)
            if caller is None:
                caller = Caller(self.principal(request))
                self._nameless.keep(header, caller)
            return caller
        return Caller(
            self.principal(request),
            _identity(SESSION, session),
            _identity(PROGRAM, program),
            _identity(PURPOSE, purpose),
        )

    def operator(self, request: Request, to_do: str) -> Principal:
        """Who is calling, if they may run the site. Raises `Refused` (403) for a client's token."""
        return operator_of(self.auth, request, to_do)


def principal_of(auth: Auth, request: Request) -> Principal:
    """Who is calling. Raises `Refused` (401) for a header that proves nothing."""
    header = request.headers.get(hdrs.AUTHORIZATION)
    who = auth.check(header)
    if who is None:
        detail = (
            ""
            if header is None
            else "This server's secret did not sign that token. Ask its operator for a new one."
        )
        raise Refused(known("authentication-required", detail), CHALLENGED)
    return who


def operator_of(auth: Auth, request: Request, to_do: str) -> Principal:
    """Who is calling, if they may run the site. Raises `Refused` (403) for a client's token."""
    who = principal_of(auth, request)
    if who.role is Role.CLIENT:
        raise Refused(
            known(
                "forbidden",
                f"Only role `service` or `admin` may {to_do}; {who.machine}'s token is `client`.",
            )
        )
    return who


SURFACE: Final = AppKey("surface", Surface)
"""Where handlers that no object of ours carries find it: `request.app[SURFACE]`."""


def check_size(request: Request, size_max: int) -> None:
    """Raises `Refused` (413) for a body that says it is longer than `size_max` bytes."""
    declared = request.content_length
    if declared is not None and declared > size_max:
        raise _too_large(size_max)


def expects(request: Request) -> bool:
    """Whether the caller waits to be told to send its body."""
    if hdrs.EXPECT not in request.headers:
        return False
    return bool(request.get(over_aiohttp().EXPECTING)) and not request.content.is_eof()


async def read_body(request: Request, size_max: int) -> bytes:
    """The whole body. Raises `Refused` (413) as soon as it is known to be longer than `size_max`
    bytes.

    A caller that expects it is told to send it now: what would refuse the request without it is
    looked at before.
    """
    check_size(request, size_max)
    content = request.content
    broken = content.exception()
    if broken is not None:
        raise broken
    if not request.can_read_body:
        return b""
    if content.is_eof():  # it came with its head: nothing to wait for
        whole = content.read_nowait()
        if len(whole) > size_max:
            raise _too_large(size_max)
        return whole
    uploads, caller = request.app[UPLOADS], request.headers.get(hdrs.AUTHORIZATION, "")
    taken = request.content_length or 0
    uploads.take(caller, taken)
    try:
        if expects(request):
            await over_aiohttp().say_continue(request)
        chunks: list[bytes] = []
        size = 0
        async for chunk in content.iter_any():
            size += len(chunk)
            if size > size_max:
                raise _too_large(size_max)
            if size > taken:
                uploads.take(caller, size - taken)
                taken = size
            chunks.append(chunk)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)
    finally:
        uploads.give_back(caller, taken)


async def read_json(request: Request, kind: type[T], size_max: int = JSON_SIZE_MAX) -> T:
    """The body as a `kind`. Raises `Refused` with the path of the field that is wrong."""
    check_json_type(request)
    return decode_json(await read_body(request, size_max), kind)


def decode_json(body: bytes, kind: type[T]) -> T:
    """Bytes as a `kind`. Raises `Refused` (400) for any others."""
    try:
        return decode(body, kind)
    except msgspec.ValidationError as error:
        raise bad_request(
            f"The JSON body does not fit: {error}. See docs/share-api.md for this call's fields."
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise bad_request(f"The body is not JSON: {error}.") from None
    except RecursionError:
        raise bad_request(
            "The JSON body is nested deeper than any call's. See docs/share-api.md for this "
            "call's fields."
        ) from None


def json_answer(
    body: object, status: int = 200, headers: dict[str, str] | None = None
) -> SingleWriteResponse:
    """A struct as a JSON response. `headers` hold nothing that a caller sent."""
    if headers is None:
        return SingleWriteResponse(status, _JSON, encode(body))
    headers[hdrs.CONTENT_TYPE] = "application/json"
    return SingleWriteResponse(status, headers, encode(body))


def query(request: Request, *names: str) -> dict[str, str]:
    """The query parameters `names` (`""` for one left out).

    Raises `Refused` for any other, and for one without a value, lest a slip asks for everything.
    """
    given = request.query
    for name, value in given.items():
        if name not in names:
            takes = ", ".join(f"`{n}`" for n in names) or "none"
            raise bad_request(f"There is no parameter `{name}` here. This call takes {takes}.")
        if not value:
            raise bad_request(f"`{name}` has no value. Give it one, or leave it out.")
        if name != "path" and (reason := why_unfit(value, LINE_SIZE_MAX)):
            raise bad_request(f"`{name}` {reason}.")
    return {name: given.get(name, "") for name in names}


def whole_number(name: str, text: str, default: int, *, highest: int = 2**63 - 1) -> int:
    """A query parameter as a whole number from 0 to `highest`. Raises `Refused` (400) for anything
    else.
    """
    if not text:
        return default
    if not (text.isascii() and text.isdigit()) or len(text) > 20 or int(text) > highest:
        raise bad_request(
            f"`{name}` must be a whole number from 0 to {highest}, not {text[:40]!r}."
        )
    return int(text)


def switch(name: str, text: str) -> bool:
    """A query parameter as yes or no. Raises `Refused` (400) for anything else."""
    if text.lower() in ("", "0", "false", "no"):
        return False
    if text.lower() in ("1", "true", "yes"):
        return True
    raise bad_request(f"`{name}` must be `true` or `false`, not {text[:40]!r}.")


def _identity(name: str, value: str | None) -> str:
    if not value:
        return ""
    if len(value) > IDENTITY_SIZE_MAX:
        raise Refused(
            known(
                "headers-too-large",
                f"`{name}` has {len(value)} bytes; this server takes {IDENTITY_SIZE_MAX}.",
            )
        )
    try:
        text = unquote(value, errors="strict")
    except UnicodeDecodeError:
        raise bad_request(f"`{name}` must be percent-encoded UTF-8.") from None
    if reason := why_unfit(text, LINE_SIZE_MAX if name == PURPOSE else NAME_SIZE_MAX):
        raise bad_request(
            f"`{name}` {reason}. Send a name of printable characters, percent-encoded as UTF-8."
        )
    return text


def _too_large(size_max: int) -> Refused:
    return Refused(
        known(
            "payload-too-large",
            f"This call takes at most {size_max} bytes: send less, or pieces to an open.",
        )
    )
