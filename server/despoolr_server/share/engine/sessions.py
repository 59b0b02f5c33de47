"""Sessions and their leases: who is connected, and who has not been heard of for too long.

The law: HTTP has no connection to break, so a session lives until it is ended or its lease lapses; whatever is asked in
its name renews it. A lease that has lapsed at `now` is over, whether or not anybody looked: nothing revives it. Sessions
lapse in the order of their deadlines, then of their age. What hangs on a session (its opens) is not known here.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator

from despoolr_core.sharing import NtStatus, Role
from despoolr_server.share.engine.rows import Refusal, Session


class SessionTable:
    """All sessions of one server. A renewal costs one store: the heap keeps old deadlines and looks again when they pass."""

    def __init__(self, *, id_prefix: str = "", sessions_max: int = 100_000) -> None:
        self.sessions_max = sessions_max
        self._id_prefix = id_prefix
        self._number = 0
        self._sessions: dict[str, Session] = {}
        self._deadlines: dict[str, float] = {}
        self._heap: list[tuple[float, int, str]] = []

    def __len__(self) -> int:
        return len(self._sessions)

    def __iter__(self) -> Iterator[Session]:
        return iter(self._sessions.values())

    def start(
        self, now: float, *, machine: str, user: str, program: str, role: Role, owner: str, lease_s: float
    ) -> Session | Refusal:
        """Begin a session; `lease_s` 0 never lapses. Refused as INSUFFICIENT_RESOURCES at `sessions_max`."""
        if len(self._sessions) >= self.sessions_max:
            return Refusal(NtStatus.INSUFFICIENT_RESOURCES, reason=f"the server has its limit of {self.sessions_max} sessions")
        self._number += 1
        name = f"S{self._id_prefix}{self._number}"
        session = Session(name, self._number, machine, user, program, role, owner, lease_s, now)
        self._sessions[name] = session
        if lease_s:
            self._deadlines[name] = now + lease_s
            heapq.heappush(self._heap, (now + lease_s, self._number, name))
        return session

    def find(self, name: str, now: float) -> Session | None:
        """The session if it lives at `now`."""
        session = self._sessions.get(name)
        if session is None or (session.lease_s and self._deadlines[name] <= now):
            return None
        return session

    def renew(self, session: Session, now: float) -> None:
        """Push the deadline of a living session out by its lease."""
        if session.lease_s:
            self._deadlines[session.session] = now + session.lease_s

    def deadline(self, session: Session) -> float:
        """When the lease lapses, in site seconds; infinity without a lease."""
        return self._deadlines.get(session.session, float("inf"))

    def remove(self, name: str) -> Session | None:
        """Forget a session (its heap entry is dropped when it comes up)."""
        self._deadlines.pop(name, None)
        return self._sessions.pop(name, None)

    def next_deadline(self) -> float:
        """No session lapses before this; infinity if none can."""
        return self._heap[0][0] if self._heap else float("inf")

    def pop_lapsed(self, now: float) -> Session | None:
        """Take out the next session whose lease is over at `now`, or None. Cheap when there is none."""
        heap = self._heap
        while heap and heap[0][0] <= now:
            _, number, name = heapq.heappop(heap)
            deadline = self._deadlines.get(name)
            if deadline is None:
                continue
            if deadline > now:
                heapq.heappush(heap, (deadline, number, name))
                continue
            return self.remove(name)
        return None
