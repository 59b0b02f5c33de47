"""The rule as the type of a field."""

from __future__ import annotations

import msgspec
import pytest

from despoolr_core.rules.fields import (
    LineText,
    NameText,
    decode,
    decoder_of,
    why_unfit_fields,
)
from despoolr_core.rules.text import LINE_SIZE_MAX, NAME_SIZE_MAX


class Inner(msgspec.Struct):
    text: str = ""


class Body(msgspec.Struct):
    name: NameText = ""
    line: LineText = ""
    many: tuple[str, ...] = ()
    inner: Inner | None = None


@pytest.mark.parametrize("text", ["x" * (NAME_SIZE_MAX + 1), "a\x1b[2J", "a\n", "a\u202eb", "\x9b"])
def test_a_body_with_a_bad_name_is_not_decoded(text: str) -> None:
    body = msgspec.json.encode({"name": text})
    for read in (decoder_of(Body), lambda body: decode(body, Body)):
        with pytest.raises(msgspec.ValidationError, match="name"):
            read(body)


def test_a_body_at_the_bounds_is_decoded() -> None:
    sent = {"name": "\u00e4" * NAME_SIZE_MAX, "line": "x" * LINE_SIZE_MAX}
    assert decode(msgspec.json.encode(sent), Body).line == sent["line"]


@pytest.mark.parametrize(
    "body", [Body(line="a\nb"), Body(many=("a", "b\x9b")), Body(inner=Inner("\u2028"))]
)
def test_a_bad_text_is_found_wherever_it_stands(body: Body) -> None:
    assert "U+" in why_unfit_fields(body)
    assert why_unfit_fields(Body("a", "b", ("c",), Inner("d"))) == ""


class Outer(msgspec.Struct):
    calls: list[Body | None]
    maybe: LineText | None = None
    free: str = ""


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (b'{"calls": [null, {"name": "a\\u001b[2J"}]}', "$.calls[1].name"),
        (b'{"calls": [], "maybe": "a\\nb"}', "$.maybe"),
        (b'{"calls": [], "maybe": "a\x7fb"}', "$.maybe"),
        ('{"calls": [], "maybe": "\u202e"}'.encode(), "$.maybe"),
    ],
)
def test_a_bad_text_is_refused_with_its_path_however_it_was_written(text: bytes, path: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        decode(text, Outer)
    assert path in str(caught.value)


def test_a_field_that_is_no_name_and_no_line_holds_what_it_likes() -> None:
    assert decode(b'{"calls": [], "free": "a\\nb"}', Outer).free == "a\nb"


def test_the_schema_tells_the_rule() -> None:
    assert "pattern" in msgspec.json.schema(Body)["$defs"]["Body"]["properties"]["name"]
