"""The shares of one server process: the one door between callers (HTTP handlers, local services)
and the table of opens.

Refusals are values (`Problem`). Decisions never await: between looking at the table and changing it
nothing else runs. Only moving octets may await; meanwhile the open that was granted protects the
file.
"""

from __future__ import annotations

from collections.abc import Iterator

from despoolr_core.rules.fold import fold
from despoolr_core.share.modes import NtStatus, Role, render_access, render_share_mode
from despoolr_core.share.wire import (
    RANGES_LISTED_MAX,
    EpisodeRow,
    OpenFacts,
    OpenRow,
    Problem,
    SessionReply,
    SessionRequest,
)
from despoolr_server.engine.names import Name, parse_name
from despoolr_server.engine.rows import Open, Refusal, Session
from despoolr_server.shares.audit import Actor
from despoolr_server.shares.dav import DavOperations
from despoolr_server.shares.handles import HandleOperations
from despoolr_server.shares.locks import LockOperations
from despoolr_server.shares.principal import NOT_MODIFIED, Caller, Content, NotModified, Principal
from despoolr_server.shares.problems import problem

__all__ = [
    "NOT_MODIFIED",
    "Caller",
    "Content",
    "NotModified",
    "OpenFacts",
    "Principal",
    "ShareHost",
]


