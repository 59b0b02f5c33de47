"""The values that go in and out of the engine, and the rows it keeps: all frozen.

An `Ask` is one wish to open; `FileFacts` is what the store knows of the name; an `Open` is a granted wish; a `Refusal`
names the status and the opens in the way. Only the engine makes `Open`s and `Session`s.
"""

from __future__ import annotations

import msgspec

from despoolr_core.sharing import CreateAction, CreateOption, Disposition, FileAttribute, NtStatus, Role
from despoolr_server.share.engine.names import Name

READONLY = int(FileAttribute.READONLY)
HIDDEN = int(FileAttribute.HIDDEN)
SYSTEM = int(FileAttribute.SYSTEM)
DIRECTORY = int(FileAttribute.DIRECTORY)
_DELETE_ON_CLOSE = int(CreateOption.DELETE_ON_CLOSE)
STORED_ATTRIBUTES = READONLY | HIDDEN | SYSTEM
"""The attributes a store keeps; DIRECTORY follows from what the name is, ARCHIVE and NORMAL are not kept."""


class FileFacts(msgspec.Struct, frozen=True, gc=False):
    """What a store knows of one existing name. `path` has the stored case, `etag` is strong and quoted."""

    path: str
    size: int
    modified_at: float
    directory: bool
    attributes: int
    etag: str


class Ask(msgspec.Struct, frozen=True, gc=False):
    """One wish to open: [MS-SMB2] 2.2.13 in our words. `allowed` is the access the caller's rights permit on this path.

    `under` are handles of opens that the asker acts under: they do not stand in its way. `covers`: see `engine.cover`.
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
    under: frozenset[str] = frozenset()
    covers: int = 0

    @property
    def delete_on_close(self) -> bool:
        """Whether the file goes when this open closes."""
        return bool(self.options & _DELETE_ON_CLOSE)


class Open(msgspec.Struct, frozen=True, gc=False):
    """One granted open. `number` counts up within one table and orders opens by age; `access` has no generic bits left.

    `stance` is the open's class in the sharing rule: what it wants, above what it shares (`conflict.stance`).
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
    stance: int
    opened_at: float
    directory: bool
    delete_on_close: bool
    purpose: str
    covers: int = 0


class Session(msgspec.Struct, frozen=True, gc=False):
    """One machine's standing with the server. `owner` is the machine of the token that started it; `lease_s` 0 has no lease."""

    session: str
    number: int
    machine: str
    user: str
    program: str
    role: Role
    owner: str
    lease_s: float
    started_at: float


class Refusal(msgspec.Struct, frozen=True, gc=False):
    """Why not, and because of whom: at most `blockers_max` opens, oldest first, and the full count."""

    status: NtStatus
    blockers: tuple[Open, ...] = ()
    blocker_count: int = 0
    reason: str = ""


class Granted(msgspec.Struct, frozen=True, gc=False):
    """A granted open and what it does to the file."""

    open: Open
    action: CreateAction


class Closed(msgspec.Struct, frozen=True, gc=False):
    """A closed open; `remove` says that the file must now go (it was delete-pending and this was the last open).

    `marked_by` is the machine, program and purpose of whoever marked it.
    """

    open: Open
    remove: bool
    marked_by: tuple[str, str, str] | None = None


class Ended(msgspec.Struct, frozen=True, gc=False):
    """A session that ended and its opens, closed in the order in which they were opened."""

    session: Session
    reason: str
    closed: tuple[Closed, ...]
