"""`despoolr schema scenario|load|answer`: the format of scenario or load files, and of what
commands print with `--json`, as JSON Schema.
"""

from __future__ import annotations

from typing import Any

import click

from despoolr_app.cli.base.output import put_json


@click.command(
    "schema",
    help="Print the format of scenario (or load) files as JSON Schema: point your editor's TOML "
    "plug-in at it. `answer` is what commands print with --json: all of them, or one, such as "
    "`answer kb run`.",
)
@click.argument("of", type=click.Choice(["scenario", "load", "answer"]), default="scenario")
@click.argument("words", nargs=-1, metavar="[COMMAND]")
def command(of: str, words: tuple[str, ...]) -> None:
    """The schemas are made from the structs that read files and that write answers."""
    from despoolr_lab.cli.answers.document import render
    from despoolr_lab.load.spec import model as load
    from despoolr_lab.scenario import model as scenario

    if words and of != "answer":
        raise click.UsageError("a command goes with `answer` only")
    if of == "answer":
        found = _answer(words)
    else:
        found = load.schema() if of == "load" else scenario.schema()
    put_json(render(found).rstrip("\n"))


def _answer(words: tuple[str, ...]) -> dict[str, Any]:
    from despoolr_core.suggest import suggestion
    from despoolr_lab.cli.answers.document import document
    from despoolr_lab.cli.answers.table import ANSWERS

    name = " ".join(words)
    if name and name not in ANSWERS:
        raise click.UsageError(
            f"no command {name!r} has an answer in JSON{suggestion(name, ANSWERS)}"
        )
    return document([name] if name else [])
