"""Sessions and their leases: who is connected, and who has not been heard of for too long.

The law: HTTP has no connection to break, so a session lives until it is ended or its lease lapses;
whatever is asked in its name renews it. A lease that has lapsed at `now` is over, whether or not
anybody looked: nothing revives it. Sessions lapse in the order of their deadlines, then of their
age. What hangs on a session (its opens) is not known here.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator

from despoolr_core.rules.fold import fold
from despoolr_core.share.modes import NtStatus, Role
from despoolr_server.engine.rows import Refusal, Session


class SessionTable:
    """All sessions of one server. A renewal costs one store: the heap keeps old deadlines and looks
    again when they pass.
    """

    def __init__(
        self,
        *,
        id_prefix: str = "",
        sessions_max: int = 100_000,
        sessions_per_machine_max: int = 1_000,
    ) -> None:
        self.sessions_max = sessions_max
        self.sessions_per_machine_max = sessions_per_machine_max
        self._id_prefix = id_prefix
        self._number = 0
        self._sessions: dict[str, Session] = {}
        self._deadlines: dict[str, float] = {}
        self._heap: list[tuple[float, int, str]] = []
        self._counted: dict[str, dict[str, None]] = {}
        self._of_machine: dict[str, dict[str, None]] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    def __iter__(self) -> Iterator[Session]:
        return iter(self._sessions.values())

    def start(
        self,
        now: float,
        *,
        machine: str,
        user: str,
        program: str,
        role: Role,
        owner: str,
        lease_s: float,
        counted_as: str = "",
    ) -> Session | Refusal:
        """Begin a session; `lease_s` 0 never lapses.

        Refused as INSUFFICIENT_RESOURCES at `sessions_max`, and at `sessions_per_machine_max` of
        those that count as one machine's.
        """
        if len(self._sessions) >= self.sessions_max:
            return Refusal(
                NtStatus.INSUFFICIENT_RESOURCES,
                reason=f"the server has its limit of {self.sessions_max} sessions",
            )
        mine = self._counted.get(counted_as, {})
        if counted_as and len(mine) >= self.sessions_per_machine_max:
            reason = f"{owner} has its limit of {self.sessions_per_machine_max} sessions"
            return Refusal(NtStatus.INSUFFICIENT_RESOURCES, reason=reason)
        self._number += 1
        name = f"S{self._id_prefix}{self._number}"
        session = Session(
            name, self._number, machine, user, program, role, owner, lease_s, now, counted_as
        )
        self._sessions[name] = session
        self._of_machine.setdefault(fold(machine), {})[name] = None
        if counted_as:
            mine[name] = None
            self._counted[counted_as] = mine
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

    def find_undisturbed(self, name: str, now: float) -> Session | None:
        """The session if it lives at `now`, and there is none whose end is due."""
        heap = self._heap
        if heap and heap[0][0] <= now:
            return None
        return self._sessions.get(name)  # its deadline is not before the first in the heap

    def renew(self, session: Session, now: float) -> None:
        """Push the deadline of a living session out by its lease."""
        if session.lease_s:
            self._deadlines[session.session] = now + session.lease_s

    def deadline(self, session: Session) -> float:
        """When the lease lapses, in site seconds; infinity without a lease."""
        return self._deadlines.get(session.session, float("inf"))

    def left_s(self, name: str, now: float) -> float:
        """How long a session with a lease still has, in site seconds; 0 if it is over."""
        return max(0.0, self._deadlines.get(name, now) - now)

    def remove(self, name: str) -> Session | None:
        """Forget a session; returns it, or None if there was none. (Its heap entry is dropped when
        it comes up.)
        """
        self._deadlines.pop(name, None)
        session = self._sessions.pop(name, None)
        if session is not None:
            _take_out(self._of_machine, fold(session.machine), name)
            if session.counted_as:
                _take_out(self._counted, session.counted_as, name)
        return session

    def of_machine(self, machine: str) -> list[str]:
        """The names of a machine's sessions, oldest first; `machine` must be folded."""
        return list(self._of_machine.get(machine, ()))

    def counted_as(self, machine: str) -> Collection[str]:
        """The names of the sessions that count as one machine's."""
        return self._counted.get(machine, {}).keys()

    def next_deadline(self) -> float:
        """No session lapses before this; infinity if none can."""
        return self._heap[0][0] if self._heap else float("inf")

    def next_lapse(self) -> float:
        """When the first session lapses if nobody renews it: not only a bound, as `next_deadline`
        is after a renewal.
        """
        heap = self._heap
        while heap:
            at, number, name = heap[0]
            deadline = self._deadlines.get(name)
            if deadline == at:
                return at
            if deadline is None:
                heapq.heappop(heap)
            else:
                heapq.heapreplace(heap, (deadline, number, name))
        return float("inf")

    def pop_lapsed(self, now: float) -> Session | None:
        """Look at the first deadline, if it is over at `now` (`next_deadline`): remove and return
        its session. None if that was renewed, or has ended; there may be others behind it.
        """
        if self.next_deadline() > now:
            return None
        _, number, name = heapq.heappop(self._heap)
        deadline = self._deadlines.get(name)
        if deadline is None:
            return None
        if deadline > now:
            heapq.heappush(self._heap, (deadline, number, name))
            return None
        return self.remove(name)


def _take_out(index: dict[str, dict[str, None]], key: str, name: str) -> None:
    """Take a session's name out of those of a key, and the key with its last one."""
    names = index[key]
    del names[name]
    if not names:
        del index[key]
