"""A share on another machine, over HTTP: one round trip for each thing asked, and none that was
not.

A `ShareServer` is one server as one token sees it. Many of them (one for each client of a fleet)
stand on one `aiohttp.ClientSession`, whose pool bounds what is in flight; an idle one costs a few
hundred octets. Opens need a session on a lease: it is started by the first open and kept alive
every half of its lease, by the clock that was passed in, for as long as files are held. A close
that could not be delivered is delivered later; until then the server still counts the file as open,
as it does when a real machine drops off the network.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self
from urllib.parse import quote

import aiohttp
import msgspec

from despoolr_client.transport.calls import HttpCaller, encode, known_error, query
from despoolr_client.transport.http_share import HttpOpen, HttpShare
from despoolr_core.clock import Clock
from despoolr_core.records.episodes import Why
from despoolr_core.share.chain import (
    CALLS_MAX,
    Chain,
    ChainClose,
    ChainLogoff,
    ChainOpen,
    ChainReply,
    ChainResult,
    ChainSession,
    Link,
)
from despoolr_core.share.contract import ShareError, ShareUnreachable
from despoolr_core.share.modes import (
    NtStatus,
    Role,
)
from despoolr_core.share.wire import (
    EpisodeEnd,
    EpisodeList,
    Health,
    OpenList,
    OpenReply,
    OpenRequest,
    SessionReply,
    SessionRequest,
)

KEEP_ALIVES_PER_LEASE: Final = 2
"""A session survives two lost keep-alives."""

UNDELIVERED_MAX: Final = 10_000
"""Closes that wait for their server to answer again; beyond it the oldest is left to the lease."""

PARTING_MAX: Final = CALLS_MAX - 1
"""Opens given back in one round trip, with a place left for the session's end."""

_DEAD: Final = (NtStatus.FILE_CLOSED, NtStatus.USER_SESSION_DELETED, NtStatus.NETWORK_NAME_DELETED)


