"""What one machine and user have open on one server, and the session they have it in.

The law: there is one session at a time. It begins with the first open (or with `start`) and is kept
alive every half of its lease, by the clock that was passed in, for as long as anything is open in
it; `_replace` is the one place where it changes. An open whose session is over on the server begins
another one, once. A close that could not be delivered is delivered with the next keep-alive; until
then the server still counts the file as open, as it does when a real machine drops off the network.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Final, Protocol

from despoolr_client.transport.calls import HttpCaller, known_error
from despoolr_core.clock import Alarm, Clock
from despoolr_core.share.chain import (
    CALLS_MAX,
    ChainClose,
    ChainLogoff,
    ChainOpen,
    ChainResult,
    ChainSession,
    Link,
)
from despoolr_core.share.contract import ShareError, ShareUnreachable
from despoolr_core.share.modes import NtStatus
from despoolr_core.share.wire import OpenReply, OpenRequest, SessionReply, SessionRequest

KEEP_ALIVES_PER_LEASE: Final = 2
"""A session survives two lost keep-alives."""

UNDELIVERED_MAX: Final = 10_000
"""Closes that wait for their server to answer again; beyond it the oldest is left to the lease."""

CLOSES_MAX: Final = CALLS_MAX - 1
"""Opens closed in one round trip, with a place left for the session's end."""

_DEAD: Final = (NtStatus.FILE_CLOSED, NtStatus.USER_SESSION_DELETED, NtStatus.NETWORK_NAME_DELETED)


class Handle(Protocol):
    """An open of a session, as far as closing it goes."""

    @property
    def handle(self) -> str:
        """The open's id on its server."""

    @property
    def is_closed(self) -> bool: ...

    def mark_closed(self) -> None:
        """Take note that the server has answered its close."""


class Logon:
    """One session on the server: what it answered, and what must not outlive it here."""

    __slots__ = ("alarm", "expires_at", "is_pinned", "is_used", "keeper", "reply", "undelivered")

    def __init__(self, reply: SessionReply) -> None:
        self.reply = reply
        self.expires_at = reply.expires_at
        """When the server ends it, if it hears nothing until then."""
        self.is_pinned = False
        """It stays until it is ended, whether or not anything is open in it."""
        self.is_used = True
        """Something was opened in it since its last keep-alive."""
        self.undelivered: list[str] = []
        """Handles whose close the server did not hear of."""
        self.alarm: Alarm
        """Rings for the next keep-alive: most sessions end before their first."""
        self.keeper: asyncio.Task[None] | None = None
        """Keeps it alive, at this moment."""

    def stop_keeping(self) -> None:
        """Keep it alive no more."""
        self.alarm.cancel()
        if self.keeper is not None:
            self.keeper.cancel()


