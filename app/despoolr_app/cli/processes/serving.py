"""Servers that a command started, until a signal: what they say on the way, what keeps them from
starting, and what is stopped in which order.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

from despoolr_app.cli.base.output import EXIT_OK, fail
from despoolr_app.process.logs.process_log import say

if TYPE_CHECKING:
    import asyncio

    from despoolr_app.process.settings import LogonSettings, RuntimeSettings, SiteSettings
    from despoolr_app.servers.servers import Servers
    from despoolr_core.share.fleet_api import ServerCard

Stopper = Callable[[], Coroutine[Any, Any, None]]
Start = Callable[["Servers"], Coroutine[Any, Any, Stopper]]


async def nothing() -> None:
    """There is nothing more to stop."""


async def add_site(running: Servers, settings: SiteSettings) -> str:
    """Start a site server, and say so. Returns its URL; raises as `Servers.add_site` does."""
    url = await running.add_site(settings)
    below = f", below site {settings.parent.code}" if settings.parent else ""
    about = f"SMS {settings.profile.version}, {settings.response}{below}"
    say(f"despoolr: site {settings.code} ({about}) on {url}, server {settings.name}")
    return url


async def add_logon(running: Servers, settings: LogonSettings) -> ServerCard:
    """Start a logon server, and say so. Raises as `Servers.add_logon` does."""
    server = await running.add_logon(settings)
    roles = " and ".join(
        word
        for word, on in (("logon", settings.logon), ("distribution", settings.distribution))
        if on
    )
    say(f"despoolr: {roles} server {settings.name} on {server.url}")
    return server


def run(settings: RuntimeSettings, start: Start, log_form: str) -> int:
    """Prepare, start, wait for a signal, stop. Everything that keeps it from starting is one line
    and exit code 2.
    """
    import asyncio

    from despoolr_app.process import discovery
    from despoolr_app.process.event_loop import loop_factory
    from despoolr_app.process.logs import process_log
    from despoolr_app.process.runtime import StartError, prepare
    from despoolr_app.process.settings import ConfigError
    from despoolr_app.runs.directory import RunError
    from despoolr_app.site_client.errors import SiteError
    from despoolr_server.database.protocol import DatabaseLost

    process_log.begin(log_form)
    try:
        discovery.running(Path.cwd())  # a damaged list is told of before anything is served
        runtime = prepare(settings)
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            return runner.run(_serve(runtime, start))
    except (ConfigError, StartError, SiteError, RunError) as error:
        fail(str(error))
    except DatabaseLost as error:
        fail(f"{error}; start this server again, and it finishes what its boxes hold")


async def _serve(runtime: Any, start: Start) -> int:
    import asyncio

    from despoolr_app.process.event_loop import on_signals

    stop = asyncio.Event()
    with on_signals(lambda _: stop.set()):
        return await _serve_until(stop, runtime, start)


async def _serve_until(stop: asyncio.Event, runtime: Any, start: Start) -> int:
    import asyncio

    from msgspec.structs import replace

    from despoolr_app.process.logs.record_log import log_record
    from despoolr_app.servers.server_clocks import ask_time
    from despoolr_app.servers.servers import Servers
    from despoolr_core.timing import Timing
    from despoolr_core.version import PRODUCT_VERSION

    now = None
    if runtime.settings.clock_url:
        now, scale = await ask_time(runtime.settings.clock_url, runtime.token, say)
        runtime.settings = replace(runtime.settings, timing=Timing(scale))
    runtime.begin(now)
    runtime.recorder.listeners.append(log_record)
    running = Servers(runtime, Path.cwd(), say, PRODUCT_VERSION)
    stop_more: Stopper = nothing
    try:
        starting = asyncio.ensure_future(start(running))
        stopping = asyncio.ensure_future(stop.wait())
        await asyncio.wait([starting, stopping], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not starting.done():  # told to stop while it waits for a neighbour or its database
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
            return EXIT_OK
        stop_more = starting.result()
        running.announce()
        _greet(running)
        await running.run(stop)
    finally:
        try:
            await stop_more()
        finally:
            await running.close()
    say("despoolr: stopped")
    return EXIT_OK


def _greet(running: Servers) -> None:
    from despoolr_app.cli.base import output
    from despoolr_app.process.gc_tuning import freeze_gc
    from despoolr_app.process.logs.process_log import is_plain

    runtime = running.runtime
    pace = "real time" if runtime.scale == 1 else f"x{runtime.scale:g} time"
    say(f"despoolr: {pace}, data in {runtime.data}, start {runtime.starts}")
    for line in runtime.changes:
        say(f"despoolr: note: {line}")
    if runtime.has_made_secret and is_plain():
        url = running.announced[-1].url
        path = "site" if running.announced[-1].role == "site" else "opens"
        say(
            f"despoolr: made a secret for this data directory ({runtime.secret_file}); the "
            "administrator's token is"
        )
        output.say(f"  {runtime.token}")
        output.say(f"  curl -H 'Authorization: Bearer {runtime.token}' {url}/api/v1/{path}")
        output.say(f"  live page: {running.announced[-1].url}/#token={runtime.token}")
    else:
        say(f"despoolr: the administrator's token is in {runtime.token_file}")
        say(f"despoolr: live page: {running.announced[-1].url}/ (it asks for the token)")
    if runtime.settings.allow_faults:
        say("despoolr: faults are allowed: despoolr fault add --help")
    freeze_gc()
    say("despoolr: ready")
