"""`despoolr scenario new | lint`: what helps to write a scenario file."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from despoolr_app.cli.base.output import echo_json, json_option, put


@click.group("scenario", help="Write scenario files: begin one, and see what it leaves unchecked.")
def command() -> None: ...


@command.command(
    "new",
    help="Write a commented scenario to FILE, which must not exist. "
    "The schema for editors is written beside it. It runs and holds as it is.",
)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def new(file: Path) -> None:
    import json

    from despoolr_lab.scenario import model
    from despoolr_lab.scenario.authoring.skeleton import SCHEMA_FILE, skeleton

    steps = [kind.__struct_config__.tag for kind in model.Step.__args__]
    expectations = [kind.__struct_config__.tag for kind in model.Expectation.__args__]
    text = skeleton(file.stem, steps, expectations)
    schema = file.parent / SCHEMA_FILE
    try:
        with file.open("x", encoding="utf-8") as made:
            made.write(text)
        schema.write_text(
            json.dumps(model.schema(), indent=2, sort_keys=True) + "\n", encoding="utf-8"
        )
    except FileExistsError:
        raise click.ClickException(f"{file} exists; say another name, or remove it") from None
    except OSError as error:
        raise click.ClickException(f"{error.filename}: {error.strerror}") from None
    put(f"{file} is a scenario that holds; {schema.name} beside it tells editors the format")
    put(f"Try: despoolr run {file}")


@command.command(
    "lint",
    help="Say what in SCENARIO is unused, in vain or unchecked. "
    "Exit 0 if there is nothing to say, 10 if there is.",
)
@click.argument("scenario")
@json_option
def lint(scenario: str, as_json: bool) -> None:
    from despoolr_lab.cli.runs.running import EXIT_EXPECTATION_FAILED, read_scenario
    from despoolr_lab.kb.gallery import find_scenario
    from despoolr_lab.scenario.authoring.lint import remarks
    from despoolr_lab.toml.toml_text import place, read_text

    found = list(remarks(read_scenario(scenario)))
    path = find_scenario(scenario)
    text = read_text(path)
    placed = sorted(
        ((*place(remark.where, text), remark) for remark in found), key=lambda one: one[:2]
    )
    if as_json:
        echo_json(
            {
                "scenario": str(path),
                "remarks": [
                    {"line": line, "column": column, "kind": remark.kind, "text": remark.text}
                    for line, column, remark in placed
                ],
            }
        )
    else:
        for line, column, remark in placed:
            put(f"{path}:{line}:{column}: {remark.kind}: {remark.text}")
        if not placed:
            put(f"{path}: everything is used, and what happens is checked")
    sys.exit(EXIT_EXPECTATION_FAILED if placed else 0)
