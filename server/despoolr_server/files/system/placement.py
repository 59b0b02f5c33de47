"""Where a file system puts what is new in a directory.

Why: ext4 looks for the inode of a new file from the first one of its directory's group on, and
passes over all that were deleted within the last minutes, each time anew: 12 us for a new file
where nothing was deleted, 80 where a night of reports has been. A directory lies in its parent's
group, unless that is marked as the top of directories that have nothing to do with each other: then
in one of its own, by its name. The law: it is a hint; where there is no such mark nothing is done.
"""

from __future__ import annotations

import os
import struct
from contextlib import suppress
from typing import Final

try:
    import fcntl
except ImportError:  # a system without it has no such marks either
    fcntl = None  # type: ignore[assignment]

_READ_MARKS: Final = 0x8008_6601
_WRITE_MARKS: Final = 0x4008_6602
_TOP: Final = 0x0002_0000
"""`FS_IOC_GETFLAGS`, `FS_IOC_SETFLAGS` and `FS_TOPDIR_FL` of Linux (`chattr +T`)."""


def spread_directories(path: str) -> None:
    """Let directories that are made in this one lie apart from each other."""
    if fcntl is None:
        return
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            (marks,) = struct.unpack("=q", fcntl.ioctl(descriptor, _READ_MARKS, bytes(8)))
            fcntl.ioctl(descriptor, _WRITE_MARKS, struct.pack("=q", marks | _TOP))
        finally:
            os.close(descriptor)
