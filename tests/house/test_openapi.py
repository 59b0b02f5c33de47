"""The OpenAPI description says all that servers answer and nothing else, and its examples are what
they really answer.
"""

from __future__ import annotations

import re
from typing import Any

import aiohttp
import jsonschema
import msgspec
import pytest
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

import despoolr_lab.docs.examples as asked
from despoolr_lab.docs.example_story import STORY
from despoolr_server.http.app import CALLS
from despoolr_server.http.base.problem import CONTENT_TYPE
from despoolr_server.http.handling.application import canonical
from despoolr_server.http.live.calls import LIVE_CALLS
from despoolr_server.http.openapi.document import MORE, REFUSED, make_document
from despoolr_server.http.openapi.examples import Example, dump_examples, load_examples
from despoolr_server.http.site.calls import SITE_CALLS
from despoolr_server.http.site.setup_calls import SETUP_CALLS
from worlds.support import REPOSITORY, operations

ROWS = (*CALLS, *SITE_CALLS, *SETUP_CALLS, *LIVE_CALLS)
EVERY = {call.key: call for call in ROWS}
EXAMPLES = load_examples()


def document() -> dict[str, Any]:
    """The description of a server that answers everything."""
    return make_document(
        [(c.method, c.path) for c in EVERY.values()],
        ROWS,
        server="ALL",
        version="1",
        examples=EXAMPLES,
    )


DOCUMENT = document()
OPERATIONS = {f"{method} {path}": operation for method, path, operation in operations(DOCUMENT)}


async def test_every_route_is_described_and_every_description_has_its_route() -> None:
    async with asked.applications() as (logon, site):
        routed: set[str] = set()
        for app in (logon, site):
            routes = {f"{route.method} {canonical(route.path)}" for route in app.routes}
            heads = {
                key for key in routes if key.startswith("HEAD ") and f"GET {key[5:]}" in routes
            }
            routed |= {key for key in routes if not key.startswith("* ")} - (heads - set(EVERY))
    assert routed - set(EVERY) == set(), "answered, but not described"
    assert set(EVERY) - routed == set(), "described, but not answered"


async def test_a_server_describes_the_calls_that_it_has() -> None:
    async with asked.serving() as urls, aiohttp.ClientSession() as http:
        said = {}
        for server, url in urls.items():
            async with http.get(f"{url}/openapi.json") as answer:
                said[server] = {f"{m} {p}" for m, p, _ in operations(await answer.json())}
    assert "POST /api/v1/jobs" in said["SITE1"] - said["LOGON1"]
    assert said["LOGON1"] < said["SITE1"]
    assert said["SITE1"] == set(EVERY)


def test_no_call_is_described_twice_and_ids_are_unique() -> None:
    assert len(EVERY) == len(ROWS)
    ids = [operation["operationId"] for operation in OPERATIONS.values()]
    assert len(ids) == len(set(ids)) == len(EVERY)


def test_methods_without_a_field_stand_under_an_extension() -> None:
    for path, item in DOCUMENT["paths"].items():
        assert set(item) <= {"get", "head", "put", "post", "patch", "delete", "options", MORE}, path
        assert set(item.get(MORE, {})) <= {
            "MOVE",
            "COPY",
            "MKCOL",
            "PROPFIND",
            "PROPPATCH",
            "LOCK",
            "UNLOCK",
        }, path


@pytest.mark.slow
def test_every_reference_leads_somewhere_and_every_schema_is_one() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    referred = set(
        re.findall(r'"#/components/schemas/(\w+)"', msgspec.json.encode(DOCUMENT).decode())
    )
    assert referred <= set(schemas)
    assert set(schemas) - referred == set(), "no call speaks of it"
    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_every_parameter_of_an_address_is_described_as_required() -> None:
    for key, operation in OPERATIONS.items():
        in_path = {
            p["name"]
            for p in operation.get("parameters", ())
            if p["in"] == "path" and p["required"]
        }
        assert in_path == set(re.findall(r"{(\w+)}", key)), key


def test_every_refusal_is_put_into_words() -> None:
    assert {int(s) for o in OPERATIONS.values() for s in o["responses"] if s >= "4"} == set(REFUSED)


# -- examples


@pytest.fixture(scope="module")
def registry() -> Registry[Any]:
    resource = Resource.from_contents(DOCUMENT, default_specification=DRAFT202012)
    made: Registry[Any] = Registry().with_resource("urn:all", resource)
    return made


def valid(value: Any, schema: dict[str, Any], registry: Registry[Any]) -> None:
    text = msgspec.json.encode(schema).decode().replace('"#/', '"urn:all#/')
    jsonschema.Draft202012Validator(msgspec.json.decode(text), registry=registry).validate(value)


def test_every_call_has_an_example() -> None:
    assert {line.call for line in STORY} == set(EVERY)
    assert [(e.call, e.title) for e in EXAMPLES] == [(line.call, line.title) for line in STORY]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: f"{e.call}: {e.title}")
def test_every_example_fits_its_description(example: Example, registry: Registry[Any]) -> None:
    operation = OPERATIONS[example.call]
    response = operation["responses"][str(example.status)]
    if example.answer is not None:
        valid(example.answer, response["content"][example.answer_type]["schema"], registry)
    if example.body is not None and example.status < 400:
        content = operation["requestBody"]["content"]
        valid(
            example.body,
            content.get(example.content_type, content.get("*/*", {}))["schema"],
            registry,
        )
    for parameter in operation.get("parameters", ()):
        for shown in parameter.get("examples", {}).values():
            valid(shown["value"], parameter["schema"], registry)
    if example.answer_type == CONTENT_TYPE:
        assert example.answer["detail"]


async def test_every_example_is_what_a_running_server_answers() -> None:
    file = REPOSITORY / "server/despoolr_server/http/openapi/examples.json"
    assert dump_examples(await asked.tell()) == file.read_text("utf-8"), "say: make examples"
