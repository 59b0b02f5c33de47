"""What a server answers, before anybody is served: its routes, and what its handlers find in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, TypeVar

import msgspec

from despoolr_server.http.handling import hdrs
from despoolr_server.http.handling.handler import AppKey, Handler, Request, Route

T = TypeVar("T")

Check = Callable[[Request], None]

_PART: Final = re.compile(r"\{(\w+)(?::[^{}]*)?\}")


class App(msgspec.Struct):
    """An application. Of routes for one address the first with the method answers, or with any
    (`*`); of addresses that both are one's, the one with the longer text before its first part,
    then the first (aiohttp's rules).
    """

    routes: list[Route]
    body_size_max: int = 1024**2
    guard: Check | None = None
    """What is asked before a body is waited for; it raises `Refused`."""
    things: dict[Any, Any] = {}

    def __getitem__(self, key: AppKey[T]) -> T:
        return self.things[key]  # type: ignore[no-any-return]

    def __setitem__(self, key: AppKey[T], value: T) -> None:
        self.things[key] = value


def canonical(path: str) -> str:
    """An address whose parts have names alone."""
    return _PART.sub(r"{\1}", path)


def with_heads(routes: Iterable[Route]) -> Iterator[Route]:
    """The routes, HEAD's among them."""
    for route in routes:
        if route.method == hdrs.METH_GET and route.has_head:
            yield msgspec.structs.replace(route, method=hdrs.METH_HEAD)
        yield route


def with_refusals(routes: Iterable[Route], refusal: Callable[[set[str]], Handler]) -> list[Route]:
    """The routes, and after the last of each address one for every other method, unless it has one:
    `refusal(methods)` answers there.
    """
    given = list(routes)
    methods: dict[str, set[str]] = {}
    for route in given:
        methods.setdefault(canonical(route.path), set()).add(route.method)
    whole: list[Route] = []
    for route in reversed(given):
        own = methods.pop(canonical(route.path), {hdrs.METH_ANY})
        if hdrs.METH_ANY not in own:
            whole.append(Route(hdrs.METH_ANY, route.path, refusal(own)))
        whole.append(route)
    return whole[::-1]
