"""The page shows all that is in the document, and whatever is in it only as text."""

from __future__ import annotations

from typing import Any

from despoolr_server.http.app import CALLS
from despoolr_server.http.openapi.document import make_document, operations
from despoolr_server.http.openapi.page import render

DOCUMENT = make_document(
    [(c.method, c.path) for c in CALLS], CALLS, server="LOGON1", version="1.2.3"
)
PAGE = render(DOCUMENT)


def test_every_call_has_its_place_and_its_line_in_the_list() -> None:
    for method, path, operation in operations(DOCUMENT):
        if path != "/{share}":
            assert PAGE.count(f'id="{operation["operationId"]}"') == 1, (method, path)
            assert f'href="#{operation["operationId"]}"' in PAGE


def test_every_schema_has_its_place_and_is_linked_to() -> None:
    for name in DOCUMENT["components"]["schemas"]:
        assert f'id="schema-{name}"' in PAGE
        assert f'href="#schema-{name}"' in PAGE or name == "Problem", name


def test_what_is_opened_is_closed() -> None:
    for tag in ("article", "details", "section", "table", "code", "i", "b", "pre", "ol", "p"):
        assert PAGE.count(f"<{tag}>") + PAGE.count(f"<{tag} ") == PAGE.count(f"</{tag}>"), tag


def test_whatever_stands_in_the_document_is_only_text() -> None:
    evil = "<script>alert(1)</script>"
    document: dict[str, Any] = {
        "info": {"title": evil, "version": evil, "description": evil},
        "tags": [{"name": evil}],
        "components": {
            "schemas": {
                "X": {"description": evil, "properties": {evil: {"type": evil, "default": evil}}}
            }
        },
        "paths": {
            "/x": {
                "get": {
                    "operationId": "x",
                    "summary": evil,
                    "description": f"`{evil}`",
                    "tags": [evil],
                    "parameters": [
                        {
                            "name": evil,
                            "in": evil,
                            "required": True,
                            "description": evil,
                            "schema": {"enum": [evil]},
                        }
                    ],
                    "responses": {"200": {"description": evil, "headers": {evil: {}}}},
                    "x-examples": [
                        {
                            "call": "GET /x",
                            "title": evil,
                            "target": evil,
                            "status": 200,
                            "headers": {evil: evil},
                            "answer": evil,
                        }
                    ],
                }
            }
        },
    }
    page = render(document)
    assert "<script" not in page
    assert page.count("&lt;script&gt;") > 10


def test_an_example_is_a_command_and_its_answer() -> None:
    assert (
        "curl -s -H &quot;Authorization: Bearer $TOKEN&quot; "
        "&quot;$BASE/api/v1/opens?machine=PC07&quot;" in PAGE
    )
    assert "&quot;nt_status&quot;: &quot;STATUS_SHARING_VIOLATION&quot;" in PAGE
