"""`despoolr watch`: a real share while it is used, as a run that grows; `why`, `locks` and `report`
read it meanwhile.

The law: no file of the share is ever opened. Ctrl-C, SIGTERM and `--for` end it in order; a kill
leaves a run that can be read, without its end. Whoever looks at a terminal sees who is blocked and
who holds what; into a pipe it is told when it changes, with `--json` as one object a line.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, Final

import click

from despoolr_app.cli.options import Whole
from despoolr_app.cli.output import (
    EXIT_OK,
    echo_json,
    echo_table,
    fail,
    moment,
    put,
    put_prose,
    put_screen,
    say,
    wrapped,
)

if TYPE_CHECKING:
    from despoolr_app.runs.directory import RunDirectory
    from despoolr_core.share.wire import EpisodeRow
    from despoolr_lab.imports.importer import Wishes
    from despoolr_lab.imports.live.watch import Watch

EVERY_S_MIN: Final = 0.1
EVERY_S_MAX: Final = 86_400.0
BLOCKED_MAX: Final = 10
HOLDERS_MAX: Final = 15
TOLD_MAX: Final = 100
"""Waits and holders that a line of JSON has."""


@click.command("watch")
@click.option(
    "--smbstatus", "program", default="smbstatus", show_default=True, help="Samba's program."
)
@click.option(
    "--conf", type=click.Path(path_type=Path), help="Its smb.conf, where it is not the usual one."
)
@click.option(
    "--audit",
    type=click.Path(path_type=Path),
    metavar="LOG",
    help="A log with full_audit's lines, which is followed: refusals are only there.",
)
@click.option(
    "--arrivals",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIRECTORY",
    help="Instead of Samba: where samples of Get-SmbOpenFile or openfiles come in as files.",
)
@click.option("--every", default="1s", show_default=True, help="How often is looked.")
@click.option("--for", "for_", default="", metavar="SPAN", help="End after so long.")
@click.option("--server", default="", metavar="NAME", help="What the server is called.")
@click.option(
    "--map", "maps", multiple=True, metavar="ADDRESS=NAME", help="What a machine is called."
)
@click.option("--tz", default="", help="Zone of the log's times. Default: this machine's.")
@click.option("--anonymise", is_flag=True, help="Replace names, as `import` does.")
@click.option("--salt", default="", help="With --anonymise: as of `import`.")
@click.option(
    "--keep",
    "keep_mb",
    type=Whole("megabytes", 1, 100_000),
    default=512,
    show_default=True,
    help="Megabytes of records that are kept; the oldest go.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default="runs",
    show_default=True,
    help="Where runs are kept.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, at each change.")
def command(**options: Any) -> int:
    """Watch a real share while it is used: who is blocked, by whom, since when.

    On a Samba server, as root: `smbstatus -j` is asked again and again, and --audit LOG is
    followed. Of a Windows server samples come in as files (--arrivals).
    """
    from despoolr_app.runs.directory import RunError
    from despoolr_lab.cli.importing import wishes_of
    from despoolr_lab.imports.traces.source import ImportFailed

    every_s, for_s = _span(options["every"], "--every"), 0.0
    if options["for_"]:
        for_s = _span(options["for_"], "--for")
    if every_s < EVERY_S_MIN:
        fail(f"--every is {EVERY_S_MIN:g} s at least")
    if every_s > EVERY_S_MAX:
        fail("--every is a day at most")
    if options["arrivals"] and (options["audit"] or options["conf"]):
        fail("--arrivals is for samples of another server; --audit and --conf are this Samba's")
    wishes = wishes_of(
        "",
        options["tz"],
        None,
        options["maps"],
        options["server"],
        None,
        options["anonymise"],
        options["salt"],
    )
    try:
        return _watch(options, wishes, every_s, for_s)
    except (ImportFailed, RunError) as error:
        fail(str(error))


def _watch(options: dict[str, Any], wishes: Wishes, every_s: float, for_s: float) -> int:
    from socket import gethostname

    from despoolr_app.clocks.time_source import steady_now, wall_now
    from despoolr_app.runs.directory import RunDirectory, utc_stamp
    from despoolr_core.rules.fold import fold
    from despoolr_lab.imports.fold.names import Names
    from despoolr_lab.imports.live.arrivals import Arrivals
    from despoolr_lab.imports.live.status import StatusLooks
    from despoolr_lab.imports.live.tail import LogTail
    from despoolr_lab.imports.live.watch import Watch
    from despoolr_lab.imports.live.zone import LocalZone
    from despoolr_lab.imports.traces.source import TraceFile

    names = Names(wishes.names, is_hidden=wishes.is_hidden, salt=wishes.salt)
    arrivals = Arrivals(options["arrivals"], wishes.zone) if options["arrivals"] else None
    status = None if arrivals else StatusLooks(_program(options["program"]), options["conf"])
    log = None
    if options["audit"]:
        file = options["audit"]
        called = "the log" if wishes.is_hidden else ""
        source = TraceFile(file, wishes.zone or LocalZone(), called=called)
        log = LogTail(file), source
    server = names.hidden("SRV", wishes.server or fold(gethostname().partition(".")[0]))
    stamp = utc_stamp(wall_now())
    with (
        RunDirectory.create(options["out"], stamp, f"watch-{server}", None, is_latest=False) as run,
        _ended_by_signals() as ended,
    ):
        run.listener.size_max = options["keep_mb"] * 1_000_000 // 2
        watch = Watch(
            server,
            names,
            run.listener,
            (),
            every_s=every_s,
            status=status,
            arrivals=arrivals,
            log=log,
        )
        try:
            watch.look(wall_now())
            if status is not None and status.failed_count:
                fail(f"{options['program']} tells nothing: {status.failure}")
        except BaseException:
            run.discard()
            raise
        run.make_latest()
        show = _shower(watch, run, options["as_json"])
        last = steady_now()
        until = last + for_s if for_s else float("inf")
        try:
            while not ended.is_set() and steady_now() < until:
                show(wall_now())
                ended.wait(max(0.0, min(last + every_s, until) - steady_now()))
                last = steady_now()
                watch.look(wall_now())
        except KeyboardInterrupt:  # where Ctrl-C is ignored, and SIGTERM is not
            pass
        finally:
            watch.end()
            if log is not None:
                log[0].close()
        run.write_summary(_told(watch, run))
        show(wall_now())
        for note in run.notes:
            say(note)
    if not options["as_json"]:
        put("", f"run: {run.path}", f"now: despoolr why {run.path}")
        if costs := watch.costs():
            put_prose(wrapped(f"cost: {costs}"))
    return EXIT_OK


@contextmanager
def _ended_by_signals() -> Iterator[Event]:
    """What Ctrl-C and SIGTERM set; a second one interrupts at once."""
    ended = Event()

    def act(_number: int, _frame: object) -> None:
        if ended.is_set():
            raise KeyboardInterrupt
        ended.set()

    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    if before[0] is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, act)
    signal.signal(signal.SIGTERM, act)
    try:
        yield ended
    finally:
        signal.signal(signal.SIGINT, before[0])
        signal.signal(signal.SIGTERM, before[1])


def _shower(watch: Watch, run: RunDirectory, as_json: bool) -> Callable[[float], None]:
    """How what is known now is shown: on a terminal each time, else when it changes."""
    last = ""

    def show(now: float) -> None:
        nonlocal last
        if as_json:
            known = _state(watch, run, now)
            state = f"{known} {watch.chronicle.counts}"
            if state != last:
                echo_json(known, source=str(run.path), at=now, in_a_line=True)
                last = state
        elif sys.stdout.isatty():
            put_screen(lambda: _draw(watch, run, now))
        else:
            counts = str(watch.chronicle.counts)
            if counts != last:
                with redirect_stdout(StringIO()) as told:
                    _draw(watch, run, now)
                put_prose(told.getvalue())
                last = counts

    return show


def _draw(watch: Watch, run: RunDirectory, now: float) -> None:
    from despoolr_core.times import span
    from despoolr_lab.report.words import count

    chronicle = watch.chronicle
    waiting = _waiting(watch, now)
    put(
        f"{chronicle.server} at {moment(now)}, grade {watch.grade}, "
        f"{count(len(chronicle.opens), 'open')} held; "
        f"{count(chronicle.counts['refusals'], 'refusal')} so far, "
        f"{len(waiting):,} waiting ({run.path.name})"
    )
    if watch.grade == "C":
        put_prose(wrapped("Samples have no refusals: who waits is not seen (--audit LOG)."))
    if waiting:
        put("", "Blocked:")
        echo_table(
            ["WHO WAITS", "FILE", "REFUSED", "FOR", "BECAUSE OF"],
            [
                (
                    row.machine,
                    f"{row.share}/{row.path}".replace("/", "\\"),
                    {1: "once", 2: "twice"}.get(row.attempt_count, f"{row.attempt_count} times"),
                    span(row.blocked_s),
                    _because(row),
                )
                for row in waiting[:BLOCKED_MAX]
            ],
            gives_way=("REFUSED", "FOR"),
        )
        if len(waiting) > BLOCKED_MAX:
            put(f"{len(waiting) - BLOCKED_MAX:,} more")
    holders = _holders(watch, waiting, HOLDERS_MAX)
    if holders:
        put("", "Held, those in the way first:")
        echo_table(
            ["FILE", "HELD BY", "ACCESS", "SHARES", "FOR"],
            [
                (
                    f"{one['share']}/{one['path']}".replace("/", "\\"),
                    one["machine"] + (f" ({one['user']})" if one["user"] else ""),
                    _rights(one["access"]),
                    one["share_mode"] or "?",
                    span(now - one["since"]) + (" at least" if one["is_older"] else ""),
                )
                for one in holders
            ],
            gives_way=("ACCESS",),
        )
        if len(chronicle.opens) > len(holders):
            put(f"{len(chronicle.opens) - len(holders):,} more: despoolr locks {run.path}")


def _state(watch: Watch, run: RunDirectory, now: float) -> dict[str, Any]:
    waiting = _waiting(watch, now)
    chronicle = watch.chronicle
    return {
        "run": str(run.path),
        "server": chronicle.server,
        "grade": watch.grade,
        "held": len(chronicle.opens),
        "opens": chronicle.counts["opens"],
        "refusals": chronicle.counts["refusals"],
        "waiting_count": len(waiting),
        "waiting": [
            {
                "machine": row.machine,
                "share": row.share,
                "path": row.path,
                "attempts": row.attempt_count,
                "first_refused_at": row.first_refused_at,
                "last_refused_at": row.last_refused_at,
                "blockers": [_blocker(hold) for hold in row.holds[-TOLD_MAX:]],
            }
            for row in waiting[:TOLD_MAX]
        ],
        "holders": _holders(watch, waiting, TOLD_MAX),
    }


def _waiting(watch: Watch, now: float) -> list[EpisodeRow]:
    """Who waits, the longest first."""
    return sorted(watch.chronicle.ledger.each_waiting(now), key=lambda row: -row.blocked_s)


def _holders(watch: Watch, waiting: list[EpisodeRow], count: int) -> list[dict[str, Any]]:
    """The opens that are held: those in the way first, then the oldest."""
    import heapq

    in_the_way = {hold.open for row in waiting for hold in row.holds}
    rows = heapq.nsmallest(
        count,
        watch.chronicle.opens,
        key=lambda row: (row.id not in in_the_way, row.opened_at),
    )
    return [
        {
            "open": row.id,
            "machine": row.machine,
            "user": row.user,
            "share": row.share,
            "path": watch.chronicle.names.path(row.path),
            "access": row.access_words,
            "share_mode": row.share_mode_words,
            "since": row.opened_at,
            "is_older": row.is_older,
            "is_in_the_way": row.id in in_the_way,
        }
        for row in rows
    ]


def _because(row: EpisodeRow) -> str:
    last = [hold for hold in row.holds if hold.last_blocked_at == row.last_refused_at] or row.holds
    named = [
        f"{hold.machine or 'an open that nobody recorded'}"
        + (f" ({hold.user})" if hold.user else "")
        + (f", sharing {hold.share_mode}" if hold.share_mode else ", sharing ?")
        for hold in last[:2]
    ]
    more = len(last) - len(named)
    return "; ".join(named) + (f" and {more:,} more" if more else "")


def _rights(access: str) -> str:
    """The rights that share modes speak of, where an access has any."""
    if not access:
        return "?"
    words = [word for word in access.split("|") if word in ("READ", "WRITE", "EXECUTE", "DELETE")]
    return "|".join(words) or "attributes"


def _blocker(hold: Any) -> dict[str, Any]:
    return {
        "open": hold.open,
        "machine": hold.machine,
        "user": hold.user,
        "access": hold.access,
        "share_mode": hold.share_mode,
        "since": hold.opened_at,
    }


def _told(watch: Watch, run: RunDirectory) -> dict[str, Any]:
    """The summary of the run; it is listed with the imports."""
    chronicle = watch.chronicle
    why = chronicle.ledger.why()
    longest = max(range(len(why.episodes)), key=lambda n: why.episodes[n].blocked_s, default=None)
    return {
        "run": run.path.name,
        "kind": "import",
        "path": str(run.path),
        "scenario": run.path.name,
        "server": chronicle.server,
        "grade": watch.grade,
        "from": chronicle.first_at,
        "to": chronicle.last_at,
        "records": chronicle.record_count,
        "opens": chronicle.counts["opens"],
        "closes": chronicle.counts["closes"],
        "refusals": chronicle.counts["refusals"],
        "held_at_end": len(chronicle.opens),
        "verdict": (
            "Nobody was in the way, as far as these sources tell: no open was refused."
            if longest is None
            else why.verdicts[longest]
        ),
    }


def _program(name: str) -> str:
    import shutil

    found = shutil.which(name) or shutil.which(name, path="/usr/local/samba/bin:/usr/sbin")
    if found is None:
        fail(
            f"there is no program {name!r} here: run it on the Samba server, name the program "
            "with --smbstatus, or watch samples that come in as files (--arrivals)"
        )
    return found


def _span(text: str, option: str) -> float:
    from despoolr_core.times import span_s

    try:
        return span_s(text)
    except ValueError as error:
        fail(f"{option}: {error}")
