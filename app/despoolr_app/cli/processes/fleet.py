"""`despoolr fleet`: many PCM clients in one process, against servers that run.

The law: it ends cleanly on SIGTERM, Ctrl-C or after `--for` (clients log off), and always says what
was done: one line on a terminal while it runs, one object with `--json` at the end. Exit code 0 is
for a fleet whose time was up; told to stop before that it ends with 143 (SIGTERM) or 130. Its
clients are those the site server lets it have: when it cannot renew that it stops them, asks anew
and goes on, and ends with 12, because its run is invalid.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from despoolr_app.cli.base.options import (
    Text,
    Whole,
    log_format_option,
    option,
    site_option,
    token_option,
    variable_option,
)
from despoolr_app.cli.base.output import (
    EXIT_INTERRUPTED,
    EXIT_INVALID,
    EXIT_OK,
    EXIT_TERMINATED,
    echo_json,
    fail,
    json_option,
    put,
    put_over,
)
from despoolr_app.process.logs.process_log import begin, say
from despoolr_core.phrases import counted, how_often

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Coroutine

    from despoolr_app.fleet.fleet import ClientsSettings, FleetClients
    from despoolr_app.process.settings import Listen
    from despoolr_server.http.base.auth import Auth

PROGRESS_S = 1.0
PROGRESS_PLAIN_S = 10.0


@click.command("fleet")
@variable_option(
    "--clients",
    "count",
    default=50,
    type=Whole("a number of clients", 1, 1_000_000),
    help="Number of clients.",
)
@site_option
@variable_option(
    "--logon",
    "logons",
    multiple=True,
    metavar="NAME=URL",
    help="A logon server; repeatable. Default: the site's.",
)
@token_option
@option(
    "--first",
    default=1,
    type=Whole("the number of a client", 1, 1_000_000),
    help="Number of the first client, without --lease. Numbers of another fleet are refused.",
)
@variable_option(
    "--lease", is_flag=True, help="Take any free numbers that the site server gives out."
)
@variable_option(
    "--holder",
    default="",
    help="Name that the site keeps these clients for: the same name gets the same clients. "
    "Default: the host name.",
)
@variable_option(
    "--listen",
    default="",
    metavar="HOST:PORT",
    help="Answer /healthz and /metrics there. Default: nowhere.",
)
@variable_option("--prefix", default="PC", help="What the clients' names begin with.")
@variable_option(
    "--poll-every",
    default="1h",
    type=Text("parse_span"),
    metavar="SPAN",
    help="Polling interval, in site time.",
)
@variable_option(
    "--time",
    "pace",
    default="",
    type=Text("parse_pace"),
    metavar="real|xN",
    help="The pace that the site must have. Default: the pace it has.",
)
@option(
    "--for",
    "for_",
    default="",
    metavar="SPAN",
    help="End after this much site time. Default: run until stopped.",
)
@variable_option(
    "--seed",
    default=1,
    type=Whole("a seed", -(10**15), 10**15),
    help="Seed of the clients' choices.",
)
@option(
    "--churn",
    default="",
    metavar="SHARE/SPAN",
    help="How many machines lose their power, e.g. 5%/1h in site time.",
)
@option(
    "--churn-until",
    default=0.0,
    metavar="SECONDS",
    help="Site time (seconds since 1970) at which the churn ends. Default: never.",
)
@option(
    "--records",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Append what the clients do, one JSON record a line.",
)
@log_format_option(has_services=False)
@json_option
def command(**given: Any) -> int:
    """Run many clients in one process: they are registered at the site, poll, run packages,
    report.
    """
    import asyncio
    import os

    from despoolr_app.cli.base.variables import check_variables
    from despoolr_app.process.event_loop import loop_factory
    from despoolr_app.process.runtime import StartError
    from despoolr_app.process.settings import (
        FLEET_PORT,
        ConfigError,
        parse_listen,
        parse_pace,
        parse_span,
    )
    from despoolr_app.runs.directory import RunError
    from despoolr_app.site_client.errors import SiteError

    begin(given["log_format"][0])
    try:
        check_variables(os.environ)
        settings = _settings(given)
        scale = parse_pace(given["pace"]).scale if given["pace"] else None
        for_s = parse_span(given["for_"]) if given["for_"] else 0.0
        listen = parse_listen(given["listen"], FLEET_PORT) if given["listen"] else None
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            return runner.run(_run(settings, scale, for_s, listen, as_json=given["as_json"]))
    except (ConfigError, StartError, SiteError, RunError) as error:
        fail(str(error))


def _settings(given: dict[str, Any]) -> ClientsSettings:
    from despoolr_app.cli.base.at_site import site_here
    from despoolr_app.fleet.churn import parse_churn
    from despoolr_app.fleet.fleet import ClientsSettings
    from despoolr_app.process.settings import (
        parse_machine,
        parse_named_server,
        parse_span,
    )

    url, token = site_here(given["site_url"], given["token"])
    prefix = parse_machine(given["prefix"])
    parse_machine(f"{prefix}{given['first'] + given['count']:05}")
    return ClientsSettings(
        count=given["count"],
        site_url=url,
        token=token,
        logons=tuple(parse_named_server(text) for text in given["logons"]),
        first=given["first"],
        prefix=prefix,
        poll_every_s=parse_span(given["poll_every"]),
        seed=given["seed"],
        holder=_holder(given["holder"], "" if given["lease"] else f"-{prefix}{given['first']}"),
        takes_any=given["lease"],
        churn=parse_churn(given["churn"], given["churn_until"]) if given["churn"] else None,
        records=given["records"],
    )


def _holder(name: str, mark: str) -> str:
    """The name to lease under; of fleets without one, those on one host that have other numbers
    differ. Raises `ConfigError`.
    """
    import platform
    import re

    from despoolr_app.process.settings import ConfigError

    holder = (
        name
        or (re.sub(r"[^A-Za-z0-9_.-]", "-", platform.node()) or "fleet")[: 64 - len(mark)] + mark
    )
    if not re.fullmatch(r"[\w.-]{1,64}", holder, re.ASCII) or holder in (".", ".."):
        raise ConfigError(
            f"{holder!r} is not a name for a holder: up to 64 letters, digits, . - and _; "
            "give --holder"
        )
    return holder


def _auth() -> Auth | None:
    """What checks the tokens of those who read the metrics: this process's secret, if it was given
    one.
    """
    from despoolr_app.cli.base.secret import configured_secret
    from despoolr_server.http.base.auth import Auth

    secret = configured_secret()
    return Auth(secret) if secret else None


async def _run(
    settings: ClientsSettings,
    scale: float | None,
    for_s: float,
    listen: Listen | None,
    *,
    as_json: bool,
) -> int:
    import asyncio
    import signal

    from despoolr_app.fleet.fleet import FleetClients
    from despoolr_app.fleet.lease import SlotsTaken
    from despoolr_app.fleet.page import FleetPage
    from despoolr_app.process.event_loop import on_signals

    stop = asyncio.Event()
    interrupted: list[int] = []

    def end(number: int) -> None:
        interrupted.append(number)
        stop.set()

    clients = FleetClients(settings, say)
    page = FleetPage(clients, _auth())
    loop = asyncio.get_running_loop()
    began = loop.time()
    with on_signals(end):
        try:
            if listen is not None:
                say(f"despoolr: health and metrics on {await page.start(listen)}")
            if not await _until(stop, _live(clients, scale, for_s)):
                code = EXIT_TERMINATED if signal.SIGTERM in interrupted else EXIT_INTERRUPTED
            elif count := clients.lapse_count:
                say(f"despoolr: the clients were lost {how_often(count)}; the run is invalid")
                code = EXIT_INVALID
            else:
                code = EXIT_OK
        except SlotsTaken as taken:
            say(f"despoolr: {taken}; the run is invalid")
            code = EXIT_INVALID
        finally:
            await clients.stop()
            await page.stop()
    summary = {**clients.summary(), "wall_s": round(loop.time() - began, 3)}
    if as_json:
        echo_json(summary)
    else:
        put(", ".join(f"{name} {value:,}" for name, value in summary.items()))
    return code


async def _until(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> bool:
    """Do the work until it is done or `stop` is set; whether it was done. A fleet that still waits
    for its site ends, too.
    """
    import asyncio

    tasks = [asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
        return tasks[0] in done
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _live(clients: FleetClients, scale: float | None, for_s: float) -> None:
    """Start, keep what was leased, until the time is up."""
    import asyncio

    from despoolr_app.process.runtime import StartError

    await clients.start()
    if scale is not None and scale != clients.scale:
        raise StartError(
            f"the site runs at x{clients.scale:g}, not at x{scale:g}; leave --time out to follow it"
        )
    spread_s = clients.settings.poll_every_s / clients.scale
    who = f"{counted(clients.live_count, 'client')} from number {clients.numbers.start} on"
    say(f"despoolr: {who}, first poll of all within {spread_s:,.1f} s")
    over = asyncio.Event()
    keeping = asyncio.ensure_future(clients.keep())
    keeping.add_done_callback(lambda _: over.set())
    try:
        await _until(over, _watch(clients, for_s / clients.scale))
    finally:
        keeping.cancel()
        end, *_ = await asyncio.gather(keeping, return_exceptions=True)
        if isinstance(end, Exception):
            raise end


async def _watch(clients: FleetClients, for_s: float) -> None:
    """For so many seconds of this machine's time, or for ever; a line now and then."""
    import asyncio

    loop = asyncio.get_running_loop()
    is_terminal = sys.stderr.isatty()
    beat = PROGRESS_S if is_terminal else PROGRESS_PLAIN_S
    end = loop.time() + for_s if for_s else float("inf")
    before, then = 0, loop.time()
    try:
        while loop.time() < end:
            await asyncio.sleep(min(beat, max(0.001, end - loop.time())))
            done, now = clients.summary(), loop.time()
            rate = (done["polls"] - before) / max(now - then, 1e-9)
            before, then = done["polls"], now
            text = (
                f"{done['polls']:,} polls ({rate:,.0f}/s), {done['failed']:,} failed, "
                f"{done['late']:,} late"
            )
            text += f", {done['reports']:,} reports"
            if is_terminal:
                put_over(f"{text}")
            elif now < end:
                say(text)
    finally:
        if is_terminal:
            put("", err=True)
