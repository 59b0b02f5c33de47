"""The client of a command that has no event loop, and starts the faster for it: urllib, one request
at a time, through no proxy.

`carry` is a `Transport` whose requests never wait for an event loop; so `now` can drive a call of
`SiteClient` to its end. `ask` and `call` are the two calls that commands make most.
"""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Coroutine, Mapping
from email.message import Message
from typing import Any, Final, TypeVar

from despoolr_app.clocks.skew import skew_s
from despoolr_app.clocks.time_source import wall_now
from despoolr_app.site_client.client import Body, HttpAnswer, ServerAddress, SiteClient, Streamed
from despoolr_app.site_client.errors import SiteError
from despoolr_core.share.wire import Health

T = TypeVar("T")

TIMEOUT_S: Final = 10.0


async def carry(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: Body,
    *,
    timeout_s: float | None,
    size_max: int,
) -> HttpAnswer:
    """One request. Blocks, and raises as a `Transport` does; a streamed body needs a loop."""
    assert not isinstance(body, Streamed)
    request = urllib.request.Request(url, data=body, headers=dict(headers), method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=TIMEOUT_S if timeout_s is None else timeout_s) as answer:
            return _answer(answer.status, answer.headers, answer.read(size_max + 1))
    except urllib.error.HTTPError as error:
        with error:
            return _answer(error.code, error.headers, error.read(size_max + 1))
    except (OSError, http.client.HTTPException) as error:
        raise _reason(error) from None


def _answer(status: int, headers: Message, body: bytes) -> HttpAnswer:
    return HttpAnswer(status, body, headers["Date"] or "", headers["Retry-After"] or "")


def _reason(error: Exception) -> OSError:
    reason = getattr(error, "reason", None) or error
    if hasattr(reason, "verify_message"):  # ssl.SSLCertVerificationError, without importing ssl
        return ConnectionError(
            f"its certificate is not trusted, {reason.verify_message}: name the file of its CA in "
            "SSL_CERT_FILE"
        )
    if isinstance(reason, TimeoutError):
        return TimeoutError()
    return ConnectionError(
        getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
    )


def now(call: Coroutine[Any, Any, T]) -> T:
    """The result of a call of a `SiteClient` over `carry`. Raises what the call raises."""
    try:
        call.send(None)
    except StopIteration as done:
        found: T = done.value
        return found
    call.close()
    raise RuntimeError("a blocking call waits for an event loop")


def client(server: ServerAddress, *, called: str = "", timeout_s: float = TIMEOUT_S) -> SiteClient:
    """A client whose calls are for `now`."""
    return SiteClient(carry, server, called=called, timeout_s=timeout_s)


def ask(server: ServerAddress, path: str, kind: type[T], *, timeout_s: float = TIMEOUT_S) -> T:
    """`GET /api/v1/<path>` as `kind`. Raises `SiteError`."""
    return now(client(server, timeout_s=timeout_s).get(f"/api/v1/{path}", kind))


def call(
    server: ServerAddress,
    method: str,
    target: str,
    body: bytes | None = None,
    *,
    timeout_s: float = TIMEOUT_S,
) -> bytes:
    """One request, the bytes of its answer. Raises `SiteError`."""
    return now(client(server, timeout_s=timeout_s).send(method, target, body))


def health(server: ServerAddress, *, timeout_s: float = TIMEOUT_S) -> Health:
    """What `GET /healthz` of a server answers. Raises `SiteError`."""
    return now(client(server, timeout_s=timeout_s).get("/healthz", Health))


def fleet_facts(server: ServerAddress, *, timeout_s: float = TIMEOUT_S) -> dict[str, Any] | None:
    """`GET /healthz` of a fleet; None if a server answers there. Raises `SiteError`."""
    facts = now(client(server, timeout_s=timeout_s).get("/healthz", dict[str, Any]))
    return facts if "fleet" in facts else None


def clock_skew_s(server: ServerAddress, *, timeout_s: float = TIMEOUT_S) -> float | None:
    """Seconds by which a server's clock is ahead of this machine's; None if it does not tell."""
    try:
        answer = now(client(server, timeout_s=timeout_s).exchange("GET", "/healthz"))
    except SiteError:
        return None
    return skew_s(answer.date, wall_now())
