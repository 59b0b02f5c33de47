"""What a command printed with `--json`: held to the schema that ships, and opened."""

from __future__ import annotations

import json
from typing import Any

from jsonschema import Draft202012Validator

from despoolr_app.cli.answer import schema

_VALIDATOR = Draft202012Validator(schema())


def answer_of(text: str) -> dict[str, Any]:
    """The whole envelope."""
    found = json.loads(text)
    _VALIDATOR.validate(found)
    assert isinstance(found, dict)
    return found


def data_of(text: str) -> Any:
    """What is in it."""
    return answer_of(text)["data"]
