"""`despoolr clients`: which fleets run which clients of a site, and whether exactly those exist
that were asked for.

The law: exit code 0 if exactly so many exist now, 12 (the run is invalid) if not; what was before
is told beside it and decides nothing. `--within` waits for it, and then says what is missing;
nothing here changes anything.
"""

from __future__ import annotations

import time
from typing import Any, Final

import click

from despoolr_app.cli.base.options import option, token_option, urls_option
from despoolr_app.cli.base.output import (
    EXIT_INVALID,
    EXIT_OK,
    echo_json,
    echo_table,
    fail,
    json_option,
    say,
)
from despoolr_core.phrases import how_often

STEP_S: Final = 0.5


@click.command("clients")
@urls_option("The site server. Else the one started here.")
@token_option
@option(
    "--expect",
    type=click.IntRange(0),
    help="How many there must be. Default: what the site was told, or the leases' sum.",
)
@option(
    "--within",
    default="",
    metavar="SPAN",
    help="Wait so long, in time of this machine, for them to be there.",
)
@json_option
def command(
    urls: tuple[str, ...], token: str, expect: int | None, within: str, as_json: bool
) -> int:
    """The fleets of a site, and whether exactly the clients that were asked for exist (exit code 12
    if not).
    """
    from msgspec import to_builtins

    from despoolr_app.cli.base.at_site import find_servers
    from despoolr_app.clocks.skew import SKEW_S_MAX, told
    from despoolr_app.process.settings import ConfigError, parse_span
    from despoolr_app.site_client.blocking_client import clock_skew_s
    from despoolr_app.site_client.errors import SiteError
    from despoolr_app.site_client.live import LiveSource

    try:
        left = parse_span(within) if within else 0.0
        servers = find_servers(urls, token)
        if not servers:
            fail(
                "there is no running site here; start one with `despoolr serve all`, or give "
                "--url and --token"
            )
        source = LiveSource(servers)
        while True:
            facts = judged(to_builtins(source.slots()), expect)
            if facts["exact"] or left <= 0:
                break
            time.sleep(min(STEP_S, left))
            left -= STEP_S
    except (SiteError, ConfigError) as error:
        fail(str(error))
    if as_json:
        echo_json(facts, source=source.name, at=source.moment(), notes=source.notes)
    else:
        echo_table(
            ["FLEET", "FIRST", "CLIENTS", "EXIST"],
            [[f["holder"], f["first"], f["count"], f["live"]] for f in facts["fleets"]],
        )
    skew = clock_skew_s(servers[0]) or 0.0
    if abs(skew) > SKEW_S_MAX:
        say(f"despoolr: warning: {told(servers[0].name, skew)}")
    if facts["lapsed"]:
        say(f"despoolr: note: {history(facts['lapsed'])}")
    if facts["exact"]:
        return EXIT_OK
    say(f"despoolr: {reason(facts)}; a run with them is invalid")
    return EXIT_INVALID


def judged(facts: dict[str, Any], expect: int | None) -> dict[str, Any]:
    """The same, with `wanted` and `exact` as `--expect` would have them."""
    if expect is None:
        return facts
    return facts | {"wanted": expect, "exact": facts["live"] == facts["leased"] == expect}


def reason(facts: dict[str, Any]) -> str:
    """Why they are not exactly those that were asked for."""
    if facts["leased"] != facts["wanted"]:
        return f"{facts['wanted']:,} clients are wanted, {facts['leased']:,} are leased"
    return f"{facts['wanted']:,} clients are wanted, {facts['live']:,} exist"


def history(lapsed: int) -> str:
    """What came before, in words: how often clients were stopped because a lease ran out."""
    return (
        f"{how_often(lapsed)} since the site server started, a fleet could not renew its clients "
        "and stopped them"
    )
