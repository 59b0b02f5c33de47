"""The description as one page to read: HTML and CSS from this server, no script, nothing from
elsewhere.

The law: nothing on the page is said here; all of it is in the document. Whatever stands in the
document is escaped, and the page's policy lets a browser load nothing but the one style sheet whose
hash it names.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from html import escape
from importlib.resources import files
from shlex import quote
from typing import Any, Final

from despoolr_server.http.openapi.document import operations

STYLE: Final = files("despoolr_server.http.openapi").joinpath("page.css").read_text("utf-8")
_HASH: Final = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action "
    "'none'; frame-ancestors 'none'"
)
"""The page's Content-Security-Policy."""

_REF: Final = "#/components/schemas/"


def render(document: Mapping[str, Any]) -> str:
    """The whole page."""
    info = document["info"]
    groups: dict[str, list[tuple[str, str, dict[str, Any]]]] = {
        tag["name"]: [] for tag in document["tags"]
    }
    for method, path, operation in operations(document):
        if path != "/{share}":  # the same as below `/{share}/{path}`
            groups[operation["tags"][0]].append((method, path, operation))
    index = "".join(
        f'<li><a href="#{_anchor(name)}">{escape(name)}</a><ol>'
        + "".join(
            f'<li><a href="#{_id(o)}">{_verb(m)} {escape(o["summary"])}</a></li>'
            for m, _, o in calls
        )
        + "</ol></li>"
        for name, calls in groups.items()
    )
    body = "".join(
        f'<section><h2 id="{_anchor(name)}">{escape(name)}</h2>'
        f"{''.join(_call(*call) for call in calls)}</section>"
        for name, calls in groups.items()
    )
    schemas = "".join(
        _schema(name, schema) for name, schema in sorted(document["components"]["schemas"].items())
    )
    title = escape(info["title"])
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}: the '
        "calls</title>"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}</style></head><body>\n"
        f'<nav aria-label="Calls"><p class="home"><a href="#top">{title}</a></p><ol>{index}'
        '<li><a href="#bodies">Bodies</a></li></ol></nav>\n'
        f'<main id="top"><header><h1>{title} '
        f"<small>{escape(info['version'])}</small></h1>{_prose(info['description'])}"
        '<p>The same for machines: <a href="/openapi.json">openapi.json</a> (OpenAPI 3.1).'
        ' What is held now: <a href="/">the live page</a>.</p></header>\n'
        f'{body}<section><h2 id="bodies">Bodies</h2>{schemas}</section></main></body></html>\n'
    )


def _call(method: str, path: str, operation: dict[str, Any]) -> str:
    shown = [
        f'<article id="{_id(operation)}"><h3>{_verb(method)} <code>{_address(path)}</code></h3>',
        f'<p class="summary">{escape(operation["summary"])}</p>{_prose(operation["description"])}',
    ]
    if operation.get("parameters"):
        rows = "".join(
            f"<tr><td><code>{escape(p['name'])}</code>{_star(p['required'])}</td><td>{escape(p['in'])}</td>"
            f"<td>{_type(p['schema'])}</td><td>{_inline(p['description'])}</td></tr>"
            for p in operation["parameters"]
        )
        shown.append(_details("Parameters", _table(("Name", "In", "Type", "Says"), rows)))
    if "requestBody" in operation:
        kinds = operation["requestBody"]["content"]
        shown.append(
            "<p>Body: "
            + ", ".join(
                f"{_type(k['schema'])} <small>{escape(name)}</small>" for name, k in kinds.items()
            )
            + "</p>"
        )
    shown.append(_answers(operation["responses"]))
    shown += [
        _details(f"Example: {example['title']}", _example(example), is_open=not number)
        for number, example in enumerate(operation.get("x-examples", ()))
    ]
    return "".join(shown) + "</article>"


def _answers(responses: Mapping[str, Any]) -> str:
    rows = ""
    for status, response in responses.items():
        content = response.get("content", {})
        kinds = dict.fromkeys(
            _type(c["schema"])
            for n, c in content.items()
            if ("schema" in c and n != "application/xml") or status < "4"
        )
        what = "" if status >= "4" else ", ".join(kind for kind in kinds if kind)
        heads = "".join(
            f"<br><small><code>{escape(h)}</code></small>" for h in response.get("headers", ())
        )
        means = f"{_inline(response['description'])}{heads}"
        rows += (
            f'<tr class="s{status[0]}"><td><b>{status}</b></td><td>{means}</td><td>{what}</td></tr>'
        )
    return _details("Answers", _table(("Status", "Means", "Body"), rows))


