"""`despoolr fault`: break a running site on purpose, and mend it.

The law: each server breaks only itself, so every server that runs here is asked which it is, and a
fault goes to the one that it is about: what a fault says of a server to that, the rest to the site
server. None of it needs more than the administrator's token.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from despoolr_app.cli.base.options import option, options, token_option, urls_option
from despoolr_app.cli.base.output import (
    EXIT_OK,
    echo_json,
    echo_table,
    fail,
    json_option,
    moment,
    put,
    say,
)

if TYPE_CHECKING:
    from despoolr_app.site_client.client import ServerAddress
    from despoolr_core.share.fault_api import Fault, FaultList, FaultRow

FIELDS: Final = {
    "site": ("CODE", "Whose sender dies, whose service forgets; the only site, if left out."),
    "package": ("PACKAGE", "handle_leaks: a package's ID or name."),
    "file": ("PATH", "handle_leaks: the file in it."),
    "service": ("NAME", "handle_leaks: which service; SMS_DESPOOLER."),
    "server": ("NAME", "The server whose disk is full, which is cut off, or slow."),
    "share": ("NAME", "disk_full: only this share's disk."),
    "path": ("PATH", "disk_full: only this directory of the share."),
    "machine": ("NAME", "clock_jumps: a client."),
    "by": ("SPAN", "clock_jumps: how far, such as +2h or -30m."),
    "other": ("NAME", "link_down: only the way to this machine."),
    "delay": ("SPAN", "slow_share: how long each way takes, in site time; 2s."),
    "for": ("SPAN", "How long, in site time; until it is cleared, if left out."),
}
"""What a fault may say, by the options of `add`: what stands for its value, and its help."""


@click.group("fault")
def command() -> None:
    """Break a running site on purpose, and mend it.

    For servers that were started with --allow-faults. A fault ends after its --for, when it is
    cleared, or with the server's process; a report shows when what was broken.
    """


_asking = options(urls_option("A running server; repeatable."), token_option, json_option)


@command.command("list")
@_asking
def list_(urls: tuple[str, ...], token: str, as_json: bool) -> int:
    """List what is broken now, on every server that runs here."""
    from msgspec import to_builtins

    asked = _ask_all(urls, token)
    if as_json:
        faults = [
            {"server": facts.server, **to_builtins(row)}
            for _, facts in asked
            for row in facts.faults
        ]
        echo_json({"faults": faults}, source=asked[0][0].url, at=asked[0][1].now)
        return EXIT_OK
    rows = [row for _, facts in asked for row in facts.faults]
    if not rows:
        put("Nothing is broken on purpose.")
        return EXIT_OK
    echo_table(
        ["ID", "SINCE", "UNTIL", "FAULT", "WHERE"],
        [(r.id, moment(r.began_at), _until(r), r.fault, r.where) for r in rows],
    )
    return EXIT_OK


_field_options = options(
    *(
        option(f"--{name}", f"field_{name}", default=None, metavar=metavar, help=text)
        for name, (metavar, text) in FIELDS.items()
    )
)


@command.command("add")
@click.argument("name", metavar="FAULT")
@_field_options
@_asking
def add(name: str, urls: tuple[str, ...], token: str, as_json: bool, **given: str | None) -> int:
    """Break something on purpose.

    FAULT is sender_dies, handle_leaks, disk_full, clock_jumps, link_down or slow_share.
    """
    from despoolr_core.share.fault_api import FaultRow

    fault = _fault(
        name.replace("-", "_"),
        {key.removeprefix("field_"): text for key, text in given.items() if text is not None},
    )
    server, facts = _server_of(fault, _ask_all(urls, token))
    row = _call(server, facts, "POST", "faults", FaultRow, fault)
    return _tell(row, server, facts, as_json, f"{row.id} has begun: {_what(row)}")


@command.command("clear")
@click.argument("ids", metavar="[ID]...", nargs=-1)
@option("--all", "clears_all", is_flag=True, help="Whatever is broken.")
@_asking
def clear(
    ids: tuple[str, ...], clears_all: bool, urls: tuple[str, ...], token: str, as_json: bool
) -> int:
    """End faults by their IDs, which `despoolr fault list` tells."""
    from msgspec import to_builtins

    from despoolr_core.rules.fold import fold
    from despoolr_core.share.fault_api import FaultRow

    if bool(ids) == clears_all:
        fail("say which: IDs as `despoolr fault list` tells them, or --all")
    asked = _ask_all(urls, token)
    there = {row.id: (server, facts) for server, facts in asked for row in facts.faults}
    wanted = list(there) if clears_all else list(dict.fromkeys(map(fold, ids)))
    for one in wanted:
        if one not in there:
            fail(f"there is no fault {one}; there is {', '.join(there) or 'none'}")
    rows = [_call(*there[one], "DELETE", f"faults/{one}", FaultRow) for one in wanted]
    if as_json:
        echo_json({"cleared": to_builtins(rows)}, source=asked[0][0].url, at=asked[0][1].now)
        return EXIT_OK
    for row in rows:
        put(f"{row.id} is over: {row.fault}, {row.where}")
    if not rows:
        put("Nothing was broken on purpose.")
    return EXIT_OK


# -- which server


def _ask_all(urls: tuple[str, ...], token: str) -> list[tuple[ServerAddress, FaultList]]:
    """The servers that may be broken, and what is; the others are told of."""
    from despoolr_app.cli.base.at_site import find_servers
    from despoolr_app.site_client.blocking_client import ask
    from despoolr_app.site_client.errors import SiteError
    from despoolr_core.share.fault_api import FaultList

    servers = find_servers(urls, token)
    if not servers:
        fail(
            "there is no running site here: start one with `despoolr serve all --allow-faults`, or "
            "point at one with --url and --token"
        )
    asked: list[tuple[ServerAddress, FaultList]] = []
    reasons: list[str] = []
    for server in servers:
        try:
            asked.append((server, ask(server, "faults", FaultList)))
        except SiteError as error:
            reasons.append(str(error))
    if not asked:
        fail(reasons[0])
    for reason in reasons:
        say(f"note: {reason}")
    return asked


def _server_of(
    fault: Fault, asked: list[tuple[ServerAddress, FaultList]]
) -> tuple[ServerAddress, FaultList]:
    from despoolr_core.rules.fold import fold

    if fault.target:
        named = {facts.server: (server, facts) for server, facts in asked}
        if fault.target not in named:
            there = ", ".join(named)
            fail(f"no server {fault.target} that may be broken runs here; there is {there}")
        return named[fault.target]
    sites = {facts.site: (server, facts) for server, facts in asked if facts.site}
    code = fold(str(getattr(fault, "site", "")))
    if not sites:
        fail(f"no site server that may be broken runs here, and {fault.name} needs one")
    if not code and len(sites) > 1:
        fail(f"several sites run here: give the --url of one of {', '.join(sites)}")
    if code and code not in sites:
        fail(f"no site {code} that may be broken runs here; there is {', '.join(sites)}")
    return sites[code or next(iter(sites))]


def _fault(name: str, given: dict[str, str]) -> Fault:
    """What is to be added, checked here as the server will check it."""
    import msgspec

    from despoolr_core.share.fault_api import KINDS, Fault
    from despoolr_core.suggest import suggestion

    kind = KINDS.get(name)
    if kind is None:
        fail(f"there is no kind of fault {name!r}{suggestion(name, KINDS)}")
    info = msgspec.inspect.type_info(kind)
    assert isinstance(info, msgspec.inspect.StructType)
    fields = {one.encode_name: one.required for one in info.fields}
    options = ", ".join(f"--{one}" for one in fields)
    for one in given:
        if one not in fields:
            fail(f"{name} has no --{one}; it has {options}")
    for one, is_required in fields.items():
        if is_required and one not in given:
            fail(f"{name} needs --{one}")
    found: Any = Fault
    try:
        fault: Fault = msgspec.convert({"fault": name, **given}, found)
    except msgspec.ValidationError as error:
        fail(f"{name}: {error}")
    return fault


def _call(
    server: ServerAddress,
    facts: FaultList,
    method: str,
    path: str,
    kind: type[FaultRow],
    body: object = None,
) -> FaultRow:
    from despoolr_app.cli.base.at_site import answering
    from despoolr_app.site_client.blocking_client import client, now

    asked = client(server, called=facts.server)
    return answering(lambda: now(asked.call(method, path, kind, body)))


# -- in words


def _tell(row: FaultRow, server: ServerAddress, facts: FaultList, as_json: bool, text: str) -> int:
    from msgspec import to_builtins

    if as_json:
        echo_json({"server": facts.server, **to_builtins(row)}, source=server.url, at=row.began_at)
    else:
        put(text)
    return EXIT_OK


def _what(row: FaultRow) -> str:
    until = f"until {_until(row)}" if row.ends_at is not None else "until it is cleared"
    return f"{row.fault}, {row.where}, {until}"


def _until(row: FaultRow) -> str:
    return moment(row.ends_at) if row.ends_at is not None else "cleared"
