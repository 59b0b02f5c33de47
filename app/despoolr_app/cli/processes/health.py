"""`despoolr health`: whether a server does its work, not whether its process exists.

The law: healthy means that a file was created on a share, written, read back and closed (and so
deleted), through the same opens as everyone's. A share whose data are damaged is told of and not
tried: nothing on it can be changed. A fleet is healthy when all its clients exist and a logon
server of theirs is. Exit code 0 if everything asked is healthy, else 1: fit for a container's
health check.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from secrets import randbelow
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

import click

from despoolr_app.cli.base.options import option, token_option, urls_option
from despoolr_app.cli.base.output import EXIT_BUG, EXIT_OK, echo_json, fail, json_option, put, say

if TYPE_CHECKING:
    from despoolr_app.site_client.client import ServerAddress

CONTENT: Final = b"Despoolr was here.\r\n"
NAMES_MAX: Final = 3
"""Names that are tried one after the other while each is somebody's."""


@click.command("health")
@urls_option("URL of a server; repeatable. Default: those started here.")
@token_option
@option(
    "--share", default="", metavar="NAME", help="The share to try. Default: the server's first."
)
@option(
    "--timeout",
    "timeout_s",
    default=5.0,
    metavar="SECONDS",
    help="Seconds to wait for each answer.",
)
@json_option
def command(urls: tuple[str, ...], token: str, share: str, timeout_s: float, as_json: bool) -> int:
    """Ask whether servers answer: open a file on a share, write, read, close; how many
    milliseconds each took.
    """
    from despoolr_app.cli.base.at_site import find_servers
    from despoolr_app.clocks.skew import SKEW_S_MAX, told

    servers = find_servers(urls, token)
    if not servers:
        fail("there is no running server here; give one with --url")
    results = [check(server, share, timeout_s) for server in servers[: len(urls) or None]]
    if as_json:
        data = {"healthy": all(r["healthy"] for r in results), "servers": results}
        echo_json(data, source=", ".join(r["url"] for r in results))
    else:
        for r in results:
            put(f"{r['server']} at {r['url']}: {_words(r)}")
    for r in results:
        if abs(r.get("clock_skew_s", 0)) > SKEW_S_MAX:
            say(f"despoolr: warning: {told(r['server'], r['clock_skew_s'])}")
    return EXIT_OK if all(r["healthy"] for r in results) else EXIT_BUG


def check(server: ServerAddress, share: str, timeout_s: float) -> dict[str, Any]:
    """One server's round trip: `healthy`, `error`, and `ms` for each step."""
    from despoolr_app.site_client.blocking_client import clock_skew_s, fleet_facts, health
    from despoolr_app.site_client.errors import SiteError

    ms: dict[str, float] = {}
    result: dict[str, Any] = {
        "server": server.name,
        "url": server.url,
        "healthy": False,
        "error": "",
        "share": "",
        "ms": ms,
    }
    try:
        began = perf_counter()
        fleet = fleet_facts(server, timeout_s=timeout_s)
        if fleet is not None:
            return result | _check_fleet(server, fleet, timeout_s)
        facts = health(server, timeout_s=timeout_s)
        ms["healthz"] = _ms(began)
        result["clock_skew_s"] = round(clock_skew_s(server, timeout_s=timeout_s) or 0.0)
        result |= {
            "server": facts.server,
            "version": facts.version,
            "waiting": facts.episodes_waiting,
            "opens": facts.opens,
        }
        if facts.damages:
            raise SiteError("; ".join(facts.damages))
        result["share"] = share or _first_share(server, timeout_s)
        _round_trip(server, result["share"], ms, timeout_s)
        result["healthy"] = True
    except SiteError as error:
        result["error"] = str(error)
    ms["total"] = round(sum(ms.values()), 2)
    return result


def _check_fleet(server: ServerAddress, fleet: dict[str, Any], timeout_s: float) -> dict[str, Any]:
    """A fleet: are all its clients there, and can they open a file on a logon server? One that
    stands by needs none.
    """
    from msgspec.structs import replace

    result: dict[str, Any] = {
        "server": fleet["fleet"],
        "fleet": fleet,
        "healthy": fleet["status"] == "standing by",
        "error": "",
    }
    if fleet["status"] == "ok":
        # One logon server that works is enough: the clients know them all.
        tried = [
            check(replace(server, name=url, url=url), "", timeout_s) for url in fleet["logons"]
        ]
        best = next((one for one in tried if one["healthy"]), tried[0])
        result |= {name: best[name] for name in ("healthy", "error", "share", "ms")}
    elif not result["healthy"]:
        result["error"] = f"{fleet['status']}: {fleet['live']} of {fleet['wanted']} clients"
    return result


def _first_share(server: ServerAddress, timeout_s: float) -> str:
    from despoolr_app.site_client.blocking_client import ask
    from despoolr_app.site_client.errors import SiteError
    from despoolr_core.share.fleet_api import SetupFacts

    shares = ask(server, "setup", SetupFacts, timeout_s=timeout_s).shares
    if not shares:
        raise SiteError(f"{server.url} has no share to try; name one with --share")
    return shares[0]


def _round_trip(server: ServerAddress, share: str, ms: dict[str, float], timeout_s: float) -> None:
    """A session, a file that goes with its open, its content there and back; the session is ended
    whatever happens.
    """
    from despoolr_app.cli.base.share_session import ShareSession
    from despoolr_app.site_client.errors import SiteError, SiteRefused
    from despoolr_core.share.wire import OpenRequest, SessionRequest

    @contextmanager
    def timed(step: str) -> Iterator[None]:
        began = perf_counter()
        yield
        ms[step] = _ms(began)

    began = perf_counter()
    asked = SessionRequest(program="despoolr health")
    with ShareSession(server, asked, timeout_s=timeout_s) as session:
        ms["session"] = _ms(began)
        for left in reversed(range(NAMES_MAX)):
            wanted = OpenRequest(
                session.id,
                share,
                f"H{randbelow(10**7):07}.TMP",
                access="READ|WRITE|DELETE",
                share_mode="NONE",  # nobody keeps the file when it is closed
                disposition="CREATE",
                options="DELETE_ON_CLOSE",
            )
            try:
                with timed("open"):
                    handle = session.open(wanted).open
                break
            except SiteRefused as refused:  # that a name is somebody's says nothing of the server
                if not left or refused.status not in (409, 423):
                    raise
        with timed("write"):
            session.write(handle, CONTENT)
        with timed("read"):
            content = session.read(handle)
        if content != CONTENT:
            raise SiteError(f"{server.url} did not return what was written to {share}")
        with timed("close"):
            session.close(handle)
        began = perf_counter()
    ms["logoff"] = _ms(began)


def _ms(began: float) -> float:
    return round((perf_counter() - began) * 1000, 2)


def _words(result: dict[str, Any]) -> str:
    steps = ", ".join(f"{step} {ms:g}" for step, ms in result["ms"].items() if step != "total")
    if result["healthy"] and not steps:
        return "healthy: standing by"
    if result["healthy"]:
        return f"healthy in {result['ms']['total']:g} ms ({steps})"
    return f"NOT healthy: {result['error']}"
