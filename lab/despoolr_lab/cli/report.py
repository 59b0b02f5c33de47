"""`despoolr report [RUN]`: the report of a finished run, made again from its records.

The law: the report is a reading of `records.jsonl`, `summary.json` and `whatif.json` and changes
none; a run that was killed has no summary and still has a report.
"""

from __future__ import annotations

from pathlib import Path

import click

from despoolr_app.cli.output import echo_json, fail, json_option, page_width, put, put_prose, say

REPORT = "report.html"
MARKDOWN = "report.md"


@click.command(
    "report", help="Write report.html of a finished run (latest by default) and print its path."
)
@click.argument("run", default="latest")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default="runs",
    show_default=True,
    help="Where runs are kept.",
)
@click.option(
    "--text",
    "as_text",
    is_flag=True,
    help="Print the run in words and ASCII instead; write nothing.",
)
@click.option(
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
    from despoolr_app.runs.directory import RunError, find_run
    from despoolr_app.runs.remedy import kept_remedy
    from despoolr_lab.report.html import render_report
    from despoolr_lab.report.markdown import render_markdown
    from despoolr_lab.report.text import WIDTH, render_text

    try:
        found = find_run(run, out)
        records = list(found.records())
        summary = found.summary or {}
        remedy = kept_remedy(found.path)
        if as_text:
            text = render_text(summary, records, remedy, width=page_width(WIDTH))
        else:
            render = render_markdown if as_markdown else render_report
            text = render(records, summary, remedy)
    except RunError as error:
        fail(str(error))
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError, OSError) as error:
        fail(
            f"{found.path}: its records are not as this version writes them "
            f"({type(error).__name__}: {error})"
        )
    for note in found.notes:
        say(note)
    if as_text:
        put_prose(text)
        return
    path = found.path / (MARKDOWN if as_markdown else REPORT)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        fail(f"cannot write {path}: {error.strerror or error}")
    if as_json:
        data = {"run": found.path.name, "report": str(path), "records": len(records)}
        echo_json(data, source=str(found.path), at=records[-1].at, notes=found.notes)
    else:
        put(str(path))
