"""Secrets and tokens in files: read once, or made for this user alone.

The law: a secret that is short, long or one byte over and over is none, and nothing takes its place
(`ConfigError`). A private file is whole or not there, and nobody else may read it. A disk that is
full is no reason not to write one that is there already.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from despoolr_app.disk.plain_file import opener, read_plain
from despoolr_app.process.settings import ConfigError

SECRET_SIZE_MIN: Final = 16
SECRET_SIZE_MAX: Final = 4096
"""Bytes of a secret; no more of its file is read."""
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)
_BLOCK: Final = 4096
"""Bytes in which a file has room on its disk, at most."""
_NO_LINK_NO_WAIT: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


class NoRoomToWrite(ConfigError):
    """The disk is full. Who must act: the operator, who makes room."""


def given_secret(text: str | None, file: Path | None) -> bytes | None:
    """The secret an operator configured, or None. A file's trailing newline does not count. Raises
    `ConfigError`.
    """
    if text and file is not None:
        raise ConfigError(
            "give the secret once: DESPOOLR_SECRET, or --secret-file (DESPOOLR_SECRET_FILE), "
            "not both"
        )
    if file is not None:
        return read_secret(file)
    if not text:
        return None
    return _checked(text.encode(), "DESPOOLR_SECRET")


def read_secret(file: Path) -> bytes:
    """A secret from a file. Raises `ConfigError`."""
    try:
        with open(file, "rb", opener=opener) as opened:
            return _checked(opened.read(SECRET_SIZE_MAX + 2).strip(), str(file))
    except OSError as error:
        raise ConfigError(f"cannot read the secret in {file}: {error.strerror}") from None


def read_token(file: Path) -> str:
    """A token from a file. Raises `ConfigError`."""
    try:
        return read_plain(file).decode("ascii").strip()
    except OSError as error:
        raise ConfigError(f"cannot read the token in {file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{file} holds no token") from None


def make_secret(file: Path) -> bytes:
    """Make a secret that only this user can read. Raises `ConfigError`."""
    secret = secrets.token_urlsafe(32).encode()
    write_private(file, secret + b"\n")
    return secret


def write_private(file: Path, data: bytes) -> None:
    """Atomically write a file that only this user can read; on a full disk in place, which a power
    cut may cut short. Raises `ConfigError` (`NoRoomToWrite`).
    """
    temporary = file.with_name(f"{file.name}.{os.getpid()}.tmp")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())  # or a power cut could leave the name with nothing in it
        temporary.replace(file)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        if error.errno not in _FULL:
            raise ConfigError(f"cannot write {file}: {error.strerror}") from None
        if not _overwrites(file, data):
            raise NoRoomToWrite(f"cannot write {file}: {error.strerror}") from None


def _overwrites(file: Path, data: bytes) -> bool:
    """Write it in place, where a disk has no room for two: whether it has room of its own for all
    of it, and could be written.
    """
    try:
        descriptor = os.open(file, os.O_WRONLY | _NO_LINK_NO_WAIT)
        try:
            status = os.fstat(descriptor)
            room = min(-(-status.st_size // _BLOCK) * _BLOCK, status.st_blocks * 512)
            if not stat.S_ISREG(status.st_mode) or status.st_mode & 0o077 or len(data) > room:
                return False
            if status.st_nlink != 1:  # what has another name is not ours alone
                return False
            if os.pwrite(descriptor, data, 0) < len(data):
                return False
            os.ftruncate(descriptor, len(data))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError:
        return False
    return True


def _checked(secret: bytes, where: str) -> bytes:
    if len(secret) < SECRET_SIZE_MIN:
        raise ConfigError(
            f"the secret in {where} has {len(secret)} bytes; give at least {SECRET_SIZE_MIN}"
        )
    if len(secret) > SECRET_SIZE_MAX:
        raise ConfigError(
            f"the secret in {where} has more than {SECRET_SIZE_MAX:,} bytes; give a shorter one"
        )
    if len(set(secret)) == 1:  # what a file that was lost holds
        raise ConfigError(
            f"the secret in {where} is one byte, {len(secret)} times; restore the file, or "
            "move it away"
        )
    return secret
