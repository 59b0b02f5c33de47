"""Dead properties on disk: where a person finds them, and what survives."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from despoolr_server.share.engine.names import ROOT, Name, parse_name
from despoolr_server.store.files import DiskFileStore, JournalledFileStore
from despoolr_server.store.properties import FILE, PropertyList

ONE = {"{urn:x}y": '<y xmlns="urn:x">1</y>'}
TWO = {"{urn:x}y": '<y xmlns="urn:x">2</y>'}


def n(path: str) -> Name:
    name = parse_name(path)
    assert isinstance(name, Name)
    return name


def lines(file: Path) -> list[object]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def test_they_lie_in_a_readable_file_that_mirrors_the_directory(tmp_path: Path) -> None:
    store = DiskFileStore(tmp_path)
    store.make_directory(n("Office"), 0.0)
    store.write_whole(n("Office/b.dat"), b"", 0.0)
    store.set_properties(n("Office/b.dat"), ONE)
    file = tmp_path / ".despoolr" / "properties" / "OFFICE" / FILE
    assert lines(file) == [{"name": "B.DAT", "properties": ONE}]
    assert [facts.path for facts in store.list(ROOT)] == ["Office"]
    assert [facts.path for facts in store.list(n("Office"))] == ["Office/b.dat"]
    assert store.find(n(".despoolr/properties/OFFICE/" + FILE)) is None


@pytest.mark.parametrize("kind", [DiskFileStore, JournalledFileStore])
async def test_they_survive_a_restart(tmp_path: Path, kind: type[DiskFileStore]) -> None:
    store = kind(tmp_path)
    store.write_whole(n("A"), b"", 0.0)
    store.set_properties(n("A"), ONE)
    store.set_properties(n("A"), TWO)
    store.rename(n("A"), n("B"))
    await store.settle()
    again = kind(tmp_path)  # what a killed process leaves
    assert dict(again.properties(n("B"))) == TWO
    assert dict(again.properties(n("A"))) == {}


async def test_a_settled_change_is_no_longer_owed_to_the_disk(tmp_path: Path) -> None:
    store = JournalledFileStore(tmp_path)
    store.write_whole(n("A"), b"", 0.0)
    store.set_properties(n("A"), ONE)
    assert store._properties.touched
    await store.settle()
    assert not store._properties.touched


def test_the_last_line_of_a_name_counts_and_one_cut_short_is_passed_over(tmp_path: Path) -> None:
    kept = PropertyList(tmp_path)
    kept.set("A", ONE)
    kept.set("A", TWO)
    with (tmp_path / FILE).open("ab") as file:
        file.write(b'{"name":"A","prop')
    again = PropertyList(tmp_path)
    assert dict(again.get("A")) == TWO
    again.set("B", ONE)
    assert {key: dict(PropertyList(tmp_path).get(key)) for key in "AB"} == {"A": TWO, "B": ONE}


def test_a_file_that_is_mostly_history_is_written_anew(tmp_path: Path) -> None:
    kept = PropertyList(tmp_path)
    kept.set("A", ONE)
    for number in range(300):
        kept.set("B", {"n": f"<n>{number}</n>"})
    assert len(lines(tmp_path / FILE)) < 100
    assert dict(PropertyList(tmp_path).get("A")) == ONE
    assert dict(PropertyList(tmp_path).get("B")) == {"n": "<n>299</n>"}


def test_nothing_is_written_where_nothing_changes(tmp_path: Path) -> None:
    kept = PropertyList(tmp_path / "properties")
    kept.remove("A")
    kept.rename("A", "B")
    kept.set("A", {})
    assert not (tmp_path / "properties").exists()
    kept.set("A", ONE)
    kept.set("A", dict(ONE))
    assert len(lines(tmp_path / "properties" / FILE)) == 1


def test_a_directory_and_its_mirror_may_have_the_name_of_the_file_itself(tmp_path: Path) -> None:
    kept = PropertyList(tmp_path)
    for key in (FILE.upper(), f"{FILE.upper()}/A"):
        kept.set(key, {key: "<a/>"})
    again = PropertyList(tmp_path)
    assert [list(again.get(key)) for key in (FILE.upper(), f"{FILE.upper()}/A")] == [[FILE.upper()], [f"{FILE.upper()}/A"]]
