"""The format of a file as JSON Schema, for editors."""

from __future__ import annotations

from typing import Any, Final

import msgspec

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def schema_of(kind: type[msgspec.Struct], title: str) -> dict[str, Any]:
    """JSON Schema 2020-12 of a struct. Editors show descriptions as they are: each is one line."""
    document = msgspec.json.schema(kind)
    for part in document["$defs"].values():
        if "description" in part:
            part["description"] = " ".join(part["description"].split())
    return {**document, "$schema": DIALECT, "title": title}
