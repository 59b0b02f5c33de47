"""A load that costs little: raw HTTP/1.1 over an asyncio protocol, one request in flight on each
kept connection.

aiohttp's own client would be the bottleneck (10-13 thousand requests/s where the server does 35),
so the bench speaks HTTP by hand: enough of it to send what a `Script` says and to cut answers by
their `Content-Length`. Not for anything but benches.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from time import perf_counter, process_time
from typing import NamedTuple, cast

Script = Callable[[int, bytes], bytes]
"""What a connection sends next: takes the last answer's status and body (0 and nothing at first).
Raises for a wrong answer.
"""


class ScriptedConnection(asyncio.Protocol):
    """One kept connection that plays its script until it is told to stop."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._sent_at = 0.0
        self.answer_count = 0
        self.longest_s = 0.0
        self.failure: Exception | None = None
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's transports are no subclass
        self._send(0, b"")

    def data_received(self, data: bytes) -> None:
        """Cut answers out of what arrives, and send the next request for each."""
        received = self._received + data if self._received else data
        while received:
            end = received.find(b"\r\n\r\n")
            if end < 0:
                break
            status = int(received[9:12])
            whole = end + 4 + _content_length(received, end, status)
            if len(received) < whole:
                break
            self.answer_count += 1
            self.longest_s = max(self.longest_s, perf_counter() - self._sent_at)
            body, received = received[end + 4 : whole], received[whole:]
            self._send(status, body)
        self._received = received

    def connection_lost(self, _exc: Exception | None) -> None:
        """The server, or `stop`, ended it."""
        if not self.done.done():
            self.done.set_result(None)

    def stop(self) -> None:
        """Close the connection, whatever is in flight."""
        if self._transport is not None:
            self._transport.abort()

    def _send(self, status: int, body: bytes) -> None:
        assert self._transport is not None
        try:
            request = self._script(status, body)
        except Exception as error:
            self.failure = error
            self.stop()
            return
        self._sent_at = perf_counter()
        self._transport.write(request)


def _content_length(received: bytes, end: int, status: int) -> int:
    if status in (204, 304):
        return 0
    at = received.find(b"Content-Length: ", 0, end)
    if at < 0:
        raise ValueError(f"an answer without Content-Length: {received[: min(end, 200)]!r}")
    return int(received[at + 16 : received.find(b"\r\n", at)])


def request(method: str, target: str, *headers: str, body: bytes = b"") -> bytes:
    """The bytes of one request, head and body."""
    lines = [f"{method} {target} HTTP/1.1", "Host: bench", *headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Taken(NamedTuple):
    """What a load took: answers a second, and a CPU second of the server; the share of its core
    that the load used itself.
    """

    rate: float
    per_cpu_s: float
    load: float

    def figures(self, key: str) -> dict[str, float]:
        """As the figures of one round."""
        return {f"{key}_s": self.rate, f"{key}_per_cpu_s": self.per_cpu_s, f"{key}_load": self.load}


def taken(pid: int, load: Callable[[], float]) -> Taken:
    """Measure a load, which gives its answers a second, on the server with this process id."""
    server, own, started = cpu_s(pid), process_time(), perf_counter()
    rate = load()
    took = perf_counter() - started
    busy = (cpu_s(pid) - server) / took
    return Taken(rate, rate / max(busy, 0.001), (process_time() - own) / took)


def cpu_s(pid: int) -> float:
    """CPU seconds that a process, its children, and those of them that have ended have used so far
    (Linux; elsewhere 0).
    """
    lines = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            lines.append(path.read_text())
    return tree_ticks(lines, pid) / (os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100)


def tree_ticks(stats: Iterable[str], pid: int) -> int:
    """CPU ticks of a process, its children, and those of its children that have ended, from lines
    of `/proc/*/stat`.
    """
    total = 0
    for line in stats:
        own, _, rest = line.partition(" ")
        fields = rest.rpartition(")")[2].split()
        if int(own) == pid:
            total += sum(map(int, fields[11:15]))
        elif int(fields[1]) == pid:
            total += sum(map(int, fields[11:13]))
    return total


async def answers_per_second(port: int, scripts: list[Script], seconds: float) -> float:
    """Play each script on a connection of its own for `seconds`, after a tenth of that to warm up;
    answers per second.

    Raises what a script raised, and `ConnectionError` when the server closed a connection.
    """
    loop = asyncio.get_running_loop()
    made = [
        await loop.create_connection(partial(ScriptedConnection, script), "127.0.0.1", port)
        for script in scripts
    ]
    connections = [connection for _, connection in made]
    await asyncio.sleep(seconds / 10)
    before, started = sum(c.answer_count for c in connections), perf_counter()
    await asyncio.sleep(seconds)
    count, took = sum(c.answer_count for c in connections) - before, perf_counter() - started
    dropped = any(c.done.done() for c in connections)
    for connection in connections:
        connection.stop()
    for connection in connections:
        await connection.done
        if connection.failure is not None:
            raise connection.failure
    if dropped:
        raise ConnectionError("the server closed a connection during the measurement")
    return count / took
