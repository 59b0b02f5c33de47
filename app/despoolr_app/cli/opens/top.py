"""`despoolr top`: a running site in a terminal, twice a second, with keys.

The law: it needs Textual, of the extra `tui`; without it, one line says what to install.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

import click
import msgspec

from despoolr_app.cli.base.at_site import Whom, answering, find_servers, site_first, site_options
from despoolr_app.cli.base.options import option
from despoolr_app.cli.base.output import EXIT_OK, fail
from despoolr_app.site_client.blocking_client import ask, call
from despoolr_app.site_client.choose import watch_pages

if TYPE_CHECKING:
    from despoolr_app.site_client.client import ServerAddress
    from despoolr_app.top.answer import TopAnswer

REASON = "released by an administrator"
TIMEOUT_S = 5.0


@click.command("top")
@option("--filter", "word", default="", help="Only what has this word in one of its names.")
@site_options
def command(whom: Whom, word: str) -> int:
    """Blocked updates, holders, jobs and clients of a running site, or of a share that `watch
    --serve` watches. Keys: tab, arrows, enter, r release, w why, h history, s sort, / filter, q
    quit.
    """
    if find_spec("textual") is None:
        fail("`despoolr top` needs Textual: pip install 'despoolr[tui]', or use `locks --watch`")
    servers = find_servers(whom.urls, whom.token)
    pages = answering(watch_pages) if not servers else []
    if not servers and not pages:
        fail(
            "there is no running server here: start one with `despoolr serve all`, or point at one "
            "with --url and --token (or watch a share with `despoolr watch --serve`)"
        )
    site = AskedServer(site_first(servers, whom.at_site, "")[0] if servers else pages[0])
    answering(lambda: site.look(word))
    from despoolr_app.top.screen import TopApp

    app = TopApp(site)
    app.word = word
    app.run()
    return EXIT_OK


class AskedServer:
    """One server, which tells of its site if it is a site server."""

    def __init__(self, server: ServerAddress) -> None:
        self._server = server

    def look(self, word: str) -> TopAnswer:
        """The live page. Raises `SiteError`."""
        from despoolr_app.top.answer import TopAnswer

        query = f"?{urlencode({'q': word})}" if word else ""
        return ask(self._server, f"live{query}", TopAnswer, timeout_s=TIMEOUT_S)

    def release(self, server: str, open_: str) -> None:
        """Close an open of a server of the site. Raises `SiteError`."""
        path = f"/api/v1/servers/{quote(server, safe='')}/opens/{quote(open_, safe='')}/release"
        call(self._server, "POST", path, msgspec.json.encode({"reason": REASON}))
