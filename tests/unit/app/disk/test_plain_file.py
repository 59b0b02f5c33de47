"""What stands where a file belongs is said at once, and neither waited for nor read without end."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from despoolr_app.disk.plain_file import opener, read_plain


def odd(path: Path, kind: str) -> Path:
    """Something that is no file, at `path`."""
    if kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a directory":
        path.mkdir()
    elif kind == "a device":
        path.symlink_to("/dev/zero")
    else:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(str(path))
    return path


@pytest.mark.parametrize("mode", ["rb", "ab", "r+b", "wb"])
@pytest.mark.parametrize("kind", ["a pipe", "a directory", "a device", "a socket"])
def test_only_a_file_is_opened_whatever_it_is_opened_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, mode: str
) -> None:
    monkeypatch.chdir(tmp_path)  # the name of a socket is short
    path = odd(Path("x"), kind)
    with pytest.raises(OSError, match=f"it is {kind}, not a file"):
        open(path, mode, opener=opener)  # noqa: SIM115 - never open
    with pytest.raises(OSError, match=f"it is {kind}, not a file"):
        read_plain(path)


def test_a_file_is_read_through_a_link_and_a_new_one_is_private(tmp_path: Path) -> None:
    file, link = tmp_path / "x", tmp_path / "link"
    link.symlink_to(file)
    with open(file, "wb", opener=opener) as out:
        out.write(b"content")
    assert read_plain(link) == b"content" and stat.S_IMODE(file.stat().st_mode) == 0o600
    with pytest.raises(FileNotFoundError):
        read_plain(tmp_path / "none")
