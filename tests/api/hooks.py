"""What schemathesis is told about the server it asks: names that exist, so that more is reached
than `404`; WebDAV's methods.

Loaded by schemathesis itself (`SCHEMATHESIS_HOOKS`), in an environment without this project. Half
of all names in an address become real ones, chosen by the name itself, so that a seed still says
everything. `real.json` (`DESPOOLR_REAL`) lists them.
"""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path
from typing import Any

import schemathesis

REAL: dict[str, list[str]] = json.loads(Path(os.environ["DESPOOLR_REAL"]).read_text("utf-8"))
MARK = "_by_"
"""`/{share_by_LOCK}/{path_by_LOCK}` with a POST is how a description says LOCK that has no field
for it.
"""


@schemathesis.hook
def map_path_parameters(context: Any, path_parameters: Any) -> Any:
    """Half of the names that a server would not know become ones it does."""
    if not isinstance(path_parameters, dict):
        return path_parameters
    return {name: real(name.partition(MARK)[0], value) for name, value in path_parameters.items()}


@schemathesis.hook
def map_body(context: Any, body: Any) -> Any:
    """The same for the words in a body."""
    if isinstance(body, list):
        return [map_body(context, one) for one in body]
    if not isinstance(body, dict):
        return body
    return {
        name: map_body(context, value)
        if isinstance(value, dict | list)
        else real(name, value)
        if isinstance(value, str)
        else value
        for name, value in body.items()
    }


def real(kind: str, value: Any) -> Any:
    """A real name of this kind, or the value as it is."""
    number = zlib.crc32(repr(value).encode("utf-8", "surrogatepass"))
    names = REAL.get(kind, [])
    return names[number // 2 % len(names)] if names and number % 2 else value


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Ask with the method that the address is marked with; and for no answer that never ends."""
    if case.path == "/api/v1/records" and case.query:
        asked = str(case.query.get("follow", "")).lower()
        if any(word in asked for word in ("true", "1", "yes")):
            case.query = {**case.query, "follow": "false"}
    _, found, rest = case.path.partition(MARK)
    if found:
        case.method = rest.partition("}")[0]
