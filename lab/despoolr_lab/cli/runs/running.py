"""Running a scenario from the command line: progress while it goes, the run directory, the summary
at the end.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import click

from despoolr_app.cli.base.output import (
    EXIT_INTERRUPTED,
    echo_json,
    page_width,
    put,
    put_over,
    put_prose,
)
from despoolr_app.clocks.time_source import wall_now
from despoolr_app.runs.directory import RunDirectory, RunError, utc_stamp, write_whole
from despoolr_app.runs.logs import write_logs
from despoolr_core.records.stream import Listener, Record
from despoolr_core.records.view import RunView
from despoolr_core.records.whatif.ladder import Ladder
from despoolr_core.share.contract import ShareError
from despoolr_core.times import span
from despoolr_lab.kb.gallery import find_scenario
from despoolr_lab.scenario.model import Scenario
from despoolr_lab.scenario.reading.load import ScenarioError, load_scenario
from despoolr_lab.scenario.reading.written import FILE, baked, to_toml
from despoolr_lab.scenario.run import RunOptions, RunResult, profiles_of, run_scenario
from despoolr_lab.scenario.steps import StepError
from despoolr_lab.toml.toml_text import place, read_text

EXIT_EXPECTATION_FAILED = 10


class StepRefused(click.ClickException):
    """A step of a scenario could not be done, or a server refused what it asked."""


def read_scenario(text: str) -> Scenario:
    """A scenario by its path, its name or its article (`gallery.find_scenario`), or one clear line
    and exit 2. Raises `click.ClickException`.
    """
    path: Path | str = text
    try:
        path = find_scenario(text)
        return load_scenario(path)
    except ScenarioError as error:
        where = f"{path}:{error.line}:{error.column}: " if error.line or path != text else ""
        raise click.ClickException(f"{where}{error.reason}") from None
    except OSError as error:
        raise click.ClickException(f"{path}: {error.strerror or error}") from None


def run_and_keep(
    scenario: Scenario,
    options: RunOptions,
    out: Path,
    *,
    quiet: bool,
    listeners: Sequence[Listener] = (),
    log_format: str = "",
    source: Path | None = None,
) -> tuple[RunResult, Path]:
    """Run it, and keep records, summary, report and logs under `out`. Returns the result and the
    run's directory. `source` is the scenario's file, which a step that cannot be done is shown in.

    Raises `Interrupted` for a run that was ended by Ctrl-C: all of that is kept of what there was
    until then. Raises `StepRefused`, and `click.ClickException` where `out` cannot be written.
    """
    import time

    seed = scenario.run.seed if options.seed is None else options.seed
    layouts = {
        site: log_format or profile.log_layout
        for site, profile in profiles_of(scenario, options).items()
    }
    started = time.perf_counter()
    heard: list[Record] = []
    try:
        with RunDirectory.create(out, utc_stamp(wall_now()), scenario.name, seed) as run:
            write_whole(run.path / FILE, to_toml(baked(scenario, options)).encode())
            with Progress(scenario.name, quiet) as progress:
                try:
                    with _stopping_between_steps(options.timing.is_virtual) as stop_if_asked:

                        def update(now: float, end: float, what: str) -> None:
                            stop_if_asked()
                            run.listener.flush()  # a run that is killed leaves what it told
                            progress.update(now, end, what)

                        heard_by = [run.listener, heard.append, *listeners]
                        result = run_scenario(
                            scenario, options, listeners=heard_by, progress=update
                        )
                except KeyboardInterrupt:
                    summary = interrupted_summary(
                        scenario, options, seed, heard, time.perf_counter() - started
                    )
                    _keep(run, heard, summary, layouts)
                    raise Interrupted(summary, heard, run.path) from None
            result.wall_s = time.perf_counter() - started
            _keep(run, result.records, result.to_json(), layouts)
    except StepError as error:
        raise StepRefused(f"{_placed(source, error)}{error}") from None
    except RunError as error:
        raise click.ClickException(str(error)) from None
    except ShareError as error:
        raise StepRefused(f"a server refused what the scenario asked: {error}") from None
    return result, run.path


def _placed(source: Path | None, error: StepError) -> str:
    """`file:line:column: ` of a step that could not be done; empty where it is not known."""
    if source is None or not error.where:
        return ""
    line, column = place(error.where, read_text(source))
    return f"{source}:{line}:{column}: "


class _StopAsked(Exception):
    """Ctrl-C, where a run in virtual time can end in order."""


@contextmanager
def _stopping_between_steps(is_virtual: bool) -> Iterator[Callable[[], None]]:
    """Ctrl-C in virtual time ends the run at its next beat, so that the world is stopped in order;
    a second one at once.

    In real and scaled time asyncio does that by itself. Raises `KeyboardInterrupt`.
    """
    asked: list[int] = []

    def ask(number: int, _: object) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)

    def stop_if_asked() -> None:
        if asked:
            raise _StopAsked

    if not is_virtual or threading.current_thread() is not threading.main_thread():
        yield stop_if_asked
        return
    # Where a shell has Ctrl-C ignored (it started this with `&`), it stays so, and SIGTERM asks.
    number = signal.SIGTERM if signal.getsignal(signal.SIGINT) is signal.SIG_IGN else signal.SIGINT
    before = signal.getsignal(number)
    if number == signal.SIGTERM or before is signal.default_int_handler:
        signal.signal(number, ask)
    try:
        yield stop_if_asked
    except ExceptionGroup as group:
        if group.subgroup(_StopAsked) is None:
            raise
        raise KeyboardInterrupt from None
    finally:
        signal.signal(number, before)


def _keep(
    run: RunDirectory, records: list[Record], summary: dict[str, Any], layouts: dict[str, str]
) -> None:
    from despoolr_lab.report.html import stream_report

    run.write_summary(summary)
    write_logs(run.path, records, layouts)
    pieces = stream_report(records, _plain(summary))
    write_whole(run.path / "report.html", (piece.encode() for piece in pieces))


class Interrupted(KeyboardInterrupt):
    """A run that Ctrl-C ended: its summary, the records until then, its directory."""

    def __init__(self, summary: dict[str, Any], records: list[Record], directory: Path) -> None:
        super().__init__(summary["verdict"])
        self.summary = summary
        self.records = records
        self.directory = directory


def interrupted_summary(
    scenario: Scenario, options: RunOptions, seed: int, records: list[Record], wall_s: float
) -> dict[str, Any]:
    """The JSON of a run that did not come to its end: the keys of `RunResult.to_json`,
    `interrupted`, and no digest.
    """
    start, now = scenario.start, records[-1].at if records else scenario.start
    why = RunView(records).ledger.why()
    verdict = (
        f"Interrupted after {span(now - start)} of {span(scenario.end - start)}: "
        "nothing was decided."
    )
    return {
        "kb": scenario.article,
        "scenario": scenario.name,
        "version": options.version or scenario.site[0].version,
        "seed": seed,
        "time": str(options.timing),
        "interrupted": True,
        "passed": False,
        "verdict": " ".join(
            [verdict, *(f"Until then: {sentence}" for sentence in why.verdicts[:1])]
        ),
        "expectations": [],
        "episodes": why.episodes,
        "digest": "",
        "records": len(records),
        "virtual_s": round(now - start, 3),
        "wall_s": round(wall_s, 3),
    }


def end_interrupted(run: Interrupted, as_json: bool) -> NoReturn:
    """Show what there was until Ctrl-C, and end with exit code 130."""
    from despoolr_lab.report.text import WIDTH, render_text

    if as_json:
        echo_json(run.summary, source=str(run.directory), at=_last_at(run.records))
    else:
        put_prose(render_text(_plain(run.summary), run.records, width=page_width(WIDTH)))
        put("", f"report: {run.directory / 'report.html'}")
    put("despoolr: interrupted; what was recorded until then is kept", err=True)
    sys.exit(EXIT_INTERRUPTED)


def print_result(
    result: RunResult, directory: Path, as_json: bool, ladder: Ladder | None = None
) -> None:
    """For machines one object; for people the story. With the answer of a what-if, if one was
    asked.
    """
    if as_json:
        answer = result.to_json() | ({"whatif": ladder} if ladder else {})
        echo_json(answer, source=str(directory), at=_last_at(result.records))
        return
    from despoolr_lab.report.text import WIDTH, render_text

    remedy = ladder.sentence if ladder else ""
    put_prose(
        render_text(_plain(result.to_json()), result.records, remedy, width=page_width(WIDTH))
    )
    put("", f"report: {directory / 'report.html'}")


def _last_at(records: list[Record]) -> float | None:
    return records[-1].at if records else None


def _plain(value: Any) -> Any:
    import msgspec

    return json.loads(msgspec.json.encode(value))


class Progress:
    """A line that says how far a run is: rewritten in place on a terminal, now and then elsewhere,
    never with `quiet`.
    """

    def __init__(self, name: str, quiet: bool) -> None:
        self._name = name
        self._quiet = quiet
        self._is_terminal = sys.stderr.isatty()
        self._start: float | None = None
        self._last = -1
        self._step = ""

    def __enter__(self) -> Progress:
        if self._is_terminal and not self._quiet:
            put_over()  # what draws is imported now: in virtual time its dice would be refused
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_terminal and not self._quiet and self._last >= 0:
            put_over()

    def update(self, now: float, end: float, what: str) -> None:
        """Show how far the run is; the run calls this."""
        if self._quiet:
            return
        if self._start is None:
            self._start = now
        self._step = what or self._step
        share = 1.0 if end <= self._start else (now - self._start) / (end - self._start)
        percent = min(100, int(share * 100))
        days, rest = divmod(int(now - self._start), 86400)
        when = f"day {days} {rest // 3600:02}:{rest % 3600 // 60:02}"
        if self._is_terminal:
            if percent != self._last or what:
                put_over(f"{self._name} {percent:3}%  {when}  {self._step}", share)
        elif percent // 25 != self._last // 25:
            put(f"{self._name}: {percent}%, {when}", err=True)
        self._last = percent
