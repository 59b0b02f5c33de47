"""Running a scenario from the command line: progress while it goes, the run directory, the summary at the end."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from despoolr_core.records import Listener
from despoolr_core.share import ShareError
from despoolr_lab.ground import wall_now
from despoolr_lab.report.html import render_report
from despoolr_lab.report.text import render_text
from despoolr_lab.runs import RunDirectory, RunError, utc_stamp
from despoolr_lab.scenario.load import ScenarioError, load_scenario
from despoolr_lab.scenario.model import Scenario
from despoolr_lab.scenario.run import RunResult, Wishes, run_scenario
from despoolr_lab.scenario.steps import StepError

EXIT_EXPECTATION_FAILED = 10


def read_scenario(path: Path) -> Scenario:
    """A scenario file, or one clear line and exit 2."""
    try:
        return load_scenario(path)
    except ScenarioError as error:
        where = f"{path}:{error.line}:{error.column}" if error.line else str(path)
        raise click.ClickException(f"{where}: {error.reason}") from None
    except OSError as error:
        raise click.ClickException(f"{path}: {error.strerror or error}") from None


def run_and_keep(
    scenario: Scenario, wishes: Wishes, out: Path, *, quiet: bool, listeners: Sequence[Listener] = ()
) -> tuple[RunResult, Path]:
    """Run it, keep records, summary and report under `out`; the result and the run's directory."""
    import time

    seed = scenario.run.seed if wishes.seed is None else wishes.seed
    started = time.perf_counter()
    try:
        with RunDirectory.create(out, utc_stamp(wall_now()), scenario.name, seed) as run:
            with Progress(scenario.name, quiet) as progress:
                result = run_scenario(scenario, wishes, listeners=[run.listener, *listeners], progress=progress.update)
            result.wall_s = time.perf_counter() - started
            summary = result.to_json()
            run.write_summary(summary)
    except (StepError, RunError) as error:
        raise click.ClickException(str(error)) from None
    except ShareError as error:
        raise click.ClickException(f"a server refused what the scenario asked: {error}") from None
    directory = run.path
    (directory / "report.html").write_text(render_report(result.records, _plain(summary)), encoding="utf-8")
    return result, directory


def print_result(result: RunResult, directory: Path, as_json: bool) -> None:
    """For machines one object; for people the story."""
    if as_json:
        click.echo(to_json(result.to_json()))
        return
    click.echo(render_text(_plain(result.to_json()), result.records))
    click.echo(f"\nreport: {directory / 'report.html'}")


def to_json(value: Any) -> str:
    """JSON of plain values and msgspec structs, indented on a terminal."""
    import msgspec

    data = msgspec.json.encode(value)
    return (msgspec.json.format(data, indent=2) if sys.stdout.isatty() else data).decode()


def _plain(value: Any) -> Any:
    import msgspec

    return json.loads(msgspec.json.encode(value))


class Progress:
    """A line that says how far a run is: rewritten in place on a terminal, now and then elsewhere, never with `quiet`."""

    def __init__(self, name: str, quiet: bool) -> None:
        self._name = name
        self._quiet = quiet
        self._is_terminal = sys.stderr.isatty()
        self._start: float | None = None
        self._last = -1
        self._step = ""

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_terminal and not self._quiet and self._last >= 0:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def update(self, now: float, end: float, what: str) -> None:
        """Called by the run."""
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
                bar = "#" * (percent // 5)
                sys.stderr.write(f"\r\x1b[K{self._name} [{bar:<20}] {percent:3}%  {when}  {self._step}")
                sys.stderr.flush()
        elif percent // 25 != self._last // 25:
            sys.stderr.write(f"{self._name}: {percent}%, {when}\n")
        self._last = percent
