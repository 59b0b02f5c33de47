"""Which site the administrating commands ask, when several run: one rule, and what was asked is
said.

The law: `--at-site CODE`; else the site whose code the asked ID begins with; else the only one;
else the topmost, the one that no other site here is above. Only servers that run are asked: what is
over is not administered. A refusal is the site's own line.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import click

from despoolr_app.cli.output import fail, say
from despoolr_core.rules.fold import fold

if TYPE_CHECKING:
    from despoolr_app.site_client.live import ServerAddress

SITES = "Asks the site at --url or, if several run here, --at-site CODE; else the topmost one."


def site_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--at-site`, `--url`, `--token`: whom to ask."""
    for option in (
        click.option(
            "--token",
            envvar="DESPOOLR_TOKEN",
            default="",
            help="An administrator's token.",
            show_envvar=True,
        ),
        click.option(
            "--url",
            "urls",
            envvar="DESPOOLR_URL",
            multiple=True,
            help="A running server; repeatable.",
            show_envvar=True,
        ),
        at_site_option,
    ):
        command = option(command)
    return command


def at_site_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """The option `--at-site` of a command."""
    return click.option(
        "--at-site",
        envvar="DESPOOLR_AT_SITE",
        default="",
        metavar="CODE",
        help="Code of the site to ask, where several run.",
        show_envvar=True,
    )(command)


@dataclass(frozen=True, slots=True)
class RunningSite:
    """A site that answers: its code, its parent's (empty: none), and its server."""

    code: str
    parent: str
    server: ServerAddress
    facts: dict[str, Any]

    def get(self, path: str) -> Any:
        """`GET /api/v1/<path>`. A refusal ends the command with the site's line."""
        return self._decoded("GET", path, None)

    def post(self, path: str, body: Any = None) -> Any:
        """`POST /api/v1/<path>`. A refusal ends the command with the site's line."""
        import msgspec

        return self._decoded("POST", path, msgspec.json.encode(body) if body is not None else b"")

    @property
    def now(self) -> float:
        """The site's time in seconds since 1970."""
        return float(self.facts["now"])

    def refused(self, error: Exception) -> NoReturn:
        """End the command with what the site said."""
        from despoolr_app.site_client.live import Refusal

        fail(
            f"site {self.code} says: {error.detail.rstrip('.')}"
            if isinstance(error, Refusal)
            else str(error)
        )

    def _decoded(self, method: str, path: str, body: bytes | None) -> Any:
        import msgspec

        from despoolr_app.site_client.live import call
        from despoolr_app.site_client.queries import AskError

        try:
            return msgspec.json.decode(call(self.server, method, f"/api/v1/{path}", body))
        except AskError as error:
            self.refused(error)
        except msgspec.DecodeError:
            fail(f"{self.server.url} answers, but not as a Despoolr server; check the URL")


def find_site(urls: tuple[str, ...], token: str, at_site: str, about: str = "") -> RunningSite:
    """The site to ask, by the rule of this module; `about` is the job or package that is asked
    about. Says which it is.
    """
    from despoolr_app.cli.ask import find_servers

    servers = find_servers(urls, token)
    if not servers:
        fail(
            "there is no running site here: start one with `despoolr serve all`, or point at one "
            "with --url and --token "
            "(a finished run can be asked, not administered)"
        )
    sites = running_sites(servers, is_needed=True)
    site = choose(sites, at_site, about)
    others = [other.code for other in sites if other is not site]
    more = f"; {', '.join(others)} could be asked with --at-site" if others and not at_site else ""
    say(f"asking site {site.code} at {site.server.url}{more}")
    return site


def running_sites(servers: list[ServerAddress], *, is_needed: bool = False) -> list[RunningSite]:
    """Those of the servers that are site servers. If one is needed and there is none, the command
    ends.
    """
    from despoolr_app.site_client.live import NoSuchCall, ask
    from despoolr_app.site_client.queries import AskError

    sites: list[RunningSite] = []
    failure = ""
    for server in servers:
        try:
            facts: Any = ask(server, "site", dict)
        except NoSuchCall:
            failure = failure or f"{server.url} is no site server; give the site server's --url"
        except AskError as error:
            failure = failure or str(error)
        else:
            sites.append(RunningSite(facts["site"], facts["parent"], server, facts))
    if is_needed and not sites:
        fail(failure)
    return sites


def choose(sites: list[RunningSite], at_site: str, about: str = "") -> RunningSite:
    """One of the sites, by the rule of this module."""
    by_code = {site.code: site for site in sites}
    if at_site:
        if fold(at_site) not in by_code:
            fail(f"no site {fold(at_site)} runs here; there is {', '.join(by_code)}")
        return by_code[fold(at_site)]
    if len(about) == 8 and fold(about[:3]) in by_code:
        return by_code[fold(about[:3])]
    return next((site for site in sites if site.parent not in by_code), sites[0])
