"""The OpenAPI 3.1 document of one application: the rows of the calls that it routes, with schemas
from the structs themselves.

OpenAPI 3.1 has a field for eight methods only. WebDAV's stand under `x-additionalOperations` of
their address, which is OpenAPI 3.2's `additionalOperations` under a name that 3.1 allows: the same
objects by the name of the method.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Final
from urllib.parse import parse_qs, unquote

import msgspec

from despoolr_core.share.modes import HTTP_STATUS
from despoolr_core.share.wire import Problem
from despoolr_server.http.base.browser_guard import ASKED_BY_ANYONE, NOT_SAFE, SAFE_METHODS
from despoolr_server.http.base.problem import BODYLESS, CONTENT_TYPE, KNOWN
from despoolr_server.http.openapi.examples import Example, load_examples
from despoolr_server.http.openapi.table import ANYONE, Answer, Call, Parameter

FIELDS: Final = ("GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS")
"""Methods that a Path Item Object of OpenAPI 3.1 has a field for."""

MORE: Final = "x-additionalOperations"
_REF: Final = "#/components/schemas/{name}"

REFUSED: Final[dict[int, str]] = {
    400: "The request is not well formed: mend what `detail` names.",
    401: "This call needs a token of this server.",
    403: "This token may not do that there, or it is another site's page that asks.",
    404: "There is no such thing.",
    405: "The name is taken.",
    409: "The tree, or the lock, is not as you think.",
    410: "The handle, the session or its share is over (or never was): open again.",
    412: "The name is taken, or the file is not in the state you stated.",
    408: "The body did not come in time: send it again, without pauses.",
    413: "The body is larger than this server takes.",
    415: "This call takes no such body.",
    416: "The file ends before that.",
    421: "Without a Bearer token: the name in `Host` is none of this server's.",
    423: "Somebody holds it: `blockers` says who, with which program, since when. Try again later.",
    431: "A header is longer than this server takes.",
    501: "This server does not do that.",
    502: "The destination is not on this share.",
    503: "There is no room for more: end something, then try again.",
    507: "The disk is full.",
}
"""What a problem of a status means for the caller."""

IN_PATH: Final[dict[str, str]] = {
    "share": "The share's name; case does not matter.",
    "path": "The path within the share, `/` between its parts; with `/` at its end a directory. "
    "Case does not matter.",
    "session": "A session's id.",
    "open": "A handle: an open's id.",
    "episode": "An episode's id.",
    "server": "A server of the site, by its name.",
    "name": "A name.",
    "package": "A package's id, or its name.",
    "job": "A job's id, or its name.",
    "article": "An article's number, `Q195936`.",
    "component": "A service's name, `SMS_SCHEDULER`.",
    "holder": "The name of a fleet of clients.",
    "fault": "A fault's id, `LOGON1-1`.",
}

IN_ANSWER: Final[dict[str, str]] = {
    "Location": "The address of what was made.",
    "ETag": "The state of the file; changes whenever the file does.",
    "Content-Range": "Which bytes these are.",
    "Allow": "The methods.",
    "DAV": "WebDAV's compliance classes.",
    "Lock-Token": "`<opaquelocktoken:...>`: names the lock in `If` and `UNLOCK`.",
    "WWW-Authenticate": "How a token can be sent.",
}

TITLE: Final = "Despoolr"
INTRODUCTION: Final = (
    "A Systems Management Server site over HTTP: file shares with Windows share modes, and the "
    "site that delivers packages "
    "through them.\n\n"
    "Send a token as `Authorization: Bearer TOKEN`, or with Basic as the password. Every answer "
    "from 400 up is a problem body "
    "(RFC 9457): `detail` says what to do next, `nt_status` and `win32` are the share's own "
    "words, `blockers` are the opens in "
    "the way. Times are site time in seconds since 1970.\n\n"
    "What answers GET, and is no handle, also answers HEAD; any other method is 405 with `Allow`. "
    "The methods that only WebDAV "
    "has stand under `x-additionalOperations`."
)


def make_document(
    routed: Iterable[tuple[str, str]],
    calls: Sequence[Call],
    *,
    server: str = "",
    version: str = "",
    examples: Sequence[Example] | None = None,
) -> dict[str, Any]:
    """The description of those `calls` whose method and address (as templates) are `routed`."""
    there = set(routed)
    calls = [call for call in calls if (call.method, call.path) in there]
    examples = load_examples() if examples is None else examples
    kinds = _kinds(calls)
    refs, components = msgspec.json.schema_components(kinds, ref_template=_REF)
    schemas = dict(zip(map(repr, kinds), refs, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for call in calls:
        operation = _operation(call, schemas, [e for e in examples if e.call == call.key])
        item = paths.setdefault(call.path, {})
        if call.method in FIELDS:
            item[call.method.lower()] = operation
        else:
            item.setdefault(MORE, {})[call.method] = operation
    groups = dict.fromkeys(call.group for call in calls)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"{TITLE} {server}".rstrip(),
            "version": version or "0",
            "summary": "Who holds the file, who waits, and the site that wants to update it.",
            "description": INTRODUCTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": group} for group in groups],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token that `despoolr` issued.",
                },
                "basic": {
                    "type": "http",
                    "scheme": "basic",
                    "description": "The token as the password; any user name of its own.",
                },
            },
        },
    }


def _kinds(calls: Sequence[Call]) -> list[Any]:
    found: dict[str, Any] = {repr(Problem): Problem}
    for call in calls:
        for content in (call.body, *(answer.content for answer in call.answers)):
            found |= {repr(kind): kind for kinds in content.values() for kind in _each(kinds)}
    return list(found.values())


def _each(kinds: Any) -> tuple[Any, ...]:
    """The struct types of a content type: none, one, or any of several."""
    return kinds if isinstance(kinds, tuple) else () if kinds is None else (kinds,)


def _operation(
    call: Call, schemas: Mapping[str, Any], examples: Sequence[Example]
) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": re.sub(r"\W+", "_", f"{call.method.lower()} {call.path}").strip("_"),
        "summary": call.summary,
        "tags": [call.group],
        "description": f"{call.text}\n\nFor: {call.who}.".strip(),
        "security": [] if call.who == ANYONE else [{"bearer": []}, {"basic": []}],
    }
    parameters = [_parameter(p, call, examples) for p in (*_in_path(call), *call.parameters)]
    if parameters:
        operation["parameters"] = parameters
    if call.body:
        asked = {example.title: example.body for example in examples if example.body is not None}
        operation["requestBody"] = {
            "required": call.body_required,
            "content": _content(call.body, schemas, asked),
        }
    responses = {str(answer.status): _answer(answer, schemas, examples) for answer in call.answers}
    for status in refusals(call):
        responses[str(status)] = _refusal(status, call, schemas, examples)
    operation["responses"] = dict(sorted(responses.items()))
    if examples:
        operation["x-examples"] = [msgspec.to_builtins(example) for example in examples]
    return operation


def refusals(call: Call) -> list[int]:
    """The statuses of a call's problem bodies: those of its row, and those that follow from it."""
    implied = {400, 401} if call.who != ANYONE else {400}
    if call.body:
        implied |= {400, 408, 413, 503}
    if call.method not in BODYLESS:
        implied |= {415}
    if call.path not in ASKED_BY_ANYONE:
        implied.add(421)
    if call.method not in SAFE_METHODS or call.path in NOT_SAFE:
        implied.add(403)
    return sorted({*call.refusals, *implied})


