"""Sessions: one machine, user and program on one server, alive for as long as the lease is renewed.

The law: a client's token speaks for its own machine and user alone; only the service and
administrators may begin a session in another's name. What a session has open ends with it.
"""

from __future__ import annotations

from despoolr_core.rules.fold import fold
from despoolr_core.share.modes import NtStatus, Role
from despoolr_core.share.wire import Problem, SessionReply, SessionRequest
from despoolr_server.engine.rows import Refusal, Session
from despoolr_server.shares.base.audit import Actor
from despoolr_server.shares.base.closing import SLICE
from despoolr_server.shares.base.gate import Gate
from despoolr_server.shares.base.principal import Principal
from despoolr_server.shares.base.problems import problem


class Sessions:
    """Begin, renew and end sessions, and connect them to shares."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._clock = gate.clock
        self._engine = gate.engine
        self._limits = gate.limits
        self._audit = gate.audit
        self._refusals = gate.refusals
        self._closing = gate.closing

    def start(self, who: Principal, request: SessionRequest) -> SessionReply | Problem:
        """Begin a session. Only the service and administrators may speak for another machine or
        user than the token's.
        """
        now = self._gate.now()
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
        lease_s = min(request.lease_s or self._limits.lease_s_default, self._limits.lease_s_max)
        if request.previous and self._gate.session(who, request.previous, now) is not None:
            self._closing.end_session(request.previous, "replaced by a new session", now)
        return self._begin(who, machine, user, request.program, lease_s, now)

    def start_local(self, who: Principal, program: str) -> SessionReply | Problem:
        """A session without a lease, for a service in the process that owns the table."""
        return self._begin(who, who.machine, who.user, program, 0.0, self._gate.now())

    def _begin(
        self, who: Principal, machine: str, user: str, program: str, lease_s: float, now: float
    ) -> SessionReply | Problem:
        session = self._engine.sessions.start(
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
            return self._refusals.refuse(Actor(machine, user, program), "", "", session)
        self._audit.session_started(session)
        return self._reply(session)

    def renew(self, who: Principal, session: str) -> SessionReply | Problem:
        """Push the lease out. A session that has ended stays ended: USER_SESSION_DELETED."""
        found = self._gate.session(who, session, self._gate.now())
        return self._reply(found) if found else _no_session(session)

    def end(self, who: Principal, session: str, reason: str = "logoff") -> Problem | None:
        """End a session and close what it has open, in the order of opening."""
        if self._gate.session(who, session, self._gate.now()) is None:
            return _no_session(session)
        self._closing.end_session(session, reason, self._clock.now())
        return None

    async def all_closed(self) -> None:
        """Return when what ended sessions had open is closed: of many opens, not all are at
        once.
        """
        await self._closing.all_closed()

    def leave(self, who: Principal, session: str, share: str) -> Problem | None:
        """Disconnect a session from one share: its opens there are closed, late calls on them get
        NETWORK_NAME_DELETED.
        """
        found = self._session_on(who, session, share)
        if isinstance(found, Problem):
            return found
        now = self._clock.now()
        ended = self._engine.leave(*found, "share disconnected", now, closes_max=SLICE)
        self._closing.finish_opens(ended)
        return None

    def join(self, who: Principal, session: str, share: str) -> Problem | None:
        """Connect a session to a share. Opening there is enough, except after `leave`."""
        found = self._session_on(who, session, share)
        if isinstance(found, Problem):
            return found
        self._engine.rejoin(*found)
        return None

    def _refuse_claim(self, who: Principal, request: SessionRequest, reason: str) -> Problem:
        """A client may not speak for another machine or user."""
        refusal = Refusal(NtStatus.ACCESS_DENIED, reason=reason)
        return self._refusals.refuse(Actor(who.machine, who.user, request.program), "", "", refusal)

    def _session_on(
        self, who: Principal, session: str, share: str
    ) -> tuple[Session, str] | Problem:
        found = self._gate.session(who, session, self._gate.now())
        if found is None:
            return _no_session(session)
        known = self._gate.shares.get(fold(share))
        return (found, known.name) if known else problem(NtStatus.BAD_NETWORK_NAME, share)

    def _reply(self, session: Session) -> SessionReply:
        deadline = self._engine.sessions.deadline(session)
        return SessionReply(
            session=session.session,
            machine=session.machine,
            user=session.user,
            program=session.program,
            lease_s=session.lease_s,
            expires_at=deadline if session.lease_s else 0.0,
        )


def _no_session(session: str) -> Problem:
    return problem(
        NtStatus.USER_SESSION_DELETED, detail=f"session {session} has ended, or never was"
    )
