"""Examples: calls that a running server really answered so, kept beside the tables in
`examples.json`.

`python -m despoolr_lab.docs.examples` asks them anew and prints the file; a house test compares.
Ids, times and tokens are those of a server that has just started at a certain time.
"""

from __future__ import annotations

from typing import Any

import msgspec


class Example(msgspec.Struct, omit_defaults=True):
    """One call and its answer. `call` is the row's key, `who` the caller's role (empty: no token);
    bodies as JSON, or as text.
    """

    call: str
    title: str
    who: str
    target: str
    status: int
    headers: dict[str, str] = {}
    body: Any = None
    content_type: str = ""
    answer_headers: dict[str, str] = {}
    answer: Any = None
    answer_type: str = ""


def load_examples() -> list[Example]:
    """All of them, in the order in which they were asked."""
    from importlib.resources import files  # noqa: PLC0415 - a run in virtual time has none

    return msgspec.json.decode(
        files("despoolr_server.http.openapi").joinpath("examples.json").read_bytes(),
        type=list[Example],
    )


def dump_examples(examples: list[Example]) -> str:
    """The file's text: a call a paragraph, so that changes are seen."""
    return msgspec.json.format(msgspec.json.encode(examples), indent=1).decode() + "\n"
