"""Connections without sockets: two transports, and between them two pipes that keep what TCP keeps.

A connection delivers every byte once and in order, after the link's latency, then the end of the
stream; or it is reset. Bytes wait while the reader has paused (the writer is then told to pause)
and while the link is cut (TCP sends again, until it gives up). Protocols are called from the loop
and never from inside `write` or `close`, as with sockets.
"""

from __future__ import annotations

import asyncio
import errno
from collections import deque
from collections.abc import Callable, Iterable
from contextvars import Context
from math import inf
from typing import Protocol

from despoolr_lab.sim.time.loop import VirtualLoop
from despoolr_lab.sim.time.queued import Journey

__all__ = ["Address", "LinkState", "MemoryTransport", "Pipe", "connect_pair"]

Address = tuple[str, int]

Tap = Callable[[float, Address, Address, bytes], None]
"""Sees every write: loop time, from, to, bytes (none: the end of the stream)."""

CHUNK_MAX = 256 * 1024
"""Most bytes one `data_received` gets, as with asyncio's sockets."""

HIGH_WATER = 64 * 1024
LOW_WATER = HIGH_WATER // 4

_EOF = b""
_RESET = None


class LinkState(Protocol):
    """What a pipe asks of the way between two hosts."""

    blocked: bool
    """Nothing gets through for now."""
    stall_s_max: float
    """How long TCP sends again before it gives the connection up."""

    def delay(self) -> float:
        """Seconds the next packet takes."""

    def hold(self, pipe: Pipe) -> None:
        """`pipe` has something to deliver and cannot; call its `resume` when the link is whole."""


