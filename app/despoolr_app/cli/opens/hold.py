r"""`despoolr hold`: open a file on a share and keep it, as a program on somebody's machine does.

The law: the open is an ordinary one, over HTTP, in a session on a lease that is kept alive; it ends
with `--for`, SIGTERM or Ctrl-C, and is closed then. Nothing else is done to the file. Refused: one
line that names who is in the way, exit code 2. So ends one whose open the server closed meanwhile:
the file was not held until then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from despoolr_app.cli.base.options import option, token_option, urls_option
from despoolr_app.cli.base.output import EXIT_OK, echo_json, fail, json_option, put, say
from despoolr_core.rules.fold import fold

if TYPE_CHECKING:
    from threading import Event

    from despoolr_app.cli.base.share_session import ShareSession
    from despoolr_app.site_client.client import ServerAddress

LEASE_S: Final = 60.0
"""Seconds of this machine's time that the session outlives a holder that vanished."""


@click.command("hold")
@click.argument("file", metavar="FILE")
@urls_option("URL of a server; repeatable. Default: those started here.")
@token_option
@option("--machine", default="WS1", help="The machine that opens the file.")
@option("--user", default="ALICE", help="The user.")
@option("--program", default="WINWORD.EXE", help="The program.")
@option("--access", default="READ", help="READ, WRITE, EXECUTE, DELETE, joined by |.")
@option(
    "--share-mode",
    default="READ",
    help="What others may: READ, WRITE, DELETE, joined by |; or NONE.",
)
@option(
    "--for",
    "for_",
    default="",
    metavar="SPAN",
    help="Close it after this much site time. Default: hold it until stopped.",
)
@json_option
def command(
    file: str, urls: tuple[str, ...], token: str, for_: str, as_json: bool, **given: str
) -> int:
    r"""Open FILE and keep it open: \\LOGON1\SMS_PKGD\BPC00001\b.dat, or SMS_PKGD/BPC00001/b.dat on
    the first that has it.
    """
    from msgspec import to_builtins

    from despoolr_app.cli.base.at_site import find_servers
    from despoolr_app.cli.base.share_session import ShareSession
    from despoolr_app.process.event_loop import until_a_signal
    from despoolr_app.process.settings import ConfigError, parse_span
    from despoolr_app.site_client.errors import SiteError
    from despoolr_core.share.wire import OpenRequest, SessionRequest

    name, share, path = _parts(file)
    try:
        for_s = parse_span(for_) if for_ else 0.0
        server, scale = _server(find_servers(urls, token), name, share)
        asked = SessionRequest(
            machine=given["machine"],
            user=given["user"],
            program=given["program"],
            lease_s=LEASE_S * scale,
        )
        with ShareSession(server, asked) as session:
            wanted = OpenRequest(
                session.id, share, path, access=given["access"], share_mode=given["share_mode"]
            )
            opened = session.open(wanted)
            facts = {
                **to_builtins(opened),
                "server": server.name,
                "share": share,
                "path": path,
                **given,
            }
            with until_a_signal() as over:  # before it is said that there is anything to end
                if as_json:
                    echo_json(facts, source=server.url)
                else:
                    who = f"{given['program']} on {given['machine']}"
                    put(
                        f"{who} has {share}/{path} on {server.url} open: {opened.open}, "
                        f"{given['access']}, sharing {given['share_mode']}"
                    )
                _stay(session, opened.open, for_s / scale, over)
    except (SiteError, ConfigError) as error:
        fail(str(error))
    say("despoolr: closed")
    return EXIT_OK


def _parts(file: str) -> tuple[str, str, str]:
    """Server (or nothing), share, path."""
    text = file.replace("\\", "/")
    server, rest = text[2:].partition("/")[::2] if text.startswith("//") else ("", text)
    share, _, path = rest.partition("/")
    if not share or not path:
        fail(
            rf"{file} names no file on a share; such are \\LOGON1\SMS_PKGD\BPC00001\b.dat and "
            rf"SMS_PKGD/BPC00001/b.dat"
        )
    return fold(server), fold(share), path


def _server(servers: list[ServerAddress], name: str, share: str) -> tuple[ServerAddress, float]:
    """The one that is meant, and the pace of its time. Raises `SiteError`."""
    from despoolr_app.site_client.blocking_client import ask
    from despoolr_app.site_client.errors import SiteError
    from despoolr_core.share.fleet_api import SetupFacts

    if not servers:
        raise SiteError("there is no running server here; give one with --url")
    for server in servers:
        setup = ask(server, "setup", SetupFacts)
        if (not name or setup.server == name) and share in (fold(s) for s in setup.shares):
            return server, setup.clock.scale
    raise SiteError(
        f"none of {', '.join(s.url for s in servers)} has the share {share}"
        + (f" and is {name}" if name else "")
    )


def _stay(session: ShareSession, handle: str, for_s: float, over: Event) -> None:
    """Keep an open for so many seconds, or until it is over. Raises `SiteError` if the server has
    closed it meanwhile.
    """
    left = for_s or float("inf")
    while left > 0 and not over.wait(min(left, LEASE_S / 3)):
        left -= LEASE_S / 3
        if left > 0:
            session.renew()
            session.check(handle)
    session.check(handle)
