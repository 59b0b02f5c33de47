"""The operating system's errors in the share's words."""

from __future__ import annotations

import errno

import pytest

from despoolr_core.share.modes import NtStatus
from despoolr_server.files.errors import answering
from despoolr_server.files.protocol import StoreError


@pytest.mark.parametrize(
    ("number", "status"),
    [
        (errno.ENOSPC, NtStatus.DISK_FULL),
        (errno.EDQUOT, NtStatus.DISK_FULL),
        (errno.EROFS, NtStatus.ACCESS_DENIED),
        (errno.EACCES, NtStatus.ACCESS_DENIED),
        (errno.EIO, NtStatus.IO_DEVICE_ERROR),
        (errno.ENOENT, NtStatus.OBJECT_NAME_NOT_FOUND),
        (errno.ENOTEMPTY, NtStatus.DIRECTORY_NOT_EMPTY),
        (errno.EMFILE, NtStatus.INSUFFICIENT_RESOURCES),
    ],
)
def test_an_os_error_becomes_the_status_to_answer(number: int, status: NtStatus) -> None:
    with pytest.raises(StoreError) as caught, answering:
        raise OSError(number, "no")
    assert caught.value.status is status
    assert caught.value.reason


def test_other_errors_pass() -> None:
    with pytest.raises(ZeroDivisionError), answering:
        raise ZeroDivisionError
