"""The shares of one server process: the one door between callers (HTTP handlers, local services) and the table of opens.

STUB: signatures are the contract; the owner of `share/` fills it in.
Refusals are values (`Problem`). Decisions never await: between looking at the table and changing it nothing else runs.
Only moving octets may await; meanwhile the open that was granted protects the file.
"""

from __future__ import annotations

from dataclasses import dataclass

from despoolr_core.clock import Clock
from despoolr_core.records import Recorder
from despoolr_core.sharing import Role
from despoolr_core.wire import Entry, EpisodeRow, OpenReply, OpenRequest, OpenRow, Problem, SessionReply, SessionRequest


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a token says the caller is."""

    machine: str
    user: str
    role: Role


@dataclass(frozen=True, slots=True)
class Caller:
    """One request's caller: the principal, and (optionally) the session it runs in, its program, and what it is for."""

    who: Principal
    session: str = ""
    program: str = ""
    purpose: str = ""


@dataclass(frozen=True, slots=True)
class Content:
    """A file's octets as of one open: `etag` is strong and quoted, `modified_at` is site time in seconds."""

    data: bytes
    etag: str
    modified_at: float


class NotModified:
    """The file still has the ETag the caller has."""


NOT_MODIFIED = NotModified()


class ShareHost:
    """All shares of one server, their sessions and their table of opens."""

    def __init__(self, server: str, clock: Clock, recorder: Recorder, **limits: object) -> None: ...

    # -- what there is
    def add_share(self, name: str, store: object, rights: object = None) -> None: ...
    def share_names(self) -> list[str]: ...

    # -- sessions on leases
    def start_session(self, who: Principal, request: SessionRequest) -> SessionReply | Problem: ...
    def renew_session(self, who: Principal, session: str) -> SessionReply | Problem: ...
    def end_session(self, who: Principal, session: str, reason: str = "logoff") -> Problem | None: ...
    def expire_sessions(self) -> int: ...

    # -- opens (handles)
    async def open(self, who: Principal, request: OpenRequest) -> OpenReply | Problem: ...
    async def read_open(self, who: Principal, handle: str, offset: int, length: int | None) -> bytes | Problem: ...
    async def write_open(self, who: Principal, handle: str, offset: int, data: bytes) -> int | Problem: ...
    async def close(self, who: Principal, handle: str) -> Problem | None: ...

    # -- path operations: an open, the work, a close
    async def get(self, caller: Caller, share: str, path: str, if_none_match: str = "") -> Content | NotModified | Problem: ...
    async def put(self, caller: Caller, share: str, path: str, data: bytes, *, create_only: bool = False) -> str | Problem:
        """The new ETag."""
        ...
    async def delete(self, caller: Caller, share: str, path: str) -> Problem | None: ...
    async def move(self, caller: Caller, share: str, path: str, new_path: str, *, replace: bool) -> Problem | None: ...
    async def copy(self, caller: Caller, share: str, path: str, new_path: str, *, replace: bool) -> Problem | None: ...
    async def make_directory(self, caller: Caller, share: str, path: str, *, parents: bool) -> Problem | None: ...
    def list(self, caller: Caller, share: str, path: str) -> list[Entry] | Problem: ...
    def stat(self, caller: Caller, share: str, path: str) -> tuple[Entry, str] | Problem:
        """The entry and its ETag."""
        ...

    # -- asking
    def opens(self, share: str = "", path: str = "", machine: str = "") -> list[OpenRow]: ...
    def episodes(self, machine: str = "", path: str = "") -> list[EpisodeRow]: ...
    def end_episode(self, who: Principal, episode: str, reason: str) -> Problem | None: ...
    def close_by_force(self, who: Principal, handle: str, reason: str) -> Problem | None: ...
