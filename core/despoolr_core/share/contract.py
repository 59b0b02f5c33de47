"""How a service or a client uses a share, wherever it is: the small interface everything is written
against.

Two carriers implement it: `LocalShare` in the server (the process that owns the table; a local open
is checked like any other) and `HttpShare` in the client package (any machine, over HTTP). Paths are
relative to the share, with `/` or `\\` between the parts. Every failure the share itself answers is
a `ShareError`; a share that does not answer is `ShareUnreachable`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from despoolr_core.share.modes import Access, CreateOption, Disposition, NtStatus, ShareMode
from despoolr_core.share.wire import Blocker, Entry, Problem

_REFUSALS: Final = (
    NtStatus.SHARING_VIOLATION,
    NtStatus.FILE_LOCK_CONFLICT,
    NtStatus.LOCK_NOT_GRANTED,
    NtStatus.DELETE_PENDING,
)


Watch = Callable[[float], object | None]
"""What directories are like from now until a site time (one that has passed: now), if nothing
changes: told without a call. As long as it says the same, a look at them and a listing would say
what they said before. None: only a look can tell.
"""


def unwatched(_until: float) -> None:
    """The `Watch` of directories that nobody can tell about without asking."""


class ShareError(Exception):
    """The share answered no. `problem` says why; `nt_status`, `win32` and `blockers` are its parts
    that code asks for.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail or problem.title)
        self.problem = problem

    @property
    def nt_status(self) -> NtStatus:
        """The answer by its [MS-ERREF] name."""
        return NtStatus(self.problem.nt_status)

    @property
    def win32(self) -> int:
        """What SMS prints as `Win32 Error = N`."""
        return self.problem.win32

    @property
    def blockers(self) -> list[Blocker]:
        """The opens in the way, for a sharing violation; else empty."""
        return self.problem.blockers

    @property
    def is_refusal(self) -> bool:
        """Whether somebody else's use of the file is the reason: trying again later may succeed."""
        return self.problem.nt_status in _REFUSALS

    @property
    def is_missing(self) -> bool:
        """Whether the name, or a directory on the way to it, does not exist."""
        return self.problem.nt_status in (
            NtStatus.OBJECT_NAME_NOT_FOUND,
            NtStatus.OBJECT_PATH_NOT_FOUND,
        )


class ShareUnreachable(Exception):
    """Nobody answered at the share's server: down, cut off, or timed out. The redirector's Win32
    code is 53 or 64.
    """

    win32 = 53


class OpenFile(Protocol):
    """A granted open. It stands in the way of others until it is closed. Every call raises
    `ShareError` where the share refuses, and `ShareUnreachable` where nobody answers.
    """

    @property
    def handle(self) -> str:
        """The open's id on its server."""

    @property
    def size(self) -> int:
        """Bytes in the file when it was opened."""

    async def read(self, offset: int = 0, length: int | None = None) -> bytes:
        """Bytes from `offset`; fewer at the end of the file."""

    async def write(self, data: bytes, offset: int = 0) -> None:
        """Put bytes at `offset`, growing the file as needed."""

    async def set_size(self, size: int) -> None:
        """Cut or lengthen the file to so many bytes."""

    async def delete(self) -> None:
        """Mark the file for deletion: it goes with its last open."""

    async def lock(
        self, offset: int, length: int, *, exclusive: bool = True, wait_s: float = 0.0
    ) -> None:
        """Lock bytes against other opens, at once or within `wait_s` (site seconds, fewer than a
        call may take).

        Raises `ShareError` (LOCK_NOT_GRANTED) with the blockers. The lock goes with `unlock`, or
        with the open.
        """

    async def unlock(self, offset: int, length: int) -> None:
        """Unlock exactly this range. Raises `ShareError` (RANGE_NOT_LOCKED) if it was not locked
        so.
        """

    async def close(self) -> None:
        """Give the open back. Closing twice is harmless."""


class Share(Protocol):
    """One share as one machine, user and program see it. Path operations are an open, the work and
    a close. Every call raises `ShareError` where the share refuses, and `ShareUnreachable` where
    nobody answers.
    """

    async def open(
        self,
        path: str,
        access: Access = Access.READ,
        share_mode: ShareMode = ShareMode.READ,
        disposition: Disposition = Disposition.OPEN,
        options: CreateOption = CreateOption.NONE,
        *,
        program: str = "",
        purpose: str = "",
    ) -> OpenFile:
        """Open a file and keep it open. Raises `ShareError` with the blockers when another open
        forbids it.
        """

    async def open_all(
        self,
        paths: Sequence[str],
        access: Access,
        share_mode: ShareMode,
        *,
        program: str = "",
        read: bool = False,
    ) -> tuple[list[OpenFile], ShareError | None]:
        """Open files one after the other (and read each); returns those that are open now, and why
        the next one was refused.
        """

    async def read_all(self, paths: Sequence[str]) -> list[bytes | ShareError]:
        """Whole files, each as `read` does: its bytes, or why not."""

    async def create_all(
        self,
        files: Sequence[tuple[str, bytes]],
        *,
        closing: Sequence[OpenFile] = (),
        logoff: bool = False,
    ) -> list[ShareError | None]:
        """Files one after the other, as `create` each; ends with the first refusal, if there is
        one.

        First `closing` is given back: a program's files, by its report. With `logoff` the session
        ends after the last file, if nothing else is open in it. Where that cannot be done on the
        way it is left undone, for the caller's own `close`.
        """

    async def write_all(self, files: Sequence[tuple[str, bytes]]) -> list[ShareError | None]:
        """Files, each as `write` does: None, or why not."""

    async def delete_all(self, paths: Sequence[str]) -> list[ShareError | None]:
        """Files, each as `delete` does: None, or why not."""

    async def read(self, path: str, *, purpose: str = "") -> bytes:
        """The whole file (access READ, sharing READ, as a Windows copy does)."""

    async def read_if_changed(self, path: str, etag: str) -> tuple[bytes, str] | None:
        """The file and its ETag, or None when it still has `etag` (`""` never matches). A
        conditional GET.
        """

    async def write(self, path: str, data: bytes, *, purpose: str = "") -> None:
        """Atomically create or replace a file (access WRITE, sharing READ)."""

    async def create(self, path: str, data: bytes, *, purpose: str = "") -> None:
        """As `write`, but `STATUS_OBJECT_NAME_COLLISION` if the name exists."""

    async def delete(self, path: str, *, purpose: str = "") -> None:
        """Delete a file or an empty directory (access DELETE)."""

    async def rename(
        self, path: str, new_path: str, *, replace: bool = False, purpose: str = ""
    ) -> None:
        """Rename within the share (access DELETE on the source)."""

    async def list(self, path: str = "") -> list[Entry]:
        """The names in a directory, sorted case-insensitively. Raises `ShareError` if there is no
        such directory.
        """

    async def stat(self, path: str) -> Entry | None:
        """One name's facts, or None if there is no such name. Conflicts with nothing (attributes
        only).
        """

    def watch(self, paths: Sequence[str]) -> Watch:
        """What says whether anything in these directories changed; nothing in those below them."""

    async def make_directory(self, path: str) -> None:
        """Make a directory and those above it that are missing; one that exists is fine."""

    async def end_episode(self, episode: str, reason: str) -> None:
        """Tell the server that this update will not be tried again (`given up`)."""
