"""`despoolr schema [scenario|load]`: the format of scenario or load files, as JSON Schema."""

from __future__ import annotations

import click

from despoolr_app.cli.output import put_json


@click.command(
    "schema",
    help="Print the format of scenario (or load) files as JSON Schema: point your editor's TOML "
    "plug-in at it.",
)
@click.argument("of", type=click.Choice(["scenario", "load"]), default="scenario")
def command(of: str) -> None:
    """The schema is made from the structs that read the files."""
    import json

    from despoolr_lab.load.spec import model as load
    from despoolr_lab.scenario import model as scenario

    put_json(json.dumps((load if of == "load" else scenario).schema(), indent=2, sort_keys=True))
