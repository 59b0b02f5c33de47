"""Secrets and tokens in files: which are taken, and what a file that is none is answered with."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from despoolr_app.process.private_file import (
    SECRET_SIZE_MAX,
    NoRoomToWrite,
    given_secret,
    make_secret,
    read_secret,
    read_token,
    write_private,
)
from despoolr_app.process.settings import ConfigError


def test_a_secret_is_made_for_its_owner_alone_and_read_back(tmp_path: Path) -> None:
    made = make_secret(tmp_path / "data" / "secret")
    assert len(made) >= 32 and read_secret(tmp_path / "data" / "secret") == made
    assert stat.S_IMODE((tmp_path / "data" / "secret").stat().st_mode) == 0o600
    assert [p.name for p in (tmp_path / "data").iterdir()] == ["secret"]


def test_a_configured_secret_comes_from_one_place_and_is_long_enough(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("sixteen bytes!!!\n")
    assert given_secret(None, file) == given_secret("sixteen bytes!!!", None) == b"sixteen bytes!!!"
    assert given_secret("", None) is None
    with pytest.raises(ConfigError, match="not both"):
        given_secret("sixteen bytes!!!", file)
    with pytest.raises(ConfigError, match="has 5 bytes; give at least 16"):
        given_secret("short", None)
    with pytest.raises(ConfigError, match=r"cannot read the secret in .*No such file"):
        given_secret(None, tmp_path / "missing")


@pytest.mark.parametrize(
    ("held", "says"),
    [
        (bytes(44), "is one byte, 44 times"),
        (b"x" * 4095 + b"yz", "more than 4,096 bytes"),
        (b"", "has 0 bytes"),
    ],
)
def test_a_secret_that_a_power_cut_left_or_that_is_no_secret_is_refused(
    tmp_path: Path, held: bytes, says: str
) -> None:
    (tmp_path / "secret").write_bytes(held)
    with pytest.raises(ConfigError, match=says):
        read_secret(tmp_path / "secret")
    (tmp_path / "secret").write_bytes(b"x" * 4095 + b"y\n")
    assert len(read_secret(tmp_path / "secret")) == SECRET_SIZE_MAX


def test_what_is_no_file_is_not_read_for_a_secret_or_a_token(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, kind in ((Path("/dev/urandom"), "a device"), (tmp_path / "pipe", "a pipe")):
        for read in (read_secret, read_token):
            with pytest.raises(ConfigError, match=f"it is {kind}, not a file"):
                read(path)
    (tmp_path / "token").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="holds no token"):
        read_token(tmp_path / "token")


def test_a_private_file_that_cannot_be_written_leaves_nothing_beside_it(tmp_path: Path) -> None:
    (tmp_path / "admin.token").mkdir()
    with pytest.raises(ConfigError, match="Is a directory"):
        write_private(tmp_path / "admin.token", b"token")
    assert [path.name for path in tmp_path.iterdir()] == ["admin.token"]


@pytest.mark.parametrize(
    ("before", "mode", "after", "is_written"),
    [
        (b"old and longer", 0o600, b"new", True),
        (b"old", 0o600, b"x" * 4096, True),
        (b"old", 0o600, b"x" * 4097, False),
        (b"", 0o600, b"x", False),
        (b"old", 0o644, b"new", False),
    ],
)
def test_on_a_full_disk_a_private_file_is_written_where_it_has_room(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    before: bytes,
    mode: int,
    after: bytes,
    is_written: bool,
) -> None:
    """Else no server would start on one, and nobody could read what it has."""
    file = tmp_path / "state.json"
    file.write_bytes(before)
    file.chmod(mode)
    real = os.open

    def full(path: Path, flags: int, *rest: int) -> int:
        if flags & os.O_CREAT:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(path, flags, *rest)

    monkeypatch.setattr(os, "open", full)
    if is_written:
        write_private(file, after)
    else:
        with pytest.raises(NoRoomToWrite, match="No space left on device"):
            write_private(file, after)
    assert file.read_bytes() == (after if is_written else before)
    assert [*tmp_path.iterdir()] == [file]


def test_a_file_with_another_name_is_left_as_it_is_on_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever put it there by a hard link would have it written through that."""
    file, other = tmp_path / "state.json", tmp_path / "other"
    other.write_bytes(b"old and longer")
    other.chmod(0o600)
    file.hardlink_to(other)
    real = os.open

    def full(path: Path, flags: int, *rest: int) -> int:
        if flags & os.O_CREAT:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(path, flags, *rest)

    monkeypatch.setattr(os, "open", full)
    with pytest.raises(NoRoomToWrite, match="No space left on device"):
        write_private(file, b"new")
    assert other.read_bytes() == b"old and longer"


def test_a_file_with_less_room_than_its_size_is_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part of it would be written, and the rest would be what was there before."""
    file = tmp_path / "state.json"
    with file.open("wb") as sparse:
        sparse.truncate(4096)
    file.chmod(0o600)
    real = os.open

    def full(path: Path, flags: int, *rest: int) -> int:
        if flags & os.O_CREAT:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(path, flags, *rest)

    with monkeypatch.context() as disk:
        disk.setattr(os, "open", full)
        with pytest.raises(NoRoomToWrite):
            write_private(file, b"new")
    assert file.read_bytes() == bytes(4096)
