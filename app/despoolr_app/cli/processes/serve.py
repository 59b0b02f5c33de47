"""`despoolr serve site|logon|all`: servers that run until they are told to stop.

The law: every option has a `DESPOOLR_*` variable, and a wrong value of either is one line and exit
code 2 before anything is bound. The address and, where a secret had to be made, the token are
printed once; `ready` is the last line of the start.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from despoolr_app.cli.base.options import Text, Whole, log_format_option, options, variable_option
from despoolr_app.cli.base.output import fail
from despoolr_app.cli.processes.serving import Stopper, add_logon, add_site, nothing, run
from despoolr_app.process.logs.process_log import say
from despoolr_core.phrases import counted
from despoolr_core.rules.fold import fold

if TYPE_CHECKING:
    from despoolr_app.process.settings import Listen, RuntimeSettings, SiteSettings
    from despoolr_app.servers.servers import Servers
    from despoolr_core.share.fleet_api import ServerCard


OWN_CLIENTS = "serve-all"
"""The name under which the clients of `serve all` have their numbers."""

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
    log_format_option(has_services=True),
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
    type=Whole("a number of clients", 0, 1_000_000),
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
            from despoolr_app.servers.postgresql import parse_database

            parse_database(settings.database)
        runtime = _runtime_settings(data, (settings.listen,), given)
    except ConfigError as error:
        fail(str(error))
    if not servers:
        say("despoolr: no --logon server is given: jobs will find nowhere to go")

    async def start(running: Servers) -> Stopper:
        await add_site(running, settings)
        return nothing

    return run(runtime, start, given["log_format"][0])


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
        await add_logon(running, settings)
        return nothing

    return run(runtime, start, given["log_format"][0])


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
    "--clients",
    default=0,
    type=Whole("a number of clients", 0, 100_000),
    help="Also run this many clients.",
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

        server = await add_logon(running, logon_settings)
        url = await add_site(running, replace(settings, servers=(server,)))
        if not clients:
            return nothing
        from despoolr_app.fleet.fleet import ClientsSettings, FleetClients

        wanted = ClientsSettings(
            clients, url, running.runtime.token, poll_every_s=poll_every_s, holder=OWN_CLIENTS
        )
        fleet = FleetClients(wanted, say, clock=running.runtime.clock)
        await fleet.start()
        running.watch(fleet.keep(), "clients")
        say(f"despoolr: {counted(clients, 'client')}, polling every {poll_every}")
        return fleet.stop

    return run(runtime, start, given["log_format"][0])


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

    from despoolr_app.process import settings as config
    from despoolr_server.files.system.descriptors import why_no_server

    if why := why_no_server(sys.platform):  # before servers are imported, which it may not allow
        raise config.ConfigError(why)

    from despoolr_app.cli.base.variables import check_variables
    from despoolr_app.process.private_file import given_secret
    from despoolr_app.servers.ports import check_ports

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
