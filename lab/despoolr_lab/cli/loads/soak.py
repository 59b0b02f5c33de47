"""`despoolr soak`: a stack of its own under work, churn, restarts and cut links; what grows, and
whether every count is exact.

The law: the plan is a pure function of what was asked for (`--plan` prints it and does nothing).
The run leaves a directory with `summary.json`, `report.html`, `junit.xml`, `samples.csv` and every
process's log, however it ends, and no process behind.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from despoolr_app.cli.base.options import option, out_option
from despoolr_app.cli.base.output import (
    EXIT_INTERRUPTED,
    EXIT_INVALID,
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
    from collections.abc import Sequence

    from despoolr_lab.breaking.tables import FaultTable
    from despoolr_lab.soak.counts import Count
    from despoolr_lab.soak.plan import SoakPlan
    from despoolr_lab.soak.result.outcome import SoakResult
    from despoolr_lab.soak.run import Soak

PROGRESS_PLAIN_S = 15.0
CLIENTS_MIN = 10
DURATION_S_MIN = 10.0


@click.command("soak")
@option(
    "--clients", default=500, type=click.IntRange(CLIENTS_MIN, 99_999), help="Number of clients."
)
@option("--for", "for_", default="30m", metavar="SPAN", help="How long, in time of this machine.")
@option("--time", "pace", default="x60", metavar="real|xN", help="The pace of site time.")
@option("--seed", default=1, help="Seed of the plan and of the clients' choices.")
@out_option
@option(
    "--faults",
    "faults_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="What else is broken: a file of [[fault]] tables.",
)
@option("--plan", "only_plan", is_flag=True, help="Print the plan and do nothing.")
@option(
    "--judge",
    default="",
    metavar="RUN",
    help="Judge a finished soak, and make its report anew: `latest`, a directory, or a name in "
    "--out.",
)
@json_option
def command(
    clients: int,
    for_: str,
    pace: str,
    seed: int,
    out: Path,
    faults_file: Path | None,
    only_plan: bool,
    judge: str,
    as_json: bool,
) -> int:
    """Run a site for hours under churn, restarts and cut links; find what grows, and check every
    count.

    A site server, two logon servers and fleets, each a process of its own. Exit codes: 0 nothing
    grows and all counts are right, 10 something grows or a count is wrong, 12 not all clients
    existed.
    """
    from despoolr_app.process.runtime import StartError
    from despoolr_app.process.settings import ConfigError, parse_pace, parse_span
    from despoolr_app.runs.directory import RunError
    from despoolr_lab.breaking.file import read_faults
    from despoolr_lab.soak.plan import LOGONS, SITE, Asked, make_plan
    from despoolr_lab.toml.toml_text import ScenarioError

    try:
        if judge:
            return _judge(judge, out, as_json=as_json)
        duration_s = parse_span(for_)
        if duration_s < DURATION_S_MIN:
            raise ConfigError(
                f"--for {for_} is too short for anything to happen: give {DURATION_S_MIN:g}s "
                "at least"
            )
        scale = parse_pace(pace).scale
        assert scale is not None
        plan = make_plan(Asked(clients, duration_s, scale, seed))
        faults: Sequence[FaultTable] = ()
        if faults_file is not None:
            faults = read_faults(faults_file, duration_s * scale, (SITE, *LOGONS))
        if only_plan:
            _print_plan(plan, faults, as_json=as_json)
            return 0
        return _soak(plan, faults, out, as_json=as_json)
    except OSError as error:
        fail(f"cannot read {faults_file}: {error.strerror}")
    except ScenarioError as error:
        fail(f"{faults_file}: {error}")
    except (ConfigError, RunError, StartError) as error:
        fail(str(error))


def _print_plan(plan: SoakPlan, faults: Sequence[FaultTable], *, as_json: bool) -> None:
    from despoolr_core.times import span_s
    from despoolr_lab.soak.plan import SITE, WHAT, Step

    scale = plan.asked.scale
    broken: list[Step] = []
    for fault in faults:
        at_s = span_s(fault.at) / scale
        until_s = at_s + span_s(fault.for_) / scale if fault.for_ else 0.0
        broken.append(Step(at_s, "fault", fault.target or SITE, fault.name, until_s))
    ordered = sorted([*plan.steps, *broken], key=lambda step: step.at_s)
    rows = [
        (stopwatch(s.at_s), s.what, s.on, s.how, stopwatch(s.until_s) if s.until_s else "")
        for s in ordered
    ]
    if as_json:
        steps = [
            {"at_s": s.at_s, "what": s.what, "on": s.on, "how": s.how, "until_s": s.until_s}
            for s in ordered
        ]
        echo_json({"round_s": plan.round_s, "steps": steps})
        return
    echo_table(("AT", "WHAT", "ON", "HOW", "UNTIL"), rows)
    for what, meaning in WHAT.items():
        say(f"{what}: {meaning}")


def _judge(run: str, out: Path, *, as_json: bool) -> int:
    from despoolr_app.runs.directory import RunError, find_run
    from despoolr_lab.soak.result.afterwards import asked_of, judge
    from despoolr_lab.soak.result.report import write_report

    kept = find_run(run, out).path
    found = judge(kept)
    try:
        write_report(kept, asked_of(kept), found)
    except RunError as error:  # it is judged all the same: a directory may be only read
        say(f"despoolr: {error}")
    if as_json:
        echo_json(found.summary, source=str(kept))
    else:
        _show(found)
        put(f"report: {kept / 'report.html'}")
    return found.code


def _soak(plan: SoakPlan, faults: Sequence[FaultTable], out: Path, *, as_json: bool) -> int:
    import asyncio

    from despoolr_app.clocks.time_source import wall_now
    from despoolr_app.process.event_loop import loop_factory, on_signals
    from despoolr_app.runs.directory import RunDirectory, utc_stamp
    from despoolr_lab.soak.result.report import write_report
    from despoolr_lab.soak.run import Soak

    with RunDirectory.create(out, utc_stamp(wall_now()), "soak", plan.asked.seed) as directory:
        progress = _Progress()
        where = directory.path.absolute()
        soak = Soak(plan, where, progress.tell, progress.sample, faults)
        asked = plan.asked
        say(
            f"despoolr: {counted(asked.clients, 'client')} for {stopwatch(asked.duration_s)} at "
            f"x{asked.scale:g}, in {directory.path}"
        )
        interrupted = False

        async def run() -> None:
            nonlocal interrupted
            work = asyncio.ensure_future(soak.run())

            def end(_: int) -> None:
                nonlocal interrupted
                interrupted = True
                work.cancel()

            with on_signals(end):
                await asyncio.gather(work, return_exceptions=True)
            if not work.cancelled() and (error := work.exception()) is not None:
                raise error

        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(run())
        progress.end()
        found = _outcome(soak, interrupted=interrupted)
        directory.write_summary(found.summary)
        write_report(directory.path, asked, found)
        if as_json:
            echo_json(found.summary, source=str(directory.path))
        else:
            _show(found)
            put(f"report: {directory.path / 'report.html'}")
        return found.code


def _outcome(soak: Soak, *, interrupted: bool) -> SoakResult:
    from msgspec import to_builtins

    from despoolr_app.process.children.output import ProcessDied
    from despoolr_lab.soak.counts import failed_runs
    from despoolr_lab.soak.result.outcome import SoakResult, as_json, exit_code, sentence

    judged = soak.watch.judged(soak.warm_up_s, soak.plan.round_s)
    counts = _counts(soak)
    fell = str(soak.fell) if soak.fell is not None else ""
    has_lost_clients = isinstance(soak.fell, ProcessDied) and soak.fell.code == EXIT_INVALID
    code = (
        EXIT_INTERRUPTED
        if interrupted
        else exit_code(judged, counts, fell, has_lost_clients=has_lost_clients)
    )
    broken = soak.broken
    asked, found, work, holders = soak.plan.asked, soak.found, soak.work, soak.holders
    summary = {
        "clients": asked.clients,
        "for_s": asked.duration_s,
        "scale": asked.scale,
        "seed": asked.seed,
        "passed": code == 0,
        "exit_code": code,
        "interrupted": interrupted,
        "verdict": "Interrupted: nothing was counted."
        if interrupted
        else sentence(judged, counts, fell),
        "ended_at_s": round(soak.ended_at_s, 1),
        "done": {
            "jobs": len(work.ordered) if work else 0,
            "reports": len(found.reported.handed_in) if found else 0,
            "failed_runs": failed_runs(found) if found else 0,
            "restarts": soak.restart_count,
            "cuts": sum(link.cut_count for link in soak.stack.links.values()),
            "connections_reset": sum(link.reset_count for link in soak.stack.links.values()),
            "files_held": holders.held_count if holders else 0,
            "holders_vanished": holders.vanished_count if holders else 0,
            "faults": len(broken.spans) if broken else 0,
            "samples_unanswered": soak.watch.silence_count,
        },
        "faults": to_builtins(broken.spans) if broken else [],
        "fell": fell,
        "has_lost_clients": has_lost_clients,
        "warm_up_s": soak.warm_up_s,
        **as_json(judged, counts),
    }
    return SoakResult(code, summary, judged, counts)


def _counts(soak: Soak) -> list[Count]:
    """What is exact and what is not, once it was counted; faults that were to be, too."""
    from despoolr_lab.soak.counts import Count, count_all

    if soak.found is None:
        return []
    counts = count_all(soak.found)
    if soak.broken is not None:
        begun, missed = len(soak.broken.spans), tuple(soak.broken.not_begun)
        what = "faults that began, of those asked for"
        counts.append(Count(what, len(soak.faults), begun, missed, is_about_validity=True))
    return counts


def _show(found: SoakResult) -> None:
    from despoolr_lab.soak.result.outcome import COLUMNS, count_rows, table

    echo_table(COLUMNS, table(found.judged))
    put("")
    if found.counts:
        echo_table(("COUNT", "EXPECTED", "ACTUAL", "RIGHT"), count_rows(found.counts))
        put("")
    if done := found.summary.get("done"):
        put(", ".join(f"{name.replace('_', ' ')} {value:,}" for name, value in done.items()))
    put(found.summary["verdict"])


class _Progress:
    """One line on a terminal, a plain line now and then elsewhere; what happens is a line of its
    own.
    """

    def __init__(self) -> None:
        self._is_terminal = sys.stderr.isatty()
        self._next_s = 0.0

    def tell(self, text: str) -> None:
        self._clear()
        say(f"despoolr: {text}")

    def sample(self, soak: Soak) -> None:
        text = _line(soak)
        if self._is_terminal:
            put_over(f"{text}")
        elif soak.now >= self._next_s:
            self._next_s = soak.now + PROGRESS_PLAIN_S
            say(text)

    def end(self) -> None:
        self._clear()

    def _clear(self) -> None:
        if self._is_terminal:
            put_over()


def _line(soak: Soak) -> str:
    from despoolr_lab.soak.counts import ENDED
    from despoolr_lab.soak.resources import MIB

    last, rows = soak.watch.last, soak.work.rows if soak.work else []
    live = max((told.site.clients_live or 0 for told in last.values()), default=0)
    loaded = max((told.site.reports_loaded or 0 for told in last.values()), default=0)
    waiting = sum(told.share.episodes_waiting or 0 for told in last.values())
    memory = " ".join(
        f"{name} {(told.process.memory or 0) / MIB:.0f}" for name, told in sorted(last.items())
    )
    ended = sum(row.status in ENDED for row in rows)
    ordered = len(soak.work.ordered) if soak.work else 0
    left = f"; left: {', '.join(soak.left[:4])}" if soak.left else ""
    return (
        f"{soak.phase} {stopwatch(soak.now)} of {stopwatch(soak.plan.asked.duration_s)}: "
        f"{live:,.0f} clients, "
        f"{ordered} jobs ({ended} ended), {loaded:,.0f} reports, {waiting:.0f} updates wait, MiB "
        f"{memory}{left}"
    )
