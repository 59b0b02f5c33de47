"""`despoolr release`: close what somebody else holds open, as Server Manager's *Close Resource*
does.

The law: what is closed is shown and asked for first, and is closed by its handle: an open that the
same program made meanwhile is another one. The reason stands in the record of the close, so every
picture and every answer says that somebody stepped in.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote, urlencode

import click

from despoolr_app.cli.base.at_site import answering, find_servers
from despoolr_app.cli.base.options import option, token_option, urls_option
from despoolr_app.cli.base.output import (
    EXIT_OK,
    EXIT_USAGE,
    confirm,
    echo_json,
    fail,
    json_option,
    put,
    say,
    wide_option,
    yes_option,
)
from despoolr_app.cli.opens.locks_table import echo_locks
from despoolr_app.site_client.blocking_client import client, now
from despoolr_app.site_client.client import ServerAddress
from despoolr_app.site_client.errors import SiteError
from despoolr_app.site_client.live import LiveSource
from despoolr_app.site_client.queries import LockRow, Wanted
from despoolr_core.rules.fold import fold

REASON = "released by an administrator"
REASON_MAX = 200
"""Characters of a reason."""


@click.command("release")
@click.argument("opens", nargs=-1, metavar="[OPEN]...")
@option("--share", default="", metavar="NAME", help="What is open on this share.")
@option("--path", default="", metavar="PATH", help="This file: its path, its name, or a pattern.")
@option("--machine", default="", metavar="NAME", help="What this machine holds.")
@option("--reason", default=REASON, help="Why; it stands in the records.")
@wide_option
@urls_option("A running server; repeatable.", show_envvar=True)
@token_option
@yes_option
@json_option
def command(
    opens: tuple[str, ...],
    share: str,
    path: str,
    machine: str,
    reason: str,
    is_wide: bool,
    urls: tuple[str, ...],
    token: str,
    is_sure: bool,
    as_json: bool,
) -> int:
    """Close OPENs of others (handles, or SERVER/HANDLE, as `locks` lists them), or all that --path,
    --machine and --share name. Asks first.
    """
    if not (opens or share or path or machine):
        fail("name what to close: an OPEN of `despoolr locks`, --path, --machine or --share")
    if not reason.strip() or len(reason) > REASON_MAX or not reason.isprintable():
        fail(f"--reason takes 1 to {REASON_MAX} printable characters")
    servers = find_servers(urls, token)
    if not servers:
        fail(
            "there is no running server here: start one with `despoolr serve all`, or point at one "
            "with --url and --token"
        )
    rows = answering(lambda: _found(servers, opens, Wanted(share, path, machine)))
    if not as_json:
        echo_locks([row for _, row, _ in rows], max(at for _, _, at in rows), is_wide=is_wide)
    count = len(rows)
    confirm(f"Close {'this open' if count == 1 else f'these {count} opens'}?", is_sure)
    refused = _close([(server, row) for server, row, _ in rows], reason)
    closed = [f"{row.server}/{row.open}" for _, row, _ in rows]
    closed = [name for name in closed if name not in refused]
    if as_json:
        data = {"closed": closed, "refused": refused, "reason": reason}
        source = ", ".join(server.url for server in servers)
        echo_json(data, source=source, at=max(at for _, _, at in rows))
    else:
        put(f"Closed {len(closed)} of {count}.")
        for name, why in refused.items():
            say(f"{name}: {why}")
    return EXIT_USAGE if refused else EXIT_OK


def _found(
    servers: Sequence[ServerAddress], opens: tuple[str, ...], wanted: Wanted
) -> list[tuple[ServerAddress, LockRow, float]]:
    """What is to be closed, with the server that has it and its time. Raises `SiteError`; ends the
    command where something named is not there.
    """
    rows: list[tuple[ServerAddress, LockRow, float]] = []
    for server in servers:
        answer = LiveSource([server]).locks(wanted, None)
        rows += [(server, row, answer.at) for row in answer.locks]
    if opens:
        named = {fold(name) for name in opens}
        rows = [found for found in rows if named & _names(found[1])]
        missing = named - {name for _, row, _ in rows for name in _names(row)}
        for name in sorted(named):
            places = sorted(
                f"{row.server}/{row.open}" for _, row, _ in rows if fold(row.open) == name
            )
            if len(places) > 1:
                fail(f"{name} is open on several servers; say which: {', '.join(places)}")
        if missing:
            fail(f"nothing is open as {', '.join(sorted(missing))}; `despoolr locks` lists what is")
    if not rows:
        fail("nothing of that kind is open; `despoolr locks` lists what is")
    return rows


def _names(row: LockRow) -> set[str]:
    return {fold(row.open), fold(f"{row.server}/{row.open}")}


def _close(rows: Sequence[tuple[ServerAddress, LockRow]], reason: str) -> dict[str, str]:
    """Close them one by one; those that were refused, and why."""
    refused: dict[str, str] = {}
    force = urlencode({"force": "true", "reason": reason})
    for server, row in rows:
        try:
            now(client(server).exchange("DELETE", f"/api/v1/opens/{quote(row.open)}?{force}"))
        except SiteError as error:
            refused[f"{row.server}/{row.open}"] = str(error)
    return refused