class ShareServer(HttpCaller):
    """One server, as the machine and user of one token see it. Use it as an async context, or
    `close` it.

    `http` is shared and stays its owner's. `timeout` bounds one request on the event loop's clock
    (None: the session's own). `lease_s` is asked for (0: the server's default). The keep-alive task
    lives in `tasks`, or else ends with `close`.
    """

    __slots__ = (
        "_clock",
        "_held",
        "_keeper",
        "_pinned",
        "_session",
        "_starting",
        "_tasks",
        "_undelivered",
        "_used",
        "lease_s",
    )

    def __init__(
        self,
        http: aiohttp.ClientSession,
        base_url: str,
        token: str,
        clock: Clock,
        *,
        name: str = "",
        program: str = "",
        lease_s: float = 0.0,
        timeout: aiohttp.ClientTimeout | None = None,
        tasks: asyncio.TaskGroup | None = None,
    ) -> None:
        super().__init__(http, base_url, token, name=name, program=program, timeout=timeout)
        self._clock = clock
        self._tasks = tasks
        self.lease_s = lease_s
        self._session: SessionReply | None = None
        self._pinned = False
        self._keeper: asyncio.Task[None] | None = None
        self._starting: asyncio.Lock | None = None
        self._held = 0
        self._used = False
        self._undelivered: list[str] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def share(self, name: str) -> HttpShare:
        """One of the server's shares. It costs no round trip; a share that is not there is found
        out when it is used.
        """
        return HttpShare(self, name)

    async def close(self) -> None:
        """Log off, if logged on, and stop keeping alive. A server that does not answer will find
        out by the lease.
        """
        try:
            await self.end_session()
        except (ShareError, ShareUnreachable):
            pass

    def abandon(self) -> None:
        """Fall silent, as a machine without power does: nothing is closed, and no lease is renewed
        any more.
        """
        session, keeper = self._session, self._keeper
        if session is not None:
            self._forget(session)
        if keeper is not None:
            keeper.cancel()

    # -- sessions

    async def start_session(self, program: str = "", lease_s: float = 0.0) -> SessionReply:
        """Log on now, and stay so until `end_session`. Opens made from now on belong to this
        session.
        """
        await self.end_session()
        async with self._lock():
            reply = await self._start(program or self.program, lease_s or self.lease_s)
            self._pinned = True
        return reply

    async def end_session(self) -> None:
        """Log off: whatever is open is closed by the server. Harmless when not logged on."""
        session, self._session = self._session, None
        keeper, self._keeper = self._keeper, None
        self._pinned = False
        self._undelivered.clear()
        if keeper is not None:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
        if session is not None:
            try:
                await self.call("DELETE", f"/api/v1/sessions/{session.session}")
            except ShareError as error:
                if error.problem.nt_status not in _DEAD:
                    raise

    @property
    def session(self) -> str:
        """The session's id, or `""` when not logged on."""
        return self._session.session if self._session else ""

    def _lock(self) -> asyncio.Lock:
        if self._starting is None:
            self._starting = asyncio.Lock()
        return self._starting

    async def _logged_on(self) -> SessionReply:
        if self._session is None:
            async with self._lock():
                if self._session is None:
                    return await self._start(self.program, self.lease_s)
        return self._session

    async def _start(self, program: str, lease_s: float) -> SessionReply:
        reply = await self.call_json(
            "POST",
            "/api/v1/sessions",
            SessionReply,
            SessionRequest(program=program, lease_s=lease_s),
        )
        self._adopt(reply)
        return reply

    def _adopt(self, session: SessionReply) -> None:
        """Keep a session alive from now on."""
        self._session = session
        self._used = True
        keep = self._keep_alive(session)
        self._keeper = (
            self._tasks.create_task(keep)
            if self._tasks
            else asyncio.get_running_loop().create_task(keep)
        )

    async def _keep_alive(self, session: SessionReply) -> None:
        """Renew until the session is ended, lost, or was of no use for a whole beat."""
        expires_at = session.expires_at
        while True:
            await self._clock.sleep(session.lease_s / KEEP_ALIVES_PER_LEASE)
            try:
                await self._deliver_closes()
                if not (self._held or self._used or self._pinned):
                    self._forget(session)
                    await self.call("DELETE", f"/api/v1/sessions/{session.session}")
                    return
                self._used = False
                renewed = await self.call_json(
                    "PUT", f"/api/v1/sessions/{session.session}", SessionReply
                )
                expires_at = renewed.expires_at
            except ShareUnreachable:
                if self._clock.now() < expires_at:
                    continue
                self._forget(session)
                return
            except ShareError:
                self._forget(session)
                return

    async def _deliver_closes(self) -> None:
        while self._undelivered:
            await self._close(self._undelivered[0])
            if self._undelivered:
                del self._undelivered[0]

    def _forget(self, session: SessionReply) -> None:
        if self._session is session:
            self._session = None
            self._keeper = None
            self._pinned = False
            self._undelivered.clear()

    # -- opens

    async def _open(self, request: OpenRequest) -> OpenReply:
        self._held += 1
        try:
            for may_start_again in (True, False):
                session = await self._logged_on()
                request.session = session.session
                self._used = True
                try:
                    return await self.call_json("POST", "/api/v1/opens", OpenReply, request)
                except ShareError as error:
                    if not (
                        may_start_again and error.problem.nt_status == NtStatus.USER_SESSION_DELETED
                    ):
                        raise
                    self._lost(session)
            raise AssertionError("the second attempt returns or raises")
        except BaseException:
            self._held -= 1
            raise

    async def _open_all(self, wanted: list[ChainOpen]) -> list[ChainResult]:
        """Open several files in one round trip, up to the first refusal."""
        self._held += len(wanted)
        granted = 0
        try:
            for may_start_again in (True, False):
                results = await self._log_on_with(wanted) if self._session is None else None
                if results is None:
                    session = await self._logged_on()
                    self._used = True
                    for link in wanted:
                        link.request.session = session.session
                    results = await self.chain(wanted, stops=True)
                    first = results[0].problem
                    if (
                        may_start_again
                        and first is not None
                        and first.nt_status == NtStatus.USER_SESSION_DELETED
                    ):
                        self._lost(session)
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
            if self._session is not None:
                return None
            for link in wanted:
                link.request.session = ""
            begin = ChainSession(SessionRequest(program=self.program, lease_s=self.lease_s))
            first, *results = await self.chain([begin, *wanted], stops=True)
            if first.session is None:
                assert first.problem is not None, "a session is begun or refused"
                raise known_error(first.problem)
            self._adopt(first.session)
        return results or None

    def _lost(self, session: SessionReply) -> None:
        """The session is over on the server."""
        keeper = self._keeper
        self._forget(session)
        if keeper is not None and self._keeper is None:
            keeper.cancel()

    async def _part(self, opens: Sequence[HttpOpen], *, logoff: bool) -> None:
        """Give opens back, and log off if asked to and nothing else is open. Who does not answer is
        told later, as by `close`.
        """
        try:
            for start in range(0, len(opens), PARTING_MAX):
                await self._part_with(opens[start : start + PARTING_MAX], (), logoff=logoff)
        except ShareUnreachable:
            left = [one for one in opens if not one.is_closed]
            self._closed(left)
            for one in left:
                self._deliver_later(one.handle)
        except ShareError:
            pass  # their own `close` will hear it again

    async def _part_with(
        self, opens: Sequence[HttpOpen], calls: Sequence[Link], *, logoff: bool
    ) -> list[ChainResult]:
        """Give opens back and make `calls`, up to the first that is refused; then log off if asked
        to and nothing else is open.

        The results of `calls`. An open whose close was answered is closed, whatever the answer; all
        others stay as they are.
        """
        session, keeper = self._leave() if logoff and self._held == len(opens) else (None, None)
        has_left = False
        try:
            ends = [ChainLogoff(session.session)] if session is not None else []
            links = [*(ChainClose(one.handle) for one in opens), *calls, *ends]
            results = await self.chain(links, stops=True) if links else []
            made = results[len(opens) :]
            has_left = len(made) > len(calls)
        finally:
            if session is not None:
                self._left(session, keeper, has_left=has_left)
        self._closed(opens[: len(results)])
        if made or not (opens and (calls or logoff)):
            return made[: len(calls)]
        # One that the server had closed already ended the chain. The rest goes together, whatever
        # each is answered.
        rest = opens[len(results) :]
        if rest:
            self._closed(rest[: len(await self.chain([ChainClose(one.handle) for one in rest]))])
        return await self._part_with((), calls, logoff=logoff)

    def _leave(self) -> tuple[SessionReply | None, asyncio.Task[None] | None]:
        """The session that is about to end. Who opens something meanwhile begins another: this one
        would end under them.
        """
        if self._pinned or self._session is None:
            return None, None
        session, keeper = self._session, self._keeper
        self._session = self._keeper = None
        return session, keeper

    def _left(
        self, session: SessionReply, keeper: asyncio.Task[None] | None, *, has_left: bool
    ) -> None:
        """What follows: the session is over, or goes on if it was not told and there is no
        other.
        """
        if not has_left and self._session is None:
            self._session, self._keeper = session, keeper
        elif keeper is not None:
            keeper.cancel()

    def _closed(self, opens: Sequence[HttpOpen]) -> None:
        """The server has answered their closes."""
        for one in opens:
            if not one.is_closed:
                one.was_given_back()
                self._held -= 1

    async def chain(self, calls: Sequence[Link], *, stops: bool = False) -> list[ChainResult]:
        """Several calls in one round trip; a result for each that was made, at least one."""
        reply = await self.call_json("POST", "/api/v1/chain", ChainReply, Chain(list(calls), stops))
        if not reply.results:
            raise ShareUnreachable(
                f"{self.name} answers, but not as a Despoolr server: a chain without a result"
            )
        return reply.results

    async def _give_back(self, handle: str) -> None:
        self._held -= 1
        try:
            await self._close(handle)
        except (ShareUnreachable, asyncio.CancelledError) as error:
            self._deliver_later(handle)
            if isinstance(error, asyncio.CancelledError):
                raise

    def _deliver_later(self, handle: str) -> None:
        """A close that the server did not hear of: it goes with the next keep-alive."""
        if self._session is not None:
            self._undelivered.append(handle)
            del self._undelivered[:-UNDELIVERED_MAX]

    async def _close(self, handle: str) -> None:
        try:
            await self.call("DELETE", f"/api/v1/opens/{handle}")
        except ShareError as error:
            if error.problem.nt_status not in _DEAD:
                raise

    # -- questions and an operator's calls

    async def opens(self, share: str = "", path: str = "", machine: str = "") -> OpenList:
        """The opens that stand on the server: all, or those of a share, a path, a machine."""
        return await self.call_json(
            "GET", "/api/v1/opens" + query(share=share, path=path, machine=machine), OpenList
        )

    async def episodes(self, machine: str = "", path: str = "") -> EpisodeList:
        """The updates that were refused there: all, or those of a waiting machine, a path."""
        return await self.call_json(
            "GET", "/api/v1/episodes" + query(machine=machine, path=path), EpisodeList
        )

    async def why(self, machine: str = "", path: str = "", at: float | None = None) -> Why:
        """Why a machine, or a path, waits or makes others wait: one sentence for each episode, and
        who holds it.
        """
        return await self.call_json(
            "GET",
            "/api/v1/why" + query(machine=machine, path=path, at="" if at is None else repr(at)),
            Why,
        )

    async def health(self) -> Health:
        """That the server answers, and its counts."""
        return await self.call_json("GET", "/healthz", Health)

    async def end_episode(self, episode: str, reason: str) -> None:
        """Tell the server that an update will not be tried again."""
        await self.call(
            "POST", f"/api/v1/episodes/{quote(episode, safe='')}/end", encode(EpisodeEnd(reason))
        )

    async def close_by_force(self, handle: str, reason: str = "") -> None:
        """Close somebody else's open. Takes a token of role `service` or `admin`."""
        await self.call(
            "DELETE", f"/api/v1/opens/{quote(handle, safe='')}" + query(force="true", reason=reason)
        )

    async def set_rights(
        self, share: str, prefix: str, role: Role, rights: str | None
    ) -> str | None:
        """Change what a role may do below a directory (`NONE`, `READ`, `CHANGE`, `FULL`; None: no
        entry); what it was.
        """
        body = encode({"prefix": prefix, "role": role, "rights": rights})
        reply = await self.call("PUT", f"/api/v1/shares/{quote(share, safe='')}/rights", body)
        former = msgspec.json.decode(reply.body, type=dict[str, str | None])
        return former["former"]

    async def send_message(self, machine: str, text: str) -> None:
        """What NET SEND does: a line for the user of a machine."""
        await self.call("POST", "/api/v1/messages", encode({"machine": machine, "text": text}))

    async def messages(self) -> list[str]:
        """What was sent to this machine's user since it was asked last."""
        reply = await self.call("GET", "/api/v1/messages")
        return msgspec.json.decode(reply.body, type=dict[str, list[str]])["messages"]
