"""Asking what would have fixed a run, for every command that can: the reruns with their progress,
and the answer beside the run.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from despoolr_app.cli.base.output import fail, put_over, say
from despoolr_app.runs.directory import FinishedRun, RunError, load_run, write_whole
from despoolr_core.records.whatif.ladder import FILE, Ladder
from despoolr_lab.report.html import stream_report
from despoolr_lab.scenario.model import Scenario
from despoolr_lab.scenario.reading.written import baked
from despoolr_lab.scenario.run import RunOptions
from despoolr_lab.scenario.steps import StepError
from despoolr_lab.whatif.keep import keep
from despoolr_lab.whatif.ladder import Climb, Question, base_of
from despoolr_lab.whatif.recording.first_pass import first_pass

REPORT: Final = "report.html"
EVERY: Final = 20
"""Reruns between two lines of progress, where there is no terminal."""


def find_remedy(
    scenario: Scenario,
    run: Path,
    question: Question,
    *,
    quiet: bool,
    notes: Sequence[str] = (),
) -> Ladder:
    """The ladder of a run whose scenario has its options baked in, with these `notes` among its
    own; it is kept beside the run, and its report tells of it. Ends the command where the question
    makes no sense.
    """

    def progress(done: int, to_do: int, what: str) -> None:
        if quiet:
            return
        if sys.stderr.isatty():
            put_over(f"{done} of {to_do} reruns  {what}", done / to_do)
        elif done % EVERY == 0:
            say(f"{done} of {to_do} reruns")

    if not quiet:
        say("what would have fixed it: running it once more, as it was ...")
    try:
        base = base_of(scenario, question.goal)
    except (StepError, ValueError) as error:
        fail(str(error))
    climb = Climb(base, question, progress, source=run.name)
    return _kept(run, climb.climb(), climb, notes, quiet=quiet)


def _kept(run: Path, ladder: Ladder, climb: Climb, notes: Sequence[str], *, quiet: bool) -> Ladder:
    """The ladder with these notes, beside the run and in its report."""
    if not quiet and sys.stderr.isatty():
        put_over()
    ladder = msgspec.structs.replace(ladder, notes=(*ladder.notes, *notes))
    try:
        found = keep(run, ladder, climb)
        _tell(load_run(run), found)
    except RunError as error:
        fail(str(error))
    return found


def bounds_of(run: Path, patterns: Sequence[str] = ()) -> Ladder:
    """What the sharing rule says of a run that has no scenario; kept beside it as well. `patterns`
    are those of the files whose windows are asked for.
    """
    finished = load_run(run)
    try:
        ladder = first_pass(run.name, finished.records, patterns)
        write_whole(run / FILE, msgspec.json.format(msgspec.json.encode(ladder), indent=2) + b"\n")
        if (run / REPORT).is_file():
            _tell(finished, ladder)
    except RunError as error:
        fail(str(error))
    return ladder


def _tell(run: FinishedRun, ladder: Ladder) -> None:
    pieces = stream_report(run, run.summary or {}, ladder)
    write_whole(run.path / REPORT, (piece.encode() for piece in pieces))


def remedy_of(scenario: Scenario, options: RunOptions, run: Path, *, quiet: bool) -> Ladder:
    """The ladder of a run that was just made, with the usual question."""
    return find_remedy(baked(scenario, options), run, Question(), quiet=quiet)
