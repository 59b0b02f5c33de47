"""docs/load.md says what a load file can hold: every key with its default, every expectation with
an example that is read.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from typing import Any

import jsonschema
import msgspec
import pytest

from despoolr_lab.breaking.tables import FaultTable
from despoolr_lab.load.outcome.results import COLUMNS
from despoolr_lab.load.spec import model
from despoolr_lab.load.spec.file import parse_load
from despoolr_lab.load.spec.shapes import SHAPES
from despoolr_lab.scenario.tables import loads as tables
from worlds.support import REPOSITORY

PAGE = (REPOSITORY / "docs/load.md").read_text("utf-8")
BLOCKS = re.findall(r"^```toml\n(.*?)^```", PAGE, re.M | re.S)
(WHOLE,) = (block for block in BLOCKS if block.startswith("name = "))
TABLES: dict[str, Any] = {
    "The top of the file": model.LoadFile,
    "`[load]`": tables.LoadTable,
    "`[[clients]]`": model.ClientGroup,
    "`[[package]]`": model.LoadPackage,
    "`[[job]]`": model.LoadJob,
    "`[[holders]]`": model.HolderGroup,
    "`[[update]]`": model.Update,
}
EXPECTATIONS = {cls.__struct_config__.tag: cls for cls in tables.LoadExpectation.__args__}
PARTS = {"load", "clients", "package", "program", "job", "holders", "update", "fault", "expect"}


@cache
def sections() -> dict[str, str]:
    """Heading to the text below it."""
    parts = re.split(r"^#{2,3} (.*)$", PAGE, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def rows(text: str) -> dict[str, str]:
    """The tables `| key | default | meaning |` of a section: key to default."""
    cells = (
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in text.splitlines()
        if line.startswith("| `")
    )
    return {row[0].strip("`"): row[1].strip("`") for row in cells if len(row) == 3}


def default_of(field: msgspec.structs.FieldInfo) -> str:
    if field.default_factory is not msgspec.NODEFAULT:
        value = field.default_factory()
    elif field.default is not msgspec.NODEFAULT:
        value = field.default
    else:
        return "required"
    return "none" if value is None else msgspec.json.encode(value).decode()


@pytest.mark.parametrize(("title", "cls"), [*TABLES.items(), *EXPECTATIONS.items()], ids=str)
def test_every_key_is_explained_with_its_default_and_no_other(title: str, cls: Any) -> None:
    without = PARTS if cls is model.LoadFile else {"name"} if title in EXPECTATIONS else set()
    wanted = {
        f.encode_name: default_of(f)
        for f in msgspec.structs.fields(cls)
        if f.encode_name not in without
    }
    assert rows(sections()[title]) == wanted


@pytest.mark.parametrize("tag", EXPECTATIONS)
def test_every_expectation_has_an_example(tag: str) -> None:
    assert f'that = "{tag}"' in sections()[tag]


def test_every_fault_is_explained_with_its_keys_and_no_other() -> None:
    wanted = {}
    for kind in FaultTable.__args__:
        tables = msgspec.structs.fields(kind)
        keys = {f.encode_name for f in tables} - {"at", "for", "site"}
        wanted[kind.__struct_config__.tag] = keys
    told = re.findall(r"^\| `([a-z_]+)` \| ([^|]+) \|$", sections()["`[[fault]]`"], re.M)
    found = {fault: set(re.findall(r"`([a-z]+)`", text)) for fault, text in told}
    assert found == wanted


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_every_example_is_a_load_or_a_part_of_one(block: str) -> None:
    text = block if block is WHOLE else f"{WHOLE}\n{block}"
    parse_load(text)
    jsonschema.Draft202012Validator(model.schema()).validate(
        msgspec.to_builtins(tomllib.loads(text))
    )


def test_every_shape_is_explained() -> None:
    told = re.findall(r"^\| `([a-z ]+)` \| [^|]+ \|$", sections()["`[[clients]]`"], re.M)
    assert told == list(SHAPES)


def test_the_columns_that_are_named_are_those_of_the_file() -> None:
    for column in COLUMNS:
        assert f"`{column}`" in sections()["What it leaves"], column
