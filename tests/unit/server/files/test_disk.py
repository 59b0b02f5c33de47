"""A real directory as a store: outside changes are seen, nothing outside is reached, leftovers are
swept.
"""

from __future__ import annotations

import asyncio
import os
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from despoolr_core.share.modes import FileAttribute, NtStatus
from despoolr_server.engine.names import ROOT, Name, parse_name
from despoolr_server.engine.rows import FileFacts
from despoolr_server.files.disk import DiskFileStore
from despoolr_server.files.protocol import StoreError

AT = 833785200.0


def n(path: str) -> Name:
    name = parse_name(path)
    assert isinstance(name, Name)
    return name


def names(store: DiskFileStore, path: str = "") -> list[str]:
    return [facts.path for facts in store.list(n(path) if path else ROOT)]


@pytest.fixture
def store(tmp_path: Path) -> DiskFileStore:
    return DiskFileStore(tmp_path / "root")


def test_a_file_is_a_plain_file_with_its_name_content_and_site_time(store: DiskFileStore) -> None:
    store.make_directory(n("PCMINS.BOX"), AT)
    store.write_whole(n("PCMINS.BOX/AB1.INS"), b"text", AT)
    path = store.root / "PCMINS.BOX" / "AB1.INS"
    assert path.read_bytes() == b"text"
    assert int(path.stat().st_mtime) == AT


def test_what_is_put_there_from_outside_is_seen_whatever_its_case(store: DiskFileStore) -> None:
    assert names(store) == []
    (store.root / "Dropped.Txt").write_bytes(b"hello")
    assert store.read(n("DROPPED.TXT")) == b"hello"
    (store.root / "Box").mkdir()
    (store.root / "Box" / "In.Txt").write_bytes(b"in")
    assert store.read(n("BOX/IN.TXT")) == b"in"
    assert names(store, "box") == ["Box/In.Txt"]


def test_a_spelling_that_is_changed_from_outside_is_told_by_a_look(store: DiskFileStore) -> None:
    store.write_whole(n("A.TXT"), b"text", AT)
    (store.root / "A.TXT").rename(store.root / "a.Txt")
    look = store.look(n("A.TXT"))
    assert look.facts is not None and look.facts.path == "a.Txt"
    assert look.facts == store.find(n("A.TXT"))


def test_what_is_changed_or_removed_from_outside_is_noticed(store: DiskFileStore) -> None:
    store.write_whole(n("A.TXT"), b"old", AT)
    before = store.find(n("A.TXT"))
    (store.root / "A.TXT").write_bytes(b"newer")
    after = store.find(n("A.TXT"))
    assert before is not None
    assert after is not None
    assert (after.size, after.etag == before.etag) == (5, False)
    (store.root / "A.TXT").rename(store.root / "a.Txt")
    again = store.find(n("A.TXT"))
    assert again is not None
    assert again.path == "a.Txt"
    (store.root / "a.Txt").unlink()
    assert store.find(n("A.TXT")) is None
    store.write_whole(n("A.TXT"), b"back", AT)
    assert store.read(n("a.txt")) == b"back"


def test_a_directory_renamed_from_outside_is_followed(store: DiskFileStore) -> None:
    store.make_directory(n("D"), AT)
    store.write_whole(n("D/F"), b"x", AT)
    assert store.find(n("d/f")) is not None
    (store.root / "D").rename(store.root / "E")
    assert store.find(n("D/F")) is None
    assert store.read(n("e/f")) == b"x"


