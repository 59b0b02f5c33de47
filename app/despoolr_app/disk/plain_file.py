"""A file that a process opens by its name: a file, and nothing that only stands in its place.

The law: opening never waits, and what is read has an end. A pipe, a device, a socket or a directory
where a file belongs is an `OSError` whose `strerror` says what it is; it is looked at before it is
opened, since opening alone may do something. Links are followed.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Final

PRIVATE: Final = 0o600
_NO_WAIT: Final[int] = getattr(os, "O_NONBLOCK", 0)
_KINDS: Final = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a directory",
}


def opener(path: str, flags: int) -> int:
    """For `open(..., opener=)`: only a file is opened, and one that is new is private. Raises
    `OSError`.
    """
    try:
        _check(Path(path).stat().st_mode, path)
    except FileNotFoundError:
        pass  # whoever may make it does
    descriptor = os.open(path, flags | _NO_WAIT, PRIVATE)
    try:
        _check(os.fstat(descriptor).st_mode, path)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def read_plain(file: Path) -> bytes:
    """The content of a file. Raises `OSError`."""
    with open(file, "rb", opener=opener) as opened:
        return opened.read()


def _check(mode: int, path: str) -> None:
    if not stat.S_ISREG(mode):
        kind = _KINDS.get(stat.S_IFMT(mode), "something else")
        raise OSError(errno.EINVAL, f"it is {kind}, not a file", path)
