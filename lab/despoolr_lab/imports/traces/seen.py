"""What a reader says that its file saw: one struct for each fact, in the order of the file.

The law: a fact holds what the source says and nothing else. -1 stands for an access or a share mode
that the source does not have, an empty text for a name that it does not have. Times are seconds
since 1970, UTC as far as the source or the user told the zone. A `handle` and a `session` are names
of the reader's own choice, which mean nothing to another file.
"""

from __future__ import annotations

from typing import Final

import msgspec

UNKNOWN: Final = -1
ALL_MODES: Final = 7
PROCESS: Final = "pid "
"""What a client is called, before a number, of whom only the server's process is known."""
USER_ID: Final = "uid "
"""What a user is called, before a number, who has no name in the source."""
UNKNOWN_PATH: Final = "?"
"""The path of an open whose name no frame has: no file can be called so."""

Session = tuple[str, ...]
"""A connection's session: the whole, then its parts (`("0x18925ac2", "0xded0a535")`), so that the
end of the whole is the end of its parts.
"""


class Who(msgspec.Struct, frozen=True, gc=False):
    """A client, as far as a source names it. `server` is the address of the server that it spoke
    to.
    """

    address: str = ""
    machine: str = ""
    user: str = ""
    program: str = ""
    server: str = ""

    @property
    def is_stranger(self) -> bool:
        """Whether a source that names its clients knows only the process that serves this one."""
        return not self.address and self.machine.startswith(PROCESS)


NOBODY: Final = Who()


class Seen(msgspec.Struct):
    """A fact of a moment."""

    at: float


class Connected(Seen):
    """A session to a share began."""

    session: Session
    who: Who
    share: str = ""


class Opened(Seen):
    """A handle was granted. `known` are the share modes that the source tells of: those of
    `share_mode`, and those that are known not to be in it. `is_older`: it was opened before `at`,
    nobody knows when. `waited_s`: the answer was held back so long.
    """

    handle: str
    who: Who
    share: str
    path: str
    access: int
    share_mode: int
    session: Session = ()
    known: int = ALL_MODES
    action: str = "OPENED"
    is_older: bool = False
    is_durable: bool = False
    waited_s: float = 0.0
    is_deleting: bool = False
    """Whether its file is marked for deletion when it closes."""
    goes_on: str = ""
    """The handle of the durable open that this one is, taken up again over another connection;
    `is_older` where no frame gave that handle out.
    """


class OpenDenied(Seen):
    """An open was refused, or (`doing`) a lock of a range, a read, a write or a rename.

    `status` is the NT status as in [MS-ERREF], or empty where the source has only a refusal.
    `implied` is what the disposition wants beside `access`. `handle` is that of the file for what
    was done with one; its path counts then, not `path`.
    """

    who: Who
    share: str
    path: str
    access: int
    share_mode: int
    status: str
    implied: int = 0
    handle: str = ""
    doing: str = ""
    offset: int = UNKNOWN
    length: int = 1
    new_path: str = ""
    blockers: tuple[str, ...] = ()
    """Handles that the source itself names as being in the way."""


class HandleClosed(Seen):
    """A handle was given back, or taken: `reason` is `closed` or says by whom."""

    handle: str
    reason: str = "closed"


class SessionOver(Seen):
    """Whatever was open in a session is closed. `silent_since`: when its client was last heard of.
    `keeps`: `durable` handles may live on, or `all` that were not closed before.
    """

    session: Session
    reason: str
    silent_since: float = 0.0
    keeps: str = ""


class Quiet(Seen):
    """A session that has not ended, and when its client was last heard of."""

    session: Session
    since: float


class Locked(Seen):
    """A range of a handle's file was locked."""

    handle: str
    offset: int
    length: int
    is_exclusive: bool
    waited_s: float = 0.0


class RangeUnlocked(Seen):
    """A range of a handle's file is locked by it no more."""

    handle: str
    offset: int
    length: int


class GotThrough(Seen):
    """What was refused before was granted (`doing` as in `OpenDenied`), of a handle or a path."""

    handle: str
    doing: str
    who: Who = NOBODY
    share: str = ""
    path: str = ""


class Renamed(Seen):
    """A file was renamed: by its handle, or (without one) by its path."""

    handle: str
    who: Who
    share: str
    path: str
    new_path: str


class DeleteMarked(Seen):
    """A handle's file goes at its last close (`is_pending`), or no longer does."""

    handle: str
    is_pending: bool


class Deleted(Seen):
    """A file or directory was deleted, by whoever closed it last."""

    who: Who
    share: str
    path: str


class Noted(Seen):
    """Something to be said about the source: `about` as in `ImportNote`. `detail` goes on where
    `text` ends, and has the names of users, machines and files, of which `text` has none.
    """

    about: str
    text: str
    detail: str = ""
