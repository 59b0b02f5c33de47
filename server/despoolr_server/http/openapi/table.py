"""What a row of the tables of calls is: one method of one address, what it takes, and every answer
that it can give.

The law: a status that is not in a call's row is never answered by it. Whatever has an address,
which may be unreadable, can be answered 400, whatever wants a token 401, whatever takes a body 408,
413 and 503, whatever could have one 415, whatever changes something 403, and all but health 421
(`http.base.browser_guard`); so these need not be said in the rows.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

TEXT: Final = "text/plain"
HTML: Final = "text/html"
JAVASCRIPT: Final = "text/javascript"
XML: Final = "application/xml"
BINARY: Final = "application/octet-stream"
ANY: Final = "*/*"

ANYONE: Final = "anyone, without a token"
EVERYBODY: Final = "every token"
OPERATORS: Final = "service, admin"
ADMINISTRATORS: Final = "admin"

STRING: Final[dict[str, Any]] = {"type": "string"}


class Parameter(msgspec.Struct, frozen=True):
    """A parameter: `where` it stands (`path`, `query`, `header`), what it says, what it looks like
    (a JSON schema).
    """

    name: str
    where: str
    text: str
    schema: dict[str, Any] = msgspec.field(default_factory=lambda: dict(STRING))
    required: bool = False


class Answer(msgspec.Struct, frozen=True):
    """One good answer: its status, what it means, and its content by type (a struct type, several,
    or None for text).
    """

    status: int
    text: str
    content: dict[str, Any] = msgspec.field(default_factory=dict)
    headers: tuple[str, ...] = ()


class Call(msgspec.Struct, frozen=True):
    """One row. `body` is by content type, like an answer's; `refusals` are the statuses of its
    problem bodies.
    """

    method: str
    path: str
    summary: str
    group: str
    answers: tuple[Answer, ...]
    parameters: tuple[Parameter, ...] = ()
    body: dict[str, Any] = msgspec.field(default_factory=dict)
    body_required: bool = True
    refusals: tuple[int, ...] = ()
    who: str = EVERYBODY
    text: str = ""

    @property
    def key(self) -> str:
        """`GET /api/v1/opens`: how routes, rows and examples know each other."""
        return f"{self.method} {self.path}"


def json(kind: Any) -> dict[str, Any]:
    """A body or an answer in JSON."""
    return {"application/json": kind}


def ok(kind: Any, text: str, status: int = 200, headers: tuple[str, ...] = ()) -> Answer:
    """The row of an answer in JSON with a body of this kind."""
    return Answer(status, text, json(kind), headers)


def done(text: str) -> Answer:
    """The row of an answer without a body: 204."""
    return Answer(204, text)


def in_query(name: str, text: str, schema: dict[str, Any] | None = None) -> Parameter:
    """The row of a query parameter; a text of at least one character, if no schema is given."""
    return Parameter(name, "query", text, schema or {**STRING, "minLength": 1})


def in_header(
    name: str, text: str, schema: dict[str, Any] | None = None, *, required: bool = False
) -> Parameter:
    """The row of a request header that may be left out."""
    return Parameter(name, "header", text, schema or dict(STRING), required)


def whole(highest: int, lowest: int = 0) -> dict[str, Any]:
    """The schema of a whole number."""
    return {"type": "integer", "minimum": lowest, "maximum": highest}


def one_of(*words: str) -> dict[str, Any]:
    """The schema of one of some words."""
    return {"type": "string", "enum": list(words)}


SESSION: Final = in_header(
    "Despoolr-Session", "The session in which the call is made, percent-encoded."
)
PROGRAM: Final = in_header(
    "Despoolr-Program", "The program that asks, as others will see it, percent-encoded."
)
PURPOSE: Final = in_header(
    "Despoolr-Purpose", "What links the attempts of one update, percent-encoded."
)
IDENTITY: Final = (SESSION, PROGRAM, PURPOSE)
"""Who asks, beyond the token: at most 1024 bytes each (431)."""
