"""What a command printed with `--json`: held to the schema that ships, and opened.

The schema leaves room for what later versions have more; here a key that it does not name is a
mistake.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import click
from jsonschema import Draft202012Validator

from despoolr_lab.cli.answers.document import document, place_of
from despoolr_lab.cli.answers.table import ANSWERS


def commands(group: click.Group, *words: str) -> Iterator[tuple[str, ...]]:
    """Every command that takes `--json`, as words."""
    with click.Context(group) as context:
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            if any("--json" in option.opts for option in command.params):
                yield (*words, name)
            if isinstance(command, click.Group):
                yield from commands(command, *words, name)


def answer_of(text: str) -> dict[str, Any]:
    """The whole envelope."""
    found = json.loads(text)
    assert isinstance(found, dict)
    place = "Failed" if "error" in found else place_of(found["command"])
    _validator(place).validate(found)
    return found


def data_of(text: str) -> Any:
    """What is in it."""
    return answer_of(text)["data"]


@cache
def _validator(place: str) -> Draft202012Validator:
    schema = _closed(document(ANSWERS))
    assert place in schema["$defs"], f"no schema has {place}"
    return Draft202012Validator({"$ref": f"#/$defs/{place}", "$defs": schema["$defs"]})


def _closed(schema: Any) -> Any:
    """The same, where an object has no key but those that are named."""
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(value) for key, value in schema.items()}
    if "properties" in schema and "type" in schema:
        closed.setdefault("additionalProperties", False)
    return closed
