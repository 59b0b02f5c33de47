"""What is asked of open files: all of it written, and the strongest sync that the system has."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from despoolr.console import run
from despoolr_server.files.system.descriptors import (
    choose_sync,
    find_odd,
    read_whole,
    replace_whole,
    sync_data,
    why_no_server,
    write_at,
)


def test_what_is_neither_a_file_nor_a_directory_is_found_at_any_depth(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/file").touch()
    (tmp_path / "a/link").symlink_to("nowhere")
    assert find_odd(str(tmp_path)) == ""
    os.mkfifo(tmp_path / "a/b/pipe")
    assert find_odd(str(tmp_path)) == str(tmp_path / "a/b/pipe")


def test_all_is_written_where_it_belongs_and_read_back(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    try:
        write_at(descriptor, 3, b"content")
        sync_data(descriptor)
        assert read_whole(descriptor, 0, 100) == b"\0\0\0content"
    finally:
        os.close(descriptor)


def test_a_file_takes_anothers_place_only_when_all_of_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is nearly full takes a part, and says so by a number only."""
    file, temporary = tmp_path / "list", tmp_path / "list.new"
    write = os.write
    taken = 0

    def some(descriptor: int, data: memoryview) -> int:
        nonlocal taken
        taken += 1
        if taken > 5:
            raise OSError(errno.ENOSPC, "full")
        return write(descriptor, data[:3])

    monkeypatch.setattr(os, "write", some)
    replace_whole(file, b"0123456789", temporary)
    assert file.read_bytes() == b"0123456789"
    with pytest.raises(OSError, match="full"):
        replace_whole(file, b"another", temporary)
    assert file.read_bytes() == b"0123456789" and not temporary.exists()


def test_servers_run_on_linux_and_macos_and_not_on_windows() -> None:
    assert why_no_server("linux") == why_no_server("darwin") == ""
    assert why_no_server("win32").startswith("servers need Linux or macOS: ")


@pytest.mark.parametrize("server", ["site", "logon", "all"])
def test_on_windows_each_server_says_so_in_one_line_and_makes_nothing(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["serve", server, "--help"]) == 0, "what it imports is this system's"
    capsys.readouterr()
    monkeypatch.setattr("sys.platform", "win32")
    logon = ["--logon", "LOGON1=http://127.0.0.1:1"] if server == "site" else []
    assert run(["serve", server, "--common", "c", *logon]) == 2
    said = capsys.readouterr()
    assert (
        said.out == ""
        and said.err.count("servers need Linux or macOS") == 1
        and said.err.count("\n") <= 2
    )
    assert list(tmp_path.iterdir()) == []


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
