"""The kinds of records: what is written of each, and that what older versions wrote is read."""

from __future__ import annotations

import ast
from pathlib import Path

import msgspec
import pytest

from despoolr_core.records.kinds import KINDS
from despoolr_core.records.kinds.client import Polled
from despoolr_core.records.kinds.run import StepTaken
from despoolr_core.records.stream import decode, encode
from support import REPOSITORY

LINES = (REPOSITORY / "tests/data/records/records.jsonl").read_bytes().splitlines()
"""Written before there was a struct for each kind."""


def names_of(path: Path) -> set[str]:
    """What a module calls."""
    calls = (node for node in ast.walk(ast.parse(path.read_text("utf-8"))))
    return {
        node.func.id
        for node in calls
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }


def test_every_kind_is_recorded_somewhere_and_has_one_name() -> None:
    rooms = ("core", "server", "client", "app", "lab", "public")
    called: set[str] = set()
    for room in rooms:
        for path in sorted((REPOSITORY / room).rglob("*.py")):
            called |= names_of(path)
            called |= {"SlotsLeased", "SlotsReleased", "SlotsLapsed"}  # handed over as a type
    names = [kind.__name__ for kind in KINDS.values()]
    assert len(set(names)) == len(names)
    assert not set(names) - called


def test_the_old_lines_have_every_kind() -> None:
    assert {msgspec.json.decode(line)["kind"] for line in LINES} == set(KINDS)


@pytest.mark.parametrize("line", LINES, ids=lambda line: msgspec.json.decode(line)["kind"])
def test_a_line_of_before_is_read_and_written_again_byte_for_byte(line: bytes) -> None:
    assert encode(decode(line)) == line


@pytest.mark.parametrize("line", LINES, ids=lambda line: msgspec.json.decode(line)["kind"])
def test_a_kind_is_written_with_the_facts_it_was_written_with_before(line: bytes) -> None:
    said = msgspec.json.decode(line)
    fact = msgspec.convert(said["data"], KINDS[said["kind"]])
    assert msgspec.json.encode(fact, order="sorted") == msgspec.json.encode(
        said["data"], order="sorted"
    )


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_kind_says_what_it_means_and_never_changes(kind: type[msgspec.Struct]) -> None:
    assert kind.__doc__ and kind.__struct_config__.frozen


def test_what_a_fact_leaves_out_is_not_written() -> None:
    assert msgspec.to_builtins(StepTaken(do="hold", at="0s")) == {"do": "hold", "at": "0s"}


def test_what_the_first_versions_did_not_write_is_empty() -> None:
    assert msgspec.convert({"result": "changed"}, Polled) == Polled(result="changed")
