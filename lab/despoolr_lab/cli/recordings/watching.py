"""`despoolr watch`: a real share while it is used, as a run that grows; `why`, `locks` and `report`
read it meanwhile.

The law: no file of the share is ever opened. Ctrl-C, SIGTERM and `--for` end it in order; a kill
leaves a run that can be read, without its end. Whoever looks at a terminal sees who is blocked and
who holds what; into a pipe it is told when it changes, with `--json` as one object a line.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from despoolr_app.cli.base.options import Whole, option, out_option
from despoolr_app.cli.base.output import (
    EXIT_OK,
    fail,
    put,
    put_prose,
    say,
    wrapped,
)

if TYPE_CHECKING:
    from despoolr_app.runs.directory import RunDirectory
    from despoolr_lab.imports.importer import ImportOptions
    from despoolr_lab.imports.live.arrivals import Arrivals
    from despoolr_lab.imports.live.even_clock import EvenClock
    from despoolr_lab.imports.live.page import WatchPage
    from despoolr_lab.imports.live.status import StatusLooks
    from despoolr_lab.imports.live.tail import LogTail
    from despoolr_lab.imports.live.watch import Watch
    from despoolr_lab.imports.traces.source import TraceFile

BY_HAND: Final = {
    "samba": ("smbstatus -L", "smbcontrol PID close-share SHARE"),
    "windows": (
        "Get-SmbOpenFile | Format-Table FileId, ClientComputerName, Path",
        "Close-SmbOpenFile -FileId ID",
    ),
}
"""What finds and closes an open on a server that is only watched."""
EVERY_S_MIN: Final = 0.1
EVERY_S_MAX: Final = 86_400.0


@click.command("watch")
@option("--smbstatus", "program", default="smbstatus", help="Samba's program.")
@option(
    "--conf", type=click.Path(path_type=Path), help="Its smb.conf, where it is not the usual one."
)
@option(
    "--audit",
    type=click.Path(path_type=Path),
    metavar="LOG",
    help="A log with full_audit's lines, which is followed: refusals are only there.",
)
@option(
    "--arrivals",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIRECTORY",
    help="Instead of Samba: where samples of Get-SmbOpenFile or openfiles come in as files.",
)
@option("--every", default="1s", help="How often to look.")
@option("--for", "for_", default="", metavar="SPAN", help="End after so long.")
@option("--server", default="", metavar="NAME", help="What the server is called.")
@option("--map", "maps", multiple=True, metavar="ADDRESS=NAME", help="What a machine is called.")
@option("--tz", default="", help="Zone of the log's times. Default: this machine's.")
@option("--anonymise", is_flag=True, help="Replace names, as `import` does.")
@option("--salt", default="", help="With --anonymise: as for `import`.")
@option(
    "--keep",
    "keep_mb",
    type=Whole("a number of megabytes", 1, 100_000),
    default=512,
    help="Megabytes of records that are kept; the oldest go.",
)
@out_option
@option("--json", "as_json", is_flag=True, help="One JSON object a line, at each change.")
@option("--serve", is_flag=True, help="Serve the live page of it, for browsers and `top`.")
@option("--listen", default="", metavar="HOST:PORT", help="Where, with --serve.  [127.0.0.1:8805]")
def command(**options: Any) -> int:
    """Watch a real share while it is used: who is blocked, by whom, since when.

    On a Samba server, as root: `smbstatus -j` is asked again and again, and --audit LOG is
    followed. Of a Windows server samples come in as files (--arrivals).
    """
    from despoolr_app.process.runtime import StartError
    from despoolr_app.process.settings import ConfigError
    from despoolr_app.runs.directory import RunError
    from despoolr_lab.cli.recordings.importing import wishes_of
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
    if options["listen"] and not options["serve"]:
        fail("--listen says where the live page is served: give --serve as well")
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
    except (ImportFailed, RunError, ConfigError, StartError) as error:
        fail(str(error))


def _watch(options: dict[str, Any], wishes: ImportOptions, every_s: float, for_s: float) -> int:
    from socket import gethostname

    from despoolr_app.clocks.time_source import steady_now, wall_now
    from despoolr_app.process.event_loop import until_a_signal
    from despoolr_app.runs.directory import RunDirectory, utc_stamp
    from despoolr_core.rules.fold import fold
    from despoolr_lab.cli.recordings.watch_view import shower
    from despoolr_lab.imports.fold.names import Names
    from despoolr_lab.imports.live.even_clock import EvenClock
    from despoolr_lab.imports.live.watch import Watch

    names = Names(wishes.names, is_hidden=wishes.is_hidden, salt=wishes.salt)
    status, arrivals, log = _sources(options, wishes)
    server = names.hidden("SRV", wishes.server or fold(gethostname().partition(".")[0]))
    clock = EvenClock(wall_now, steady_now)
    stamp = utc_stamp(clock.now())
    with (
        RunDirectory.create(options["out"], stamp, f"watch-{server}", None, is_latest=False) as run,
        until_a_signal() as ended,
        ExitStack() as served,
    ):
        run.listener.size_max = options["keep_mb"] * 1_000_000 // 2
        try:
            page = _page(options, server, run, clock) if options["serve"] else None
            watch = Watch(
                server,
                names,
                run.listener,
                [page.hear] if page is not None else (),
                every_s=every_s,
                status=status,
                arrivals=arrivals,
                log=log,
            )
            watch.look(clock.look())
            if status is not None and status.failed_count:
                fail(f"{options['program']} tells nothing: {status.failure}")
            if page is not None:
                _serve(page, server, served)
        except BaseException:
            run.discard()
            raise
        run.make_latest()
        show = shower(watch, run, options["as_json"])
        last = steady_now()
        until = last + for_s if for_s else float("inf")
        try:
            while not ended.is_set() and steady_now() < until:
                show(clock.now())
                ended.wait(max(0.0, min(last + every_s, until) - steady_now()))
                last = steady_now()
                watch.look(clock.look(), clock.set_back_s)
                if page is not None:
                    page.hand_over()
        except KeyboardInterrupt:  # where Ctrl-C is ignored, and SIGTERM is not
            pass
        finally:
            watch.end()
            if log is not None:
                log[0].close()
        run.write_summary(_told(watch, run))
        show(clock.now())
        for note in run.notes:
            say(note)
    if not options["as_json"]:
        _say_end(watch, run)
    return EXIT_OK


def _say_end(watch: Watch, run: RunDirectory) -> None:
    put("", f"run: {run.path}", f"now: despoolr why {run.path}")
    if costs := watch.costs():
        put_prose(wrapped(f"cost: {costs}"))


def _sources(
    options: dict[str, Any], wishes: ImportOptions
) -> tuple[StatusLooks | None, Arrivals | None, tuple[LogTail, TraceFile] | None]:
    """What is looked at: a Samba's opens or files that come in, and a log."""
    from despoolr_lab.imports.live.arrivals import Arrivals
    from despoolr_lab.imports.live.status import StatusLooks
    from despoolr_lab.imports.live.tail import LogTail
    from despoolr_lab.imports.live.zone import LocalZone
    from despoolr_lab.imports.traces.source import TraceFile

    zone = wishes.zone or LocalZone()
    if options["arrivals"]:
        return None, Arrivals(options["arrivals"], zone), None
    status = StatusLooks(_program(options["program"]), options["conf"])
    if not (file := options["audit"]):
        return status, None, None
    called = "the log" if wishes.is_hidden else ""
    return status, None, (LogTail(file), TraceFile(file, zone, called=called))