class Pipe:
    """One direction of a connection: what was written at one end and not yet received at the
    other.
    """

    __slots__ = (
        "_give_up_timer",
        "_in_flight",
        "_loop",
        "_scheduled",
        "_sender",
        "_tap",
        "_value_due",
        "held",
        "link",
        "receiver",
    )

    def __init__(
        self, link: LinkState, sender: MemoryTransport, receiver: MemoryTransport, tap: Tap | None
    ) -> None:
        self._loop = sender.loop
        self.link = link
        self._sender = sender
        self.receiver = receiver
        self._tap = tap
        self._in_flight: deque[tuple[float, bytes | None]] = deque()
        self._scheduled = False
        self._value_due = inf
        """When a value that is on its way is there."""
        self._give_up_timer: asyncio.TimerHandle | None = None  # set while the link holds this pipe
        self.held = 0
        """Bytes on their way."""

    def send(self, data: bytes | None) -> None:
        """Put bytes on their way; `b""` for the end of the stream, None for a reset."""
        now = self._loop.time()
        if self._tap is not None:
            self._tap(now, self._sender.address, self.receiver.address, data or b"")
        due = now + self.link.delay()
        # kept in order: what jitter lets overtake waits for what it overtook
        if data and len(data) > CHUNK_MAX:
            self._in_flight.extend(
                (due, data[start : start + CHUNK_MAX]) for start in range(0, len(data), CHUNK_MAX)
            )
        else:
            self._in_flight.append((due, data))
        if data:
            self.held += len(data)
        if not self._scheduled and self._give_up_timer is None:
            self._schedule(due)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is on its way."""
        return not self._scheduled and not self._in_flight

    def send_value(self, value: Journey, due: float) -> None:
        """Put on the way of an empty pipe, until loop time `due`, what is no bytes. When it is
        there it says so: `value_is_there` or `hand_in`.
        """
        self._scheduled = True
        self._value_due = due
        self._loop.take_along(value, due)

    def value_is_there(self) -> None:
        """What followed a value may go on."""
        self._scheduled = False
        self._value_due = inf
        self.resume()

    def hand_in(self, data: bytes) -> None:
        """What went as a value, and should be there now, goes on as its bytes."""
        self._value_due = inf
        self._in_flight.appendleft((self._loop.time(), data))
        self.held += len(data)
        self._deliver()

    def resume(self) -> None:
        """The reader reads again: deliver what has waited."""
        if self._in_flight and not self._scheduled and self._give_up_timer is None:
            self._schedule(self._in_flight[0][0])

    def release(self) -> None:
        """The link is whole again."""
        if self._give_up_timer is not None:
            self._give_up_timer.cancel()
            self._give_up_timer = None
        self.resume()

    def has_unread(self) -> bool:
        """Whether bytes have arrived that the receiver has not taken (closing then resets, as TCP
        does).
        """
        now = self._loop.time()
        if self._value_due <= now:
            return True
        return bool(self._in_flight and self._in_flight[0][1]) and self._in_flight[0][0] <= now

    def drop(self) -> None:
        """Forget what is on its way."""
        self._in_flight.clear()
        self.held = 0

    def _schedule(self, due: float) -> None:
        self._scheduled = True
        self._loop.call_at(due, self._deliver, context=self.receiver.context)

    def _deliver(self) -> None:
        self._scheduled = False
        in_flight, receiver = self._in_flight, self.receiver
        if not in_flight:
            return
        if self.link.blocked:
            self.link.hold(self)
            self._give_up_timer = self._loop.call_later(
                self.link.stall_s_max, self._give_up, context=self._sender.context
            )
            return
        data = in_flight[0][1]
        if receiver.lost:
            if any(data for _, data in in_flight):
                receiver.refuse_data()
            self.drop()
        elif data is _RESET:
            self.drop()
            receiver.lose(ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"))
        elif not receiver.paused:  # else the receiver calls `resume`
            try:
                if data:
                    self._deliver_bytes()
                else:
                    in_flight.popleft()
                    receiver.receive_eof()
            except Exception as exc:
                receiver.fail(exc)
        if in_flight and not self._scheduled and not receiver.paused:
            self._schedule(in_flight[0][0])

    def _deliver_bytes(self) -> None:
        in_flight = self._in_flight
        data = in_flight.popleft()[1]
        assert data
        if in_flight:  # what has arrived as well comes in the same piece, as from a socket
            parts, size, now = [data], len(data), self._loop.time()
            while (
                in_flight
                and in_flight[0][0] <= now
                and (more := in_flight[0][1])
                and size + len(more) <= CHUNK_MAX
            ):
                parts.append(more)
                size += len(more)
                in_flight.popleft()
            data = b"".join(parts)
        self.held -= len(data)
        self.receiver.protocol.data_received(data)
        self._sender.relieve()

    def _give_up(self) -> None:
        self._give_up_timer = None
        self.drop()
        self._sender.lose(TimeoutError(errno.ETIMEDOUT, "Connection timed out"))


class MemoryTransport(asyncio.Transport):
    """One end of a connection; to a protocol it is like the transport of a TCP socket, but has no
    `socket`.
    """

    __slots__ = (
        "_closing",
        "_high",
        "_low",
        "_writing_paused",
        "_wrote_eof",
        "address",
        "context",
        "incoming",
        "loop",
        "lost",
        "outgoing",
        "paused",
        "protocol",
    )

    incoming: Pipe
    outgoing: Pipe

    def __init__(
        self,
        loop: VirtualLoop,
        protocol: asyncio.Protocol,
        context: Context,
        address: Address,
        peer: Address,
    ) -> None:
        super().__init__(extra={"sockname": address, "peername": peer})
        self.loop = loop
        self.protocol = protocol
        self.context = context
        """Where the protocol is called: what a client has set in its own must not reach the server
        by a back door.
        """
        self.address = address
        self.lost = False
        """`connection_lost` has been scheduled: nothing more is delivered."""
        self.paused = False
        self._closing = False
        self._wrote_eof = False
        self._writing_paused = False
        self._high, self._low = HIGH_WATER, LOW_WATER

    def attach(self, incoming: Pipe, outgoing: Pipe) -> None:
        """Join the two directions to this end, once."""
        self.incoming, self.outgoing = incoming, outgoing

    # --- what protocols call
    # -----------------------------------------------------------------------------------------

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._wrote_eof:
            raise RuntimeError("Cannot call write() after write_eof()")
        if self.lost or not data:
            return  # a dead socket swallows too; connection_lost() is on its way
        outgoing = self.outgoing
        outgoing.send(data if type(data) is bytes else bytes(data))
        if outgoing.held > self._high:
            self._pause_writing()

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self.write(b"".join(list_of_data))

    def write_eof(self) -> None:
        if not self._closing and not self._wrote_eof:
            self._wrote_eof = True
            self.outgoing.send(_EOF)

    def can_write_eof(self) -> bool:
        return True

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        if self._closing:
            return
        self._closing = True
        if not self.lost:
            self._hang_up()
            self._lose(None)

    def abort(self) -> None:
        self.close()  # what the kernel has taken is sent all the same

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        if self.paused:
            self.paused = False
            self.incoming.resume()

    def is_reading(self) -> bool:
        return not self.paused and not self._closing

    def get_write_buffer_size(self) -> int:
        return self.outgoing.held

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return self._low, self._high

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        if high is None:
            high = HIGH_WATER if low is None else 4 * low
        low = high // 4 if low is None else low
        if not high >= low >= 0:
            raise ValueError(f"high ({high!r}) must be >= low ({low!r}) must be >= 0")
        self._high, self._low = high, low

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self.protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        assert isinstance(protocol, asyncio.Protocol)
        self.protocol = protocol

    # --- what pipes and the network call
    # -------------------------------------------------------------------------------

    def receive_eof(self) -> None:
        """The peer has finished writing: close as well, unless the protocol keeps its own half
        open.
        """
        if not self.protocol.eof_received():
            self.close()

    def refuse_data(self) -> None:
        """Bytes came for a closed end: answer with a reset."""
        self.outgoing.send(_RESET)

    def reset(self) -> None:
        """Break the connection off: the peer sees a reset, after what was written before."""
        if not self.lost:
            self.outgoing.send(_RESET)
            self.lose(ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"))

    def lose(self, exc: Exception) -> None:
        """The connection is gone for this end, and `exc` says why."""
        if not self.lost:
            self._closing = True
            self.incoming.resume()  # whoever still sends is to learn of it
            self._lose(exc)

    def relieve(self) -> None:
        """The peer has taken bytes: let a paused writer go on."""
        if self._writing_paused and self.outgoing.held <= self._low and not self.lost:
            self._writing_paused = False
            self.protocol.resume_writing()

    def fail(self, exc: Exception) -> None:
        """The protocol raised: report it and break the connection off, as asyncio does."""
        context = {
            "message": "Fatal error: protocol failed",
            "exception": exc,
            "transport": self,
            "protocol": self.protocol,
        }
        self.loop.call_exception_handler(context)
        if not self.lost:
            self.outgoing.send(_RESET)
            self.lose(exc)

    def _pause_writing(self) -> None:
        if not self._writing_paused:
            self._writing_paused = True
            self.protocol.pause_writing()

    def _hang_up(self) -> None:
        if self.incoming.has_unread():
            self.outgoing.send(_RESET)
        elif not self._wrote_eof:
            self.outgoing.send(_EOF)

    def _lose(self, exc: Exception | None) -> None:
        self.lost = True
        self.loop.call_soon(self.protocol.connection_lost, exc, context=self.context)


def connect_pair(
    link: LinkState, near: MemoryTransport, far: MemoryTransport, tap: Tap | None = None
) -> None:
    """Join two ends over `link`; both protocols have still to be told (`connection_made`)."""
    there, back = Pipe(link, near, far, tap), Pipe(link, far, near, tap)
    near.attach(incoming=back, outgoing=there)
    far.attach(incoming=there, outgoing=back)
