"""The file stores' contract: the same questions to memory, to the disk, and to the disk with a
journal.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from despoolr_core.share.modes import FileAttribute, NtStatus
from despoolr_server.engine.names import ROOT, Name, parse_name
from despoolr_server.faults.full_disk import FillableFileStore
from despoolr_server.files import FileStore, MemoryFileStore, StoreError
from despoolr_server.files.disk import DiskFileStore
from despoolr_server.files.journal.journalled import JournalledFileStore
from worlds.journals import PassingStore

AT = 833785200.125
LATER = AT + 3600


def n(path: str) -> Name:
    name = parse_name(path)
    assert isinstance(name, Name)
    return name


@pytest.fixture(
    params=[
        *("memory", "disk", "disk without threads", "journal", "journal without threads"),
        *("journal that can be full", "journal of files that pass"),
    ]
)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> FileStore:
    if request.param == "memory":
        return MemoryFileStore()
    if request.param == "journal of files that pass":
        return PassingStore(tmp_path / "root", threads=False, journal_max=2000)
    if request.param == "journal that can be full":
        return FillableFileStore(JournalledFileStore(tmp_path / "root", journal_max=2000))
    if request.param.startswith("journal"):
        return JournalledFileStore(
            tmp_path / "root", threads=request.param == "journal", journal_max=2000
        )
    return DiskFileStore(tmp_path / "root", threads=request.param == "disk")


def status_of(call: Callable[[], object]) -> NtStatus:
    with pytest.raises(StoreError) as caught:
        call()
    return caught.value.status


def test_a_new_store_is_an_empty_directory(store: FileStore) -> None:
    root = store.find(ROOT)
    assert root is not None
    assert root.directory
    assert store.list(ROOT) == []
    assert not store.has_children(ROOT)
    assert store.find(n("A.TXT")) is None
    assert store.free_bytes() > 0
    assert store.used_bytes() >= 0


def test_what_was_written_is_read_back_with_its_facts(store: FileStore) -> None:
    store.write_whole(n("Note.txt"), b"hello", AT)
    assert store.read(n("NOTE.TXT")) == b"hello"
    facts = store.find(n("note.TXT"))
    assert facts is not None
    assert (facts.path, facts.size, facts.modified_at, facts.directory, facts.attributes) == (
        "Note.txt",
        5,
        AT,
        False,
        0,
    )
    assert facts.etag.startswith('"')
    assert facts.etag.endswith('"')


def test_a_directory_is_told_one_by_one_and_without_what_went_meanwhile(store: FileStore) -> None:
    for name in ("b", "A", "C"):
        store.write_whole(n(name), b"1", AT)
    assert [*store.each(ROOT)] == store.list(ROOT)
    each = (facts for facts in store.each(ROOT) if facts is not None)
    assert next(each).path == "A"
    store.remove(n("b"))
    assert [facts.path for facts in each] == ["C"]


def test_part_of_a_file_can_be_read(store: FileStore) -> None:
    store.write_whole(n("A"), b"0123456789", AT)
    assert store.read(n("A"), 3, 4) == b"3456"
    assert store.read(n("A"), 8, 100) == b"89"
    assert store.read(n("A"), 10) == b""
    assert store.read(n("A"), 99, 1) == b""


def test_replacing_a_file_keeps_the_spelling_of_its_name(store: FileStore) -> None:
    store.write_whole(n("Note.txt"), b"one", AT)
    store.write_whole(n("NOTE.TXT"), b"two", LATER)
    assert [facts.path for facts in store.list(ROOT)] == ["Note.txt"]
    assert store.read(n("note.txt")) == b"two"


def test_the_etag_changes_with_every_change_and_with_nothing_else(store: FileStore) -> None:
    etags = []

    def note() -> None:
        facts = store.find(n("A"))
        assert facts is not None
        again = store.find(n("a"))
        assert again is not None
        assert again.etag == facts.etag
        etags.append(facts.etag)

    store.write_whole(n("A"), b"same", AT)
    note()
    for _ in range(20):
        store.write_whole(n("A"), b"same", AT)
        note()
    store.write_at(n("A"), 0, b"SAME", AT)
    note()
    store.write_at(n("A"), 0, b"same", AT)
    note()
    store.set_size(n("A"), 4, AT)
    note()
    assert len(set(etags)) == len(etags)


def test_bytes_can_be_put_anywhere_and_gaps_are_zeros(store: FileStore) -> None:
    store.write_whole(n("A"), b"abc", AT)
    store.write_at(n("A"), 1, b"X", LATER)
    assert store.read(n("A")) == b"aXc"
    store.write_at(n("A"), 6, b"end", LATER)
    assert store.read(n("A")) == b"aXc\0\0\0end"
    facts = store.find(n("A"))
    assert facts is not None
    assert (facts.size, facts.modified_at) == (9, LATER)


def test_a_file_can_be_cut_and_lengthened(store: FileStore) -> None:
    store.write_whole(n("A"), b"abcdef", AT)
    store.set_size(n("A"), 2, LATER)
    assert store.read(n("A")) == b"ab"
    store.set_size(n("A"), 4, LATER)
    assert store.read(n("A")) == b"ab\0\0"


def test_a_listing_is_sorted_case_insensitively(store: FileStore) -> None:
    for name in ("b.txt", "A.TXT", "c.TXT", "B2.txt"):
        store.write_whole(n(name), b"", AT)
    store.make_directory(n("aa"), AT)
    assert [facts.path for facts in store.list(ROOT)] == ["A.TXT", "aa", "b.txt", "B2.txt", "c.TXT"]


def test_directories_are_made_one_at_a_time_and_removed_empty(store: FileStore) -> None:
    assert status_of(lambda: store.make_directory(n("D/E"), AT)) is NtStatus.OBJECT_PATH_NOT_FOUND
    store.make_directory(n("D"), AT)
    assert status_of(lambda: store.make_directory(n("d"), AT)) is NtStatus.OBJECT_NAME_COLLISION
    store.make_directory(n("d/E"), AT)
    assert [facts.path for facts in store.list(n("D"))] == ["D/E"]
    assert store.has_children(n("D"))
    assert status_of(lambda: store.remove(n("D"))) is NtStatus.DIRECTORY_NOT_EMPTY
    store.remove(n("D/e"))
    store.remove(n("D"))
    assert store.find(n("D")) is None


def test_the_root_stays(store: FileStore) -> None:
    assert status_of(lambda: store.remove(ROOT)) is NtStatus.ACCESS_DENIED


def test_missing_things_are_told_apart(store: FileStore) -> None:
    store.write_whole(n("F"), b"", AT)
    assert status_of(lambda: store.read(n("X"))) is NtStatus.OBJECT_NAME_NOT_FOUND
    assert status_of(lambda: store.read(n("X/Y"))) is NtStatus.OBJECT_PATH_NOT_FOUND
    assert status_of(lambda: store.write_whole(n("X/Y"), b"", AT)) is NtStatus.OBJECT_PATH_NOT_FOUND
    assert status_of(lambda: store.write_whole(n("F/Y"), b"", AT)) is NtStatus.OBJECT_PATH_NOT_FOUND
    assert status_of(lambda: store.list(n("F"))) is NtStatus.NOT_A_DIRECTORY
    assert status_of(lambda: store.list(n("X"))) is NtStatus.OBJECT_NAME_NOT_FOUND
    store.make_directory(n("D"), AT)
    assert status_of(lambda: store.read(n("D"))) is NtStatus.FILE_IS_A_DIRECTORY
    assert status_of(lambda: store.write_whole(n("D"), b"", AT)) is NtStatus.FILE_IS_A_DIRECTORY


def test_a_rename_moves_a_file_and_replaces_another(store: FileStore) -> None:
    store.make_directory(n("D"), AT)
    store.write_whole(n("A"), b"a", AT)
    store.write_whole(n("D/B"), b"b", AT)
    store.rename(n("A"), n("d/b"))
    assert store.find(n("A")) is None
    assert store.read(n("D/B")) == b"a"
    assert [facts.path for facts in store.list(n("D"))] == ["D/b"]


def test_a_rename_can_change_the_case_of_a_name_alone(store: FileStore) -> None:
    store.write_whole(n("note.txt"), b"x", AT)
    store.rename(n("note.txt"), n("NOTE.TXT"))
    assert [facts.path for facts in store.list(ROOT)] == ["NOTE.TXT"]
    assert store.read(n("note.txt")) == b"x"


def test_a_directory_moves_with_all_that_is_in_it(store: FileStore) -> None:
    store.make_directory(n("D"), AT)
    store.make_directory(n("D/S"), AT)
    store.write_whole(n("D/S/F"), b"deep", AT)
    store.make_directory(n("E"), AT)
    store.rename(n("D"), n("E/New"))
    assert store.find(n("D")) is None
    assert store.find(n("D/S/F")) is None
    assert store.read(n("e/new/s/f")) == b"deep"
    assert [facts.path for facts in store.list(n("E/NEW"))] == ["E/New/S"]
    store.rename(n("E"), n("e"))
    assert store.read(n("E/NEW/S/F")) == b"deep"


def test_a_directory_is_not_replaced_by_a_rename(store: FileStore) -> None:
    store.make_directory(n("D"), AT)
    store.write_whole(n("A"), b"a", AT)
    assert status_of(lambda: store.rename(n("A"), n("D"))) is NtStatus.ACCESS_DENIED
    assert status_of(lambda: store.rename(n("A"), n("X/Y"))) is NtStatus.OBJECT_PATH_NOT_FOUND
    assert store.read(n("A")) == b"a"


def test_attributes_stay_with_a_file_through_renames_and_go_with_it(store: FileStore) -> None:
    bits = int(FileAttribute.READONLY | FileAttribute.HIDDEN)

    def attributes(path: str) -> int:
        facts = store.find(n(path))
        assert facts is not None
        return facts.attributes

    store.write_whole(n("A"), b"", AT, attributes=int(FileAttribute.SYSTEM | FileAttribute.ARCHIVE))
    assert attributes("A") == FileAttribute.SYSTEM
    store.set_attributes(n("A"), bits)
    assert attributes("a") == bits
    store.make_directory(n("D"), AT)
    store.rename(n("A"), n("D/B"))
    store.rename(n("D"), n("E"))
    assert attributes("E/B") == bits
    store.write_whole(n("E/C"), b"", AT)
    store.rename(n("E/C"), n("E/B"))
    assert attributes("E/B") == 0
    store.set_attributes(n("E/B"), bits)
    store.remove(n("E/B"))
    store.write_whole(n("E/B"), b"", AT)
    assert attributes("E/B") == 0


async def test_staged_bytes_appear_only_when_published(store: FileStore) -> None:
    large = b"x" * 300_000
    staged = await store.stage(large, AT)
    assert store.list(ROOT) == []
    store.publish(staged, n("BIG"))
    assert await store.read_large(n("BIG")) == large
    assert await store.read_large(n("BIG"), 299_998) == b"xx"
    store.discard(await store.stage(large, AT))
    assert [facts.path for facts in store.list(ROOT)] == ["BIG"]
    await store.sync()


def test_names_of_every_alphabet_are_kept(store: FileStore) -> None:
    for name in ("Übung.doc", "файл.txt", "日本語", "straße", "a%20b #1", "ﬁ"):
        store.write_whole(n(name), name.encode(), AT)
        assert store.read(n(name)) == name.encode()
    assert store.read(n("ÜBUNG.DOC")) == "Übung.doc".encode()
    assert store.find(n("STRASSE")) is None
    store.write_whole(n("x" * 255), b"", AT)
    assert store.find(n("X" * 255)) is not None


PROPERTIES = {"{urn:x}y": '<y xmlns="urn:x">ä\n</y>', "z": "<z/>"}


def test_a_directory_in_which_a_name_has_properties_says_so(store: FileStore) -> None:
    store.make_directory(n("D"), AT)
    store.write_whole(n("D/A"), b"", AT)
    assert not store.keeps_properties_in(n("D"))
    store.set_properties(n("d/a"), PROPERTIES)
    assert store.keeps_properties_in(n("d"))


def test_properties_belong_to_a_name_until_others_are_set(store: FileStore) -> None:
    store.write_whole(n("A.txt"), b"", AT)
    assert dict(store.properties(n("a.TXT"))) == {}
    store.set_properties(n("a.TXT"), PROPERTIES)
    assert dict(store.properties(n("A.txt"))) == PROPERTIES
    store.set_properties(n("A.txt"), {"z": "<z/>"})
    assert dict(store.properties(n("A.txt"))) == {"z": "<z/>"}
    store.set_properties(n("A.txt"), {})
    assert dict(store.properties(n("A.txt"))) == {}
    assert (
        status_of(lambda: store.set_properties(n("B"), PROPERTIES))
        is NtStatus.OBJECT_NAME_NOT_FOUND
    )
    assert dict(store.properties(n("X/Y"))) == {}


def test_directories_and_the_root_have_properties_too(store: FileStore) -> None:
    store.make_directory(n("D"), AT)
    store.write_whole(n("D/A"), b"", AT)
    for name in (ROOT, n("D"), n("D/A")):
        store.set_properties(name, {name.key or "root": "<a/>"})
    assert [list(store.properties(name)) for name in (ROOT, n("d"), n("d/a"))] == [
        ["root"],
        ["D"],
        ["D/A"],
    ]


def test_properties_stay_with_a_file_that_is_written_and_go_with_one_that_is_removed(
    store: FileStore,
) -> None:
    store.write_whole(n("A"), b"1", AT)
    store.set_properties(n("A"), PROPERTIES)
    store.write_whole(n("A"), b"2", LATER)
    store.set_size(n("A"), 0, LATER)
    assert dict(store.properties(n("A"))) == PROPERTIES
    store.remove(n("a"))
    store.write_whole(n("A"), b"3", LATER)
    assert dict(store.properties(n("A"))) == {}


def test_properties_follow_a_rename_and_replace_those_of_what_was_there(store: FileStore) -> None:
    for name in ("A", "B", "C"):
        store.write_whole(n(name), b"", AT)
    store.set_properties(n("A"), PROPERTIES)
    store.set_properties(n("B"), {"z": "<z/>"})
    store.rename(n("A"), n("B"))
    assert dict(store.properties(n("B"))) == PROPERTIES
    store.rename(n("C"), n("B"))
    assert dict(store.properties(n("B"))) == {}
    store.set_properties(n("B"), PROPERTIES)
    store.rename(n("B"), n("b"))
    assert dict(store.properties(n("b"))) == PROPERTIES


def test_everything_below_a_directory_keeps_its_properties_when_it_moves(store: FileStore) -> None:
    for name in ("D", "D/E", "F"):
        store.make_directory(n(name), AT)
    store.write_whole(n("D/E/A"), b"", AT)
    for name in ("D", "D/E", "D/E/A"):
        store.set_properties(n(name), {name: "<a/>"})
    store.rename(n("D"), n("F/G"))
    assert [list(store.properties(n(name))) for name in ("F/G", "F/G/E", "F/G/E/A")] == [
        ["D"],
        ["D/E"],
        ["D/E/A"],
    ]
    store.make_directory(n("D"), AT)
    store.make_directory(n("D/E"), AT)
    assert [dict(store.properties(n(name))) for name in ("D", "D/E", "D/E/A")] == [{}, {}, {}]
    store.remove(n("F/G/E/A"))
    store.remove(n("F/G/E"))
    store.remove(n("F/G"))
    store.make_directory(n("F/G"), AT)
    assert dict(store.properties(n("F/G"))) == {}


def test_the_content_is_that_of_the_facts_last_found(store: FileStore) -> None:
    for data in (b"one", b"two", b"", b"x" * 70_000, b"three"):
        store.write_whole(n("A"), data, AT)
        for _ in range(2):
            facts = store.find(n("a"))
            assert facts is not None
            assert store.content(n("a"), facts) == data
    store.remove(n("A"))
    store.write_whole(n("A"), b"again", AT)
    facts = store.find(n("A"))
    assert facts is not None
    assert store.content(n("A"), facts) == b"again"


async def test_a_tally_counts_files_and_names_directories(store: FileStore) -> None:
    for path in ("D", "D/BELOW"):
        store.make_directory(n(path), AT)
    for path in ("A", "D/B", "D/C"):
        store.write_whole(n(path), b"x", AT)
    assert await store.tally(ROOT) == (1, ("D",))
    assert await store.tally(n("d")) == (2, ("D/BELOW",))
    assert await store.tally(n("D/BELOW")) == (0, ())
    with pytest.raises(StoreError):
        await store.tally(n("NONE"))
    with pytest.raises(StoreError):
        await store.tally(n("A"))


LONG = "\u6f22" * 250 + ".txt"  # 254 UTF-16 units, 754 bytes: more than ext4 takes for a name


def test_a_name_of_255_units_is_a_name_like_any_other(store: FileStore) -> None:
    long = "\u00e9" * 251 + ".dat"
    store.write_whole(n(long), b"one", AT)
    facts = store.find(n(long))
    assert facts is not None
    assert facts.path == long
    other = store.find(n(long.replace("\u00e9", "\u00c9").upper()))
    assert other is not None, "letters of either case are one"
    assert other.path == long
    store.write_whole(n(LONG), b"two", AT)
    assert sorted(entry.path for entry in store.list(ROOT)) == sorted([long, LONG])
    assert store.read(n(LONG)) == b"two"
    assert sorted(store.below(ROOT)) == sorted([long, LONG])
    store.remove(n(long))
    assert store.find(n(long)) is None
    assert [entry.path for entry in store.list(ROOT)] == [LONG]


async def test_long_names_are_renamed_take_properties_and_are_directories(store: FileStore) -> None:
    store.make_directory(n(LONG), AT)
    inside = f"{LONG}/\u00fc.txt"
    store.write_whole(n(inside), b"x", AT)
    store.set_properties(n(LONG), {"{x}a": "<a/>"})
    store.set_properties(n(inside), {"{x}b": "<b/>"})
    other = "\u5b57" * 255
    store.rename(n(LONG), n(other))
    assert store.find(n(LONG)) is None
    assert store.read(n(f"{other}/\u00dc.TXT")) == b"x"
    assert dict(store.properties(n(other))) == {"{x}a": "<a/>"}
    assert dict(store.properties(n(f"{other}/\u00fc.txt"))) == {"{x}b": "<b/>"}
    assert (await store.tally(ROOT))[1] == (other,)
    last = "\u00fc" * 100 + ".longer"
    store.rename(n(f"{other}/\u00fc.txt"), n(f"{other}/{last}"))
    assert [entry.path for entry in store.list(n(other))] == [f"{other}/{last}"]


def test_a_name_that_looks_like_a_hash_is_no_other_file(store: FileStore) -> None:
    store.write_whole(n(LONG), b"long", AT)
    hashed = f"~{hashlib.sha256(LONG.encode()).hexdigest()[:40]}.long"
    assert store.find(n(hashed)) is None
    store.write_whole(n(hashed), b"short", AT)
    assert (store.read(n(LONG)), store.read(n(hashed))) == (b"long", b"short")
    assert sorted(entry.path for entry in store.list(ROOT)) == sorted([hashed, LONG])
