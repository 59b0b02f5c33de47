"""`despoolr hotfix`: corrected files for a running site, installed as the articles say, and what is
installed.
"""

from __future__ import annotations

import click

from despoolr_app.cli.base.at_site import SITES, Whom, find_site, site_options
from despoolr_app.cli.base.output import EXIT_OK, echo_table, json_option, moment, put


@click.group("hotfix")
def command() -> None:
    """Hotfixes of a running site: apply one, list them."""


@command.command("apply", epilog=SITES)
@click.argument("article", metavar="KB")
@site_options
@json_option
def apply(whom: Whom, article: str, as_json: bool) -> int:
    """Install an article's hotfix.

    The SMS Executive is stopped and started for it; everything in flight is kept. It stays
    installed.
    """
    from urllib.parse import quote

    from msgspec import to_builtins

    from despoolr_core.share.site_api import HotfixInstalled

    site = find_site(whom)
    found = site.post(f"hotfixes/{quote(article, safe='')}", HotfixInstalled)
    if as_json:
        site.echo_json(to_builtins(found))
        return EXIT_OK
    put(f"{found.article} is applied at site {site.code}: {found.title}")
    fields = ", ".join(f"{name} = {_word(value)}" for name, value in found.fields.items())
    put(f"the SMS Executive was stopped and started; now {fields}")
    return EXIT_OK


@command.command("list", epilog=SITES)
@site_options
@json_option
def list_(whom: Whom, as_json: bool) -> int:
    """List what is installed and what can be installed.

    Since when, and which articles have a fault here that could be taken out.
    """
    from msgspec import to_builtins

    from despoolr_core.share.site_api import HotfixList

    site = find_site(whom)
    found = site.get("hotfixes", HotfixList)
    if as_json:
        site.echo_json(to_builtins(found))
        return EXIT_OK
    from despoolr_core.articles import ARTICLES

    rows = [(kb, f"since {moment(at)}", ARTICLES[kb].title) for kb, at in found.installed.items()]
    rows += [(a.article, "could be applied", a.title) for a in found.available]
    put(f"site {site.code}, SMS {found.version}")
    if rows:
        echo_table(["ARTICLE", "INSTALLED", "TITLE"], rows)
    else:
        put("No hotfix is installed, and none of the articles has its fault here.")
    return EXIT_OK


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value) or "nothing"