def test_a_directory_seen_before_costs_one_look_and_is_told_anew_whatever_changed(
    store: DiskFileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = store.root / "A.BOX"
    store.make_directory(n("A.BOX"), AT)
    store.list(n("a.box"))
    looks: list[str] = []
    lstat = os.lstat

    def looking(path: str) -> os.stat_result:
        looks.append(path)
        return lstat(path)

    monkeypatch.setattr(os, "lstat", looking)
    before = store.find(n("a.box"))
    looks.clear()
    assert store.find(n("a.box")) is before is not None and looks == [str(box)]
    seen: list[FileFacts | None] = [before]
    store.write_whole(n("A.BOX/F"), b"1", AT)
    seen.append(store.find(n("a.box")))
    (box / "G").write_bytes(b"put there by another program")
    os.utime(box, ns=(1, 1))
    seen.append(store.find(n("a.box")))
    store.set_attributes(n("A.BOX"), FileAttribute.HIDDEN)
    seen.append(store.find(n("a.box")))
    box.rename(store.root / "OLD")
    box.mkdir()
    os.utime(box, ns=(1, 1))
    seen.append(store.find(n("a.box")))
    assert None not in seen and len(set(seen)) == len(seen)
    box.rmdir()
    box.write_bytes(b"a file by now")
    now = store.find(n("a.box"))
    assert now is not None and not now.directory and now.size == 13


def test_links_and_pipes_are_invisible_and_lead_nowhere(
    store: DiskFileStore, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_bytes(b"secret")
    (store.root / "LINK").symlink_to(secret / "key")
    (store.root / "DIR").symlink_to(secret)
    os.mkfifo(store.root / "PIPE")
    assert names(store) == []
    for path in ("LINK", "DIR", "DIR/key", "PIPE"):
        assert store.find(n(path)) is None
        with pytest.raises(StoreError):
            store.read(n(path))
        with pytest.raises(StoreError):
            store.write_whole(n(path), b"overwritten", AT)
        with pytest.raises(StoreError):
            store.remove(n(path))
    assert (secret / "key").read_bytes() == b"secret"
    assert (store.root / "LINK").is_symlink()


def test_a_directory_replaced_by_a_link_stops_being_one(
    store: DiskFileStore, tmp_path: Path
) -> None:
    store.make_directory(n("D"), AT)
    store.write_whole(n("D/F"), b"mine", AT)
    assert store.read(n("D/F")) == b"mine"
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "F").write_bytes(b"theirs")
    (store.root / "D").rename(tmp_path / "moved")
    (store.root / "D").symlink_to(tmp_path / "other")
    assert store.find(n("D/F")) is None
    with pytest.raises(StoreError):
        store.write_whole(n("D/G"), b"", AT)
    assert not (tmp_path / "other" / "G").exists()


def test_the_stores_own_directory_is_nobodys(store: DiskFileStore) -> None:
    assert names(store) == []
    assert not store.has_children(ROOT)
    for path in (
        ".despoolr",
        ".DESPOOLR/attributes.json",
        ".despoolr/tmp/x",
        ".de\u017fpoolr/tmp/x",
    ):
        assert store.find(n(path)) is None
        with pytest.raises(StoreError) as caught:
            store.write_whole(n(path), b"", AT)
        assert caught.value.status is NtStatus.ACCESS_DENIED
    store.make_directory(n("D"), AT)
    store.make_directory(n("D/.despoolr"), AT)
    assert names(store, "D") == ["D/.despoolr"]


def test_names_that_no_share_could_have_are_not_shown(store: DiskFileStore) -> None:
    for name in ("a:b", "NUL.txt", "dot.", "fine"):
        (store.root / name).write_bytes(b"")
    assert names(store) == ["fine"]


def test_of_two_names_that_differ_in_case_one_is_listed(store: DiskFileStore) -> None:
    (store.root / "a").write_bytes(b"small")
    (store.root / "A").write_bytes(b"large")
    assert names(store) == ["A"]


def test_leftovers_of_a_crash_are_swept_at_start(store: DiskFileStore) -> None:
    leftover = store.root / ".despoolr" / "tmp" / "99"
    leftover.write_bytes(b"half")
    DiskFileStore(store.root)
    assert not leftover.exists()


def test_attributes_outlive_the_process(store: DiskFileStore) -> None:
    store.write_whole(n("A"), b"", AT)
    store.set_attributes(n("A"), int(FileAttribute.READONLY))
    found = DiskFileStore(store.root).find(n("a"))
    assert found is not None
    assert found.attributes == FileAttribute.READONLY


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"A":"HIDDEN"}', b"\xff", b'{"A":1}x'])
def test_a_damaged_attribute_list_is_kept_and_told_of(store: DiskFileStore, content: bytes) -> None:
    path = store.root / ".despoolr" / "attributes.json"
    store.write_whole(n("A"), b"a", AT)
    path.write_bytes(content)
    again = DiskFileStore(store.root)
    (finding,) = again.findings
    assert finding.startswith(".despoolr/attributes.json is damaged") and finding.endswith(
        "no file has attributes any more"
    )
    assert again.read(n("A")) == b"a"
    with pytest.raises(StoreError) as caught:
        again.write_whole(n("A"), b"b", AT, 1)
    assert caught.value.status is NtStatus.MEDIA_WRITE_PROTECTED
    assert path.read_bytes() == content
    path.unlink()
    DiskFileStore(store.root).write_whole(n("A"), b"b", AT, 1)


def test_a_root_that_cannot_be_made_is_an_error_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError):
        DiskFileStore(tmp_path / "file" / "root")


