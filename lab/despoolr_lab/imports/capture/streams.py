"""The TCP connections of a capture: who is at the end of each, and which sessions are on it.

The law: a session ends with its last connection. Whatever ids a capture has, no more are remembered
than stated; the oldest is forgotten.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Final, TypeVar

from despoolr_lab.imports.capture.frames import Frame
from despoolr_lab.imports.traces.seen import Who
from despoolr_lab.imports.traces.source import name, user_of

STREAMS_MAX: Final = 100_000
SESSIONS_MAX: Final = 100_000
"""Sessions that are remembered, trees of theirs, and places of them all on connections."""
ID_SIZE_MAX: Final = 256
"""Characters of an id: of a connection, a message, a session, a tree, a file."""

_K = TypeVar("_K")
_V = TypeVar("_V")


class Stream:
    """Who is at its end, when that was heard of last, and the sessions on it."""

    __slots__ = ("heard_at", "number", "sessions", "who")

    def __init__(self, number: str, who: Who) -> None:
        self.number = number
        self.who = who
        self.heard_at = 0.0
        self.sessions: set[str] = set()


class Streams:
    """Those that are remembered, and who logged on to the sessions on them."""

    def __init__(self, ports: frozenset[int]) -> None:
        """`ports` are those of servers."""
        self.has_logon = False
        self.multichannel_count = 0
        """Sessions that were on two connections at one time."""
        self._server_ports = frozenset(map(str, ports))
        self._streams: OrderedDict[str, Stream] = OrderedDict()
        self._accounts: OrderedDict[str, tuple[str, str]] = OrderedDict()
        """Account and host of a session."""
        self._on: OrderedDict[str, set[str]] = OrderedDict()
        """The connections that a session is on."""
        self._place_count = 0

    def is_from_server(self, frame: Frame) -> bool:
        """Whether a server sent it, as far as its port tells."""
        return frame.source_port in self._server_ports

    def of(self, frame: Frame) -> Stream:
        """The connection that a frame belongs to; begun with it, if it is the first."""
        found = self._streams.get(frame.stream)
        return self._begun(frame) if found is None else found

    def who(self, stream: Stream, session: str) -> Who:
        """Who speaks in a session over a connection, on which it is from now on."""
        account = self._accounts.get(session)
        if account is not None and stream.who.user != account[0]:
            stream.who = Who(
                address=stream.who.address,
                machine=account[1],
                user=user_of(account[0]),
                server=stream.who.server,
            )
        if session and session not in stream.sessions and session.strip("0x"):
            self._join(stream, session)
        return stream.who

    def knows(self, session: str) -> bool:
        """Whether it is known who logged on to it."""
        return session in self._accounts

    def log_on(self, frame: Frame, session: str) -> None:
        """A frame says who logs on to a session."""
        keep(self._accounts, session, (name(frame.account), name(frame.host)), SESSIONS_MAX)

    def logged_on(self, frame: Frame, stream: Stream, session: str) -> None:
        """A session was begun, or came to a further connection."""
        self.has_logon = True
        if frame.account:
            self.log_on(frame, session)
        self._join(stream, session)
        if len(self._on[session]) == 2:
            self.multichannel_count += 1

    def leave(self, stream: Stream) -> list[str]:
        """A connection is over; the sessions that have none any more."""
        over = []
        for session in sorted(stream.sessions):
            on = self._on[session]
            on.discard(stream.number)
            self._place_count -= 1
            if not on:
                del self._on[session]
                over.append(session)
        stream.sessions.clear()
        return over

    def left(self) -> Iterator[tuple[str, float]]:
        """The sessions on connections that nothing ended, and when those were heard of last."""
        for stream in self._streams.values():
            for session in sorted(stream.sessions):
                yield session, stream.heard_at

    def _begun(self, frame: Frame) -> Stream:
        to_client = frame.source_port in self._server_ports
        if not to_client and frame.destination_port not in self._server_ports:
            to_client = bool(frame.commands) and frame.commands[0].is_response
        client, server = frame.source, frame.destination
        if to_client:
            client, server = server, client
        if len(self._streams) >= STREAMS_MAX:
            self.leave(self._streams.popitem(last=False)[1])
        who = Who(address=name(client), server=name(server))
        begun = self._streams[frame.stream] = Stream(frame.stream, who)
        return begun

    def _join(self, stream: Stream, session: str) -> None:
        on = self._on.setdefault(session, set())
        if stream.number in on:
            return
        on.add(stream.number)
        stream.sessions.add(session)
        self._place_count += 1
        while len(self._on) > SESSIONS_MAX or self._place_count > SESSIONS_MAX:
            oldest = next(iter(self._on))
            if oldest == session:  # it is on as many connections as there are
                return
            gone = self._on.pop(oldest)
            self._place_count -= len(gone)
            for number in gone:
                self._streams[number].sessions.discard(oldest)


def keep(table: OrderedDict[_K, _V], key: _K, value: _V, most: int) -> bool:
    """Remember it; of too many, the oldest is forgotten. Returns whether one was."""
    table[key] = value
    is_one_too_many = len(table) > most
    if is_one_too_many:
        table.popitem(last=False)
    return is_one_too_many
