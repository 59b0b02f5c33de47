"""`despoolr locks`, `why`, `jobs`, `events`: questions to a running site, or to a finished run.

Which one: RUN, if it is given (`latest`, a directory, a name in `runs`); else `--url`; else the
servers started in this directory; else the latest finished run. What was asked is always said.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from despoolr_app.cli.base.at_site import (
    Whom,
    answering,
    at_site_option,
    find_servers,
    site_first,
    with_whom,
)
from despoolr_app.cli.base.options import Whole, option, options, token_option, urls_option
from despoolr_app.cli.base.output import (
    echo_json,
    echo_table,
    fail,
    json_option,
    moment,
    put,
    put_prose,
    say,
    wide_option,
    wrapped,
)
from despoolr_app.cli.base.watch import show, watch_option
from despoolr_app.cli.opens.locks_table import echo_contentions, echo_locks, echo_ranges
from despoolr_core.formats.nt_event import without_lines
from despoolr_core.rules.fold import fold

if TYPE_CHECKING:
    from despoolr_app.site_client.contention import By
    from despoolr_app.site_client.queries import Source, Wanted

SOURCES = (
    "Asks RUN (`latest`, a directory, a name in `runs`), else --url, else the servers "
    "started here, else the latest run."
)
TIMES = "1996-06-03T09:00, seconds since 1970, or +2h after a run's beginning"
"""What `--at` takes."""
PATHS = "its path, its name, or a pattern such as '*.dat'"
"""What `--path` takes."""


def source_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--url`, `--token`, `--runs`: a running site or a finished run, as `whom`."""
    runs = option(
        "--runs",
        envvar="DESPOOLR_RUNS",
        default="runs",
        type=click.Path(path_type=Path),
        metavar="DIRECTORY",
        help="Where runs are kept.",
    )
    told = urls_option("A running server; repeatable.", show_envvar=True)
    return options(told, token_option, runs)(with_whom(command))


