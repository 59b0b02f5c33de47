"""The kinds of records: what is written of each, and that what older versions wrote is read."""

from __future__ import annotations

import ast
from pathlib import Path

import msgspec
import pytest

from despoolr_core.records.kinds import KINDS
from despoolr_core.records.kinds.client import Polled
from despoolr_core.records.kinds.run import StepTaken
from despoolr_core.records.stream import ForeignRecord, decode, encode
from despoolr_core.records.view import RunView
from despoolr_lab.report.content.story import sentence
from worlds.support import REPOSITORY

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


@pytest.mark.slow
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


NEWER = b'{"actor":"A","at":1.0,"data":{"b":[1],"a":2},"kind":"disk.melted","seq":1}'


def test_a_kind_of_a_newer_version_is_kept_as_it_is_and_passed_over() -> None:
    record = decode(NEWER)
    assert record.kind == "disk.melted" and encode(record) == NEWER
    assert RunView([record]).record_count == 1
    assert sentence(record) == "b: [1], a: 2"


def test_a_record_without_facts_is_kept_without_facts() -> None:
    line = b'{"actor":"A","at":1.0,"kind":"disk.melted","seq":1}'
    assert encode(decode(line)) == line


def test_a_record_without_what_its_kind_must_have_is_of_another_make() -> None:
    with pytest.raises(ForeignRecord, match=r"open.closed: .*missing required field `server`"):
        decode(b'{"actor":"A","at":1.0,"data":{"open":"O1"},"kind":"open.closed","seq":1}')


def test_the_whole_view_is_told_from_lines_of_before() -> None:
    view = RunView(map(decode, LINES))
    assert view.record_count == len(LINES)
    assert [job.name for job in view.jobs.values()] == ["FIRST"]
    assert [row.status for row in view.details.values()] == ["Complete"]
    assert {event.event for _, event in view.events} == {108}
