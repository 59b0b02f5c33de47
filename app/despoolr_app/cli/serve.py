"""`despoolr serve site|logon|all`: servers that run until they are told to stop.

The law: every option has a `DESPOOLR_*` variable, and a wrong value of either is one line and exit
code 2 before anything is bound. The address and, where a secret had to be made, the token are
printed once; `ready` is the last line of the start.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from despoolr_app.cli.options import Text, Whole, log_format_option, options, variable_option
from despoolr_app.cli.output import EXIT_OK, fail
from despoolr_app.process.process_log import say
from despoolr_core.rules.fold import fold

if TYPE_CHECKING:
    import asyncio

    from despoolr_app.process.settings import Listen, LogonSettings, RuntimeSettings, SiteSettings
    from despoolr_app.servers.servers import Servers
    from despoolr_core.share.fleet_api import ServerCard


_GROUND = options(
    variable_option(
        "--time",
        "time",
        default="real",
        type=Text("parse_pace"),
        metavar="real|xN",
        help="Site time: real, or N site seconds a second.",
    ),
    variable_option(
        "--clock",
        default="",
        metavar="URL",
        help="Take time and pace from a running server.",
    ),
    variable_option(
        "--secret-file",
        type=click.Path(path_type=Path),
        help="File with the secret that all servers of a site share.",
    ),
    variable_option(
        "--common",
        type=click.Path(path_type=Path),
        help="Directory all processes share: secrets and time, made by the first.",
    ),
    variable_option(
        "--allow-host",
        "allow_hosts",
        multiple=True,
        envvar="DESPOOLR_ALLOW_HOST",
        metavar="NAME",
        help="A name browsers and WebDAV clients may use; repeatable.",
    ),
    variable_option(
        "--allow-faults",
        is_flag=True,
        help="Let an administrator break this server: despoolr fault add.",
    ),
    variable_option(
        "--fast-lane/--no-fast-lane",
        default=True,
        envvar="DESPOOLR_FAST_LANE",
        help="Answer short requests past aiohttp's parser.",
    ),
    log_format_option,
)
_SITE = options(
    variable_option("--name", default="SITE1", help="The site server's machine name."),
    variable_option("--code", default="BPC", help="The site code."),
    variable_option("--domain", default="SALES", help="The domain of the site's machines."),
    variable_option("--version", default="1.2", help="SMS version whose behaviour the site has."),
    variable_option(
        "--response",
        default="Fast",
        help="Very Fast, Fast, Medium or Slow: a service cycle each 1, 5, 15, 30 min.",
    ),
    variable_option(
        "--set",
        "overrides",
        multiple=True,
        metavar="FIELD=VALUE",
        help="Change one behaviour; repeatable.",
    ),
    variable_option(
        "--address",
        "addresses",
        multiple=True,
        metavar="SITE=SERVER=URL",
        help="Another site; repeatable.",
    ),
    variable_option(
        "--parent",
        default="",
        metavar="SITE=SERVER=URL",
        help="The site above this one: it is told of every status.",
    ),
    variable_option(
        "--netware",
        "netware",
        multiple=True,
        metavar="NAME",
        help="A server of the site that is NetWare's; repeatable.",
    ),
    variable_option(
        "--fleet-lease",
        default="30s",
        type=Text("parse_fleet_lease"),
        metavar="SPAN",
        help="Real time after which a silent fleet loses its clients.",
    ),
)


@click.group("serve")
def command() -> None:
    """Run servers over real sockets until SIGTERM or Ctrl-C.

    On loopback a secret is made and kept in the data directory; elsewhere one must be configured,
    with --secret-file or DESPOOLR_SECRET.
    """


@command.command("site")
@variable_option(
    "--listen",
    default="127.0.0.1:8801",
    metavar="HOST:PORT",
    help="Where to listen; port 0 takes a free one.",
)
@variable_option(
    "--data",
    default="despoolr-data/site",
    type=click.Path(path_type=Path),
    help="Files, database, logs, records.",
)
@_SITE
@variable_option(
    "--logon",
    "logons",
    multiple=True,
    metavar="NAME=URL[,distribution]",
    help="A logon server of the site; repeatable.",
)
@variable_option(
    "--database",
    default="",
    metavar="URL",
    help="The site database, such as postgresql://USER@HOST/NAME. Default: a file.",
)
@variable_option(
    "--clients-wanted",
    default=0,
    type=Whole("clients", 0, 1_000_000),
    help="Clients all fleets are to be together; 0: any number.",
)
@_GROUND
def site(listen: str, data: Path, logons: tuple[str, ...], **given: Any) -> int:
    """Run a site server with its services."""
    from despoolr_app.process.settings import (
        SITE_PORT,
        ConfigError,
        parse_listen,
        parse_named_server,
    )

    try:
        servers = tuple(parse_named_server(text) for text in logons)
        names = [server.name for server in servers]
        settings = _site_settings(parse_listen(listen, SITE_PORT), names, given, servers)
        if settings.database:
            from despoolr_app.servers.database_url import parse_database

            parse_database(settings.database)
        runtime = _runtime_settings(data, (settings.listen,), given)
    except ConfigError as error:
        fail(str(error))
    if not servers:
        say("despoolr: no --logon server is given: jobs will find nowhere to go")

    async def start(running: Servers) -> Stopper:
        await _add_site(running, settings)
        return _nothing

    return _run(runtime, start, given["log_format"][0])


@command.command("logon")
@variable_option(
    "--listen",
    default="127.0.0.1:8802",
    metavar="HOST:PORT",
    help="Where to listen; port 0 takes a free one.",
)
@variable_option(
    "--data",
    default="despoolr-data/logon",
    type=click.Path(path_type=Path),
    help="Files and records.",
)
@variable_option("--name", default="LOGON1", help="The server's machine name.")
@variable_option(
    "--roles", default="logon,distribution", help="What it is: logon, distribution or both."
)
@variable_option("--package-share", default="SMS_PKGD", help="The share packages lie on.")
@_GROUND
def logon(listen: str, data: Path, **given: Any) -> int:
    """Run a logon server, a distribution server, or both."""
    from despoolr_app.process.settings import (
        LOGON_PORT,
        ConfigError,
        LogonSettings,
        parse_listen,
        parse_machine,
        parse_roles,
    )

    try:
        is_logon, is_distribution = parse_roles(given["roles"])
        settings = LogonSettings(
            parse_listen(listen, LOGON_PORT),
            parse_machine(given["name"]),
            is_logon,
            is_distribution,
            fold(given["package_share"]),
        )
        runtime = _runtime_settings(data, (settings.listen,), given)
    except ConfigError as error:
        fail(str(error))

    async def start(running: Servers) -> Stopper:
        await _add_logon(running, settings)
        return _nothing

    return _run(runtime, start, given["log_format"][0])


@command.command("all")
@variable_option(
    "--listen", default="127.0.0.1:8801", metavar="HOST:PORT", help="Where the site server listens."
)
@variable_option(
    "--listen-logon", default="127.0.0.1:8802", metavar="HOST:PORT", help="Where LOGON1 listens."
)
@variable_option(
    "--data",
    default="despoolr-data/all",
    type=click.Path(path_type=Path),
    help="Files, database, logs, records.",
)
@_SITE
@variable_option(
    "--clients", default=0, type=Whole("clients", 0, 100_000), help="Also run this many clients."
)
@variable_option(
    "--poll-every",
    default="1h",
    type=Text("parse_span"),
    metavar="SPAN",
    help="The clients' polling interval, in site time.",
)
@_GROUND
def serve_all(
    listen: str, listen_logon: str, data: Path, clients: int, poll_every: str, **given: Any
) -> int:
    """Run a site server and LOGON1 in one process.

    LOGON1 is logon and distribution server; --clients adds clients.
    """
    from despoolr_app.process.settings import (
        LOGON_PORT,
        SITE_PORT,
        ConfigError,
        LogonSettings,
        parse_listen,
        parse_span,
    )

    try:
        logon_settings = LogonSettings(parse_listen(listen_logon, LOGON_PORT), "LOGON1")
        settings = _site_settings(parse_listen(listen, SITE_PORT), [logon_settings.name], given)
        runtime = _runtime_settings(data, (settings.listen, logon_settings.listen), given)
        poll_every_s = parse_span(poll_every)
    except ConfigError as error:
        fail(str(error))

    async def start(running: Servers) -> Stopper:
        from msgspec.structs import replace

        server = await _add_logon(running, logon_settings)
        url = await _add_site(running, replace(settings, servers=(server,)))
        if not clients:
            return _nothing
        from despoolr_app.fleet.fleet import ClientsSettings, FleetClients

        wanted = ClientsSettings(
            clients, url, running.runtime.token, poll_every_s=poll_every_s, holder=OWN_CLIENTS
        )
        fleet = FleetClients(wanted, say, clock=running.runtime.clock)
        await fleet.start()
        running.watch(fleet.keep(), "clients")
        say(f"despoolr: {clients} clients, polling every {poll_every}")
        return fleet.stop

    return _run(runtime, start, given["log_format"][0])


# -- from options to settings


def _site_settings(
    listen: Listen,
    names: Iterable[str],
    given: dict[str, Any],
    servers: tuple[ServerCard, ...] = (),
) -> SiteSettings:
    from despoolr_app.process import settings as config

    overrides = config.parse_overrides(given["overrides"])
    addresses = tuple(config.parse_address(text) for text in given["addresses"])
    parent = config.parse_address(given["parent"]) if given["parent"] else None
    config.check_addresses(
        config.parse_code(given["code"]), config.parse_machine(given["name"]), addresses, parent
    )
    return config.SiteSettings(
        listen=listen,
        name=config.parse_machine(given["name"]),
        code=config.parse_code(given["code"]),
        domain=config.parse_machine(given["domain"]),
        profile=config.parse_profile(given["version"], overrides),
        response=config.parse_response(given["response"]),
        servers=servers,
        netware=config.parse_netware(given["netware"], names),
        addresses=addresses,
        parent=parent,
        log_layout=given["log_format"][1],
        overrides=overrides,
        database=given.get("database", ""),
        clients_wanted=given.get("clients_wanted", 0),
        fleet_lease_s=config.parse_fleet_lease(given["fleet_lease"]),
    )


def _runtime_settings(
    data: Path, listens: tuple[Listen, ...], given: dict[str, Any]
) -> RuntimeSettings:
    import os
    import sys

    from despoolr_app.cli.variables import check_variables
    from despoolr_app.process import settings as config
    from despoolr_app.process.private_file import given_secret
    from despoolr_app.servers.ports import check_ports
    from despoolr_server.files.system.descriptors import why_no_server

    if why := why_no_server(sys.platform):
        raise config.ConfigError(why)
    check_variables(os.environ)
    check_ports(listens)
    timing = config.parse_pace(given["time"])
    secret = given_secret(os.environ.get("DESPOOLR_SECRET"), given["secret_file"])
    clock_url = config.parse_url(given["clock"]) if given["clock"] else ""
    since, password, anchor = None, "", None
    if given["common"] is not None:
        from despoolr_app.clocks.time_source import MACHINE
        from despoolr_app.process.stack_dir import open_common

        common = open_common(given["common"], MACHINE.wall(), MACHINE.anchor())
        secret, since, password, anchor = (
            secret or common.secret,
            common.since,
            common.password,
            common.anchor,
        )
    return config.RuntimeSettings(
        data=data,
        timing=timing,
        secret=secret,
        clock_url=clock_url,
        version=given.get("version", ""),
        listens=listens,
        since=since,
        anchor=anchor,
        database_password=password,
        allow_hosts=tuple(given.get("allow_hosts", ())),
        allow_faults=given["allow_faults"],
        fast_lane=given["fast_lane"],
    )


# -- running

OWN_CLIENTS = "serve-all"
"""The name under which the clients of `serve all` have their numbers."""
Stopper = Callable[[], Coroutine[Any, Any, None]]
Start = Callable[["Servers"], Coroutine[Any, Any, Stopper]]


async def _nothing() -> None:
    """There is nothing more to stop."""


async def _add_site(running: Servers, settings: SiteSettings) -> str:
    url = await running.add_site(settings)
    below = f", below site {settings.parent.code}" if settings.parent else ""
    about = f"SMS {settings.profile.version}, {settings.response}{below}"
    say(f"despoolr: site {settings.code} ({about}) on {url}, server {settings.name}")
    return url


async def _add_logon(running: Servers, settings: LogonSettings) -> ServerCard:
    server = await running.add_logon(settings)
    roles = " and ".join(
        word
        for word, on in (("logon", settings.logon), ("distribution", settings.distribution))
        if on
    )
    say(f"despoolr: {roles} server {settings.name} on {server.url}")
    return server


def _run(settings: RuntimeSettings, start: Start, log_form: str) -> int:
    """Prepare, start, wait for a signal, stop. Everything that keeps it from starting is one line
    and exit code 2.
    """
    import asyncio

    from despoolr_app.process import discovery, process_log
    from despoolr_app.process.event_loop import loop_factory
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
    from importlib.metadata import version

    from msgspec.structs import replace

    from despoolr_app.process.record_log import log_record
    from despoolr_app.servers.server_clocks import ask_time
    from despoolr_app.servers.servers import Servers
    from despoolr_core.timing import Timing

    now = None
    if runtime.settings.clock_url:
        now, scale = await ask_time(runtime.settings.clock_url, runtime.token, say)
        runtime.settings = replace(runtime.settings, timing=Timing(scale))
    runtime.begin(now)
    runtime.recorder.listeners.append(log_record)
    running = Servers(runtime, Path.cwd(), say, version("despoolr"))
    stop_more: Stopper = _nothing
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
    from despoolr_app.cli import output
    from despoolr_app.process.gc_tuning import freeze_gc
    from despoolr_app.process.process_log import is_plain

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
