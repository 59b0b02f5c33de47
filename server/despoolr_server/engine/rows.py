"""The values that go in and out of the engine, and the rows it keeps: all frozen.

An `Ask` is one wish to open; `FileFacts` is what the store knows of the name; an `Open` is a
granted wish; a `Refusal` names the status and the opens in the way. Only the engine makes `Open`s
and `Session`s.
"""

from __future__ import annotations

import msgspec

from despoolr_core.share.modes import (
    CreateAction,
    CreateOption,
    Disposition,
    FileAttribute,
    NtStatus,
    Role,
)
from despoolr_server.engine.names import Name
from despoolr_server.engine.ranges import RangeLock

READONLY = int(FileAttribute.READONLY)
HIDDEN = int(FileAttribute.HIDDEN)
SYSTEM = int(FileAttribute.SYSTEM)
DIRECTORY = int(FileAttribute.DIRECTORY)
_DELETE_ON_CLOSE = int(CreateOption.DELETE_ON_CLOSE)
STORED_ATTRIBUTES = READONLY | HIDDEN | SYSTEM
"""The attributes a store keeps; DIRECTORY follows from what the name is, ARCHIVE and NORMAL are not
kept.
"""


class FileFacts(msgspec.Struct, frozen=True, gc=False):
    """What a store knows of one existing name. `path` has the stored case, `etag` is strong and
    quoted.
    """

    path: str
    size: int
    modified_at: float
    directory: bool
    attributes: int
    etag: str


class Ask(msgspec.Struct, frozen=True, gc=False):
    """One wish to open: [MS-SMB2] 2.2.13 in our words. `allowed` is the access the caller's rights
    permit on this path.

    `covering_handles` are handles of opens that the asker acts under: they do not stand in its way.
    `covers`: see `engine.tree_locks`. A name that is `fixed` is that of a directory which this
    asker may neither delete, rename nor make a file of.
    """

    share: str
    name: Name
    access: int
    share_mode: int
    disposition: Disposition = Disposition.OPEN
    options: int = 0
    attributes: int = 0
    allowed: int = 0x1F01FF
    program: str = ""
    purpose: str = ""
    covering_handles: frozenset[str] = frozenset()
    covers: int = 0
    fixed: bool = False

    @property
    def delete_on_close(self) -> bool:
        """Whether the file goes when this open closes."""
        return bool(self.options & _DELETE_ON_CLOSE)


class Open(msgspec.Struct, frozen=True, gc=False):
    """One granted open. `number` counts up within one table and orders opens by age; `access` has
    no generic bits left.

    `conflict_class` is the open's class in the sharing rule: what it wants, above what it shares
    (`conflict.conflict_class`).
    """

    handle: str
    number: int
    session: str
    machine: str
    user: str
    program: str
    share: str
    path: str
    file: str
    access: int
    share_mode: int
    conflict_class: int
    opened_at: float
    directory: bool
    delete_on_close: bool
    purpose: str
    covers: int = 0


class Session(msgspec.Struct, frozen=True, gc=False):
    """One machine's standing with the server. `owner` is the machine of the token that started it;
    `lease_s` 0 has no lease.

    `counted_as` is under which name the session and its opens count towards the limits of one
    machine (`""`: under none).
    """

    session: str
    number: int
    machine: str
    user: str
    program: str
    role: Role
    owner: str
    lease_s: float
    started_at: float
    counted_as: str = ""


class RangeRequest(msgspec.Struct, frozen=True, gc=False):
    """One range of a lock request and what to do with it (`LockFlag`); `offset` and `length` are
    64-bit unsigned.
    """

    offset: int
    length: int
    flags: int


class Waiting(msgspec.Struct, frozen=True, gc=False):
    """A lock request that waits for its range. `number` orders waiters by age; `request` is the
    caller's own name for it.
    """

    number: int
    handle: str
    request: str
    offset: int
    length: int
    kind: str
    machine: str = ""


class Settled(msgspec.Struct, frozen=True, gc=False):
    """How a wait ended: with its lock (SUCCESS), or with a status that says why not."""

    waiting: Waiting
    status: NtStatus
    lock: RangeLock | None = None


class Refusal(msgspec.Struct, frozen=True, gc=False):
    """Why not, and because of whom: at most `blockers_max` opens, oldest first, and the full count.

    Where range locks are in the way, `locks` are they, and `blockers` the opens that hold them, one
    for each.
    """

    status: NtStatus
    blockers: tuple[Open, ...] = ()
    blocker_count: int = 0
    reason: str = ""
    locks: tuple[RangeLock, ...] = ()


class Granted(msgspec.Struct, frozen=True, gc=False):
    """A granted open and what it does to the file."""

    open: Open
    action: CreateAction


class Closed(msgspec.Struct, frozen=True, gc=False):
    """A closed open; `remove` says that the file must now go (it was delete-pending and this was
    the last open).

    `marked_by` is the machine, program and purpose of whoever marked it; `settled` are the waits
    for locks that it ended, its own and those of others who were granted what it let go.
    """

    open: Open
    remove: bool
    marked_by: tuple[str, str, str] | None = None
    settled: tuple[Settled, ...] = ()


class Ended(msgspec.Struct, frozen=True, gc=False):
    """A session that ended, or left a share, and its opens there, closed in the order in which they
    were opened.

    `status` is what late calls on them get. `settled` are its own waits for locks: all are over
    before anything is closed, so that no lock passes from one of its handles to another on the way.
    `left` are the handles of opens that are still to be closed (`ShareEngine.close_left`), where
    there were more than was asked for.
    """

    session: Session
    reason: str
    status: NtStatus
    closed: tuple[Closed, ...]
    settled: tuple[Settled, ...] = ()
    left: tuple[str, ...] = ()
