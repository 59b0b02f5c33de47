"""The document is made of rows, structs and examples, for the calls that are routed."""

from __future__ import annotations

import msgspec

from despoolr_server.http.openapi.document import (
    MORE,
    make_document,
    refusals,
    types_of,
)
from despoolr_server.http.openapi.examples import Example
from despoolr_server.http.openapi.table import (
    ANYONE,
    Call,
    Parameter,
    done,
    in_header,
    in_query,
    json,
    ok,
    whole,
)
from worlds.support import operations


class Cup(msgspec.Struct, forbid_unknown_fields=True):
    """A cup."""

    handle: str
    size: int = 0


BREW = Call(
    "BREW",
    "/pots/{name}",
    "Brew",
    "Tea",
    (ok(Cup, "A cup.", 201),),
    (in_query("strong", "How strong.", whole(9, 1)), in_header("Accept-Additions", "Milk.")),
    json(Cup),
    refusals=(423,),
)
LOOK = Call("GET", "/pots/{name}", "Look", "Tea", (done("It is a pot."),), who=ANYONE)
ROUTED = [("BREW", "/pots/{name}"), ("GET", "/pots/{name}")]
EXAMPLE = Example(
    "BREW /pots/{name}",
    "A strong one",
    "client",
    "/pots/a%20pot?strong=3",
    201,
    {"Accept-Additions": "cream"},
    {"handle": "O1"},
    "application/json",
    answer={"handle": "O1", "size": 3},
    answer_type="application/json",
)


def made(routed: list[tuple[str, str]] = ROUTED) -> dict[str, dict[str, object]]:
    found = make_document(routed, (BREW, LOOK), examples=[EXAMPLE])
    return {f"{method} {path}": operation for method, path, operation in operations(found)}


def test_only_what_is_routed_is_described() -> None:
    assert set(made()) == {"BREW /pots/{name}", "GET /pots/{name}"}
    assert set(made([ROUTED[1]])) == {"GET /pots/{name}"}


def test_a_method_without_a_field_of_its_own_stands_under_the_extension() -> None:
    item = make_document(ROUTED, (BREW, LOOK), examples=[])["paths"]["/pots/{name}"]
    assert set(item) == {"get", MORE}
    assert set(item[MORE]) == {"BREW"}


def test_what_follows_from_a_row_is_not_said_in_it() -> None:
    assert refusals(BREW) == [400, 401, 403, 408, 413, 415, 421, 423, 503], "a token and a body"
    assert refusals(LOOK) == [400, 421], "an address that may be unreadable"
    assert made()["GET /pots/{name}"]["security"] == []


def test_schemas_are_those_of_the_structs() -> None:
    schema = make_document(ROUTED, (BREW, LOOK), examples=[])["components"]["schemas"]["Cup"]
    assert schema["required"] == ["handle"]
    assert schema["properties"]["size"] == {"type": "integer", "default": 0}
    assert schema["additionalProperties"] is False


def test_an_example_is_shown_wherever_it_says_something() -> None:
    operation = msgspec.json.decode(msgspec.json.encode(made()["BREW /pots/{name}"]))
    values = {p["name"]: p["examples"]["a_strong_one"]["value"] for p in operation["parameters"]}
    assert values == {"name": "a pot", "strong": 3, "Accept-Additions": "cream"}
    assert operation["requestBody"]["content"]["application/json"]["examples"]["a_strong_one"][
        "value"
    ] == {"handle": "O1"}
    told = operation["responses"]["201"]["content"]["application/json"]["examples"]["a_strong_one"]
    assert told["value"] == {"handle": "O1", "size": 3}


def test_parameters_of_the_address_are_described_unless_the_row_does() -> None:
    one = Call(
        "GET",
        "/pots/{name}",
        "Look",
        "Tea",
        (),
        (Parameter("name", "path", "Of the pot.", required=True),),
    )
    found = make_document([("GET", "/pots/{name}")], (one,), examples=[])
    assert [p["description"] for p in found["paths"]["/pots/{name}"]["get"]["parameters"]] == [
        "Of the pot."
    ]


def test_a_refusal_names_the_types_it_can_have() -> None:
    assert "`sharing-violation`" in types_of(423)
    assert types_of(413) == ("`payload-too-large`", "`file-too-large`")