def test_a_root_that_vanished_is_empty_rather_than_a_crash(
    store: DiskFileStore, tmp_path: Path
) -> None:
    store.root.rename(tmp_path / "gone")
    assert store.find(ROOT) is None
    assert store.find(n("A")) is None
    with pytest.raises(StoreError):
        store.write_whole(n("A"), b"", AT)


def test_creating_many_files_does_not_read_the_directory_each_time(
    store: DiskFileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    scans: list[Any] = []
    real = os.scandir

    def counted(path: Any) -> Any:
        scans.append(path)
        return real(path)

    monkeypatch.setattr(os, "scandir", counted)
    for number in range(200):
        assert store.find(n(f"F{number}.TXT")) is None
        store.write_whole(n(f"F{number}.TXT"), b"", AT)
    assert len(scans) <= 3


async def test_without_threads_a_large_file_is_inline(tmp_path: Path) -> None:
    store = DiskFileStore(tmp_path, threads=False)
    assert store.inline_max > 1 << 40
    assert DiskFileStore(tmp_path / "other").inline_max == 256 * 1024


async def test_a_cancelled_read_ends_cleanly(store: DiskFileStore) -> None:
    store.write_whole(n("BIG"), b"x" * 5_000_000, AT)
    reading = asyncio.ensure_future(store.read_large(n("BIG")))
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading


def test_a_file_changed_by_another_program_is_read_anew(tmp_path: Path) -> None:
    store = DiskFileStore(tmp_path)
    store.write_whole(n("A"), b"ours", 1.0)
    for data in (b"ours", b"theirs", b"again!"):
        if data != b"ours":
            (tmp_path / "A").write_bytes(data)
        facts = store.find(n("A"))
        assert facts is not None
        assert store.content(n("A"), facts) == data


def test_only_so_much_content_is_kept_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("despoolr_server.files.small_files.SIZE_MAX", 100)
    store = DiskFileStore(tmp_path)
    for number in range(10):
        store.write_whole(n(f"F{number}"), bytes([number]) * 40, 1.0)
        facts = store.find(n(f"F{number}"))
        assert facts is not None
        assert store.content(n(f"F{number}"), facts) == bytes([number]) * 40
        assert (
            store._known.small._size
            == sum(len(data) for _, data in store._known.small.files.values())
            <= 100
        )


@pytest.mark.slow
def test_nothing_is_kept_in_memory_of_files_that_are_gone(store: DiskFileStore) -> None:
    """Found by a soak: every report has a name of its own, and its content stayed until 32 MiB were
    together.
    """
    store.make_directory(n("BOX"), AT)
    data = b"x" * 60_000

    def pass_through(number: int) -> None:
        name, new_name = n(f"BOX/{number}.SNI"), n(f"BOX/{number}.IST")
        for one in (name, new_name):
            store.write_whole(one, data, AT)
            facts = store.find(one)
            assert facts is not None and store.content(one, facts) == data
        if number % 2:
            store.rename(name, new_name)
        else:
            store.remove(name)
        store.remove(new_name)

    tracemalloc.start()
    try:
        for number in range(200):
            pass_through(number)
        left, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert left < 20 * len(data), f"{left:,} bytes are left of 200 files"


async def test_files_are_counted_without_a_look_where_all_their_names_are_known(
    store: DiskFileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.make_directory(n("BOX"), AT)
    store.write_whole(n("BOX/A"), b"x", AT)
    box, scandir = store.root / "BOX", os.scandir
    seen: list[str] = []

    def look(path: str) -> Any:
        seen.append(path)
        return scandir(path)

    async def count(looks: int) -> tuple[int, tuple[str, ...]]:
        seen.clear()
        found = await store.tally(n("BOX"))
        assert len(seen) == looks
        return found

    monkeypatch.setattr(os, "scandir", look)
    store.write_whole(n("BOX/B"), b"x", AT)
    store.remove(n("BOX/A"))
    assert await count(0) == (1, ())
    (box / "theirs").write_bytes(b"x")
    os.utime(box, ns=(0, 1))  # later than any time at which it was looked at
    assert await count(1) == (2, ())
    store.write_whole(n("BOX/C"), b"x", AT)  # its names are read for this
    assert await count(0) == (3, ())
    (box / "b").write_bytes(b"x")
    os.utime(box, ns=(0, 2))
    store.write_whole(n("BOX/D"), b"x", AT)
    assert await count(1) == (5, ()), "two of one key are two files"
    (box / "b").unlink()
    store.make_directory(n("BOX/INNER"), AT)
    assert await count(1) == (4, ("BOX/INNER",))
