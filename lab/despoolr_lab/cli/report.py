"""`despoolr report [RUN]`: the report of a finished run, made again from its records.

The law: the report is a reading of `records.jsonl`, `summary.json` and `whatif.json` and changes
none; a run that was killed has no summary and still has a report.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from despoolr_app.cli.base.options import option, out_option
from despoolr_app.cli.base.output import (
    echo_json,
    fail,
    json_option,
    page_width,
    put,
    put_prose,
    say,
)

if TYPE_CHECKING:
    from despoolr_app.runs.directory import FinishedRun
    from despoolr_core.records.stream import Record

REPORT = "report.html"
MARKDOWN = "report.md"


@click.command(
    "report", help="Write report.html of a finished run (latest by default) and print its path."
)
@click.argument("run", default="latest")
@out_option
@option(
    "--text",
    "as_text",
    is_flag=True,
    help="Print the run in words and ASCII instead; write nothing.",
)
@option(
    "--markdown",
    "as_markdown",
    is_flag=True,
    help="Write report.md instead, for a pull request or an issue.",
)
@json_option
def command(run: str, out: Path, as_text: bool, as_markdown: bool, as_json: bool) -> None:
    """RUN is a directory, the name of one in `--out`, or `latest`. Exit 2 if there is none, or it
    cannot be read or written.
    """
    from despoolr_app.runs.directory import RunError, find_run, write_whole
    from despoolr_app.runs.remedy import kept_ladder
    from despoolr_lab.report.html import stream_report
    from despoolr_lab.report.markdown import render_markdown
    from despoolr_lab.report.text import WIDTH, render_text

    try:
        found = find_run(run, out)
        last = _Last(found)
        summary = found.summary or {}
        ladder = kept_ladder(found.path)
        path = found.path / (MARKDOWN if as_markdown else REPORT)
        if as_text:
            remedy = ladder.sentence if ladder is not None else ""
            put_prose(render_text(summary, last, remedy, width=page_width(WIDTH)))
        else:
            make = render_markdown if as_markdown else stream_report
            write_whole(path, (piece.encode() for piece in make(last, summary, ladder)))
    except RunError as error:
        fail(str(error))
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError, OSError) as error:
        fail(
            f"{found.path}: its records are not as this version writes them "
            f"({type(error).__name__}: {error})"
        )
    for note in found.notes:
        say(note)
    if as_json and not as_text:
        data = {"run": found.path.name, "report": str(path), "records": last.count}
        echo_json(data, source=str(found.path), at=last.at, notes=found.notes)
    elif not as_text:
        put(str(path))


class _Last:
    """A run's records, read anew each time; knows their number and when the last one was made."""

    def __init__(self, run: FinishedRun) -> None:
        self._run = run
        self.count = 0
        self.at = 0.0

    def __iter__(self) -> Iterator[Record]:
        self.count = 0
        for record in self._run:
            self.count += 1
            self.at = record.at
            yield record
