"""`despoolr machine`, `machines`: what a site knows of its clients, as the Sites window showed
it.
"""

from __future__ import annotations

import click

from despoolr_app.cli.base.at_site import SITES, Whom, find_site, site_options
from despoolr_app.cli.base.options import option
from despoolr_app.cli.base.output import EXIT_OK, echo_table, json_option, put


@click.command("machine", epilog=SITES)
@click.argument("name")
@site_options
@json_option
def machine(whom: Whom, name: str, as_json: bool) -> int:
    """One machine and the attributes it reported: groups of its NOIDMIFs, as the site loaded
    them.
    """
    from urllib.parse import quote

    from msgspec import to_builtins

    from despoolr_core.share.site_api import MachineFacts

    site = find_site(whom)
    found = site.get(f"machines/{quote(name, safe='')}", MachineFacts)
    if as_json:
        site.echo_json({"asked": site.code, **to_builtins(found)})
        return EXIT_OK
    put(f"{found.machine}: SMSID {found.sms_id}, domain {found.domain}, site {found.site}")
    rows = sorted(
        (group, name, value)
        for group, values in found.attributes.items()
        for name, value in values.items()
    )
    if rows:
        echo_table(["GROUP", "ATTRIBUTE", "VALUE"], rows)
    else:
        put("It has reported no attributes: a NOIDMIF in its Windows directory would become some.")
    return EXIT_OK


@click.command("machines", epilog=SITES)
@option("--limit", type=click.IntRange(1, 10_000), default=1000, help="How many to list.")
@option("--after", default="", metavar="NAME", help="Only those whose name comes after this one.")
@site_options
@json_option
def machines(whom: Whom, limit: int, after: str, as_json: bool) -> int:
    """List the machines a running site knows, by name."""
    from urllib.parse import urlencode

    from msgspec import to_builtins

    from despoolr_core.share.site_api import MachineList

    site = find_site(whom)
    asked = {"limit": str(limit)} | ({"after": after} if after else {})
    found = site.get(f"machines?{urlencode(asked)}", MachineList)
    rows = found.machines
    if as_json:
        site.echo_json(to_builtins(found))
        return EXIT_OK
    if not rows:
        put(
            f"There are no machines after {after}."
            if after
            else "There are no machines; `despoolr fleet` brings some."
        )
        return EXIT_OK
    echo_table(
        ["MACHINE", "SMSID", "DOMAIN", "SITE"],
        [(m.machine, m.sms_id, m.domain, m.site) for m in rows],
    )
    if len(rows) == limit and found.count > limit:
        put(
            f"{limit:,} of {found.count:,}; the next: despoolr machines --limit {limit} "
            f"--after {rows[-1].machine}"
        )
    return EXIT_OK
