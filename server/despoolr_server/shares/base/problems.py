"""Refusals as RFC 9457 problem bodies, in words a person can act on.

The law: every answer that is not a success has one body: its status by name, number and HTTP code,
one title, and a detail that says what is in the way, whose it is and since when.
"""

from __future__ import annotations

from typing import Final

from despoolr_core.records.verdicts import locked
from despoolr_core.share.modes import (
    HTTP_STATUS,
    WIN32_CODE,
    NtStatus,
    render_access,
    render_share_mode,
)
from despoolr_core.share.wire import Blocker, LockedRange, Problem
from despoolr_core.times import moment
from despoolr_server.engine.ranges import RangeLock
from despoolr_server.engine.rows import Open, Refusal

TITLES: Final[dict[NtStatus, str]] = {
    NtStatus.SHARING_VIOLATION: "The file is in use by somebody who does not share it that way",
    NtStatus.FILE_LOCK_CONFLICT: "Part of the file is locked by somebody else",
    NtStatus.LOCK_NOT_GRANTED: "The range is locked by somebody else",
    NtStatus.RANGE_NOT_LOCKED: "The range was not locked through this handle",
    NtStatus.INVALID_LOCK_RANGE: "The range ends beyond what can be addressed",
    NtStatus.DELETE_PENDING: "The file is being deleted and goes when its last open closes",
    NtStatus.CANNOT_DELETE: "A read-only file cannot be deleted",
    NtStatus.DIRECTORY_NOT_EMPTY: "The directory is not empty",
    NtStatus.ACCESS_DENIED: "Access is denied",
    NtStatus.OBJECT_NAME_NOT_FOUND: "There is no such file",
    NtStatus.OBJECT_PATH_NOT_FOUND: "There is no such directory",
    NtStatus.OBJECT_NAME_COLLISION: "The name is taken",
    NtStatus.OBJECT_NAME_INVALID: "That is not a name a share can have",
    NtStatus.FILE_IS_A_DIRECTORY: "The name is a directory",
    NtStatus.NOT_A_DIRECTORY: "The name is not a directory",
    NtStatus.INVALID_PARAMETER: "The request contradicts itself",
    NtStatus.NOT_SUPPORTED: "This server does not do that",
    NtStatus.END_OF_FILE: "The file ends before that",
    NtStatus.DISK_FULL: "The server's disk is full",
    NtStatus.MEDIA_WRITE_PROTECTED: "Nothing on the share can be changed until its data are mended",
    NtStatus.FILE_CLOSED: "The handle is closed, or never was",
    NtStatus.FILE_TOO_LARGE: "The file would be larger than this server takes",
    NtStatus.USER_SESSION_DELETED: "The session has ended",
    NtStatus.NETWORK_NAME_DELETED: "The share has gone",
    NtStatus.BAD_NETWORK_NAME: "There is no such share",
    NtStatus.INSUFFICIENT_RESOURCES: "The server is at its limit",
    NtStatus.IO_DEVICE_ERROR: "The server's disk failed",
    NtStatus.CANCELLED: "The request was cancelled",
    NtStatus.PENDING: "The request waits",
}

_DETAILED_MAX: Final = 3


def problem(
    status: NtStatus,
    share: str = "",
    path: str = "",
    *,
    detail: str = "",
    blockers: list[Blocker] | None = None,
    blocker_count: int = 0,
    episode: str = "",
) -> Problem:
    """The body for one status."""
    return Problem(
        type="/problems/" + status.value.removeprefix("STATUS_").lower().replace("_", "-"),
        title=TITLES.get(status, status.value),
        status=HTTP_STATUS[status],
        detail=detail or (f"{path or share}: {TITLES.get(status, status.value)}" if share else ""),
        nt_status=status.value,
        win32=WIN32_CODE[status],
        share=share,
        path=path,
        blockers=blockers or [],
        blocker_count=blocker_count,
        episode=episode,
    )


def refusal_problem(
    refusal: Refusal, share: str, path: str, blockers: list[Blocker], episode: str = ""
) -> Problem:
    """The body for a refusal of the engine; the detail names up to three of the opens in the
    way.
    """
    where = path or share
    detail = (f"{where}: {refusal.reason}" if where else refusal.reason) if refusal.reason else ""
    if blockers:
        named = "; ".join(describe(blocker) for blocker in blockers[:_DETAILED_MAX])
        rest = refusal.blocker_count - _DETAILED_MAX
        held = "has" if refusal.locks else "is held open by"
        detail = f"{path or share} {held} {named}" + (f" and {rest} more" if rest > 0 else "")
    return problem(
        refusal.status,
        share,
        path,
        detail=detail,
        blockers=blockers,
        blocker_count=refusal.blocker_count,
        episode=episode,
    )


def blockers_of(refusal: Refusal) -> list[Blocker]:
    """The opens, or the locks of opens, that a refusal names."""
    if refusal.locks:
        return [
            blocker_of(row, range_of(lock))
            for row, lock in zip(refusal.blockers, refusal.locks, strict=True)
        ]
    return [blocker_of(row) for row in refusal.blockers]


def range_of(lock: RangeLock) -> LockedRange:
    """A lock as others see it."""
    return LockedRange(lock.kind, lock.offset, lock.length, lock.locked_at)


def blocker_of(row: Open, lock: LockedRange | None = None) -> Blocker:
    """An open as others see it when it, or its lock, stands in their way."""
    return Blocker(
        open=row.handle,
        machine=row.machine,
        user=row.user,
        program=row.program,
        access=render_access(row.access),
        share_mode=render_share_mode(row.share_mode),
        opened_at=row.opened_at,
        lock=lock,
    )


def describe(blocker: Blocker) -> str:
    """`WINWORD.EXE on WS3 (user ALICE) with READ access sharing READ since 1996-06-03 08:30`.

    For a lock: `bytes 0 to 9 locked (EXCLUSIVE) by WINWORD.EXE on WS3 (user ALICE) since
    1996-06-03 08:30`.
    """
    who = f"{blocker.program} on {blocker.machine}" if blocker.program else blocker.machine
    user = f" (user {blocker.user})" if blocker.user else ""
    if blocker.lock is not None:
        return f"{locked(blocker.lock)} by {who}{user} since {moment(blocker.lock.locked_at)}"
    return (
        f"{who}{user} with {blocker.access} access sharing {blocker.share_mode} since "
        f"{moment(blocker.opened_at)}"
    )
