"""`despoolr runs`: the runs that are kept: list, show, as pages, remove, keep the newest."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from despoolr_app.cli.base.options import option, runs_option
from despoolr_app.cli.base.output import (
    EXIT_OK,
    confirm,
    echo_json,
    echo_table,
    fail,
    json_option,
    moment,
    put,
    put_prose,
    say,
    wrapped,
    yes_option,
)
from despoolr_core.phrases import counted, size

if TYPE_CHECKING:
    from despoolr_app.runs.store import KeptRun, RunStore

T = TypeVar("T")


@click.group("runs")
def command() -> None:
    """The runs that are kept, newest first: what they came to, what they take on the disk."""


@command.command("list")
@option(
    "--limit",
    type=click.IntRange(1),
    default=None,
    help="How many of the newest to list. Default: all.",
)
@runs_option
@json_option
def list_(limit: int | None, root: Path, as_json: bool) -> int:
    """Every run: state, size, what ran."""
    kept = _tried(_store(root).runs)
    shown = kept[:limit]
    if as_json:
        data = {"runs": shown, "size": sum(run.size for run in kept)}
        echo_json(data, source=str(root))
        return EXIT_OK
    if not kept:
        put(f"There are no runs in {root}; `despoolr run` and `despoolr kb run` keep theirs there.")
        return EXIT_OK
    echo_table(
        ["RUN", "STATE", "SIZE", "WHAT"],
        [(run.name, run.state, size(run.size), _what(run)) for run in shown],
    )
    more = len(kept) - len(shown)
    of = f", {more} of them not shown" if more else ""
    say(f"{counted(len(kept), 'run')} in {root}{of}, {size(sum(run.size for run in kept))} in all")
    return EXIT_OK


@command.command("show")
@click.argument("run", default="latest")
@runs_option
@json_option
def show(run: str, root: Path, as_json: bool) -> int:
    """One run (its name, or `latest`) and where to read on."""
    kept = _tried(lambda: _store(root).find(run))
    if as_json:
        echo_json(kept, source=str(root / kept.name))
        return EXIT_OK
    rows = [
        ("run", str(root / kept.name)),
        ("what", _what(kept)),
        ("state", kept.state),
        ("written", moment(kept.at) + " UTC"),
        ("size", size(kept.size)),
        ("digest", kept.digest),
    ]
    for name, value in rows:
        if value:
            put(f"{name:8}{value}")
    if kept.verdict:
        put("")
        put_prose(wrapped(kept.verdict))
    if kept.kind in ("scenario", "import"):
        put("", f"Read on: despoolr why {kept.name}", f"         despoolr report {kept.name}")
    return EXIT_OK


@command.command("serve")
@option(
    "--listen",
    default="127.0.0.1:8805",
    metavar="HOST:PORT",
    help="Where it answers; port 0 takes a free one.",
)
@runs_option
def serve(listen: str, root: Path) -> int:
    """Show the runs as pages: a list, and each run's report and files.

    Asks for a token, which is new at each start, as a password with any name. Ctrl-C ends it.
    """
    import asyncio
    import secrets

    from despoolr_app.process.runtime import StartError
    from despoolr_app.process.settings import ConfigError, parse_listen
    from despoolr_app.runs_page.server import RunsPage

    token = secrets.token_urlsafe(16)

    async def stay() -> None:
        page = RunsPage(_store(root), token)
        url = await page.start(parse_listen(listen, 8805))
        put(f"{url} shows the runs of {root}; any name, and the password {token}")
        put(f"or open {url.replace('://', f'://runs:{token}@')}/")
        try:
            await _stopped()
        finally:
            await page.stop()

    try:
        asyncio.run(stay())
    except (ConfigError, StartError) as error:
        fail(str(error))
    return EXIT_OK


async def _stopped() -> None:
    """Return at Ctrl-C and SIGTERM."""
    import asyncio

    from despoolr_app.process.event_loop import on_signals

    stop = asyncio.Event()
    with on_signals(lambda _: stop.set()):
        await stop.wait()


@command.command("rm")
@click.argument("names", nargs=-1, required=True, metavar="RUN...")
@runs_option
@yes_option
@json_option
def remove(names: tuple[str, ...], root: Path, is_sure: bool, as_json: bool) -> int:
    """Remove runs by their names. Asks first."""
    store = _store(root)
    found = _tried(lambda: {run.name: run for run in map(store.find, names)})
    return _removed(store, list(found.values()), [], is_sure, as_json)


@command.command("gc")
@option("--keep", type=click.IntRange(0), default=20, help="How many of the newest stay.")
@runs_option
@yes_option
@json_option
def collect(keep: int, root: Path, is_sure: bool, as_json: bool) -> int:
    """Remove all but the newest runs. Asks first."""
    from despoolr_app.clocks.time_source import wall_now

    store = _store(root)
    old, going = _tried(lambda: store.old(keep, wall_now()))
    for run in going:
        say(f"note: {run.name} may still go on, and stays")
    if old or as_json:
        return _removed(store, old, going, is_sure or not old, as_json)
    _tried(store.sweep)
    put(f"Nothing to remove: {root} has no more than {keep} runs that can go.")
    return EXIT_OK


def _removed(
    store: RunStore, found: list[KeptRun], going: list[KeptRun], is_sure: bool, as_json: bool
) -> int:
    from despoolr_app.clocks.time_source import wall_now

    total = sum(run.size for run in found)
    what = found[0].name if len(found) == 1 else f"{len(found)} runs"
    if not is_sure:
        for run in found[:20]:
            say(run.name)
        if len(found) > 20:
            say(f"and {len(found) - 20} more")
    confirm(f"Remove {what} ({size(total)})?", is_sure)
    _tried(lambda: store.remove([run.name for run in found], wall_now()))
    if as_json:
        names = {"removed": [run.name for run in found], "going_on": [run.name for run in going]}
        echo_json({**names, "size": total}, source=str(store.root))
    else:
        put(f"Removed {what}, {size(total)}.")
    return EXIT_OK


def _store(root: Path) -> RunStore:
    from despoolr_app.runs.store import RunStore

    return RunStore(root)


def _tried(deed: Callable[[], T]) -> T:
    from despoolr_app.runs.directory import RunError

    try:
        return deed()
    except RunError as error:
        fail(str(error))


def _what(run: KeptRun) -> str:
    words = [run.kind if run.kind != "scenario" else "", run.scenario]
    words += [f"on {run.version}" if run.version else ""]
    return " ".join(word for word in words if word) or "-"
