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

_PART: Final = re.compile(r"\{(\w+)(?::([^{}]*))?\}")


class App(msgspec.Struct):
    """An application. Of the routes of an address the first answers that has the method, or any
    (`*`). Where several addresses fit a path, those with more text before their first part are
    asked first, then those that stand first (aiohttp's rules).
    """

    routes: list[Route]
    body_size_max: int = 1024**2
    guard: Check | None = None
    """What is asked before a body is waited for; it raises `Refused`."""
    things: dict[Any, Any] = {}

    def __getitem__(self, key: AppKey[T]) -> T:
        return self.things[key]  # type: ignore[no-any-return]


class Addressed(msgspec.Struct, frozen=True):
    """Who answers, the parts of the path by their names, and the address without patterns."""

    route: Route
    parts: dict[str, str]
    address: str


class Addresses:
    """The routes of an application, found by the paths that they answer."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._by_text: dict[str, list[_Address]] = {}
        self.texts: list[str] = []
        """Every address, without patterns."""
        last = _Address("")
        for route in routes:
            if route.path != last.path:
                last = _Address(route.path)
                self.texts.append(last.text)
                self._by_text.setdefault(last.key, []).append(last)
            last.routes.setdefault(route.method, route)

    def find(self, method: str, path: str) -> Addressed | None:
        """Who answers a call, its path as it came, percent-encoded."""
        if "%" in path:
            from yarl import URL  # noqa: PLC0415 - few paths have one

            path = URL.build(path=path, encoded=True).path_safe
        key = path
        while True:
            for address in self._by_text.get(key, ()):
                parts = address.parts_of(path)
                if parts is not None:
                    route = address.routes.get(method) or address.routes.get(hdrs.METH_ANY)
                    if route is not None:
                        return Addressed(route, parts, address.text)
            if key == "/":
                return None
            key = key.rpartition("/")[0] or "/"


class _Address:
    def __init__(self, path: str) -> None:
        self.path = path
        self.text = canonical(path)
        before, part, _ = self.text.partition("{")
        self.key = (before.rpartition("/")[0] if part else before).rstrip("/") or "/"
        self.routes: dict[str, Route] = {}
        self._match: Callable[[str], re.Match[str] | None] | None = None

    def parts_of(self, path: str) -> dict[str, str] | None:
        if "{" not in self.path:
            return {} if path == self.path else None
        if self._match is None:
            self._match = re.compile(self._pattern()).fullmatch
        found = self._match(path)
        if found is None:
            return None
        parts = found.groupdict()
        if "%" in path:
            return {name: _decoded(value) for name, value in parts.items()}
        return parts

    def _pattern(self) -> str:
        pattern, at = "", 0
        for part in _PART.finditer(self.path):
            pattern += re.escape(self.path[at : part.start()])
            pattern += f"(?P<{part[1]}>{part[2] or '[^{}/]+'})"
            at = part.end()
        return pattern + re.escape(self.path[at:])


def _decoded(value: str) -> str:
    return value.replace("%2F", "/").replace("%25", "%")


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