def _serve(page: WatchPage, server: str, served: ExitStack) -> None:
    """Answer until `served` is left, and say where."""
    from despoolr_lab.imports.live.page import listed

    served.enter_context(page.serving())
    served.enter_context(listed(page, server, Path.cwd()))
    page.hand_over()
    say(f"live page: {page.url}/#token={page.token} (or: despoolr top)")


def _page(options: dict[str, Any], server: str, run: RunDirectory, clock: EvenClock) -> WatchPage:
    from despoolr_app.cli.base.secret import configured_secret
    from despoolr_app.process.settings import parse_listen
    from despoolr_core.records.live.model import LiveWatched
    from despoolr_lab.imports.importer import GRADES
    from despoolr_lab.imports.live.page import WATCH_PORT, WatchPage

    grade = "B" if options["audit"] else "C"
    watched = LiveWatched(
        run=str(run.path),
        proves=f"Grade {grade}: {GRADES[grade]}",
        by_hand=list(BY_HAND["windows" if options["arrivals"] else "samba"]),
        sees_waits=bool(options["audit"]),
    )
    listen = parse_listen(options["listen"] or f"127.0.0.1:{WATCH_PORT}", WATCH_PORT)
    return WatchPage(server, watched, listen, configured_secret(), now=clock.now)


def _told(watch: Watch, run: RunDirectory) -> dict[str, Any]:
    """The summary of the run; it is listed with the imports."""
    recorder = watch.recorder
    why = recorder.ledger.why()
    longest = max(range(len(why.episodes)), key=lambda n: why.episodes[n].blocked_s, default=None)
    return {
        "run": run.path.name,
        "kind": "import",
        "path": str(run.path),
        "scenario": run.path.name,
        "server": recorder.server,
        "grade": watch.grade,
        "from": recorder.first_at,
        "to": recorder.last_at,
        "records": recorder.record_count,
        "opens": recorder.counts["opens"],
        "closes": recorder.counts["closes"],
        "refusals": recorder.counts["refusals"],
        "held_at_end": len(recorder.opens),
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
