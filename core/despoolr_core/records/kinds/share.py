"""What a share server records. `server` is that server in all of them; `share` and `path` name a
file of it, `machine` is the one that did it, by `program` and for `purpose` (empty: none was told).
Access and share mode are SMB's words (`READ|WRITE`).
"""

from __future__ import annotations

from typing import ClassVar

from msgspec import UNSET, UnsetType

from despoolr_core.records.kinds.fact import Fact
from despoolr_core.share.wire import Blocker, LockedRange


class ShareStarted(Fact, frozen=True, kw_only=True):
    """A share server began; nothing of its that was open before is held any more."""

    KIND: ClassVar = "share.started"
    server: str


class SessionStarted(Fact, frozen=True, kw_only=True):
    """A machine connected. A session without a lease has `lease_s` 0."""

    KIND: ClassVar = "session.started"
    server: str
    session: str
    machine: str
    user: str
    program: str
    lease_s: float


class SessionEnded(Fact, frozen=True, kw_only=True):
    """A machine's session is over; `reason` is `logoff`, `lease expired` or `server stopped`."""

    KIND: ClassVar = "session.ended"
    server: str
    session: str
    machine: str
    reason: str


class OpenGranted(Fact, frozen=True, kw_only=True):
    """A handle, `open`, was given out. `action` is the create action; `lock` says which WebDAV
    lock it stands for, if it does. Of an imported one, `access` or `share_mode` may be empty (not
    in the source), and `since` is `before` where it is older than the record says.
    """

    KIND: ClassVar = "open.granted"
    server: str
    open: str
    session: str
    machine: str
    user: str
    program: str
    share: str
    path: str
    access: str
    share_mode: str
    action: str
    purpose: str
    lock: str | UnsetType = UNSET
    since: str | UnsetType = UNSET


class OpenRefused(Fact, frozen=True, kw_only=True):
    """An open, or what would have been one for a moment, was refused. `blockers` are the opens and
    locks in the way, oldest first and cut at the server's maximum; with none of them `episode` is
    empty.
    """

    KIND: ClassVar = "open.refused"
    server: str
    machine: str
    user: str
    program: str
    share: str
    path: str
    access: str
    share_mode: str
    nt_status: str
    win32: int
    blockers: tuple[Blocker, ...]
    purpose: str
    episode: str


class OpenClosed(Fact, frozen=True, kw_only=True):
    """A handle was given back or taken; `reason` is `closed`, `logoff`, `lease expired`, `server
    stopped`, or why it was closed by force.
    """

    KIND: ClassVar = "open.closed"
    server: str
    open: str
    machine: str
    share: str
    path: str
    reason: str


class LockGranted(Fact, frozen=True, kw_only=True):
    """A range of bytes is locked; `lock` is `SHARED` or `EXCLUSIVE`."""

    KIND: ClassVar = "lock.granted"
    server: str
    open: str
    machine: str
    program: str
    share: str
    path: str
    lock: str
    offset: int
    length: int
    purpose: str


class LockReleased(Fact, frozen=True, kw_only=True):
    """A range of bytes was unlocked. A close releases all that its handle has locked, without a
    record of this kind.
    """

    KIND: ClassVar = "lock.released"
    server: str
    open: str
    machine: str
    share: str
    path: str
    lock: str
    offset: int
    length: int

    def is_of(self, lock: LockedRange) -> bool:
        """Whether it is that lock, of the same handle, that was released."""
        return (lock.kind, lock.offset, lock.length) == (self.lock, self.offset, self.length)


class FileWritten(Fact, frozen=True, kw_only=True):
    """A file has new content, of `size` bytes."""

    KIND: ClassVar = "file.written"
    server: str
    share: str
    path: str
    size: int
    machine: str
    program: str
    purpose: str


class FileDeleted(Fact, frozen=True, kw_only=True):
    """A file or directory was deleted."""

    KIND: ClassVar = "file.deleted"
    server: str
    share: str
    path: str
    machine: str
    program: str
    purpose: str


class FileRenamed(Fact, frozen=True, kw_only=True):
    """What was `path` is `new_path`, on the same share."""

    KIND: ClassVar = "file.renamed"
    server: str
    share: str
    path: str
    new_path: str
    machine: str
    program: str
    purpose: str


class ShareDamaged(Fact, frozen=True, kw_only=True):
    """Something is wrong with a share's data, as `found` says, and nothing on it can be changed."""

    KIND: ClassVar = "share.damaged"
    server: str
    share: str
    found: str


class EpisodeEnded(Fact, frozen=True, kw_only=True):
    """Nobody waits in this episode any more; `state` is `resolved` or `given up`."""

    KIND: ClassVar = "episode.ended"
    server: str
    episode: str
    state: str
    reason: str


class RightsChanged(Fact, frozen=True, kw_only=True):
    """What a role may do below a path; `rights` or `was` is None where nothing is, or was, set."""

    KIND: ClassVar = "rights.changed"
    share: str
    path: str
    role: str
    rights: str | None
    was: str | None


class MessageSent(Fact, frozen=True, kw_only=True):
    """A message to the users of a machine was left with a share server."""

    KIND: ClassVar = "message.sent"
    machine: str
    text: str
