"""What is asked of open files: all of it written, and the strongest sync that the system has."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

from despoolr_server.store.descriptors import choose_sync, read_at, sync_data, write_at


def test_all_is_written_where_it_belongs_and_read_back(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    try:
        write_at(descriptor, 3, b"content")
        sync_data(descriptor)
        assert read_at(descriptor, 100, 0) == b"\0\0\0content"
    finally:
        os.close(descriptor)


def test_linux_syncs_the_data_alone() -> None:
    synced: list[int] = []
    choose_sync(SimpleNamespace(fdatasync=synced.append), None)(7)
    assert synced == [7]


def test_macos_asks_the_drive_too_and_where_that_is_unknown_syncs_the_file() -> None:
    synced: list[tuple[str, int]] = []

    def control(descriptor: int, command: int) -> None:
        assert command == 51
        synced.append(("drive", descriptor))
        if descriptor == 8:
            raise OSError(45, "not supported")

    system = SimpleNamespace(fsync=lambda descriptor: synced.append(("file", descriptor)))
    sync = choose_sync(system, SimpleNamespace(fcntl=control, F_FULLFSYNC=51))
    sync(7)
    sync(8)
    assert synced == [("drive", 7), ("drive", 8), ("file", 8)]


def test_where_there_is_neither_the_file_is_synced() -> None:
    synced: list[int] = []
    choose_sync(SimpleNamespace(fsync=synced.append), None)(7)
    assert synced == [7]
