"""`despoolr schema`: the scenario format as JSON Schema, for editors."""

from __future__ import annotations

import click


@click.command("schema", help="Print the scenario format as JSON Schema (point your editor's TOML plug-in at it).")
def command() -> None:
    """The schema is made from the structs that read scenarios."""
    import json

    from despoolr_lab.scenario.model import schema

    click.echo(json.dumps(schema(), indent=2, sort_keys=True))
