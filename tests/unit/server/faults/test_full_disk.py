"""A disk that is full on purpose refuses what makes files longer, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from despoolr_core.share.modes import NtStatus
from despoolr_server.engine.names import ROOT, Name, parse_name
from despoolr_server.faults.full_disk import FillableFileStore
from despoolr_server.files import StoreError
from despoolr_server.files.disk import DiskFileStore


def name(path: str) -> Name:
    found = parse_name(path)
    assert isinstance(found, Name)
    return found


FILE, INNER = name("a.dat"), name("dir/b.dat")


@pytest.fixture
def store(tmp_path: Path) -> FillableFileStore:
    made = FillableFileStore(DiskFileStore(tmp_path, threads=False))
    made.make_directory(name("DIR"), 0.0)
    for one in (FILE, INNER):
        made.write_whole(one, b"12345", 0.0)
    return made


async def refused(store: FillableFileStore, file: Name) -> None:
    """Each way to make a file longer is answered as a full disk answers it."""
    staged = await store.stage(b"123456", 1.0)
    for longer in (
        lambda: store.write_whole(file, b"123456", 1.0),
        lambda: store.write_whole(Name(f"{file.path}x", f"{file.key}X"), b"1", 1.0),
        lambda: store.publish(staged, file),
        lambda: store.write_at(file, 5, b"6", 1.0),
        lambda: store.set_size(file, 6, 1.0),
    ):
        with pytest.raises(StoreError) as error:
            longer()
        assert error.value.status is NtStatus.DISK_FULL
    assert store.read(file) == b"12345"


async def test_a_full_disk_takes_no_byte_more_and_lets_files_go_and_shrink(
    store: FillableFileStore,
) -> None:
    store.fill(ROOT)
    assert store.free_bytes() == 0
    await refused(store, FILE)
    await refused(store, INNER)
    store.write_at(FILE, 0, b"54321", 1.0)
    store.write_whole(INNER, b"4321", 1.0)
    store.rename(INNER, name("dir/c.dat"))
    store.remove(FILE)
    store.make_room(ROOT)
    assert store.free_bytes() > 0
    store.publish(await store.stage(b"123456", 1.0), FILE)
    assert store.read(FILE) == b"123456"


def test_a_file_is_not_put_again_while_anything_is_full(tmp_path: Path) -> None:
    store = FillableFileStore(DiskFileStore(tmp_path, threads=False))
    for data in (b"1", b"12", b"123", b"1234"):
        store.write_whole(FILE, data, 0.0)
    assert store.put_again(FILE, b"4321", 1.0) is not None
    store.fill(name("dir"))
    assert store.put_again(FILE, b"12345", 1.0) is None
    assert store.read(FILE) == b"4321"


async def test_a_directory_that_is_full_leaves_room_elsewhere(store: FillableFileStore) -> None:
    store.fill(name("dir"))
    await refused(store, INNER)
    with pytest.raises(StoreError) as error:
        store.write_whole(INNER, b"123456", 1.0)
    assert error.value.free == 0 and store.free_bytes() > 0
    store.write_whole(FILE, b"123456", 1.0)


async def test_what_two_have_filled_is_full_until_both_have_made_room(
    store: FillableFileStore,
) -> None:
    store.fill(ROOT)
    store.fill(ROOT)
    store.make_room(ROOT)
    await refused(store, FILE)
    store.make_room(ROOT)
    store.write_whole(FILE, b"123456", 1.0)


async def test_what_is_staged_and_given_up_leaves_nothing(store: FillableFileStore) -> None:
    store.discard(await store.stage(b"123456", 1.0))
    assert store.read(FILE) == b"12345"
