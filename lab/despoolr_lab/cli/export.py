"""`despoolr export perfetto|csv|cmtrace [RUN]`: a finished run for other people's tools."""

from __future__ import annotations

from pathlib import Path

import click

from despoolr_app.cli.base.options import option, runs_option
from despoolr_app.cli.base.output import EXIT_OK, echo_json, fail, json_option, put, say
from despoolr_core.phrases import size

FORMATS = {"perfetto": "trace.json", "csv": "opens.csv", "cmtrace": "run.log"}
"""The formats, and the name of each one's file in the run's directory."""
TABLE_NAMES = ("opens", "refusals", "episodes", "jobs", "events")


@click.command("export")
@click.argument("form", type=click.Choice([*FORMATS]), metavar="perfetto|csv|cmtrace")
@click.argument("run", default="latest")
@option(
    "--table",
    type=click.Choice(TABLE_NAMES),
    help="What csv lists. Default: opens.",
)
@option(
    "--to",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file to write. Default: one in the run's directory.",
)
@runs_option
@json_option
def command(
    form: str, run: str, table: str | None, to: Path | None, root: Path, as_json: bool
) -> int:
    """Write RUN (a directory, a name in --runs, or `latest`; imports, too) for a trace viewer
    (ui.perfetto.dev), a spreadsheet or CMTrace.
    """
    from despoolr_app.runs.directory import RunError, find_run, write_whole
    from despoolr_core.records.view import RunView
    from despoolr_lab.export import log, perfetto, tables

    if table is not None and form != "csv":
        fail("--table goes with csv")
    name = table or "opens"
    try:
        found = find_run(run, root)
        path = to or found.path / (f"{name}.csv" if form == "csv" else FORMATS[form])
        if form == "cmtrace":
            write_whole(path, log.cmtrace(found.records()))
        else:
            view = RunView(found.records())
            pieces = perfetto.perfetto(view) if form == "perfetto" else tables.table(view, name)
            write_whole(path, pieces)
    except RunError as error:
        fail(str(error))
    for note in found.notes:
        say(f"note: {note}")
    length = path.stat().st_size
    if as_json:
        data = {"run": found.path.name, "format": form, "file": str(path), "size": length}
        echo_json(data, source=str(found.path), notes=found.notes)
        return EXIT_OK
    put(str(path))
    say(f"{size(length)}; {_READ_ON[form]}")
    return EXIT_OK


_READ_ON = {
    "perfetto": "open it at https://ui.perfetto.dev (it stays in the browser): one track an open",
    "csv": "one line a row, times are the site's",
    "cmtrace": "CMTrace shows the refusals red",
}
