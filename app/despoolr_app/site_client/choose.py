"""Whom to ask: the servers that run here or were named, and of several sites which one.

The law: `--at-site CODE`; else the site whose code the asked ID begins with; else the only one;
else the topmost, the one that no other site here is above. Only servers that run are asked: what is
over is not administered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from despoolr_app.process import discovery
from despoolr_app.process.private_file import read_token
from despoolr_app.process.settings import ConfigError, parse_url
from despoolr_app.site_client.blocking_client import ask, client, now
from despoolr_app.site_client.client import ServerAddress
from despoolr_app.site_client.errors import SiteError, SiteRefused
from despoolr_core.rules.fold import fold
from despoolr_core.share.fleet_api import SetupFacts
from despoolr_core.share.site_api import SiteFacts

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RunningSite:
    """A site that answers: its server, and what that said of the site."""

    server: ServerAddress
    facts: SiteFacts

    @property
    def code(self) -> str:
        """The site's code, in upper case."""
        return self.facts.site

    @property
    def parent(self) -> str:
        """Its parent's code; empty: it has none."""
        return self.facts.parent

    def call(self, method: str, path: str, kind: type[T], body: object = None) -> T:
        """A call of `/api/v1/<path>`, answered by a `kind`. Raises `SiteError`."""
        return now(client(self.server, called=f"site {self.code}").call(method, path, kind, body))


def find_servers(
    urls: Sequence[str], token: str, make_token: Callable[[], str]
) -> list[ServerAddress]:
    """The servers at `urls` and those a site server among them knows; else those started in this
    directory. `make_token` makes one for `urls` where none is given. Raises `ConfigError`.
    """
    here = discovery.running(Path.cwd())
    if not urls:
        return [ServerAddress(s.name, s.url, token or _token_of(s.token_file)) for s in here]
    token = token or make_token()
    tokens = {s.url: s.token_file for s in [*here, *discovery.watches(Path.cwd())]}
    found = [
        ServerAddress(url, url, token or (_token_of(tokens[url]) if url in tokens else ""))
        for url in map(parse_url, urls)
    ]
    return [*found, *_known_to(found)]


def watch_pages() -> list[ServerAddress]:
    """The pages of shares that are watched from this directory, the newest first. Raises
    `ConfigError`.
    """
    found = discovery.watches(Path.cwd())
    return [ServerAddress(s.name, s.url, _token_of(s.token_file)) for s in found]


def _known_to(servers: list[ServerAddress]) -> list[ServerAddress]:
    """The logon servers a site server names: the opens of their shares are known only there."""
    setups: list[tuple[ServerAddress, SetupFacts]] = []
    for server in servers:
        try:
            setups.append((server, ask(server, "setup", SetupFacts)))
        except SiteError:
            continue
    # By name, too: a server may have one URL for its neighbours and another for us (containers with
    # published ports).
    asked = {server.url for server in servers} | {setup.server for _, setup in setups}
    more: list[ServerAddress] = []
    for server, setup in setups:
        for other in setup.servers:
            if other.url not in asked and other.name not in asked:
                asked.add(other.url)
                more.append(ServerAddress(other.name, other.url, server.token))
    return more


def _token_of(file: str) -> str:
    try:
        return read_token(Path(file))
    except ConfigError:
        return ""


def running_sites(servers: Sequence[ServerAddress]) -> tuple[list[RunningSite], str]:
    """Those of the servers that are site servers, and why the first of the others is none."""
    sites: list[RunningSite] = []
    failure = ""
    for server in servers:
        try:
            facts = ask(server, "site", SiteFacts)
        except SiteError as error:
            is_none = isinstance(error, SiteRefused) and error.is_unknown_call
            why = f"{server.url} is no site server; give the site server's --url"
            failure = failure or (why if is_none else str(error))
        else:
            sites.append(RunningSite(server, facts))
    return sites, failure


def choose(sites: Sequence[RunningSite], at_site: str, about: str = "") -> RunningSite:
    """One of the sites, by the rule of this module; `about` is the job or package that is asked
    about. Raises `SiteError` if `at_site` is none of them.
    """
    by_code = {site.code: site for site in sites}
    if at_site:
        if fold(at_site) not in by_code:
            raise SiteError(f"no site {fold(at_site)} runs here; there is {', '.join(by_code)}")
        return by_code[fold(at_site)]
    if len(about) == 8 and fold(about[:3]) in by_code:
        return by_code[fold(about[:3])]
    return next((site for site in sites if site.parent not in by_code), sites[0])
