"""`despoolr sites`: the hierarchy as one site knows it, as a tree: itself, and what is below it."""

from __future__ import annotations

from typing import Any

import click

from despoolr_app.cli.base.at_site import SITES, Whom, find_site, site_options
from despoolr_app.cli.base.output import EXIT_OK, json_option, moment, put


@click.command("sites", epilog=SITES)
@site_options
@json_option
def command(whom: Whom, as_json: bool) -> int:
    """The site and those below it: versions, site servers, distribution servers."""
    from msgspec import to_builtins

    from despoolr_core.share.site_api import SubSiteList

    site = find_site(whom)
    below = to_builtins(site.get("sites", SubSiteList).sites)
    facts = site.facts
    own = {
        "site": site.code,
        "parent": facts.parent,
        "server": facts.server,
        "version": facts.version,
        "servers": [server.name for server in facts.servers],
    }
    if as_json:
        site.echo_json({"parent": facts.parent, "sites": [own, *below]})
        return EXIT_OK
    if facts.parent:
        put(f"{facts.parent} (the parent; it knows more)")
    put(*tree(own, below, is_last_of_parent=bool(facts.parent)))
    return EXIT_OK


def tree(
    own: dict[str, Any], below: list[dict[str, Any]], *, is_last_of_parent: bool = False
) -> list[str]:
    """The lines of the tree; a site whose parent is not among them hangs from the top, and none is
    left out.
    """
    known = {own["site"], *(row["site"] for row in below)}
    children: dict[str, list[dict[str, Any]]] = {}
    for row in sorted(below, key=lambda row: row["site"]):
        parent = (
            row["parent"]
            if row["parent"] in known and row["parent"] != row["site"]
            else own["site"]
        )
        children.setdefault(parent, []).append(row)
    lines: list[str] = []
    drawn: set[str] = set()

    def draw(row: dict[str, Any], lead: str, branch: str) -> None:
        drawn.add(row["site"])
        lines.append(f"{lead}{branch}{_facts(row)}")
        lead += {"": "", "+- ": "|  ", "`- ": "   "}[branch]
        mine = [child for child in children.get(row["site"], ()) if child["site"] not in drawn]
        for child in mine:
            draw(child, lead, "`- " if child is mine[-1] else "+- ")

    draw(own, "", "`- " if is_last_of_parent else "")
    for row in below:  # sites that say they are below each other
        if row["site"] not in drawn:
            draw(row, "", "`- ")
    return lines


def _facts(row: dict[str, Any]) -> str:
    version = f"SMS {row['version']}" if row["version"] else "version not known"
    servers = f", with {', '.join(row['servers'])}" if row["servers"] else ""
    told = f", told {moment(row['updated_at'])}" if row.get("updated_at") else ""
    return f"{row['site']}  {version}, {row['server']}{servers}{told}"
