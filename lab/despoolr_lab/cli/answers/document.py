"""The JSON Schema of what commands print with `--json`, made of the structs of `table`.

The law: `answers.schema.json` beside this module is `render(document())`, and ships; a test holds
it to that. It names each key a command may print, and leaves others open: a later version may have
more.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from despoolr_app.cli.base.answer import Answered, Failed
from despoolr_lab.cli.answers.table import ANSWERS
from despoolr_lab.toml.schema import DIALECT

_REF: Final = "#/$defs/{name}"


def document(commands: Iterable[str] = ()) -> dict[str, Any]:
    """The schema of the answers of some commands, or of all; each is an answer of one of them, or
    a failure. `#/$defs/answer.kb.run` is that of one command. Raises `KeyError` for no command.
    """
    chosen = {name: ANSWERS[name] for name in commands} or ANSWERS
    kinds = list(dict.fromkeys(kind for row in chosen.values() for kind in row))
    schemas, defs = msgspec.json.schema_components([Answered, Failed, *kinds], ref_template=_REF)
    of_kind = dict(zip(kinds, schemas[2:], strict=True))
    envelope = defs.pop(Answered.__name__)
    for name, row in chosen.items():
        data = [of_kind[kind] for kind in row]
        properties = envelope["properties"] | {
            "command": {"const": name},
            "data": data[0] if len(data) == 1 else {"anyOf": data},
        }
        defs[place_of(name)] = {
            **{key: value for key, value in envelope.items() if key != "description"},
            "title": f"despoolr {name} --json",
            "properties": properties,
        }
    names = ["Failed", *map(place_of, chosen)]
    return {
        "$schema": DIALECT,
        "title": "What commands of Despoolr print with --json",
        "anyOf": [{"$ref": _REF.format(name=name)} for name in names],
        "$defs": {name: _plain(schema) for name, schema in defs.items()},
    }


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """Docstrings in one line; no title that only says the name again."""
    told = " ".join(schema.get("description", "").split())
    plain = {key: value for key, value in schema.items() if key != "description"}
    if not plain["title"].startswith("despoolr"):
        del plain["title"]
    return {"description": told, **plain} if told else plain


def place_of(command: str) -> str:
    """Where in `$defs` the answer of a command is."""
    return f"answer.{command.replace(' ', '.')}"


def render(schema: dict[str, Any]) -> str:
    """As it is printed, and ships."""
    return json.dumps(schema, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
