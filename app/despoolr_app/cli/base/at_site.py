"""Asking a running site on the command line: the options that say which, and what was asked is
said. A question without an answer ends the command with one line (`site_client.errors`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from despoolr_app.cli.base.options import options, token_option, urls_option, variable_option
from despoolr_app.cli.base.output import echo_json, fail, say

if TYPE_CHECKING:
    from despoolr_app.site_client.choose import RunningSite
    from despoolr_app.site_client.client import ServerAddress

T = TypeVar("T")

SITES = "Asks the site at --url or, if several run here, --at-site CODE; else the topmost one."


class Whom(NamedTuple):
    """Whom a command asks, as its options say: `run` of those in `runs`, or servers at `urls`."""

    urls: tuple[str, ...] = ()
    token: str = ""
    at_site: str = ""
    run: str = ""
    runs: Path = Path("runs")


def with_whom(command: Callable[..., Any]) -> Callable[..., Any]:
    """A command that gets the options which say whom to ask as one `whom`."""

    @wraps(command)
    def packed(**given: Any) -> Any:
        told = {name: given.pop(name) for name in Whom._fields if name in given}
        return command(whom=Whom(**told), **given)

    return packed


def site_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--at-site`, `--url`, `--token`: the site to ask, as `whom`."""
    told = urls_option("A running server; repeatable.", show_envvar=True)
    return options(at_site_option, told, token_option)(with_whom(command))


def at_site_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return variable_option(
        "--at-site",
        default="",
        metavar="CODE",
        help="Code of the site to ask, if several run here.",
    )(command)


def answering(question: Callable[[], T]) -> T:
    """The answer, or the end of the command with one line."""
    from despoolr_app.process.settings import ConfigError
    from despoolr_app.runs.directory import RunError
    from despoolr_app.site_client.errors import SiteError

    try:
        return question()
    except (SiteError, RunError, ConfigError) as error:
        fail(str(error))


def site_here(url: str, token: str) -> tuple[str, str]:
    """The URL of a site server and a token for it: those that were given, else of the one that was
    started here. Ends the command where there is none. Raises `ConfigError`.
    """
    from despoolr_app.cli.base.secret import secret_token
    from despoolr_app.process import discovery
    from despoolr_app.process.private_file import read_token
    from despoolr_app.process.settings import parse_url

    token = token or secret_token()
    here = {server.url: server for server in discovery.running(Path.cwd()) if server.role == "site"}
    if not url and not here:
        fail(
            "there is no running site here; start one with `despoolr serve all`, or give --site "
            "URL and --token"
        )
    url = parse_url(url) if url else next(iter(here))
    if not token and url in here:
        token = read_token(Path(here[url].token_file))
    return url, token


def find_servers(urls: tuple[str, ...], token: str) -> list[ServerAddress]:
    """The servers at `--url` and those a site server among them knows; else those started in this
    directory.
    """
    from despoolr_app.cli.base.secret import secret_token
    from despoolr_app.site_client import choose

    return answering(lambda: choose.find_servers(urls, token, secret_token))


class AskedSite:
    """The site that a command asks. A refusal ends the command with the site's own line."""

    def __init__(self, running: RunningSite) -> None:
        self.code = running.code
        self.server = running.server
        self.facts = running.facts
        self.running = running

    def echo_json(self, data: dict[str, Any]) -> None:
        """Print an answer of this site's; `site` in it is its code."""
        echo_json({"site": self.code, **data}, source=self.server.url, at=self.facts.now)

    def get(self, path: str, kind: type[T]) -> T:
        """What `GET /api/v1/<path>` answers, as a `kind`. Ends the command where nothing does."""
        return answering(lambda: self.running.call("GET", path, kind))

    def post(self, path: str, kind: type[T], body: Any = None) -> T:
        """What `POST /api/v1/<path>` answers, as a `kind`. Ends the command where nothing does."""
        return answering(lambda: self.running.call("POST", path, kind, body))


def find_site(whom: Whom, about: str = "") -> AskedSite:
    """The site to ask (`site_client.choose`); `about` is the job or package that is asked about.
    Says which it is.
    """
    from despoolr_app.site_client.choose import choose, running_sites

    servers = find_servers(whom.urls, whom.token)
    if not servers:
        fail(
            "there is no running site here: start one with `despoolr serve all`, or point at one "
            "with --url and --token (a finished run can be asked, not administered)"
        )
    sites, failure = running_sites(servers)
    if not sites:
        fail(failure)
    site = answering(lambda: choose(sites, whom.at_site, about))
    others = [other.code for other in sites if other is not site]
    is_open = others and not whom.at_site
    more = f"; {', '.join(others)} could be asked with --at-site" if is_open else ""
    say(f"asking site {site.code} at {site.server.url}{more}")
    return AskedSite(site)


def site_first(servers: list[ServerAddress], at_site: str, about: str) -> list[ServerAddress]:
    """The servers, the chosen site's first: it is the one that is asked for jobs and events."""
    from despoolr_app.site_client.choose import choose, running_sites

    if len(servers) < 2 and not at_site:
        return servers
    sites, failure = running_sites(servers)
    if at_site and not sites:
        fail(failure)
    if len(sites) < 2 and not at_site:
        return servers
    site = answering(lambda: choose(sites, at_site, about))
    if not at_site:
        others = ", ".join(other.code for other in sites if other is not site)
        say(
            f"jobs and events are those of site {site.code}; {others} could be asked with --at-site"
        )
    return [site.server, *(server for server in servers if server.url != site.server.url)]