def _in_path(call: Call) -> list[Parameter]:
    said = {p.name for p in call.parameters if p.where == "path"}
    return [
        Parameter(name, "path", IN_PATH[name], required=True)
        for name in re.findall(r"{(\w+)}", call.path)
        if name not in said
    ]


def _parameter(parameter: Parameter, call: Call, examples: Sequence[Example]) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "name": parameter.name,
        "in": parameter.where,
        "description": parameter.text,
        "required": parameter.required,
        "schema": parameter.schema,
    }
    values = {e.title: value for e in examples if (value := _value(parameter, call, e)) is not None}
    if values:
        shown["examples"] = {
            _key(title): {"summary": title, "value": value} for title, value in values.items()
        }
    return shown


def _value(parameter: Parameter, call: Call, example: Example) -> Any:
    """What an example says for a parameter, or None."""
    address, _, query = example.target.partition("?")
    text: str | None
    if parameter.where == "header":
        text = example.headers.get(parameter.name)
    elif parameter.where == "query":
        text = parse_qs(query).get(parameter.name, [None])[0]
    else:
        pattern = re.sub(
            r"{(\w+)}", lambda m: f"(?P<{m[1]}>{'.*' if m[1] == 'path' else '[^/]+'})", call.path
        )
        found = re.fullmatch(pattern, address)
        text = unquote(found[parameter.name]) if found else None
    if text is None:
        return None
    kind = parameter.schema.get("type")
    return int(text) if kind == "integer" else text == "true" if kind == "boolean" else text


