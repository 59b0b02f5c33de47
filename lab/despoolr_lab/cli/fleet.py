"""`despoolr fleet`: many PCM clients in one process, against servers that run.

The law: it ends cleanly on SIGTERM, Ctrl-C or after `--for` (clients log off), and always says what was done: one line on a
terminal while it runs, one object with `--json` at the end.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from despoolr_lab.cli.output import EXIT_INTERRUPTED, EXIT_OK, echo_json, fail, json_option, say

if TYPE_CHECKING:
    from despoolr_lab.clients import Clients, ClientsSettings

PROGRESS_S = 1.0
PROGRESS_PLAIN_S = 10.0


@click.command("fleet")
@click.option(
    "--clients",
    "count",
    envvar="DESPOOLR_CLIENTS",
    default=50,
    show_default=True,
    type=click.IntRange(1, 1_000_000),
    help="How many.",
    show_envvar=True,
)
@click.option(
    "--site",
    "site_url",
    envvar="DESPOOLR_SITE",
    default="",
    metavar="URL",
    help="The site server. Default: the one started here.",
    show_envvar=True,
)
@click.option(
    "--logon",
    "logons",
    envvar="DESPOOLR_LOGON",
    multiple=True,
    metavar="NAME=URL",
    help="A logon server; repeatable. Default: the site's.",
    show_envvar=True,
)
@click.option("--token", envvar="DESPOOLR_TOKEN", default="", help="An administrator's token.", show_envvar=True)
@click.option(
    "--first",
    default=1,
    show_default=True,
    type=click.IntRange(1),
    help="Number of the first client: two fleets must not overlap.",
)
@click.option("--prefix", default="PC", show_default=True, help="What the clients' names begin with.")
@click.option(
    "--poll-every",
    envvar="DESPOOLR_POLL_EVERY",
    default="1h",
    show_default=True,
    metavar="SPAN",
    help="Polling interval, in site time.",
    show_envvar=True,
)
@click.option(
    "--time",
    "pace",
    envvar="DESPOOLR_TIME",
    default="",
    metavar="real|xN",
    help="The pace the site must have; default: whatever it has.",
    show_envvar=True,
)
@click.option("--for", "for_", default="", metavar="SPAN", help="End after so much site time. Default: run until stopped.")
@click.option("--seed", default=1, show_default=True, help="Seed of the clients' choices.")
@json_option
def command(**given: Any) -> int:
    """Run many clients in one process: they are registered at the site, poll, run packages, report."""
    import asyncio

    from despoolr_lab.cli.serve import loop_factory
    from despoolr_lab.config import ConfigError, parse_pace, parse_span
    from despoolr_lab.ground import StartError

    try:
        settings = _settings(given)
        scale = parse_pace(given["pace"]).scale if given["pace"] else None
        for_s = parse_span(given["for_"]) if given["for_"] else 0.0
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            return runner.run(_run(settings, scale, for_s, as_json=given["as_json"]))
    except (ConfigError, StartError) as error:
        fail(str(error))


def _settings(given: dict[str, Any]) -> ClientsSettings:
    from despoolr_lab import discovery
    from despoolr_lab.cli.ask import secret_token
    from despoolr_lab.clients import ClientsSettings
    from despoolr_lab.config import parse_machine, parse_named_server, parse_span, parse_url

    url, token = given["site_url"], given["token"] or secret_token()
    here = {s.url: s for s in discovery.running(Path.cwd()) if s.role == "site"}
    if not url and not here:
        fail("there is no running site here; start one with `despoolr serve all`, or give --site URL and --token")
    url = parse_url(url) if url else next(iter(here))
    if not token and url in here:
        token = Path(here[url].token_file).read_text("ascii").strip()
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
    )


async def _run(settings: ClientsSettings, scale: float | None, for_s: float, *, as_json: bool) -> int:
    import asyncio
    import signal

    from despoolr_lab.clients import Clients
    from despoolr_lab.ground import StartError

    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    interrupted: list[int] = []

    def end(number: int) -> None:
        interrupted.append(number)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        try:
            loop.add_signal_handler(number, end, number)
        except NotImplementedError:  # Windows: Ctrl-C ends it by KeyboardInterrupt
            break
    clients = Clients(settings, say)
    began = loop.time()
    try:
        await clients.start()
        if scale is not None and scale != clients.scale:
            raise StartError(f"the site runs at x{clients.scale:g}, not at x{scale:g}; leave --time out to follow it")
        say(f"despoolr: {settings.count} clients, first poll of all within {settings.poll_every_s / clients.scale:,.1f} s")
        await _watch(clients, stop, for_s / clients.scale)
    finally:
        await clients.stop()
    summary = {**clients.summary(), "wall_s": round(loop.time() - began, 3)}
    if as_json:
        echo_json(summary)
    else:
        click.echo(", ".join(f"{name} {value:,}" for name, value in summary.items()))
    return EXIT_INTERRUPTED if signal.SIGINT in interrupted else EXIT_OK


async def _watch(clients: Clients, stop: Any, for_s: float) -> None:
    """Until `stop`, or for so many seconds of this machine's time; a line now and then."""
    import asyncio

    loop = asyncio.get_running_loop()
    is_terminal = sys.stderr.isatty()
    beat = PROGRESS_S if is_terminal else PROGRESS_PLAIN_S
    end = loop.time() + for_s if for_s else float("inf")
    before, then = 0, loop.time()
    while not stop.is_set() and loop.time() < end:
        try:
            async with asyncio.timeout(min(beat, max(0.001, end - loop.time()))):
                await stop.wait()
        except TimeoutError:
            pass
        done, now = clients.summary(), loop.time()
        rate = (done["polls"] - before) / max(now - then, 1e-9)
        before, then = done["polls"], now
        text = f"{done['polls']:,} polls ({rate:,.0f}/s), {done['failed']:,} failed, {done['late']:,} late"
        text += f", {done['reports']:,} reports"
        if is_terminal:
            click.echo(f"\r\x1b[K{text}", err=True, nl=False)
        elif not stop.is_set() and now < end:
            say(text)
    if is_terminal:
        click.echo("", err=True)