class ShareHost(DavOperations, HandleOperations, LockOperations):
    """All shares of one server, their sessions and their table of opens.

    `recorder` gets the facts and feeds the host's own episode ledger; limits are keyword arguments
    of `ShareBase`. Ids are counters (`S1`, `O1`, `<server>-E1`): give a restarted server an
    `id_prefix` of its own.
    """

    @property
    def open_count(self) -> int:
        """How many opens there are."""
        return len(self.engine.table)

    @property
    def session_count(self) -> int:
        """How many sessions there are."""
        return len(self.engine.sessions)

    # -- sessions on leases

    def start_session(self, who: Principal, request: SessionRequest) -> SessionReply | Problem:
        """Begin a session. Only the service and administrators may speak for another machine or
        user than the token's.
        """
        now = self._now()
        machine, user = request.machine or who.machine, request.user or who.user
        if who.role is Role.CLIENT and fold(machine) != fold(who.machine):
            return self._refuse_claim(
                who, request, f"the token is for {who.machine}, not for {machine}"
            )
        if who.role is Role.CLIENT and fold(user) != fold(who.user):
            return self._refuse_claim(
                who, request, f"the token is for user {who.user or '(none)'}, not for {user}"
            )
        if not 0.0 <= request.lease_s < float("inf"):
            return problem(
                NtStatus.INVALID_PARAMETER,
                detail="lease_s is a number of seconds, 0 for the server's default",
            )
        lease_s = min(request.lease_s or self.lease_s_default, self.lease_s_max)
        if request.previous and self._session(who, request.previous, now) is not None:
            self._end(request.previous, "replaced by a new session", now)
        return self._begin(who, machine, user, request.program, lease_s, now)

    def start_local_session(self, who: Principal, program: str) -> SessionReply | Problem:
        """A session without a lease, for a service in the process that owns the table."""
        return self._begin(who, who.machine, who.user, program, 0.0, self._now())

    def _begin(
        self, who: Principal, machine: str, user: str, program: str, lease_s: float, now: float
    ) -> SessionReply | Problem:
        session = self.engine.start_session(
            now,
            machine=machine,
            user=user,
            program=program,
            role=who.role,
            owner=who.machine,
            lease_s=lease_s,
            counted_as=fold(who.machine) if who.role is Role.CLIENT else "",
        )
        if isinstance(session, Refusal):
            return self._refuse(Actor(machine, user, program), "", "", session)
        self._audit.session_started(session)
        return self._reply(session)

    def renew_session(self, who: Principal, session: str) -> SessionReply | Problem:
        """Push the lease out. A session that has ended stays ended: USER_SESSION_DELETED."""
        found = self._session(who, session, self._now())
        return self._reply(found) if found else _no_session(session)

    def end_session(self, who: Principal, session: str, reason: str = "logoff") -> Problem | None:
        """End a session and close what it has open, in the order of opening."""
        if self._session(who, session, self._now()) is None:
            return _no_session(session)
        self._end(session, reason, self._clock.now())
        return None

    def leave_share(self, who: Principal, session: str, share: str) -> Problem | None:
        """Disconnect a session from one share: its opens there are closed, late calls on them get
        NETWORK_NAME_DELETED.
        """
        found = self._session_on(who, session, share)
        if isinstance(found, Problem):
            return found
        ended = self.engine.leave(found[0], found[1], "share disconnected", self._clock.now())
        self._finish_ended(ended, NtStatus.NETWORK_NAME_DELETED)
        return None

    def join_share(self, who: Principal, session: str, share: str) -> Problem | None:
        """Connect a session to a share. Opening there is enough, except after `leave_share`."""
        found = self._session_on(who, session, share)
        if isinstance(found, Problem):
            return found
        self.engine.rejoin(*found)
        return None

    def stop(self, reason: str = "server stopped") -> None:
        """End every session: what a server does before it goes."""
        for session in list(self.engine.sessions):
            self._end(session.session, reason, self._clock.now())

    def _refuse_claim(self, who: Principal, request: SessionRequest, reason: str) -> Problem:
        """A client may not speak for another machine or user."""
        refusal = Refusal(NtStatus.ACCESS_DENIED, reason=reason)
        return self._refuse(Actor(who.machine, who.user, request.program), "", "", refusal)

    def _end(self, session: str, reason: str, now: float) -> None:
        ended = self.engine.end_session(session, reason, now)
        assert ended is not None, "a session vanished in one turn"
        self._finish_session(ended)

    def _session_on(
        self, who: Principal, session: str, share: str
    ) -> tuple[Session, str] | Problem:
        found = self._session(who, session, self._now())
        if found is None:
            return _no_session(session)
        known = self._shares.get(fold(share))
        return (found, known.name) if known else problem(NtStatus.BAD_NETWORK_NAME, share)

    def _reply(self, session: Session) -> SessionReply:
        deadline = self.engine.sessions.deadline(session)
        return SessionReply(
            session=session.session,
            machine=session.machine,
            user=session.user,
            program=session.program,
            lease_s=session.lease_s,
            expires_at=deadline if session.lease_s else 0.0,
        )

    # -- asking

    def opens(self, share: str = "", path: str = "", machine: str = "") -> list[OpenRow]:
        """Who holds what, oldest first; each filter that is not empty must match,
        case-insensitively.
        """
        return [row for row in self.each_open(share, path, machine) if row is not None]

    def each_open(
        self, share: str = "", path: str = "", machine: str = ""
    ) -> Iterator[OpenRow | None]:
        """The same of the opens that stand now, one by one, for who has to let others have a turn;
        None: one left out.
        """
        self._now()
        name = parse_name(path) if path else None
        if path and not isinstance(name, Name):
            return
        share, machine = fold(share), fold(machine)
        for row in [*self.engine.table]:
            if (
                (not share or share == fold(row.share))
                and (not machine or machine == fold(row.machine))
                and (not isinstance(name, Name) or name.key == fold(row.path))
            ):
                yield self._row_of(row)
            else:
                yield None

    def episodes(self, machine: str = "", path: str = "") -> list[EpisodeRow]:
        """Who was refused what, by first refusal; `machine` is the waiter's or a blocker's."""
        return [row for row in self.each_episode(machine, path) if row is not None]

    def each_episode(self, machine: str = "", path: str = "") -> Iterator[EpisodeRow | None]:
        """`episodes`, one by one (None: one left out)."""
        return self.ledger.each(
            self._now(), machine=machine, path=path.replace("\\", "/").strip("/")
        )

    def end_episode(self, who: Principal, episode: str, reason: str) -> Problem | None:
        """Put on record that an update will not be tried again (`given up`)."""
        row = self.ledger.row(episode)
        if row is None:
            return problem(NtStatus.OBJECT_NAME_NOT_FOUND, detail=f"there is no episode {episode}")
        if who.role is Role.CLIENT and fold(row.machine) != fold(who.machine):
            return problem(NtStatus.ACCESS_DENIED, detail=f"episode {episode} is {row.machine}'s")
        if row.state == "waiting":
            self._audit.gave_up(who.machine, episode, reason)
        return None

    def close_by_force(self, who: Principal, handle: str, reason: str) -> Problem | None:
        """Close somebody else's open, as Server Manager's *Close Resource* does. Only for the
        service and administrators.
        """
        self._now()
        if who.role is Role.CLIENT:
            return problem(
                NtStatus.ACCESS_DENIED,
                detail="only the service and administrators close others' opens",
            )
        row = self.engine.find(handle)
        if row is None:
            return problem(NtStatus.FILE_CLOSED, detail=f"handle {handle} is closed, or never was")
        self._finish_close(self.engine.close(row, self._clock.now()), reason)
        return None

    def _row_of(self, row: Open) -> OpenRow:
        lock = self.dav_locks.of_handle(row.handle)
        ranges, waiting = self._ranges_of(row)
        return OpenRow(
            open=row.handle,
            session=row.session,
            machine=row.machine,
            user=row.user,
            program=row.program,
            share=row.share,
            path=row.path,
            access=render_access(row.access),
            share_mode=render_share_mode(row.share_mode),
            opened_at=row.opened_at,
            delete_on_close=row.delete_on_close,
            purpose=row.purpose,
            kind=lock.kind if lock else "",
            ranges=tuple(ranges[:RANGES_LISTED_MAX]),
            range_count=len(ranges),
            waiting=tuple(waiting[:RANGES_LISTED_MAX]),
            waiting_count=len(waiting),
        )


def _no_session(session: str) -> Problem:
    return problem(
        NtStatus.USER_SESSION_DELETED, detail=f"session {session} has ended, or never was"
    )