def find_source(whom: Whom, about: str = "") -> Source:
    """Whom to ask, by the rule of this module. Ends the command where there is nobody.

    Of several sites that run, jobs and events are those of `--at-site`, or of the one that `choose`
    chooses (`about`: a job).
    """
    from despoolr_app.runs.directory import LATEST, RunError, find_run
    from despoolr_app.site_client.queries import RunSource

    run, runs, at_site = whom.run, whom.runs, whom.at_site
    try:
        if run:
            if whom.urls:
                fail("ask either a finished RUN or a running site (--url), not both")
            return RunSource(find_run(run, runs))
        servers = find_servers(whom.urls, whom.token)
        if servers:
            from despoolr_app.site_client.live import LiveSource

            return LiveSource(site_first(servers, at_site, about))
        if at_site:
            fail(
                f"no site {fold(at_site)} runs here; start it with `despoolr serve site`, or "
                "give its --url"
            )
        if not (runs / LATEST).exists():
            fail(
                "there is no running site here and no finished run: start one with `despoolr "
                "serve all` or `despoolr demo`, point at one with --url and --token, or name "
                "the directory of a run or of a server's data"
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
    fail(f"--at {text!r} is not a time: give {TIMES}")


def _wanted(share: str, path: str, machine: str) -> Wanted:
    from despoolr_app.site_client.queries import Wanted

    return Wanted(share, path, machine)


def notes_of(notes: list[str]) -> None:
    for note in notes:
        put_prose(wrapped(f"note: {note}"), err=True)


# -- locks and why


@click.command("locks", epilog=SOURCES)
@click.argument("run", default="", metavar="[RUN]")
@option("--share", default="", metavar="NAME", help="Only this share.")
@option("--path", default="", metavar="PATH", help=f"Only this file: {PATHS}.")
@option("--machine", default="", metavar="NAME", help="Only what this machine holds.")
@option("--at", default="", metavar="TIME", help=f"At this site time instead of now: {TIMES}.")
@option(
    "--by",
    type=click.Choice(["file", "holder", "waiter", "program", "share"]),
    help="Add up what waiting comes from, most waiting first.",
)
@wide_option
@watch_option
@source_options
@json_option
def locks(
    whom: Whom,
    share: str,
    path: str,
    machine: str,
    at: str,
    by: By | None,
    is_wide: bool,
    is_watched: bool,
    as_json: bool,
) -> None:
    """Who has which file open, since when, in what mode, how many opens of others that refused, and
    which bytes are locked.
    """
    source = find_source(whom)
    wanted, moment_s = _wanted(share, path, machine), _at(at, source)

    def look(source: Source) -> None:
        if by is not None:
            answering(lambda: _echo_by(by, source, wanted, moment_s, is_wide, as_json))
        else:
            answering(lambda: _echo_locks(source, wanted, moment_s, is_wide, as_json))

    show(source, look, is_watched=is_watched, as_json=as_json)


def _echo_locks(
    source: Source, wanted: Wanted, at: float | None, is_wide: bool, as_json: bool
) -> None:
    answer = source.locks(wanted, at)
    if as_json:
        echo_json({"locks": answer.locks}, source=answer.source, at=answer.at, notes=answer.notes)
        return
    notes_of(answer.notes)
    if not answer.locks:
        put(f"Nothing is held at {moment(answer.at)} ({answer.source}).")
        return
    put(f"{answer.source}, at {moment(answer.at)}:")
    echo_locks(answer.locks, answer.at, is_wide=is_wide)
    echo_ranges(answer.locks)


def _echo_by(
    by: By, source: Source, wanted: Wanted, at: float | None, is_wide: bool, as_json: bool
) -> None:
    from despoolr_app.site_client.contention import contentions

    told = source.why(wanted, at)
    held = source.locks(wanted, at)
    rows = contentions(by, told.episodes, held.locks, told.at)
    if as_json:
        data = {"by": by, "rows": rows}
        echo_json(data, source=told.source, at=told.at, notes=told.notes)
        return
    notes_of(told.notes)
    if not rows:
        put(f"Nobody waits or waited at {moment(told.at)} ({told.source}).")
        return
    put(f"{told.source}, at {moment(told.at)}:")
    echo_contentions(rows, told.at, is_wide=is_wide)


@click.command("why", epilog=SOURCES)
@click.argument("run", default="", metavar="[RUN]")
@option(
    "--machine",
    default="",
    metavar="NAME",
    help="Only updates in which this machine waits or is waited for.",
)
@option("--path", default="", metavar="PATH", help=f"Only this file: {PATHS}.")
@option("--share", default="", metavar="NAME", help="Only this share.")
@option(
    "--at",
    default="",
    metavar="TIME",
    help=f"Only updates that were waiting then, and who held what: {TIMES}.",
)
@wide_option
@watch_option
@source_options
@json_option
def why(
    whom: Whom,
    machine: str,
    path: str,
    share: str,
    at: str,
    is_wide: bool,
    is_watched: bool,
    as_json: bool,
) -> None:
    """Who was refused what, by whom, how often, since when: one sentence for each update, and who
    holds the file.
    """
    source = find_source(whom)
    wanted, moment_s = _wanted(share, path, machine), _at(at, source)
    show(
        source,
        lambda source: answering(lambda: _echo_why(source, wanted, moment_s, is_wide, as_json)),
        is_watched=is_watched,
        as_json=as_json,
    )


def _echo_why(
    source: Source, wanted: Wanted, at: float | None, is_wide: bool, as_json: bool
) -> None:
    answer = source.why(wanted, at)
    if as_json:
        data = {
            "verdicts": answer.verdicts,
            "episodes": answer.episodes,
            "holders": answer.holders,
        }
        echo_json(data, source=answer.source, at=answer.at, notes=answer.notes)
        return
    notes_of(answer.notes)
    if not answer.episodes:
        put(f"Nobody was refused a file because of others, as far as asked ({answer.source}).")
    for episode, sentence in zip(answer.episodes, answer.verdicts, strict=True):
        put_prose(wrapped(f"{episode.episode} ({episode.state}): {sentence}"))
    if answer.remedy:
        put_prose(wrapped(f"What would have fixed it: {answer.remedy}"))
    if answer.holders:
        put("", f"The files in question, at {moment(answer.at)}:")
        echo_locks(answer.holders, answer.at, is_wide=is_wide)


# -- jobs and events


@click.command("jobs", epilog=SOURCES)
@click.argument("run", default="", metavar="[RUN]")
@at_site_option
@wide_option
@watch_option
@source_options
@json_option
def jobs(
    whom: Whom,
    is_wide: bool,
    is_watched: bool,
    as_json: bool,
) -> None:
    """All jobs and their states."""
    source = find_source(whom)
    show(
        source,
        lambda source: _echo_jobs(source, is_wide, as_json),
        is_watched=is_watched,
        as_json=as_json,
    )


def _echo_jobs(source: Source, is_wide: bool, as_json: bool) -> None:
    found = answering(source.jobs)
    if as_json:
        echo_json({"jobs": found}, source=source.name, at=source.moment(), notes=source.notes)
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
        gives_way=("CREATED", "TYPE"),
        is_wide=is_wide,
    )


@click.command("events", epilog=SOURCES)
@click.argument("run", default="", metavar="[RUN]")
@option(
    "--code",
    "codes",
    type=Whole("the code of an event", 0, 65_535),
    multiple=True,
    help="Only events with this code; repeatable.",
)
@option(
    "--limit",
    type=click.IntRange(1, 10_000),
    default=1000,
    help="How many of the newest to look at.",
)
@at_site_option
@watch_option
@source_options
@json_option
def events(
    whom: Whom,
    codes: tuple[int, ...],
    limit: int,
    is_watched: bool,
    as_json: bool,
) -> None:
    """The NT application log, oldest first."""
    source = find_source(whom)
    show(
        source,
        lambda source: _echo_events(source, codes, limit, as_json),
        is_watched=is_watched,
        as_json=as_json,
    )


def _echo_events(source: Source, codes: tuple[int, ...], limit: int, as_json: bool) -> None:
    found = [e for e in answering(lambda: source.events(limit)) if not codes or e["code"] in codes]
    if as_json:
        echo_json({"events": found}, source=source.name, at=source.moment(), notes=source.notes)
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
            (
                moment(e["at"]),
                e["code"],
                e["severity"],
                e["component"],
                e["job"],
                without_lines(e["text"]),
            )
            for e in found
        ],
    )