class ServerSession:
    """The opens of one machine and user on one server. `caller` makes its calls.

    `lease_s` is asked for (0: the server's default).
    """

    __slots__ = ("_clock", "_held", "_logon", "_starting", "caller", "lease_s")

    def __init__(self, caller: HttpCaller, clock: Clock, lease_s: float) -> None:
        self.caller = caller
        self.lease_s = lease_s
        self._clock = clock
        self._logon: Logon | None = None
        self._starting: asyncio.Lock | None = None
        self._held = 0

    @property
    def id(self) -> str:
        """The session's id, or `""` when not logged on."""
        return "" if self._logon is None else self._logon.reply.session

    def _replace(self, former: Logon | None, new: Logon | None) -> bool:
        """The one place where the session changes: `new` takes the place of `former`, if that is
        still the session. Whether it was.
        """
        if self._logon is not former:
            return False
        self._logon = new
        return True

    # -- beginning and end

    async def start(self, program: str = "", lease_s: float = 0.0) -> SessionReply:
        """Log on now, and stay so until `end`. Opens made from now on belong to this session.
        Raises `ShareError`, `ShareUnreachable`.
        """
        async with self._lock():
            await self.end()
            logon = await self._start(program or self.caller.program, lease_s or self.lease_s)
            logon.is_pinned = True
        return logon.reply

    async def end(self) -> None:
        """Log off: whatever is open is closed by the server. Harmless when not logged on. Raises
        `ShareError`, `ShareUnreachable`.
        """
        logon = self._logon
        if logon is None:
            return
        self._replace(logon, None)
        logon.stop_keeping()
        if logon.keeper is not None:
            await asyncio.gather(logon.keeper, return_exceptions=True)
        try:
            await self._log_off(logon)
        except ShareError as error:
            if error.problem.nt_status not in _DEAD:
                raise

    def abandon(self) -> None:
        """Fall silent, as a machine without power does: nothing is closed, and no lease is renewed
        any more.
        """
        if self._logon is not None:
            self._drop(self._logon)

    def _lock(self) -> asyncio.Lock:
        if self._starting is None:
            self._starting = asyncio.Lock()
        return self._starting

    async def _logged_on(self) -> Logon:
        if self._logon is None:
            async with self._lock():
                if self._logon is None:
                    return await self._start(self.caller.program, self.lease_s)
        return self._logon

    async def _start(self, program: str, lease_s: float) -> Logon:
        request = SessionRequest(program=program, lease_s=lease_s)
        return self._adopt(
            await self.caller.call_json("POST", "/api/v1/sessions", SessionReply, request)
        )

    def _adopt(self, reply: SessionReply) -> Logon:
        """Keep a session alive from now on."""
        logon, former = Logon(reply), self._logon
        self._keep_alive_later(logon)
        self._replace(former, logon)
        if former is not None:  # reattached meanwhile
            former.stop_keeping()
        return logon

    def _drop(self, logon: Logon) -> None:
        """The session is over, here or on the server."""
        if self._replace(logon, None):
            logon.stop_keeping()

    async def _log_off(self, logon: Logon) -> None:
        await self.caller.call("DELETE", f"/api/v1/sessions/{logon.reply.session}")

    def _keep_alive_later(self, logon: Logon) -> None:
        beat_s = logon.reply.lease_s / KEEP_ALIVES_PER_LEASE
        logon.alarm = self._clock.call_later(beat_s, partial(self._begin_to_keep, logon))

    def _begin_to_keep(self, logon: Logon) -> None:
        logon.keeper = asyncio.get_running_loop().create_task(self._keep_alive(logon))

    async def _keep_alive(self, logon: Logon) -> None:
        """Renew a session, and again a beat later; end one that was of no use for a whole beat."""
        try:
            await self._deliver_closes(logon)
            if not (self._held or logon.is_used or logon.is_pinned):
                self._replace(logon, None)
                await self._log_off(logon)
                return
            logon.is_used = False
            renewed = await self.caller.call_json(
                "PUT", f"/api/v1/sessions/{logon.reply.session}", SessionReply
            )
            logon.expires_at = renewed.expires_at
        except ShareUnreachable:
            if self._clock.now() >= logon.expires_at:
                self._replace(logon, None)
                return
        except ShareError:
            self._replace(logon, None)
            return
        logon.keeper = None
        self._keep_alive_later(logon)

    # -- opens

    async def open(self, request: OpenRequest) -> OpenReply:
        """Open a file, logging on first if need be. Raises `ShareError`, `ShareUnreachable`."""
        self._held += 1
        try:
            for may_start_again in (True, False):
                logon = await self._logged_on()
                request.session = logon.reply.session
                logon.is_used = True
                try:
                    return await self.caller.call_json("POST", "/api/v1/opens", OpenReply, request)
                except ShareError as error:
                    if not (
                        may_start_again and error.problem.nt_status == NtStatus.USER_SESSION_DELETED
                    ):
                        raise
                    self._drop(logon)
            raise AssertionError("the second attempt returns or raises")
        except BaseException:
            self._held -= 1
            raise

    async def open_all(self, wanted: list[ChainOpen]) -> list[ChainResult]:
        """Open several files in one round trip, up to the first refusal, logging on first if need
        be: a result for each that was asked for, at least one. Raises `ShareError`,
        `ShareUnreachable`.
        """
        self._held += len(wanted)
        granted = 0
        try:
            for may_start_again in (True, False):
                results = await self._log_on_with(wanted) if self._logon is None else None
                if results is None:
                    logon = await self._logged_on()
                    logon.is_used = True
                    for link in wanted:
                        link.request.session = logon.reply.session
                    results = await self.caller.chain(wanted, stops=True)
                    first = results[0].problem
                    if (
                        may_start_again
                        and first is not None
                        and first.nt_status == NtStatus.USER_SESSION_DELETED
                    ):
                        self._drop(logon)
                        continue
                granted = sum(result.open is not None for result in results)
                return results
            raise AssertionError("the second attempt returns")
        finally:
            self._held -= len(wanted) - granted

    async def _log_on_with(self, wanted: list[ChainOpen]) -> list[ChainResult] | None:
        """The first opens in the round trip that logs on; None if somebody else logged on
        meanwhile, or a chain has no room.
        """
        if len(wanted) == CALLS_MAX:
            return None
        async with self._lock():
            if self._logon is not None:
                return None
            for link in wanted:
                link.request.session = ""
            begin = ChainSession(SessionRequest(program=self.caller.program, lease_s=self.lease_s))
            first, *results = await self.caller.chain([begin, *wanted], stops=True)
            if first.session is None:
                assert first.problem is not None, "a session is begun or refused"
                raise known_error(first.problem)
            self._adopt(first.session)
        return results or None

    # -- closes

    async def close(self, handle: str) -> None:
        """Close one open. A server that does not answer is told later; one that does not know it
        any more has closed it. Raises `ShareError` for any other refusal.
        """
        self._held -= 1
        try:
            await self._close(handle)
        except (ShareUnreachable, asyncio.CancelledError) as error:
            self._close_later(handle)
            if isinstance(error, asyncio.CancelledError):
                raise

    async def close_all(self, opens: Sequence[Handle], *, logoff: bool) -> None:
        """Close opens in few round trips, and log off if asked to and nothing else is open. A
        server that does not answer is told later, as by `close`; one that refuses is asked again by
        each open's own `close`.
        """
        try:
            for start in range(0, len(opens), CLOSES_MAX):
                await self.close_and_call(opens[start : start + CLOSES_MAX], (), logoff=logoff)
        except ShareUnreachable:
            left = [one for one in opens if not one.is_closed]
            self._mark_closed(left)
            for one in left:
                self._close_later(one.handle)
        except ShareError:
            pass

    async def close_and_call(
        self, opens: Sequence[Handle], calls: Sequence[Link], *, logoff: bool
    ) -> list[ChainResult]:
        """Close opens and make `calls`, up to the first that is refused; then log off if asked to
        and nothing else is open. All in one round trip, if no open was closed by the server before.

        The results of `calls`. An open whose close was answered is closed, whatever the answer; all
        others stay as they are. Raises `ShareError`, `ShareUnreachable`.
        """
        logon = self._detach() if logoff and self._held == len(opens) else None
        has_left = False
        try:
            ends = [ChainLogoff(logon.reply.session)] if logon is not None else []
            links = [*(ChainClose(one.handle) for one in opens), *calls, *ends]
            results = await self.caller.chain(links, stops=True) if links else []
            made = results[len(opens) :]
            has_left = len(made) > len(calls)
        finally:
            if logon is not None:
                self._reattach(logon, has_left=has_left)
        self._mark_closed(opens[: len(results)])
        if made or not (opens and (calls or logoff)):
            return made[: len(calls)]
        # One that the server had closed already ended the chain. The rest goes together, whatever
        # each is answered.
        rest = opens[len(results) :]
        if rest:
            closes = [ChainClose(one.handle) for one in rest]
            self._mark_closed(rest[: len(await self.caller.chain(closes))])
        return await self.close_and_call((), calls, logoff=logoff)

    def _detach(self) -> Logon | None:
        """The session, which is about to end; None if it stays. Who opens something meanwhile
        begins another: this one would end under them.
        """
        logon = self._logon
        if logon is None or logon.is_pinned:
            return None
        self._replace(logon, None)
        return logon

    def _reattach(self, logon: Logon, *, has_left: bool) -> None:
        """Go on with a detached session, if the server was not told of its end and there is no
        other.
        """
        if has_left or not self._replace(None, logon):
            logon.stop_keeping()

    def _mark_closed(self, opens: Sequence[Handle]) -> None:
        """The server has answered their closes."""
        for one in opens:
            if not one.is_closed:
                one.mark_closed()
                self._held -= 1

    def _close_later(self, handle: str) -> None:
        """A close that the server did not hear of: it goes with the next keep-alive."""
        if self._logon is not None:
            self._logon.undelivered.append(handle)
            del self._logon.undelivered[:-UNDELIVERED_MAX]

    async def _deliver_closes(self, logon: Logon) -> None:
        while logon.undelivered:
            await self._close(logon.undelivered[0])
            del logon.undelivered[0]

    async def _close(self, handle: str) -> None:
        try:
            await self.caller.call("DELETE", f"/api/v1/opens/{handle}")
        except ShareError as error:
            if error.problem.nt_status not in _DEAD:
                raise