def _example(example: Mapping[str, Any]) -> str:
    words = ["curl -s"]
    if example.get("who"):
        words.append('-H "Authorization: Bearer $TOKEN"')
    method = example["call"].partition(" ")[0]
    if method == "HEAD":
        words.append("-I")
    elif method != "GET":
        words.append(f"-X {method}")
    words += [
        f"-H {quote(f'{name}: {value}')}" for name, value in example.get("headers", {}).items()
    ]
    if "body" in example:
        words.append(f"-d {quote(_text(example['body'], compact=True))}")
    words.append(f'"$BASE{escape(example["target"], quote=False)}"')
    heads = "".join(
        f"{name}: {value}\n" for name, value in example.get("answer_headers", {}).items()
    )
    answer = f"{example['status']}\n{heads}" + (
        f"\n{_text(example['answer'])}" if "answer" in example else ""
    )
    return (
        f'<pre class="ask">{escape(" ".join(words))}</pre><pre class="told">{escape(answer)}</pre>'
    )


def _text(value: Any, *, compact: bool = False) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, indent=None if compact else 1)


def _schema(name: str, schema: Mapping[str, Any]) -> str:
    required = set(schema.get("required", ()))
    rows = ""
    for field, kind in schema.get("properties", {}).items():
        default = escape(json.dumps(kind["default"])) if "default" in kind else ""
        head = f"<code>{escape(field)}</code>{_star(field in required)}"
        rows += f"<tr><td>{head}</td><td>{_type(kind)}</td><td>{default}</td></tr>"
    words = ", ".join(f"<code>{escape(str(word))}</code>" for word in schema.get("enum", ()))
    table = _table(("Field", "Type", "Default"), rows) if rows else f"<p>{words}</p>"
    return (
        f'<article id="schema-{escape(name)}"><h3>{escape(name)}</h3>'
        f"{_prose(schema.get('description', ''))}{table}</article>"
    )


def _type(schema: Mapping[str, Any]) -> str:
    """A schema in a few words, with links to the bodies it speaks of."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(_REF)
        return f'<a href="#schema-{escape(name)}">{escape(name)}</a>'
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if "enum" in schema:
        return " ".join(f"<code>{escape(str(word))}</code>" for word in schema["enum"])
    if schema.get("type") == "array":
        return (
            f"list of {_type(schema['items'])}" if isinstance(schema.get("items"), dict) else "list"
        )
    if isinstance(schema.get("additionalProperties"), dict):
        return f"object of {_type(schema['additionalProperties'])}"
    return escape(str(schema.get("type", "")))


def _details(title: str, inside: str, *, is_open: bool = False) -> str:
    return (
        f"<details{' open' if is_open else ''}><summary>{escape(title)}</summary>{inside}</details>"
    )


def _table(heads: Iterable[str], rows: str) -> str:
    row = "".join(f'<th scope="col">{head}</th>' for head in heads)
    table = f"<table><thead><tr>{row}</tr></thead><tbody>{rows}</tbody></table>"
    return f'<div class="scroll">{table}</div>'


def _prose(text: str) -> str:
    return "".join(f"<p>{_inline(part)}</p>" for part in text.strip().split("\n\n") if part)


def _inline(text: str) -> str:
    """Text with its `code`."""
    return re.sub(r"`+([^`]+)`+", r"<code>\1</code>", escape(text, quote=False))


def _address(path: str) -> str:
    return re.sub(r"(\{\w+\})", r"<i>\1</i>", escape(path).replace("/", "/<wbr>"))


def _verb(method: str) -> str:
    return f'<b class="verb {method.lower()}">{method}</b>'


def _star(required: bool) -> str:
    return ' <abbr title="required">*</abbr>' if required else ""


def _id(operation: Mapping[str, Any]) -> str:
    return escape(operation["operationId"])


def _anchor(name: str) -> str:
    return re.sub(r"\W+", "-", name.lower()).strip("-")