def _content(
    content: Mapping[str, Any], schemas: Mapping[str, Any], values: Mapping[str, Any]
) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for kind, struct in content.items():
        refs = [schemas[repr(one)] for one in _each(struct)] or [{"type": "string"}]
        schema = refs[0] if len(refs) == 1 else {"anyOf": refs}
        shown[kind] = {"schema": schema} if kind != "*/*" else {"schema": {}}
        fitting = {
            title: value
            for title, value in values.items()
            if (struct is not None) != isinstance(value, str)
        }
        if fitting:
            shown[kind]["examples"] = {
                _key(title): {"summary": title, "value": value} for title, value in fitting.items()
            }
    return shown


def _answer(
    answer: Answer, schemas: Mapping[str, Any], examples: Sequence[Example]
) -> dict[str, Any]:
    shown: dict[str, Any] = {"description": answer.text}
    if answer.headers:
        shown["headers"] = {name: _header(name) for name in answer.headers}
    if answer.content:
        shown["content"] = {}
        for kind, struct in answer.content.items():
            told = {
                e.title: e.answer
                for e in examples
                if e.status == answer.status and e.answer is not None and e.answer_type == kind
            }
            shown["content"] |= _content({kind: struct}, schemas, told)
    return shown


def _refusal(
    status: int, call: Call, schemas: Mapping[str, Any], examples: Sequence[Example]
) -> dict[str, Any]:
    told = {
        e.title: e.answer for e in examples if e.status == status and e.answer_type == CONTENT_TYPE
    }
    content = _content({CONTENT_TYPE: Problem}, schemas, told)
    if call.path.startswith("/{share}") or call.method == "PROPFIND":
        content["application/xml"] = {"schema": {"type": "string"}}
    shown = {
        "description": f"{REFUSED[status]} Types: {', '.join(types_of(status))}.",
        "content": content,
    }
    if status == 401:
        shown["headers"] = {"WWW-Authenticate": _header("WWW-Authenticate")}
    if status == 405:
        shown["headers"] = {"Allow": _header("Allow")}
    return shown


@cache
def types_of(status: int) -> tuple[str, ...]:
    """The problem types that a status can carry, by the last part of their address."""
    own = [name for name, (known, _, _) in KNOWN.items() if known == status]
    shares = [
        nt.value.removeprefix("STATUS_").lower().replace("_", "-")
        for nt, http in HTTP_STATUS.items()
        if http == status
    ]
    return tuple(f"`{name}`" for name in (*own, *shares))


def _header(name: str) -> dict[str, Any]:
    return {"description": IN_ANSWER[name], "required": True, "schema": {"type": "string"}}


def _key(title: str) -> str:
    return re.sub(r"\W+", "_", title.lower()).strip("_")
