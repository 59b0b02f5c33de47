"""`despoolr locks`, `why`, `jobs`, `events`: questions to a running site, or to a finished run.

Which one: RUN, if it is given (`latest`, a directory, a name in `runs`); else `--url`; else the
servers started in this directory; else the latest finished run. What was asked is always said.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from despoolr_app.cli.at_site import answering, at_site_option, find_servers, site_first
from despoolr_app.cli.options import token_option, urls_option
from despoolr_app.cli.output import (
    echo_json,
    echo_table,
    fail,
    json_option,
    moment,
    put,
    put_prose,
    say,
    wrapped,
)
from despoolr_core.rules.fold import fold
from despoolr_core.times import span

if TYPE_CHECKING:
    from despoolr_app.site_client.queries import LockRow, Source, Wanted

SOURCES = (
    "Asks RUN (`latest`, a directory, a name in `runs`), else --url, else the servers "
    "started here, else the latest run."
)


def source_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--url`, `--token`, `--runs`: whom to ask."""
    for option in (
        click.option(
            "--runs",
            envvar="DESPOOLR_RUNS",
            default="runs",
            type=click.Path(path_type=Path),
            help="Where runs are kept.",
        ),
        token_option,
        urls_option("A running server; repeatable.", show_envvar=True),
    ):
        command = option(command)
    return command


def find_source(
    run: str, urls: tuple[str, ...], token: str, runs: Path, at_site: str = "", about: str = ""
) -> Source:
    """Whom to ask, by the rule of this module. Ends the command where there is nobody.

    Of several sites that run, jobs and events are those of `at_site`, or of the one that `choose`
    chooses (`about`: a job).
    """
    from despoolr_app.runs.directory import LATEST, RunError, find_run
    from despoolr_app.site_client.live import LiveSource
    from despoolr_app.site_client.queries import RunSource

    try:
        if run:
            if urls:
                fail("ask either a finished RUN or a running site (--url), not both")
            return RunSource(find_run(run, runs))
        servers = find_servers(urls, token)
        if servers:
            return LiveSource(site_first(servers, at_site, about))
        if at_site:
            fail(
                f"no site {fold(at_site)} runs here; start it with `despoolr serve site`, or "
                "give its --url"
            )
        if not (runs / LATEST).exists():
            fail(
                "there is no running site here and no finished run: start one with `despoolr "
                "serve all` or `despoolr demo`, or point at one with --url and --token"
            )
        found = RunSource(find_run(LATEST, runs))
        say(f"no site is running here; this is the latest run, {runs / Path(found.name).name}")
        return found
    except RunError as error:
        fail(str(error))


def _at(text: str, source: Source) -> float | None:
    """Site seconds of `--at`: seconds since 1970, `1996-06-03 09:00`, or `+2h` (since a finished
    run's beginning).
    """
    from despoolr_app.site_client.queries import RunSource
    from despoolr_core.times import moment_s

    if not text:
        return None
    try:
        if text.startswith("+"):
            if not isinstance(source, RunSource):
                fail(
                    "--at +SPAN counts from the beginning of a finished run; for a running site "
                    "give a date and time"
                )
            return moment_s(text[1:], source.first_at)
        if text.replace(".", "", 1).isdecimal():
            return float(text)
        return moment_s(text, float("nan")) if "-" in text else _no_time(text)
    except ValueError:
        return _no_time(text)


def _no_time(text: str) -> float:
    fail(
        f"--at {text!r} is not a time: give 1996-06-03T09:00, seconds since 1970, or +2h after a "
        "run's beginning"
    )


def _wanted(share: str, path: str, machine: str) -> Wanted:
    from despoolr_app.site_client.queries import Wanted

    return Wanted(share, path, machine)


def notes_of(notes: list[str]) -> None:
    for note in notes:
        say(f"note: {note}")


# -- locks and why


@click.command("locks", epilog=SOURCES)
@click.argument("run", default="", metavar="[RUN]")
@click.option("--share", default="", help="Only this share.")
@click.option(
    "--path", default="", help="Only this file: its path, its name, or a pattern such as '*.dat'."
)
@click.option("--machine", default="", help="Only what this machine holds.")
@click.option("--at", default="", help="At this site time instead of now.")
@source_options
@json_option
def locks(
    run: str,
    share: str,
    path: str,
    machine: str,
    at: str,
    urls: tuple[str, ...],
    token: str,
    runs: Path,
    as_json: bool,
) -> None:
    """Who has which file open, since when, in what mode, how many opens of others that refused, and
    which bytes are locked.
    """
    source = find_source(run, urls, token, runs)
    answer = answering(lambda: source.locks(_wanted(share, path, machine), _at(at, source)))
    if as_json:
        echo_json(answer)
        return
    notes_of(answer.notes)
    if not answer.locks:
        put(f"Nothing is held at {moment(answer.at)} ({answer.source}).")
        return
    put(f"{answer.source}, at {moment(answer.at)}:")
    _echo_locks(answer.locks, answer.at)
    _echo_ranges(answer.locks)


def _echo_locks(rows: list[LockRow], at: float) -> None:
    echo_table(
        ["FILE", "HELD BY", "PROGRAM", "ACCESS", "SHARES", "SINCE", "FOR", "REFUSED OTHERS"],
        [
            (
                _unc(r),
                (r.machine or "?") + (f" ({r.user})" if r.user else ""),
                (r.program or "-") + (f" ({r.kind})" if r.kind else ""),
                r.access or "?",
                r.share_mode or "?",
                ("before " if r.since else "") + moment(r.opened_at),
                _held_for(r, at),
                {0: "-", 1: "once"}.get(r.refusal_count, f"{r.refusal_count} times"),
            )
            for r in rows
        ],
    )


