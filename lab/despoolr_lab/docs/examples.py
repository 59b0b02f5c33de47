"""The examples of the OpenAPI description, asked of running servers: a story of one blocked update,
over real sockets.

    python -m despoolr_lab.docs.examples > server/despoolr_server/http/openapi/examples.json

The law: nothing in the file is written by hand. The servers have just started, their clock stands
still, their secret is known, so the same story gives the same file; a house test tells it again and
compares. `STORY` has at least one line for every call there is.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
import msgspec
from aiohttp import web

from despoolr_app.servers.breakable import BreakableServer
from despoolr_core.clock import Clock
from despoolr_core.profile import profile_of
from despoolr_core.records.live.fold import LiveFold
from despoolr_core.records.stream import Record, Recorder
from despoolr_core.response import Response
from despoolr_core.share.fleet_api import ServerCard
from despoolr_core.share.modes import Role
from despoolr_core.share.wire import Problem
from despoolr_lab.docs.example_story import STORY, Line
from despoolr_server.assembly import Extras, SiteAssembly
from despoolr_server.database.memory import MemoryDatabase
from despoolr_server.faults.book import FaultBook
from despoolr_server.faults.line import ServerLine
from despoolr_server.files import MemoryFileStore
from despoolr_server.http.base.auth import Auth
from despoolr_server.http.connections.connections import Runner
from despoolr_server.http.handling.application import App
from despoolr_server.http.live.calls import LIVE_CALLS
from despoolr_server.http.live.feeds import LiveFeeds
from despoolr_server.http.live.records import RecordRoutes
from despoolr_server.http.live.routes import LiveRoutes
from despoolr_server.http.openapi.examples import Example, dump_examples
from despoolr_server.http.site.faults import FaultRoutes
from despoolr_server.http.site.setup import SetupRoutes, site_card
from despoolr_server.http.site.setup_calls import SETUP_CALLS
from despoolr_server.http.site.slots import SlotRoutes
from despoolr_server.shares.base.principal import Principal
from despoolr_server.site.state.context import RemoteServer, SiteServerRole
from despoolr_server.site.state.rows.slots import SlotTable
from despoolr_server.site_server import SiteSetup

AT: Final = 833_785_200.0
"""1996-06-03 07:00, when the story happens."""
SECRET: Final = b"the examples' own secret"
VERSION: Final = "0.1.0"
SHOWN_SIZE_MAX: Final = 6000
"""Characters of an answer that is shown; pages and metrics are longer, and are not."""
ITSELF: Final = ("/openapi.json", "/docs", "/docs/rapidoc-min.js")
"""What has the examples in it, and so cannot be in them."""
SHOWN_HEADERS: Final = (
    "Location",
    "ETag",
    "Content-Range",
    "Allow",
    "DAV",
    "Lock-Token",
    "WWW-Authenticate",
)
CALLERS: Final = {
    "admin": ("ADMIN1", "Administrator", Role.ADMIN),
    "service": ("SITE1", "SMSService", Role.SERVICE),
    "client": ("PC07", "anna", Role.CLIENT),
}


class StandingClock(Clock):
    """A clock that stands: who waits for a time waits for ever."""

    def now(self) -> float:
        """Always the same site time."""
        return AT

    async def sleep(self, _seconds: float) -> None:
        await asyncio.Event().wait()

    async def sleep_until(self, _deadline: float) -> None:
        await asyncio.Event().wait()

    def call_later(self, _seconds: float, call: Callable[[], object]) -> asyncio.Handle:
        """One that is never called."""
        return asyncio.Handle(call, (), asyncio.get_running_loop())


@dataclass
class ExampleRuntime:
    """What the two servers stand on."""

    auth: Auth = field(default_factory=lambda: Auth(SECRET))
    clock: StandingClock = field(default_factory=StandingClock)
    starts: int = 1
    scale: float = 1.0


@asynccontextmanager
async def applications() -> AsyncIterator[tuple[App, App]]:
    """LOGON1 and SITE1, whose services wait for a time that does not come."""
    runtime = ExampleRuntime()
    assembly = SiteAssembly(
        runtime.clock,
        lambda _machine, _share: MemoryFileStore(),
        lambda _site: MemoryDatabase(),
        _nobody,
        recorder=Recorder(runtime.clock.now, []),
        auth=runtime.auth,
        version=VERSION,
    )
    feeds = LiveFeeds(LiveFold(), runtime.clock.now, start="1")
    told: list[Record] = []
    assembly.recorder.listeners += [feeds.hear, told.append]
    records = RecordRoutes(assembly.recorder, lambda: iter(told))

    async def release(who: Principal, server: str, handle: str, reason: str) -> Problem | None:
        return assembly.hosts[server].close_by_force(who, handle, reason)

    calls = (*SETUP_CALLS, *LIVE_CALLS)
    role = SiteServerRole("LOGON1", "SALES", True, True, "SMS_PKGD")
    machine = BreakableServer("SITE1", ServerLine(runtime.clock), dict, lambda _server: None)
    book = FaultBook("SITE1", machine, runtime.clock, assembly.recorder, "")
    routes = [*SetupRoutes(runtime, "LOGON1").routes(), *FaultRoutes("LOGON1", "", None).routes()]
    routes += LiveRoutes(feeds, "LOGON1", "LOGON1", runtime.scale, runtime.auth, release).routes()
    routes += records.routes()
    logon = assembly.add_logon(role, extras=Extras(routes, calls))
    named = ServerCard("LOGON1", "http://127.0.0.1:8802", True, True, "SMS_PKGD", "SALES")
    profile = profile_of("1.2")
    card = site_card("BPC", "SALES", profile, Response.FAST)
    slots = SlotRoutes(SlotTable(20), assembly.database("BPC"), assembly.recorder, "BPC")
    routes = [*SetupRoutes(runtime, "SITE1", lambda: card, (named,)).routes(), *slots.routes()]
    routes += FaultRoutes("SITE1", "BPC", book).routes()
    routes += LiveRoutes(feeds, "SITE1", "", runtime.scale, runtime.auth, release).routes()
    routes += records.routes()
    site = assembly.add_site(
        SiteSetup("BPC", "SITE1", "SALES", profile, Response.FAST, (role,), {}),
        extras=Extras(routes, calls),
    )
    machine.find_site, machine.slots = lambda: site, slots
    services = assembly.start_services("BPC", asyncio.create_task)
    try:
        yield logon.app, site.app
    finally:
        services.cancel()
        await asyncio.gather(services, return_exceptions=True)
        await assembly.database("BPC").close()


@asynccontextmanager
async def serving() -> AsyncIterator[dict[str, str]]:
    """The two on ports of their own: names to URLs."""
    runners: list[Runner] = []
    async with applications() as apps:
        try:
            urls = {}
            for name, app in zip(("LOGON1", "SITE1"), apps, strict=True):
                runner = Runner(app)
                await runner.setup()
                runners.append(runner)
                listener = web.TCPSite(runner, "127.0.0.1", 0)
                await listener.start()
                urls[name] = f"http://127.0.0.1:{listener.port}"
            yield urls
        finally:
            for runner in runners:
                await runner.cleanup()


def _nobody(_machine: str, server: str, program: str) -> RemoteServer:
    raise AssertionError(f"{program} asks {server}, though no service runs")


async def tell() -> list[Example]:
    """Tell the whole story to new servers."""
    told: list[Example] = []
    async with (
        serving() as urls,
        aiohttp.ClientSession(skip_auto_headers=["User-Agent", "Accept"]) as http,
    ):
        for line in STORY:
            example = await _ask(http, urls[line.server], line, told)
            assert example.status == line.status, (
                f"{line.call} {line.target}: {example.status}, not {line.status}: {example.answer}"
            )
            told.append(example)
    return told


async def _ask(http: aiohttp.ClientSession, base: str, line: Line, told: list[Example]) -> Example:
    headers = {name: _filled(value, told) for name, value in line.headers.items()}
    sent = dict(headers)
    if line.who:
        sent["Authorization"] = f"Bearer {Auth(SECRET).issue(*CALLERS[line.who])}"
    data: bytes | None = None
    content_type = ""
    if isinstance(line.body, str):
        data, content_type = (
            line.body.encode(),
            "application/xml" if line.body.startswith("<") else "application/octet-stream",
        )
    elif line.body is not None:
        data, content_type = msgspec.json.encode(line.body), "application/json"
    if data is not None:
        sent["Content-Type"] = content_type
    method = line.call.partition(" ")[0]
    async with http.request(method, base + line.target, data=data, headers=sent) as response:
        text = (await response.read()).decode()
        kind = response.content_type if text else ""
        answer: Any = None
        if (
            text
            and len(text) <= SHOWN_SIZE_MAX
            and kind not in ("text/html",)
            and line.target not in ITSELF
        ):
            answer = msgspec.json.decode(text) if kind.endswith("json") else text
        return Example(
            call=line.call,
            title=line.title,
            who=line.who,
            target=line.target,
            status=response.status,
            headers=headers,
            body=line.body,
            content_type=content_type,
            answer_headers={
                name: response.headers[name]
                for name in SHOWN_HEADERS
                if name in response.headers and line.target not in ITSELF
            },
            answer=answer,
            answer_type=kind if answer is not None else "",
        )


def _filled(value: str, told: list[Example]) -> str:
    """`{Lock-Token}` and `{ETag}` in a header are what the last answer that had them said."""
    for name in ("Lock-Token", "ETag"):
        if f"{{{name}}}" in value:
            found = next(e.answer_headers[name] for e in reversed(told) if name in e.answer_headers)
            value = value.replace(f"{{{name}}}", found)
    return value


if __name__ == "__main__":
    sys.stdout.write(dump_examples(asyncio.run(tell())))
