"""What the operating system says, in the share's words.

The law: an `OSError` never leaves a store. A full disk is DISK_FULL, a forbidden or read-only one
ACCESS_DENIED, a name that vanished meanwhile OBJECT_NAME_NOT_FOUND, and what nobody can explain
IO_DEVICE_ERROR.
"""

from __future__ import annotations

import errno
import os
from types import TracebackType
from typing import Final

from despoolr_core.share.modes import NtStatus
from despoolr_server.files.protocol import StoreError

STATUS_OF_ERRNO: Final[dict[int, NtStatus]] = {
    errno.ENOSPC: NtStatus.DISK_FULL,
    errno.EDQUOT: NtStatus.DISK_FULL,
    errno.EROFS: NtStatus.ACCESS_DENIED,
    errno.EACCES: NtStatus.ACCESS_DENIED,
    errno.EPERM: NtStatus.ACCESS_DENIED,
    errno.ELOOP: NtStatus.ACCESS_DENIED,
    errno.ENOENT: NtStatus.OBJECT_NAME_NOT_FOUND,
    errno.ENOTDIR: NtStatus.OBJECT_PATH_NOT_FOUND,
    errno.EISDIR: NtStatus.FILE_IS_A_DIRECTORY,
    errno.EEXIST: NtStatus.OBJECT_NAME_COLLISION,
    errno.ENOTEMPTY: NtStatus.DIRECTORY_NOT_EMPTY,
    errno.ENAMETOOLONG: NtStatus.OBJECT_NAME_INVALID,
    errno.EINVAL: NtStatus.INVALID_PARAMETER,
    errno.EFBIG: NtStatus.FILE_TOO_LARGE,
    errno.EMFILE: NtStatus.INSUFFICIENT_RESOURCES,
    errno.ENFILE: NtStatus.INSUFFICIENT_RESOURCES,
}


class _Answering:
    """`with answering:` turns an `OSError` inside into a `StoreError`."""

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, OSError):
            status = STATUS_OF_ERRNO.get(error.errno or 0, NtStatus.IO_DEVICE_ERROR)
            raise StoreError(
                status, os.strerror(error.errno) if error.errno else str(error)
            ) from error


answering: Final = _Answering()