def _echo_ranges(rows: list[LockRow]) -> None:
    """The bytes that are locked, and waited for, inside the files; nothing where there are
    none.
    """
    ranged = [row for row in rows if row.range_count or row.waiting_count]
    if not ranged:
        return
    cells = []
    for row in ranged:
        who = (_unc(row), row.machine, row.program or "-")
        cells += [
            (*who, byte_range(held.offset, held.length), held.kind, moment(held.locked_at))
            for held in row.ranges
        ]
        cells += [
            (*who, byte_range(one.offset, one.length), one.kind, "waits") for one in row.waiting
        ]
        more = row.range_count - len(row.ranges) + row.waiting_count - len(row.waiting)
        if more:
            cells.append((*who, f"and {more:,} more", "", ""))
    put("", "Locked inside the files:")
    echo_table(["FILE", "BY", "PROGRAM", "BYTES", "KIND", "SINCE"], cells)


def _unc(row: LockRow) -> str:
    return f"\\\\{row.server}\\{row.share}\\{row.path}".replace("/", "\\")


def byte_range(offset: int, length: int) -> str:
    """A range for people: `100 to 109`, `7`, or `before 7` for one of no bytes."""
    if not length:
        return f"before {offset}"
    return f"{offset}" if length == 1 else f"{offset} to {offset + length - 1}"


def _held_for(row: LockRow, at: float) -> str:
    """How long it had been held then, and whether it was closed by then."""
    if row.closed_at is None or row.closed_at > at:
        return span(at - row.opened_at)
    return f"{span(row.closed_at - row.opened_at)}, closed"


@click.command("why", epilog=SOURCES)
@click.argument("run", default="", metavar="[RUN]")
@click.option(
    "--machine", default="", help="Only updates in which this machine waits or is waited for."
)
@click.option(
    "--path", default="", help="Only this file: its path, its name, or a pattern such as '*.dat'."
)
@click.option("--share", default="", help="Only this share.")
@click.option(
    "--at",
    default="",
    help="Only updates that were waiting at this site time, and who held what then.",
)
@source_options
@json_option
def why(
    run: str,
    machine: str,
    path: str,
    share: str,
    at: str,
    urls: tuple[str, ...],
    token: str,
    runs: Path,
    as_json: bool,
) -> None:
    """Who was refused what, by whom, how often, since when: one sentence for each update, and who
    holds the file.
    """
    source = find_source(run, urls, token, runs)
    answer = answering(lambda: source.why(_wanted(share, path, machine), _at(at, source)))
    if as_json:
        echo_json(answer)
        return
    notes_of(answer.notes)
    if not answer.episodes:
        put(f"Nobody was refused a file because of others, as far as asked ({answer.source}).")
    for episode, sentence in zip(answer.episodes, answer.verdicts, strict=True):
        put_prose(wrapped(f"{episode.episode} ({episode.state}): {sentence}"))
    if answer.holders:
        put("", f"The files in question, at {moment(answer.at)}:")
        _echo_locks(answer.holders, answer.at)


# -- jobs and events


@click.command("jobs", epilog=SOURCES)
@click.argument("run", default="", metavar="[RUN]")
@at_site_option
@source_options
@json_option
def jobs(
    run: str, at_site: str, urls: tuple[str, ...], token: str, runs: Path, as_json: bool
) -> None:
    """All jobs and their states."""
    source = find_source(run, urls, token, runs, at_site)
    found = answering(source.jobs)
    if as_json:
        echo_json({"source": source.name, "jobs": found, "notes": source.notes})
        return
    notes_of(source.notes)
    if not found:
        put(f"There are no jobs ({source.name}).")
        return
    echo_table(
        ["JOB", "NAME", "STATUS", "SINCE", "TYPE", "PACKAGE", "CREATED"],
        [
            (
                j["job"],
                j["name"],
                j["status"],
                moment(j["status_at"]),
                j.get("type"),
                j.get("package"),
                moment(j["created_at"]),
            )
            for j in found
        ],
    )


@click.command("events", epilog=SOURCES)
@click.argument("run", default="", metavar="[RUN]")
@click.option(
    "--code", "codes", type=int, multiple=True, help="Only events with this code; repeatable."
)
@click.option(
    "--limit",
    type=click.IntRange(1, 10_000),
    default=1000,
    show_default=True,
    help="How many of the newest to look at.",
)
@at_site_option
@source_options
@json_option
def events(
    run: str,
    codes: tuple[int, ...],
    limit: int,
    at_site: str,
    urls: tuple[str, ...],
    token: str,
    runs: Path,
    as_json: bool,
) -> None:
    """The NT application log, oldest first."""
    source = find_source(run, urls, token, runs, at_site)
    found = [e for e in answering(lambda: source.events(limit)) if not codes or e["code"] in codes]
    if as_json:
        echo_json({"source": source.name, "events": found, "notes": source.notes})
        return
    notes_of(source.notes)
    if not found:
        put(
            f"There are no such events ({source.name})."
            if codes
            else f"There are no events ({source.name})."
        )
        return
    columns = ["AT", "CODE", "SEVERITY", "COMPONENT", "JOB", "TEXT"]
    echo_table(
        columns,
        [
            (moment(e["at"]), e["code"], e["severity"], e["component"], e["job"], e["text"])
            for e in found
        ],
    )
