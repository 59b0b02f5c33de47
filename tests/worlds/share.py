"""A share server for tests: a host on a clock that the test moves, its records kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from despoolr_core.clock import Clock
from despoolr_core.records.stream import Record, Recorder
from despoolr_core.share.modes import NtStatus, Role
from despoolr_core.share.wire import OpenReply, OpenRequest, Problem, SessionReply, SessionRequest
from despoolr_server.files import FileStore, MemoryFileStore
from despoolr_server.shares.base import rights
from despoolr_server.shares.base.limits import ShareLimits
from despoolr_server.shares.base.principal import Caller, Principal, Written
from despoolr_server.shares.host import ShareHost
from despoolr_server.shares.local import LocalShare

EPOCH = 833785200.0
"""1996-06-03 07:00."""


class StillClock(Clock):
    """A clock that only a test moves."""

    def __init__(self, time: float = EPOCH) -> None:
        self.time = time

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += seconds

    async def sleep_until(self, deadline: float) -> None:
        self.time = max(self.time, deadline)

    def call_later(self, seconds: float, call: Callable[[], object]) -> asyncio.Handle:
        """Nothing wakes at a time to which a test moves it."""
        return asyncio.Handle(call, (), asyncio.get_running_loop())


SERVICE = Principal("SITE1", "SMSADMIN", Role.SERVICE)
ADMIN = Principal("BENCH", "ADMIN", Role.ADMIN)


def client(machine: str = "WS3", user: str = "ALICE") -> Principal:
    """A client machine's principal."""
    return Principal(machine, user, Role.CLIENT)


class World:
    """A host `LOGON1` with shares `SMS_SHR` (the logon server's rights), `SMS_PKGC` and `OPEN`
    (everybody everything).
    """

    def __init__(
        self,
        store: FileStore | None = None,
        *,
        id_prefix: str = "",
        dav_time_scale: float = 1.0,
        clock: StillClock | None = None,
        **limits: Any,
    ) -> None:
        self.clock = clock or StillClock()
        self.records: list[Record] = []
        self.recorder = Recorder(self.clock.now, [self.records.append])
        self.host = ShareHost(
            "LOGON1",
            self.clock,
            self.recorder,
            ShareLimits(**limits),
            id_prefix=id_prefix,
            dav_time_scale=dav_time_scale,
        )
        self.store = MemoryFileStore() if store is None else store
        self.host.add_share("SMS_SHR", MemoryFileStore(), rights.SMS_SHR)
        self.host.add_share("SMS_PKGC", MemoryFileStore(), rights.PACKAGE_SHARE)
        self.host.add_share("OPEN", self.store)

    def share(self, who: Principal = SERVICE, share: str = "OPEN", program: str = "") -> LocalShare:
        """A share as somebody sees it."""
        return LocalShare(self.host, share, who, program)

    def session(self, who: Principal, program: str = "", lease_s: float = 0.0) -> str:
        """Begin a session that must be granted."""
        reply = self.host.sessions.start(who, SessionRequest(program=program, lease_s=lease_s))
        assert isinstance(reply, SessionReply), reply
        return reply.session

    async def open(
        self, who: Principal, session: str, path: str, **words: str
    ) -> OpenReply | Problem:
        """Ask for an open on the share `OPEN`."""
        return await self.host.handles.open(
            who, OpenRequest(session=session, share="OPEN", path=path, **words)
        )

    async def hold(self, who: Principal, session: str, path: str, **words: str) -> str:
        """An open that must be granted; its handle."""
        reply = await self.open(who, session, path, **words)
        assert isinstance(reply, OpenReply), reply
        return reply.open

    async def put(self, path: str, data: bytes = b"x", who: Principal = SERVICE) -> str:
        """A write that must be granted; the ETag."""
        written = await self.host.paths.put(Caller(who), "OPEN", path, data)
        assert isinstance(written, Written), written
        return written.etag

    def kinds(self) -> list[str]:
        """The kinds of the records so far."""
        return [record.kind for record in self.records]

    def last(self, kind: str) -> dict[str, Any]:
        """The facts of the last record of a kind, as they are written down."""
        found = next(record.data for record in reversed(self.records) if record.kind == kind)
        facts: dict[str, Any] = msgspec.to_builtins(found)
        return facts


def status(answer: object) -> NtStatus:
    """The status of an answer: that of a problem, else SUCCESS."""
    return NtStatus(answer.nt_status) if isinstance(answer, Problem) else NtStatus.SUCCESS
