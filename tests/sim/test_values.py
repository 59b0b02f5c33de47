"""Requests as values and as bytes: what is asked, answered, when, and what goes wrong are alike."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from despoolr_client.transport.calls import way_to
from despoolr_client.transport.message import Fenced
from despoolr_lab.sim.network import Network
from despoolr_lab.sim.value_server import ValueServer
from despoolr_lab.sim.values import CallInFlight
from despoolr_lab.sim.world import run_virtual
from despoolr_server.files import StoreError
from despoolr_server.http.connections.connection_limits import UNLIMITED
from despoolr_server.http.connections.connections import Runner
from despoolr_server.http.connections.field_block import FieldBlock
from despoolr_server.http.connections.short_ways import LANE_CALLS, USUAL_CALLS, Later
from despoolr_server.http.handling.application import App
from despoolr_server.http.handling.handler import Route, when_gone
from despoolr_server.http.handling.single_write import SingleWriteResponse

TEXT = {"Content-Type": "text/plain", "ETag": '"7"'}


class Asking:
    """A client and a server, and what both saw."""

    def __init__(self, network: Network, runner: Any, http: aiohttp.ClientSession) -> None:
        self.network = network
        self.runner = runner
        self.http = http
        self.seen: list[Any] = []
        self.loop = asyncio.get_running_loop()

    def note(self, *what: object) -> None:
        self.seen.append((round(self.loop.time(), 7), *what))

    async def ask(
        self,
        method: str,
        target: str,
        lines: str = "",
        data: bytes | None = None,
        *,
        total: float | None = None,
    ) -> None:
        ask = way_to(self.http, "http://logon1")
        timeout = aiohttp.ClientTimeout(total=total)
        try:
            self.note(target, await ask(method, target, lines, data, timeout, None))
        except (OSError, asyncio.CancelledError) as error:
            self.note(target, isinstance(error, TimeoutError), str(error))


def serve(asking: list[Asking]) -> App:
    async def plain(request: web.Request) -> web.StreamResponse:
        asking[0].note("server", request.method, request.path_qs, dict(request.headers))
        body = await request.read()
        return SingleWriteResponse(200, TEXT, body[-20:] or b"hello")

    async def unchanged(_request: web.Request) -> web.StreamResponse:
        return SingleWriteResponse(304, {"ETag": '"7"'})

    async def slow(request: web.Request) -> web.StreamResponse:
        tell = when_gone(request)
        if tell is not None:
            tell(lambda: asking[0].note("server", "the caller has gone"))
        asking[0].note("server", "begins")
        try:
            await asyncio.sleep(10.0)
        finally:
            asking[0].note("server", "ends", request.transport is None)
        return SingleWriteResponse(200, TEXT, b"late")

    async def late(request: web.Request) -> web.StreamResponse:
        asking[0].note("server", request.path_qs)  # bytes from here on
        tell = when_gone(request)
        assert tell is not None
        forget = tell(lambda: asking[0].note("server", "gone before"))
        tell(lambda: asking[0].note("server", "gone"))
        await asyncio.sleep(2.0)
        forget()
        await asyncio.sleep(8.0)
        asking[0].note("server", "ends")
        return SingleWriteResponse(200, TEXT, b"late")

    async def pieces(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        for _ in range(3):
            await answer.write(b"x" * 70_000)
        return answer

    async def last(_request: web.Request) -> web.StreamResponse:
        answer = SingleWriteResponse(200, TEXT, b"no more")
        answer.force_close()
        return answer

    async def missing(_request: web.Request) -> web.StreamResponse:
        raise web.HTTPNotFound(text="nothing")

    async def long(_request: web.Request) -> web.StreamResponse:
        return SingleWriteResponse(200, TEXT, b"y" * 200_000)

    async def kept(_request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(3.0)
        return SingleWriteResponse(200, TEXT, b"kept")

    def kept_later(
        _last: str, _block: FieldBlock, _body: bytes, _now: Callable[[], float]
    ) -> Later:
        def when_safe(call: Callable[[StoreError | None], None]) -> None:
            asyncio.get_running_loop().call_later(3.0, call, None)

        return Later(when_safe, lambda _error, _of: SingleWriteResponse(200, TEXT, b"kept"))

    routes = [
        Route(method, f"/{handler.__name__}", handler)
        for handler in (plain, unchanged, slow, late, pieces, last, missing, long, kept)
        for method in ("GET", "HEAD", "PUT", "POST")
    ]
    lane = frozenset((route.method, route.path) for route in routes if route.method != "HEAD")
    return App(routes, things={LANE_CALLS: lane, USUAL_CALLS: {("PUT", "/kept"): kept_later}})


def seen(
    story: Callable[[Asking], Awaitable[None]], *, values: bool, keepalive_s: float = 100.0
) -> list[Any]:
    async def main() -> list[Any]:
        network = Network(carries_values=values)
        known: list[Asking] = []
        runner: Any = (
            ValueServer(serve(known), keepalive_s=keepalive_s, shutdown_s=1.0)
            if values
            else Runner(
                serve(known),
                limits=UNLIMITED,
                lane=False,
                shutdown_timeout=1.0,
                keepalive_timeout=keepalive_s,
            )
        )
        await runner.setup()
        await network.serve(runner, "LOGON1")
        async with network.session("PC1", limit=2, keepalive_s=50.0) as http:
            known.append(Asking(network, runner, http))
            await known[0].ask("GET", "/plain")
            await story(known[0])
        await runner.cleanup()
        await asyncio.sleep(20.0)
        return known[0].seen

    return run_virtual(main)


async def requests(it: Asking) -> None:
    await it.ask("GET", "/plain?a=%20b&c", "X-More: one\r\nX-More: two\r\n")
    await it.ask("GET", "/unchanged", 'If-None-Match: "7"\r\n')
    await it.ask("PUT", "/plain", data=b"some bytes")
    await it.ask("POST", "/plain")
    for size in (60_000, 70_000, 300_000):
        await it.ask("PUT", "/plain", data=b"z" * size)
    await it.ask("HEAD", "/plain")
    await it.ask("GET", "/plain", "X-Odd: \u00e9\r\n")
    for target in ("/missing", "/no/such", "/pieces", "/long", "/last", "/plain"):
        await it.ask("GET", target)


async def what_is_not_safe_at_once(it: Asking) -> None:
    await it.ask("PUT", "/kept", data=b"some bytes")
    await it.ask("PUT", "/kept", data=b"some bytes", total=1.0)
    async with asyncio.TaskGroup() as group:
        for target in ("/kept", "/kept", "/plain"):
            group.create_task(it.ask("PUT", target, data=b"more"))
        await asyncio.sleep(1.5)
        await it.runner.cleanup()
        it.note("stopped")


async def many_at_a_time(it: Asking) -> None:
    async with asyncio.TaskGroup() as group:
        for number in range(6):
            group.create_task(it.ask("GET", f"/plain?{number}"))
        group.create_task(it.ask("GET", "/slow"))


async def connections_that_grow_old(it: Asking) -> None:
    for wait_s in (49.0, 51.0, 120.0):
        await asyncio.sleep(wait_s)
        await it.ask("GET", "/plain")


def with_trouble(
    method: str, target: str, after_s: float, trouble: Callable[[Asking], Awaitable[None] | None]
) -> Callable[[Asking], Awaitable[None]]:
    async def story(it: Asking) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(it.ask(method, target, data=b"data" if method != "GET" else None))
            await asyncio.sleep(after_s)
            told = trouble(it)
            if told is not None:
                await told
            it.note("trouble")
        await it.ask("GET", "/plain")

    return story


async def cut(it: Asking) -> None:
    it.network.cut("PC1", "LOGON1")
    await asyncio.sleep(4.0)
    it.network.heal("PC1", "LOGON1")


async def die(it: Asking) -> None:
    it.network.take_down("LOGON1")
    await asyncio.sleep(4.0)
    it.network.bring_up("LOGON1")


async def impatience(it: Asking) -> None:
    await it.ask("GET", "/slow", total=2.0)
    await it.ask("GET", "/plain")


async def a_long_way(it: Asking) -> None:
    it.network.slow_down("LOGON1", 0.5)
    for total in (0.25, 0.5, 0.75, 1.0, 1.25):
        for method in ("GET", "POST"):
            await it.ask(method, "/plain", total=total)
            await it.ask("GET", "/plain")
            await it.ask("GET", "/plain")


async def a_wait_for_a_place(it: Asking) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(it.ask("GET", "/slow?1"))
        group.create_task(it.ask("GET", "/slow?2"))
        await asyncio.sleep(1.0)
        group.create_task(it.ask("GET", "/slow?3", total=5.0))
        group.create_task(it.ask("GET", "/slow?4", total=12.0))
        group.create_task(it.ask("GET", "/slow?5", total=25.0))


async def a_caller_that_goes(it: Asking) -> None:
    for total in (1.0, 5.0):
        await it.ask("GET", "/late", total=total)
        await asyncio.sleep(20.0)


def a_stop(target: str, total: float | None) -> Callable[[Asking], Awaitable[None]]:
    async def story(it: Asking) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(it.ask("GET", target, total=total))
            await asyncio.sleep(1.5)
            await it.runner.cleanup()
            it.note("stopped")

    return story


async def a_session_that_is_closed_when_it_has_no_place_left(it: Asking) -> None:
    async with asyncio.TaskGroup() as group:
        for number in range(3):
            group.create_task(it.ask("GET", f"/slow?{number}"))
        await asyncio.sleep(1.0)
        await it.http.close()


async def a_reset_in_the_moment_of_the_answer(it: Asking) -> None:
    it.network.slow_down("LOGON1", 0.5)
    await asyncio.sleep(1.0 - it.loop.time() % 1.0)
    for method in ("GET", "POST"):
        async with asyncio.TaskGroup() as group:
            it.loop.call_at(it.loop.time() + 1.0, it.network.reset, "PC1", "LOGON1")
            group.create_task(it.ask(method, "/plain"))
        await it.ask("GET", "/plain")
        await asyncio.sleep(1.0 - it.loop.time() % 1.0)


async def a_connection_of_the_moment_of_a_stop(it: Asking) -> None:
    await asyncio.sleep(120.0)  # nothing is kept any more
    async with asyncio.TaskGroup() as group:
        group.create_task(it.ask("GET", "/plain"))
        await asyncio.sleep(0.0005)
        await it.runner.cleanup()
        it.note("stopped")


async def a_last_answer_and_its_end_apart(it: Asking) -> None:
    await it.ask("GET", "/plain")
    it.network.link("PC1", "LOGON1").jitter_s = 1.0
    for _ in range(4):
        await it.ask("GET", "/last")
        await it.ask("POST", "/plain")


TROUBLES = {
    "cut": cut,
    "refused": die,
    "reset": lambda it: it.network.reset("PC1", "LOGON1"),
    "stopped": lambda it: it.runner.cleanup(),
}
STORIES: dict[str, Callable[[Asking], Awaitable[None]]] = {
    "requests": requests,
    "what is not safe at once": what_is_not_safe_at_once,
    "many at a time": many_at_a_time,
    "old connections": connections_that_grow_old,
    "impatience": impatience,
    "a long way": a_long_way,
    "a wait for a place": a_wait_for_a_place,
    "a caller that goes": a_caller_that_goes,
    "a stop without the caller": a_stop("/slow", 1.0),
    "a stop with the caller": a_stop("/slow", None),
    "a stop without the caller, as bytes": a_stop("/late", 1.0),
    "a stop with the caller, as bytes": a_stop("/late", None),
    "a session that is closed": a_session_that_is_closed_when_it_has_no_place_left,
    "a reset in the moment of the answer": a_reset_in_the_moment_of_the_answer,
    "a connection of the moment of a stop": a_connection_of_the_moment_of_a_stop,
    "a last answer and its end apart": a_last_answer_and_its_end_apart,
    **{
        f"{name}, {method} {target} after {after_s}": with_trouble(method, target, after_s, trouble)
        for name, trouble in TROUBLES.items()
        for method in ("GET", "POST")
        for target, times in (("/plain", (0.0, 0.0002, 0.0005, 0.0007)), ("/slow", (0.0, 3.0)))
        for after_s in times
    },
}


def test_a_connection_that_was_not_used_is_closed_like_any_that_is_idle() -> None:
    async def fenced(it: Asking) -> None:
        """The call that is held back leaves its connection to whoever comes next."""
        await asyncio.sleep(60.0)
        ask = way_to(it.http, "http://logon1")
        with pytest.raises(Fenced):
            await ask("GET", "/plain", "", None, aiohttp.ClientTimeout(), lambda: False)
        for _ in range(2):
            await asyncio.sleep(20.0)
            await it.ask("GET", "/plain")

    told = [seen(fenced, values=values, keepalive_s=10.0) for values in (True, False)]
    assert told[0] == told[1]


@pytest.mark.parametrize("name", STORIES)
def test_both_sides_see_the_same_at_the_same_time(name: str) -> None:
    assert seen(STORIES[name], values=True) == seen(STORIES[name], values=False)


def test_a_request_goes_as_values_on_a_connection_that_has_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[str] = []
    reply = CallInFlight.reply

    async def noted(self: CallInFlight, protocol: Any) -> Any:
        answer = await reply(self, protocol)
        told.append("value" if self.answer is not None else "bytes")
        return answer

    monkeypatch.setattr(CallInFlight, "reply", noted)
    seen(requests, values=True)
    assert told.count("value") >= 4
    assert told.count("bytes") >= 3, "an answer in pieces, none that is known, one that is the last"


def test_who_listens_to_the_wire_hears_bytes() -> None:
    async def main() -> bool:
        return Network(carries_values=True, tap=lambda *_: None).carries_values

    assert run_virtual(main) is False
