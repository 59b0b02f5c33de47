"""`despoolr schema [scenario|load|answer]`: the format of scenario or load files, and of what
commands print with `--json`, as JSON Schema.
"""

from __future__ import annotations

import click

from despoolr_app.cli.output import put_json


@click.command(
    "schema",
    help="Print the format of scenario (or load) files as JSON Schema: point your editor's TOML "
    "plug-in at it. `answer` is what commands print with --json.",
)
@click.argument("of", type=click.Choice(["scenario", "load", "answer"]), default="scenario")
def command(of: str) -> None:
    """The schema of files is made from the structs that read them."""
    import json

    from despoolr_app.cli import answer
    from despoolr_lab.load.spec import model as load
    from despoolr_lab.scenario import model as scenario

    schemas = {"scenario": scenario.schema, "load": load.schema, "answer": answer.schema}
    put_json(json.dumps(schemas[of](), indent=2, sort_keys=True))
