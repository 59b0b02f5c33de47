"""The bodies that cross the wire: JSON objects of the HTTP API, as msgspec structs.

Times are site time in seconds since 1970 (floats) under names that end in `_at`; spans end in `_s`.
Access, share mode, disposition, options and attributes travel as SMB's words (`"READ|WRITE"`).
"""

from typing import Final

import msgspec

from despoolr_core.rules.fields import LineText, NameText

GATEWAY_ERRORS: Final = (502, 503, 504)
"""Statuses of somebody between client and server who has had no answer himself."""


class SessionRequest(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """`POST /api/v1/sessions`. `machine` and `user` may be left out: the token names them.
    `lease_s` is capped by the server.

    `previous` names a session of the caller's that this one takes the place of: it ends ([MS-SMB2]
    PreviousSessionId).
    """

    program: NameText = ""
    machine: NameText = ""
    user: NameText = ""
    lease_s: float = 0.0
    previous: NameText = ""


class SessionReply(msgspec.Struct):
    """A session and when its lease runs out unless something renews it."""

    session: str
    machine: str
    user: str
    program: str
    lease_s: float
    expires_at: float


class OpenRequest(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """`POST /api/v1/opens`. `program` overrides the session's; `purpose` links the attempts of one
    update.
    """

    session: NameText
    share: NameText
    path: str
    access: LineText = "READ"
    share_mode: LineText = "READ"
    disposition: NameText = "OPEN"
    options: LineText = ""
    attributes: LineText = ""
    program: NameText = ""
    purpose: LineText = ""


class OpenReply(msgspec.Struct):
    """A granted open. `open` is the handle; `action` is the create action; `size` in bytes."""

    open: str
    action: str
    size: int
    attributes: str
    opened_at: float


class OpenFacts(msgspec.Struct, frozen=True):
    """`GET /api/v1/opens/{id}`: what a handle's file is now: its present name, size in bytes, link
    count (0 once pending).
    """

    path: str
    size: int
    links: int
    delete_pending: bool
    directory: bool
    attributes: str


class OpenChange(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """`PATCH /api/v1/opens/{id}`: exactly one thing to change about the file of a handle.

    `path` renames it (`replace` whatever has that name), `delete` sets or clears the delete
    disposition, `size` is in bytes, `attributes` are SMB's words (`NORMAL` for none).
    """

    path: str | None = None
    replace: bool = False
    delete: bool | None = None
    attributes: LineText | None = None
    size: int | None = None


class LockElement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One range of a lock request: 64-bit unsigned `offset` and `length`, and flags such as
    `"EXCLUSIVE|FAIL_IMMEDIATELY"` or `"UNLOCK"`.
    """

    offset: int
    length: int
    flags: str = "EXCLUSIVE|FAIL_IMMEDIATELY"


class LockRequest(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """`POST /api/v1/opens/{id}/locks`. Without FAIL_IMMEDIATELY it waits at most `wait_s` (0: as
    long as the server lets it).

    `request` is the caller's name for a request that may wait, by which it can be cancelled.
    """

    locks: list[LockElement]
    wait_s: float = 0.0
    request: NameText = ""


def lock_request(offset: int, length: int, *, exclusive: bool, wait_s: float) -> LockRequest:
    """The request for one lock, refused at once if it cannot be granted and `wait_s` is 0."""
    kind = "EXCLUSIVE" if exclusive else "SHARED"
    return LockRequest(
        [LockElement(offset, length, kind if wait_s else f"{kind}|FAIL_IMMEDIATELY")], wait_s
    )


class LockedRange(msgspec.Struct, frozen=True, gc=False):
    """A lock that is held: its kind (`SHARED`, `EXCLUSIVE`), where, and since when."""

    kind: str
    offset: int
    length: int
    locked_at: float


class WaitingRange(msgspec.Struct, frozen=True, omit_defaults=True):
    """A lock request that waits."""

    kind: str
    offset: int
    length: int
    request: str = ""


class LockList(msgspec.Struct, omit_defaults=True):
    """What `POST /api/v1/opens/{id}/locks` granted, or with `GET` all that a handle has locked and
    waits for, oldest first.
    """

    locks: list[LockedRange]
    waiting: list[WaitingRange] = []


class Blocker(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One open that stands in the way: whose, which program, how, since when; `lock` if not the
    open but its lock does.

    A server knows all of it. What was imported may not: what is empty is not in the source, and
    `since` is `before` where the open is older than `opened_at`.
    """

    open: str
    machine: str
    user: str
    program: str
    access: str
    share_mode: str
    opened_at: float
    lock: LockedRange | None = None
    since: str = ""


class Problem(msgspec.Struct, omit_defaults=True):
    """An RFC 9457 problem body. `blockers` is cut at the server's stated maximum; `blocker_count`
    is the full count.

    `dav_error` is the element of `DAV:error` that says the same (RFC 4918, 16), where WebDAV has
    one. `free_bytes` says of a full disk how much is left on it.
    """

    type: str
    title: str
    status: int
    detail: str = ""
    nt_status: str = ""
    win32: int = 0
    share: str = ""
    path: str = ""
    blockers: list[Blocker] = []
    blocker_count: int = 0
    episode: str = ""
    dav_error: str = ""
    free_bytes: int | None = None


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One name in a directory. `modified_at` is the file time in site seconds; `size` in bytes (0
    for a directory).

    A directory's `etag` changes whenever a name in it comes, goes or changes, or a file is put
    there: who saw it need not list again. A file's changes with its content; it is told within the
    server's process alone.
    """

    name: str
    size: int = 0
    modified_at: float = 0.0
    directory: bool = False
    attributes: str = ""
    etag: str = ""


class Listing(msgspec.Struct):
    """`GET /{share}/{directory}/`: the names in it, sorted case-insensitively."""

    path: str
    entries: list[Entry]


RANGES_LISTED_MAX: Final = 10
"""How many ranges a row of `GET /api/v1/opens` lists."""


class OpenRow(msgspec.Struct, frozen=True):
    """One row of `GET /api/v1/opens`, named like a row of `smbstatus -j`. `kind` is empty for what
    is only an open.

    `ranges` are the bytes it has locked and `waiting` those it waits for, oldest first: the first
    `RANGES_LISTED_MAX` of the `range_count` and `waiting_count` there are. The locks of a handle
    are listed in full by `GET /api/v1/opens/{id}/locks`.
    """

    open: str
    session: str
    machine: str
    user: str
    program: str
    share: str
    path: str
    access: str
    share_mode: str
    opened_at: float
    delete_on_close: bool = False
    purpose: str = ""
    kind: str = ""
    ranges: tuple[LockedRange, ...] = ()
    range_count: int = 0
    waiting: tuple[WaitingRange, ...] = ()
    waiting_count: int = 0


class Hold(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """How long one blocker stood in the way of an episode. `released_at` is None while it still
    does; `lock` as in `Blocker`.

    `path` is the file it held: the attempts of one update may stop at different ones. `open` is the
    blocking open's id; `since` as in `Blocker`.
    """

    machine: str
    user: str
    program: str
    access: str
    share_mode: str
    opened_at: float
    first_blocked_at: float
    last_blocked_at: float
    released_at: float | None
    refusal_count: int
    lock: LockedRange | None = None
    path: str = ""
    open: str = ""
    since: str = ""


class EpisodeRow(msgspec.Struct, frozen=True, gc=False):
    """The attempts of one update, linked: who waited, on what, since when, how often refused, by
    whom.

    `state` is `waiting`, `resolved` (the blocked path was opened at last) or `given up`.
    `blocked_s` runs from the first refusal to the end, or to now.
    """

    episode: str
    state: str
    machine: str
    program: str
    purpose: str
    share: str
    path: str
    first_refused_at: float
    last_refused_at: float
    ended_at: float | None
    attempt_count: int
    blocked_s: float
    nt_status: str
    holds: list[Hold]
    server: str = ""
    access: str = ""
    share_mode: str = ""


class WrittenReply(msgspec.Struct):
    """`PUT /api/v1/opens/{id}/content`: how many bytes were written."""

    written: int


class OpenList(msgspec.Struct):
    """`GET /api/v1/opens`: the first `limit` rows that match, oldest first, and how many match in
    all.
    """

    opens: list[OpenRow]
    count: int


class EpisodeList(msgspec.Struct):
    """`GET /api/v1/episodes`: the first `limit` rows that match, and how many match in all."""

    episodes: list[EpisodeRow]
    count: int


class EpisodeEnd(msgspec.Struct, forbid_unknown_fields=True):
    """`POST /api/v1/episodes/{id}/end`: why the update will not be tried again."""

    reason: LineText


class Health(msgspec.Struct, omit_defaults=True):
    """`GET /healthz`: `uptime_s` and `now` are site time. `status` is `ok`, or `damaged`: `damages`
    says what and what to do.
    """

    status: str
    server: str
    version: str
    now: float
    uptime_s: float
    shares: int
    sessions: int
    opens: int
    episodes_waiting: int
    requests: int
    damages: list[str] = []
