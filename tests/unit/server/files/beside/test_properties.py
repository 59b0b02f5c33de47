"""Dead properties on disk: where a person finds them, and what survives."""

from __future__ import annotations

import json
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from despoolr_core.share.modes import NtStatus
from despoolr_server.engine.names import ROOT, Name, parse_name
from despoolr_server.engine.rows import HIDDEN
from despoolr_server.files.beside import properties as module
from despoolr_server.files.beside.properties import FILE, FINDINGS_MAX, PART_MAX, PropertyList
from despoolr_server.files.disk import DiskFileStore
from despoolr_server.files.journal.journalled import JournalledFileStore
from despoolr_server.files.protocol import StoreError

ONE = {"{urn:x}y": '<y xmlns="urn:x">1</y>'}
TWO = {"{urn:x}y": '<y xmlns="urn:x">2</y>'}
THREE = {"{urn:x}y": '<y xmlns="urn:x">3</y>'}


def n(path: str) -> Name:
    name = parse_name(path)
    assert isinstance(name, Name)
    return name


def lines(file: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def test_they_lie_in_a_readable_file_that_mirrors_the_directory(tmp_path: Path) -> None:
    store = DiskFileStore(tmp_path)
    store.make_directory(n("Office"), 0.0)
    store.write_whole(n("Office/b.dat"), b"", 0.0)
    store.set_properties(n("Office/b.dat"), ONE)
    file = tmp_path / ".despoolr" / "properties" / "OFFICE" / FILE
    (line,) = lines(file)
    assert line == {"name": "B.DAT", "properties": ONE, "check": line["check"]}
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
    await store.sync()
    again = kind(tmp_path)  # what a killed process leaves
    assert dict(again.properties(n("B"))) == TWO
    assert dict(again.properties(n("A"))) == {}


async def test_a_settled_change_is_no_longer_owed_to_the_disk(tmp_path: Path) -> None:
    store = JournalledFileStore(tmp_path)
    store.write_whole(n("A"), b"", 0.0)
    store.set_properties(n("A"), ONE)
    await store.sync()
    assert store._disk.property_list.take_touched() == ()
    store.set_properties(n("A"), TWO)
    assert len(store._disk.property_list.take_touched()) == 1


@pytest.mark.parametrize("left", [b'{"name":"A","prop', bytes(80), b'{"name":"A"' + bytes(9)])
def test_the_last_line_of_a_name_counts_and_one_cut_short_is_passed_over(
    tmp_path: Path, left: bytes
) -> None:
    """By a power cut, too, which leaves zeros: the file's size was on disk before its content."""
    kept = PropertyList(tmp_path, [])
    kept.set("A", ONE)
    kept.set("A", TWO)
    with (tmp_path / FILE).open("ab") as file:
        file.write(left)
    findings: list[str] = []
    again = PropertyList(tmp_path, findings)
    assert dict(again.get("A")) == TWO
    again.set("B", ONE)
    after = PropertyList(tmp_path, findings)
    assert {key: dict(after.get(key)) for key in "AB"} == {"A": TWO, "B": ONE}
    assert findings == []


def test_a_last_line_that_lacks_only_its_end_counts_on(tmp_path: Path) -> None:
    """As an editor may leave it."""
    kept = PropertyList(tmp_path, [])
    kept.set("A", ONE)
    kept.set("B", TWO)
    (tmp_path / FILE).write_bytes((tmp_path / FILE).read_bytes().removesuffix(b"\n"))
    again = PropertyList(tmp_path, [])
    assert dict(again.get("B")) == TWO
    again.set("C", ONE)
    findings: list[str] = []
    after = PropertyList(tmp_path, findings)
    assert {key: dict(after.get(key)) for key in "ABC"} == {"A": ONE, "B": TWO, "C": ONE}
    assert findings == []


@contextmanager
def room(file: Path, more: int) -> Iterator[None]:
    """No file grows longer than this one and so many bytes."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (file.stat().st_size + more, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_line_that_a_full_disk_does_not_take_leaves_the_room_there_is(tmp_path: Path) -> None:
    """Half a line filled the last block: then nothing that had properties could be deleted."""
    store = DiskFileStore(tmp_path)
    for name in ("A", "B"):
        store.write_whole(n(name), b"", 0.0)
        store.set_properties(n(name), ONE)
    file = tmp_path / ".despoolr" / "properties" / FILE
    before = file.read_bytes()
    with room(file, 200):
        with pytest.raises(StoreError):
            store.set_properties(n("B"), {"{urn:x}z": "z" * 1000})
        assert file.read_bytes() == before
        store.remove(n("A"))
    assert (store.properties(n("A")), store.properties(n("B"))) == ({}, ONE)


def test_a_file_that_a_full_disk_does_not_take_anew_leaves_nothing(tmp_path: Path) -> None:
    store = DiskFileStore(tmp_path)
    store.write_whole(n("A"), b"", 0.0)
    for number in range(module._HISTORY_MAX + 2):
        store.set_properties(n("A"), {"{urn:x}y": f"{number}"})
    file = tmp_path / ".despoolr" / "properties" / FILE
    with room(file, 0), pytest.raises(StoreError):
        store.set_properties(n("A"), {"{urn:x}y": "z" * 10_000})
    assert [path.name for path in file.parent.iterdir()] == [FILE]
    assert store.properties(n("A")) == {"{urn:x}y": f"{module._HISTORY_MAX + 1}"}


def test_a_file_that_is_mostly_history_is_written_anew(tmp_path: Path) -> None:
    kept = PropertyList(tmp_path, [])
    kept.set("A", ONE)
    for number in range(300):
        kept.set("B", {"n": f"<n>{number}</n>"})
    assert len(lines(tmp_path / FILE)) < 100
    assert dict(PropertyList(tmp_path, []).get("A")) == ONE
    assert dict(PropertyList(tmp_path, []).get("B")) == {"n": "<n>299</n>"}


def test_nothing_is_written_where_nothing_changes(tmp_path: Path) -> None:
    kept = PropertyList(tmp_path / "properties", [])
    kept.forget_below("A")
    kept.rename("A", "B")
    kept.set("A", {})
    assert not (tmp_path / "properties").exists()
    kept.set("A", ONE)
    kept.set("A", dict(ONE))
    assert len(lines(tmp_path / "properties" / FILE)) == 1


def test_a_directory_and_its_mirror_may_have_the_name_of_the_file_itself(tmp_path: Path) -> None:
    kept = PropertyList(tmp_path, [])
    for key in (FILE.upper(), f"{FILE.upper()}/A"):
        kept.set(key, {key: "<a/>"})
    again = PropertyList(tmp_path, [])
    assert [list(again.get(key)) for key in (FILE.upper(), f"{FILE.upper()}/A")] == [
        [FILE.upper()],
        [f"{FILE.upper()}/A"],
    ]


@pytest.mark.parametrize("kind", [DiskFileStore, JournalledFileStore])
def test_a_name_whose_key_is_longer_than_the_disk_takes_is_renamed_and_removed_like_any(
    tmp_path: Path, kind: type[DiskFileStore]
) -> None:
    store = kind(tmp_path, threads=False)
    # two bytes each as written, three in capitals
    long, other = n("\u0250" * 127), n("\u0251" * 127)
    assert len(long.key.encode()) > PART_MAX
    store.make_directory(long, 0.0)
    store.write_whole(n(f"{long.path}/A"), b"a", 0.0)
    store.set_properties(n(f"{long.path}/A"), ONE)
    store.set_properties(long, TWO)
    store.rename(long, other)
    assert dict(store.properties(n(f"{other.path}/A"))) == ONE
    again = kind(tmp_path, threads=False)
    assert (dict(again.properties(other)), dict(again.properties(long))) == (TWO, {})
    again.remove(n(f"{other.path}/A"))
    again.remove(other)
    assert again.list(ROOT) == []
    again.make_directory(other, 0.0)
    assert (dict(again.properties(other)), dict(again.properties(n(f"{other.path}/A")))) == ({}, {})


def everything(store: DiskFileStore) -> tuple[object, ...]:
    """What there is of `A`, `B` and what is in `D`, with properties and attributes."""
    found = [store.find(n(path)) for path in ("A", "B", "D", "D/A")]
    return (
        [(facts.path, facts.size, facts.attributes) if facts else None for facts in found],
        [dict(store.properties(n(path))) for path in ("A", "B", "D", "D/A")],
    )


@pytest.mark.parametrize("kind", [DiskFileStore, JournalledFileStore])
@pytest.mark.parametrize("broken", ["properties/D", "attributes.new"])
@pytest.mark.parametrize("deed", ["rename", "replace", "directory", "remove", "write", "mark"])
def test_what_cannot_be_kept_beside_a_file_stops_the_deed_before_it_is_done(
    tmp_path: Path, kind: type[DiskFileStore], broken: str, deed: str
) -> None:
    store = kind(tmp_path, threads=False)
    store.make_directory(n("D"), 0.0)
    store.write_whole(n("A"), b"a", 0.0, HIDDEN)
    store.write_whole(n("B"), b"bb", 0.0)
    store.write_whole(n("D/A"), b"aaa", 0.0, HIDDEN)
    for name, properties in (("A", ONE), ("B", TWO)):
        store.set_properties(n(name), properties)
    if broken == "attributes.new":
        # where the list is written before it takes its place
        (tmp_path / ".despoolr" / broken).mkdir()
    else:
        (tmp_path / ".despoolr" / broken).write_text("in the way of the directory that mirrors D")
    before = everything(store)
    deeds = {
        "rename": lambda: store.rename(n("A"), n("D/X")),
        "replace": lambda: store.rename(n("A"), n("D/A")),
        "directory": lambda: store.rename(n("D"), n("E")),
        "remove": lambda: store.remove(n("A")),
        "write": lambda: store.write_whole(n("A"), b"new", 0.0),
        "mark": lambda: store.set_attributes(n("A"), 0),
    }
    touches_properties = deed in ("rename", "replace")
    if broken == "attributes.new" or touches_properties:
        with pytest.raises(StoreError):
            deeds[deed]()
        assert everything(store) == before
        (tmp_path / ".despoolr" / broken).rmdir() if broken == "attributes.new" else (
            tmp_path / ".despoolr" / broken
        ).unlink()
        assert everything(kind(tmp_path, threads=False)) == before
    else:
        deeds[deed]()
        assert everything(store) != before


@pytest.mark.parametrize("kind", [DiskFileStore, JournalledFileStore])
def test_a_deed_that_fails_gives_back_what_is_kept_beside_the_file(
    tmp_path: Path, kind: type[DiskFileStore]
) -> None:
    store = kind(tmp_path, threads=False)
    store.make_directory(n("D"), 0.0)
    store.write_whole(n("D/A"), b"a", 0.0, HIDDEN)
    for path in ("D", "D/A"):
        store.set_properties(n(path), ONE)
    store.set_attributes(n("D"), HIDDEN)
    before = everything(store)
    with pytest.raises(StoreError):
        store.remove(n("D"))
    assert everything(store) == before
    with pytest.raises(StoreError):
        store.rename(n("D"), n("D/X"))
    assert everything(store) == before
    assert everything(kind(tmp_path, threads=False)) == before


def test_lines_without_a_checksum_are_those_of_the_version_before(tmp_path: Path) -> None:
    former = [
        b'{"name":"A","properties":{"n":"<n/>"}}',
        b'{"name":"B","prop',
        b'{"name":"C","properties":{"m":"<m/>"}}',
    ]
    (tmp_path / FILE).write_bytes(b"\n".join([*former, b""]))
    findings: list[str] = []
    kept = PropertyList(tmp_path, findings)
    kept.check()
    assert (dict(kept.get("A")), dict(kept.get("C")), findings) == (
        {"n": "<n/>"},
        {"m": "<m/>"},
        [],
    )


def test_a_file_that_cannot_be_read_is_told_of_and_nothing_can_be_changed(tmp_path: Path) -> None:
    store = DiskFileStore(tmp_path)
    store.write_whole(n("A"), b"a", 0.0)
    store.set_properties(n("A"), ONE)
    file = tmp_path / ".despoolr" / "properties" / FILE
    file.unlink()
    file.mkdir()
    again = DiskFileStore(tmp_path)
    assert again.findings == [f".despoolr/properties/{FILE} cannot be read (Is a directory)"]
    with pytest.raises(StoreError):
        again.set_properties(n("A"), TWO)


@pytest.mark.parametrize("kind", [DiskFileStore, JournalledFileStore])
@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data.replace(b"1</y>", b"7</y>"),
        lambda data: data.replace(b'"properties"', b'"propertiez"'),
        lambda data: data.replace(b'"check"', b'"chekk"'),
        lambda data: b"\0" * 64 + b"\n" + data,
        lambda data: b"\xff\xfe" + data,
    ],
)
def test_a_damaged_line_is_told_of_and_nothing_can_be_changed_until_it_is_mended(
    tmp_path: Path, kind: type[DiskFileStore], damage: Callable[[bytes], bytes]
) -> None:
    store = kind(tmp_path, threads=False)
    store.make_directory(n("D"), 0.0)
    store.write_whole(n("D/A"), b"a", 0.0)
    store.set_properties(n("D/A"), ONE)
    file = tmp_path / ".despoolr" / "properties" / "D" / FILE
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    before = file.read_bytes()
    again = kind(tmp_path, threads=False)
    said = "is damaged: mend it, restore the file, or take the line out"
    assert again.findings == [f"line 1 of .despoolr/properties/D/{FILE} {said}"]
    assert again.read(n("D/A")) == b"a"
    for deed in (
        lambda: again.write_whole(n("D/B"), b"", 0.0),
        lambda: again.set_properties(n("D/A"), TWO),
        lambda: again.remove(n("D/A")),
        lambda: again.rename(n("D"), n("E")),
        lambda: again.make_directory(n("E"), 0.0),
        lambda: again.set_attributes(n("D/A"), HIDDEN),
        lambda: again.set_size(n("D/A"), 9, 1.0),
        lambda: again.write_at(n("D/A"), 9, b"x", 1.0),
    ):
        with pytest.raises(StoreError) as caught:
            deed()
        assert caught.value.status is NtStatus.MEDIA_WRITE_PROTECTED
    assert file.read_bytes() == before
    file.write_bytes(whole)
    mended = kind(tmp_path, threads=False)
    assert (mended.findings, dict(mended.properties(n("D/A")))) == ([], ONE)
    mended.write_whole(n("D/B"), b"", 0.0)


def test_only_so_many_damages_are_told_of(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"?\n" * (FINDINGS_MAX + 9))
    findings: list[str] = []
    PropertyList(tmp_path, findings).check()
    assert len(findings) == FINDINGS_MAX


def test_properties_of_a_directory_are_bounded_and_what_is_over_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "DIRECTORY_SIZE_MAX", 100)
    kept = PropertyList(tmp_path, [])
    kept.set("D/A", {"{u}a": "x" * 94})  # and 1 of the name, 4 of the property's
    kept.set("D/A", {"{u}a": "y" * 95})
    for refused in (lambda: kept.set("D/A", {"{u}a": "z" * 96}), lambda: kept.rename("E/B", "D/B")):
        kept.set("E/B", ONE)
        with pytest.raises(OSError, match="take too much"):
            refused()
        for read in (kept, PropertyList(tmp_path, [])):
            assert dict(read.get("D/A")) == {"{u}a": "y" * 95}
            assert (dict(read.get("D/B")), dict(read.get("E/B"))) == ({}, ONE)
    monkeypatch.setattr(module, "DIRECTORY_SIZE_MAX", 10)  # of a version without the bound
    kept.set("D/A", {"{u}a": "less"})
    kept.set("D/A", {})
    kept.set("D/B", {"{u}a": "x" * 5})


def test_so_much_is_kept_in_memory_and_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KNOWN_SIZE_MAX", 100)
    kept = PropertyList(tmp_path, [])
    for number in range(20):
        for _ in range(2):
            kept.set(f"D{number}/A", {"{u}a": "x" * 20})
            assert sum(kept._sizes.values()) == kept._known_size <= 100
    for number in range(20):
        assert dict(kept.get(f"D{number}/A")) == {"{u}a": "x" * 20}
        assert kept._known_size <= 100 and kept._directories.keys() == kept._sizes.keys()
    kept.rename("D1", "D2")
    kept.forget_below("D3")
    assert sum(kept._sizes.values()) == kept._known_size


@pytest.mark.parametrize("name", ["B", "D"])
async def test_those_that_were_set_after_a_rename_are_there_after_a_crash(
    tmp_path: Path, name: str
) -> None:
    """What goes along with a rename is finished at the start only if nothing came after it."""
    store = JournalledFileStore(tmp_path / "s", threads=False)
    store.make_directory(n("D"), 0.0)
    store.write_whole(n("A"), b"x", 0.0)
    store.set_properties(n("A"), ONE)
    store.rename(n("A"), n("B"))
    store.set_properties(n("B"), TWO)
    store.set_properties(n(name), THREE)
    await store.sync()
    shutil.copytree(store.root, tmp_path / "crashed")
    again = JournalledFileStore(tmp_path / "crashed", threads=False)
    assert again.properties(n(name)) == THREE
    assert again.properties(n("B")) == (THREE if name == "B" else TWO)
    await store.close()
    await again.close()
