"""What a handler is: it is given a request, and returns an answer.

The law: whoever handles calls knows aiohttp by the names of these types only. It is imported where
a socket is served (`over_aiohttp`, `connections`), and a handler is made without it.
"""

from __future__ import annotations

import types
from collections.abc import Awaitable, Callable, Generator
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import msgspec

if TYPE_CHECKING:
    from aiohttp.web import AppKey, BaseRequest, Request, StreamResponse
    from multidict import MultiMapping
else:
    Request = StreamResponse = Any

    class AppKey:
        """By what an application is asked for a thing: `request.app[KEY]`."""

        def __init__(self, name, _kind=None):
            self.name = name

        def __repr__(self):
            return f"<key {self.name}>"


__all__ = [
    "AppKey",
    "Handler",
    "Request",
    "RequestHead",
    "Route",
    "StreamResponse",
    "over_aiohttp",
    "rest_of",
    "when_gone",
]

Handler: TypeAlias = "Callable[[Request], Awaitable[StreamResponse]]"


class RequestHead(Protocol):
    """What nearly all of a request's answer is worded by."""

    @property
    def method(self) -> str: ...
    @property
    def headers(self) -> MultiMapping[str]: ...


class Route(msgspec.Struct, frozen=True):
    """A method, an address, and who answers. An address has its parts in braces, each perhaps with
    a pattern. A GET answers HEAD, too, where `has_head`.
    """

    method: str
    path: str
    handler: Handler
    has_head: bool = True


def when_gone(
    request: BaseRequest,
) -> Callable[[Callable[[], None]], Callable[[], None]] | None:
    """How to be told that the caller of a request has gone, of those whose connection tells; None
    where it already has.
    """
    tell: Any = getattr(request.protocol, "when_gone", None)
    return tell if request.transport is not None else None


@types.coroutine
def rest_of(call: Any, waits: Any) -> Generator[Any, Any, StreamResponse]:
    """What is left of a handler that has run until it first waited, for `waits`."""
    while True:
        try:
            sent = yield waits
        except GeneratorExit:
            call.close()
            raise
        except BaseException as error:
            step = partial(call.throw, error)
        else:
            step = partial(call.send, sent)
        try:
            waits = step()
        except StopIteration as done:
            answer: StreamResponse = done.value
            return answer


@cache
def over_aiohttp() -> Any:
    """The module of that name: what only aiohttp does, for whoever has something to be sent."""
    from despoolr_server.http.handling import over_aiohttp as module  # noqa: PLC0415 - as said

    return module
