"""A package's source is looked at before anything is sent: what a share could not hold is named,
and every bound holds.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from despoolr_app.site_client import upload as uploading
from despoolr_app.site_client.upload import UploadError, read_source


def put(directory: Path, *names: str, data: bytes = b"x") -> None:
    for name in names:
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(data)


def test_files_and_directories_are_found_in_order_with_their_size(tmp_path: Path) -> None:
    put(tmp_path, "b.dat", "a.dat", "deep/deeper/c.dat", data=b"xyz")
    (tmp_path / "empty").mkdir()
    source = read_source(tmp_path)
    assert list(source.files) == ["a.dat", "b.dat", "deep/deeper/c.dat"] and source.size == 9
    assert source.directories == ("deep", "deep/deeper", "empty")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("CON", "'CON' is a DOS device name"),
        ("lpt1.txt", "DOS device name"),
        ("a?.dat", "contains '?'"),
        ("line\nbreak", "contains"),
        ("dot.", "ends with a dot or a blank"),
        ("back\\slash", "contains a backslash"),
    ],
)
def test_a_name_no_share_takes_is_refused(tmp_path: Path, name: str, says: str) -> None:
    put(tmp_path, "good.dat", name)
    with pytest.raises(UploadError, match="rename it") as told:
        read_source(tmp_path)
    assert says in str(told.value) and "\n" not in str(told.value)


def test_names_that_differ_in_case_alone_are_refused(tmp_path: Path) -> None:
    put(tmp_path, "Setup.exe", "SETUP.EXE")
    with pytest.raises(UploadError, match="differ in case alone"):
        read_source(tmp_path)


@pytest.mark.parametrize("target", ["good.dat", ".", "nowhere"])
def test_a_symbolic_link_is_refused_whatever_it_points_at(tmp_path: Path, target: str) -> None:
    put(tmp_path, "good.dat")
    (tmp_path / "link").symlink_to(target)
    with pytest.raises(UploadError, match="symbolic link"):
        read_source(tmp_path)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UploadError, match="neither a file nor a directory"):
        read_source(tmp_path)


def test_a_directory_that_is_none_or_has_no_files_is_refused(tmp_path: Path) -> None:
    put(tmp_path, "file")
    (tmp_path / "empty/inner").mkdir(parents=True)
    for path, says in (
        ("gone", "is not there"),
        ("file", "name the directory"),
        ("empty", "has no files"),
    ):
        with pytest.raises(UploadError, match=says):
            read_source(tmp_path / path)


def test_the_bounds_hold_at_their_edge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploading, "FILES_MAX", 3)
    monkeypatch.setattr(uploading, "SIZE_MAX", 30)
    monkeypatch.setattr(uploading, "DEPTH_MAX", 2)
    put(tmp_path, "a", "b", "d/c", data=b"x" * 10)
    assert len(read_source(tmp_path).files) == 3
    put(tmp_path, "a", data=b"x" * 11)
    with pytest.raises(UploadError, match="larger than"):
        read_source(tmp_path)
    put(tmp_path, "a", "e")
    with pytest.raises(UploadError, match="more than 3 files"):
        read_source(tmp_path)
    (tmp_path / "e").unlink()
    put(tmp_path, "d/c")
    (tmp_path / "d/e").mkdir()
    put(tmp_path, "d/e/f")
    (tmp_path / "a").unlink()
    with pytest.raises(UploadError, match="more than 2 directories deep"):
        read_source(tmp_path)
