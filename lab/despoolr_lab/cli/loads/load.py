"""`despoolr load`: many clients against a running stack, as a file says; judged in the end.

The law: one line while it runs, a table in the end, or one object with `--json`; all of it is kept
in a run directory. Exit codes: 0 all expectations hold, 10 one does not, 12 the run is invalid and
proves nothing, 2 a mistake in the file or no stack, 130 interrupted.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from despoolr_app.cli.base.options import SEED, option, out_option, site_option, token_option
from despoolr_app.cli.base.output import (
    echo_json,
    echo_table,
    fail,
    json_option,
    put,
    put_over,
    say,
)
from despoolr_core.phrases import counted
from despoolr_core.times import stopwatch

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from despoolr_app.process.settings import Listen
    from despoolr_lab.load.run import LoadOptions, LoadOutcome, LoadProgress
    from despoolr_lab.load.spec.model import LoadFile

JOIN: Final = "join"
WORKERS_MAX: Final = 64
"""Processes of one load, and those that join from one machine."""
PLAIN_EVERY_S: Final = 10.0
"""Seconds between two lines where there is no terminal."""
NO_PAGE: Final = "none"
"""What `--page` says where no page is wanted."""
Kept = tuple[dict[str, Any], Path]
"""The summary of a run, and its directory."""


@click.command("load")
@click.argument("file", metavar="LOADFILE | join")
@click.argument("load_url", metavar="[URL]", required=False)
@site_option
@option(
    "--logon",
    "logons",
    multiple=True,
    metavar="NAME=URL",
    help="URL of a server of the site, if not the one that the site says; repeatable.",
)
@token_option
@option(
    "--processes",
    default=1,
    type=click.IntRange(1, 64),
    help="Processes that make the load; each uses one core at most.",
)
@option(
    "--workers-from",
    metavar="HOST:PORT",
    help="Make no load here: wait there until --workers have joined.",
)
@option(
    "--workers",
    type=click.IntRange(1, WORKERS_MAX),
    help="Processes that are to join; with `join`: that join from here.  [default: 1]",
)
@option(
    "--clients",
    type=click.IntRange(1, 200_000),
    help="Number of clients in all; groups keep their proportions.",
)
@option(
    "--for", "for_", default="", metavar="SPAN", help="How long, in site time. Default: the file's."
)
@option("--seed", type=SEED, help="Seed of the load. Default: the file's.")
@out_option
@option(
    "--page",
    default="127.0.0.1:0",
    metavar="HOST:PORT",
    help="Where the live page of the load answers while it runs; `none`: nowhere.",
)
@option("--quiet", is_flag=True, help="No progress.")
@json_option
def command(
    file: str,
    load_url: str | None,
    workers_from: str | None,
    workers: int | None,
    out: Path,
    page: str,
    quiet: bool,
    as_json: bool,
    processes: int,
    **given: Any,
) -> int:
    """Put the load that a file describes on a running stack, and judge the run.

    LOADFILE is a path, or the name of a load that comes with Despoolr: logon_storm, shift_change,
    night. With `join URL`, processes of this machine join a load that another one directs with
    --workers-from.
    """
    import asyncio

    from msgspec.structs import replace

    from despoolr_app.cli.base.variables import check_variables
    from despoolr_app.clocks.time_source import wall_now
    from despoolr_app.process.runtime import StartError
    from despoolr_app.process.settings import ConfigError, parse_listen
    from despoolr_app.runs.directory import RunError, check_root, new_directory, utc_stamp
    from despoolr_app.site_client.errors import SiteError
    from despoolr_lab.load.outcome.results import exit_code, summary_of, write_all
    from despoolr_lab.load.workers.gate import JoinGate

    try:
        check_variables(os.environ)
        if file == JOIN and load_url is not None:
            return _join(load_url, given["token"], workers or 1)
        _check(file, load_url, workers_from, workers)
        load = _read(file, given)
        stamp = utc_stamp(wall_now())
        options = _options(given, stamp, workers or processes)
        gate = None
        if workers_from is not None:
            if (workers or 1) > load.client_count:
                raise ConfigError(f"{workers} workers are more than {load.client_count} clients")
            gate = JoinGate(options.token, workers or 1)
            options = replace(options, gate=gate, processes=workers or 1)
        check_root(out)
        listen = None if page == NO_PAGE else parse_listen(page, 0)

        def keep(outcome: LoadOutcome) -> tuple[dict[str, Any], Path]:
            summary = summary_of(outcome, stamp)
            directory = new_directory(out, stamp, load.name, load.load.seed)
            write_all(directory, outcome, summary)
            return summary, directory

        with _Progress(load.name, quiet=quiet) as progress:
            outcome, (summary, directory) = asyncio.run(
                _watched(load, options, progress, listen, keep, workers_from)
            )
    except (ConfigError, StartError, SiteError, RunError) as error:
        fail(str(error))
    if as_json:
        echo_json({"run": str(directory), **summary}, source=str(directory))
    else:
        _show(outcome, summary, directory)
    return exit_code(outcome)


def _check(file: str, url: str | None, workers_from: str | None, workers: int | None) -> None:
    from despoolr_app.process.settings import ConfigError

    if file == JOIN:
        raise ConfigError("join what? give the load's URL: despoolr load join URL --workers N")
    if url is not None:
        raise ConfigError(f"{url!r} is one argument too many: only `join` has a URL")
    if workers is not None and workers_from is None:
        raise ConfigError("--workers needs --workers-from, where they join, or `join URL`")


def _join(url: str, token: str, count: int) -> int:
    """Join a load with so many processes, until it is over."""
    import asyncio

    from despoolr_app.cli.base.output import EXIT_INVALID, EXIT_OK
    from despoolr_app.cli.base.secret import secret_token
    from despoolr_app.process.settings import parse_url
    from despoolr_lab.load.workers.relay import Relay

    relay = Relay(parse_url(url), token or secret_token())
    say(f"joining the load at {parse_url(url)} with {counted(count, 'process', 'processes')}")
    lost = asyncio.run(_until_told(relay.join(count)))
    for why in lost:
        say(f"despoolr: a worker was lost: {why}")
    if not lost:
        say("the load is over")
    return EXIT_INVALID if lost else EXIT_OK


async def _until_told(work: Coroutine[Any, Any, list[str]]) -> list[str]:
    """The work; SIGTERM ends it as Ctrl-C does."""
    import asyncio

    from despoolr_app.process.event_loop import on_signals

    task = asyncio.ensure_future(work)
    try:
        with on_signals(lambda _: task.cancel()):
            return await task
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


def _read(file: str, given: dict[str, Any]) -> LoadFile:
    """The load, as the options change it; or one line and exit code 2."""
    from despoolr_lab.load.spec.file import changed, find_load, read_load
    from despoolr_lab.toml.toml_text import ScenarioError

    path = file
    try:
        found = find_load(file)
        path = str(found)
        return changed(
            read_load(found), clients=given["clients"], for_=given["for_"], seed=given["seed"]
        )
    except ScenarioError as error:
        where = f"{path}:{error.line}:{error.column}: " if error.line else ""
        fail(f"{where}{error.reason}")
    except OSError as error:
        fail(f"{path}: {error.strerror or error}")


def _options(given: dict[str, Any], stamp: str, processes: int) -> LoadOptions:
    from despoolr_app.cli.base.at_site import site_here
    from despoolr_app.process.settings import parse_named_server
    from despoolr_lab.load.run import LoadOptions

    url, token = site_here(given["site_url"], given["token"])
    logons = tuple(parse_named_server(text) for text in given["logons"])
    return LoadOptions(url, token, logons, stamp, processes, os.cpu_count() or 1)


async def _watched(
    load: LoadFile,
    options: LoadOptions,
    progress: _Progress,
    listen: Listen | None,
    keep: Callable[[LoadOutcome], Kept],
    workers_from: str | None,
) -> tuple[LoadOutcome, Kept]:
    """The run with its live page, which shows what was kept of it in the end."""
    from despoolr_app.process.settings import parse_listen
    from despoolr_lab.load.live.server import LiveLoad

    if options.gate is not None and workers_from is not None:
        url = await options.gate.start(parse_listen(workers_from, 0))
        progress.say(f"workers join with: despoolr load join {url} --workers N")
    if listen is None:
        outcome = await _run(load, options, progress.show, progress.say)
        return outcome, keep(outcome)
    live = LiveLoad(load, options.stamp)
    url = await live.start(listen)
    if not progress.is_quiet:
        progress.say(f"live page: {url}")

    def show(told: LoadProgress) -> None:
        progress.show(told)
        live.show(told)

    report = ""
    try:
        outcome = await _run(load, options, show, progress.say)
        kept = keep(outcome)
        report = (kept[1] / "report.html").read_text("utf-8")
        return outcome, kept
    finally:
        await live.end(report)


async def _run(
    load: LoadFile,
    options: LoadOptions,
    show: Callable[[LoadProgress], None],
    tell: Callable[[str], None],
) -> LoadOutcome:
    """The run, until it is over or a signal ends it in order; a second signal at once."""
    import asyncio

    from despoolr_app.process.event_loop import on_signals
    from despoolr_lab.load.run import LoadRun

    run = LoadRun(load, options, show, tell)
    task = asyncio.current_task()
    assert task is not None

    def end(_: int) -> None:
        if run.stop.is_set():
            task.cancel()
        run.stop.set()

    try:
        with on_signals(end):
            return await run.run()
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


def _show(outcome: LoadOutcome, summary: dict[str, Any], directory: Path) -> None:
    from despoolr_lab.load.outcome.results import lines_of

    put(f"{outcome.load.name}: {outcome.load.title}")
    echo_table(["WHAT", "MEASURED"], lines_of(summary))
    if outcome.findings:
        put("")
        rows = [
            (f.name, "-" if outcome.reasons else f.word, f.expected, f.actual)
            for f in outcome.findings
        ]
        echo_table(["EXPECTATION", "RESULT", "EXPECTED", "WAS"], rows)
    put("")
    for note in outcome.notes:
        say(f"note: {note}")
    put(summary["verdict"])
    for reason in outcome.reasons[1:]:
        put(f"Also: {reason}.")
    put(f"report: {directory / 'report.html'}")


class _Progress:
    """A line that says how far the run is: drawn anew on a terminal, every ten seconds elsewhere,
    never with `--quiet`.
    """

    def __init__(self, name: str, *, quiet: bool) -> None:
        self._name = name
        self.is_quiet = quiet
        self._is_terminal = sys.stderr.isatty()
        self._next_s = 0.0
        self._is_drawn = False

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self._clear()

    def say(self, text: str) -> None:
        """A line of its own."""
        self._clear()
        say(text)

    def show(self, progress: LoadProgress) -> None:
        """Called every second."""
        if self.is_quiet:
            return
        text = _line(self._name, progress)
        if self._is_terminal:
            put_over(text)
            self._is_drawn = True
        elif progress.second >= self._next_s:
            self._next_s = progress.second + PLAIN_EVERY_S
            say(text)

    def _clear(self) -> None:
        if self._is_drawn:
            put_over()
            self._is_drawn = False


def _line(name: str, progress: LoadProgress) -> str:
    from despoolr_lab.load.measure.judgement import seconds

    status, now, row = progress.status, progress.now, progress.row
    took = now.took
    parts = [
        f"{name} {stopwatch(progress.second)}/{stopwatch(progress.seconds)} {progress.phase}",
        counted(status.clients - status.gone, "client"),
    ]
    if now.polls:
        parts.append(
            f"{now.polls / 10:,.1f} polls/s p50 {seconds(took.percentile_s(50))} p99 "
            f"{seconds(took.percentile_s(99))}"
        )
    if now.failed:
        parts.append(f"{now.failed:,} failed")
    if status.under_way:
        parts.append(f"{status.under_way:,} unanswered")
    if row is not None and (row.refusals or row.waiting):
        parts.append(f"{row.refusals:,} refused, {row.waiting:,} waiting")
    if status.holds:
        parts.append(f"{status.holds:,} held")
    if status.reports:
        parts.append(f"{status.reports:,} reports, {row.rows_ended if row else 0:,} counted")
    if row is not None and row.silent:
        parts.append(f"{', '.join(row.silent)} silent")
    if now.late:
        parts.append(f"generator late {now.late / max(1, now.polls):.0%}")
    return ", ".join(parts)
