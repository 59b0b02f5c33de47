"""A network of named hosts in memory: who listens where, how long the way is, and what is broken.

The law: what hosts say to one another goes through a link and nothing else, and a link has one
state at a time. It is whole; or it *refuses* (the machine is there, the program is not: connections
are reset, new ones refused); or it is a *black hole* (packets vanish: nobody is told, TCP keeps
trying and gives up in the end). Two hosts have one link; a host has one to itself.

Host names are case-insensitive, as in URLs. Nothing here knows of HTTP: `sim.network` adds it.
"""

from __future__ import annotations

import asyncio
import contextvars
import errno
import random
import socket
from collections.abc import Callable
from typing import Literal, cast

from despoolr_lab.sim.time.loop import VirtualLoop
from despoolr_lab.sim.transport import Address, MemoryTransport, Pipe, Tap, connect_pair

__all__ = ["Fault", "HostNetwork", "Link", "Listener"]

LATENCY_S = 0.0005
"""One way, default: a quiet Ethernet segment."""

SYN_RETRIES_S = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
"""How long a connection attempt into a black hole waits before each new try (Linux: 127 s in
all).
"""

STALL_S_MAX = 924.6
"""How long an established connection resends into a black hole before it gives up (Linux,
tcp_retries2).
"""

FIRST_EPHEMERAL_PORT, LAST_EPHEMERAL_PORT = 49_152, 65_535

Fault = Literal["refuse", "black hole"]

ProtocolFactory = Callable[[], asyncio.Protocol]


class Link:
    """The way between two hosts: `latency_s` one way, plus up to `jitter_s` drawn from the
    network's generator.
    """

    __slots__ = (
        "_connections",
        "_held",
        "_rng",
        "blocked",
        "faults",
        "jitter_s",
        "latency_s",
        "stall_s_max",
    )

    def __init__(self, latency_s: float, jitter_s: float, rng: random.Random) -> None:
        self.latency_s = latency_s
        self.jitter_s = jitter_s
        self.stall_s_max = STALL_S_MAX
        self.blocked = False
        self.faults: dict[str, Fault] = {}
        """What is broken, by who broke it: a cut and a dead host at one end are mended one by
        one.
        """
        self._rng = rng
        self._held: dict[Pipe, None] = {}
        self._connections: dict[MemoryTransport, None] = {}

    def delay(self) -> float:
        """Seconds the next packet takes."""
        return (
            self.latency_s + self._rng.random() * self.jitter_s if self.jitter_s else self.latency_s
        )

    def hold(self, pipe: Pipe) -> None:
        """Keep `pipe` waiting until the black hole closes."""
        self._held[pipe] = None

    @property
    def refuses(self) -> bool:
        """Whether new connections are refused."""
        return "refuse" in self.faults.values()

    def add(self, transport: MemoryTransport) -> None:
        """Remember an established connection, for resets."""
        connections = self._connections
        # now and then, at powers of two
        if len(connections) >= 64 and len(connections) & (len(connections) - 1) == 0:
            self._connections = connections = {one: None for one in connections if not one.lost}
        connections[transport] = None

    def reset(self) -> None:
        """Reset every connection over this link."""
        connections, self._connections = self._connections, {}
        for transport in connections:
            transport.reset()

    def set_fault(self, cause: str, fault: Fault | None) -> None:
        """Break the link, or mend what `cause` broke."""
        if fault is None:
            self.faults.pop(cause, None)
        else:
            self.faults[cause] = fault
        if fault == "refuse":
            self.reset()
        self.blocked = "black hole" in self.faults.values()
        if not self.blocked:
            held, self._held = self._held, {}
            for pipe in held:
                pipe.release()


class Listener:
    """A port somebody listens on; closing it refuses new connections and leaves the established
    ones alone.
    """

    sockets: tuple[object, ...] = ()

    def __init__(self, network: HostNetwork, address: Address, factory: ProtocolFactory) -> None:
        self._network = network
        self.address = address
        self.factory = factory
        self.context = contextvars.copy_context()

    def close(self) -> None:
        """Stop listening: new connections to it are refused."""
        self._network.forget(self)


class HostNetwork:
    """All hosts, links and listeners of one simulation.

    `latency_s`, `jitter_s`: of every link not told otherwise through `link(a, b)`; `seed`: of the
    jitter's generator. `tap`: called with every write (loop time, from, to, bytes), in order: for
    wire records and digests. `carries_values`: requests and answers need not be bytes
    (`sim.values`); a tap needs them to be.
    """

    def __init__(
        self,
        *,
        latency_s: float = LATENCY_S,
        jitter_s: float = 0.0,
        seed: object = 0,
        tap: Tap | None = None,
        carries_values: bool = False,
    ) -> None:
        self.carries_values = carries_values and tap is None
        """Whether requests may go as values."""
        self._loop = cast(VirtualLoop, asyncio.get_running_loop())
        self._latency_s = latency_s
        self._jitter_s = jitter_s
        self.seed = seed
        self._rng = random.Random(f"{seed}/network")
        self._tap = tap
        self._hosts: dict[str, int] = {}  # name: next ephemeral port
        self._down: set[str] = set()
        self._host_latency_s: dict[str, float] = {}
        self._links: dict[tuple[str, str], Link] = {}
        self._link_of: dict[tuple[str, str], Link] = {}  # by the names as they are asked for
        self._listeners: dict[Address, Listener] = {}

    # --- hosts and ports
    # ----------------------------------------------------------------------

    def add_host(self, name: str) -> None:
        """Make `name` known; listening and connecting from it do so too."""
        self._hosts.setdefault(name.lower(), FIRST_EPHEMERAL_PORT)

    def listen(self, host: str, port: int, factory: ProtocolFactory) -> Listener:
        """Answer connections to `host:port` by a protocol from `factory`; port 0 takes a free one.
        Raises `OSError` (in use).
        """
        host = host.lower()
        self.add_host(host)
        if port == 0:
            port = self._ephemeral_port(host)
        if (host, port) in self._listeners:
            raise OSError(errno.EADDRINUSE, f"address {host}:{port} is already in use")
        listener = self._listeners[host, port] = Listener(self, (host, port), factory)
        return listener

    def forget(self, listener: Listener) -> None:
        """Refuse connections to a closed listener."""
        if self._listeners.get(listener.address) is listener:
            del self._listeners[listener.address]

    def reaches(self, source: str, host: str, port: int = 80) -> bool:
        """Whether a call from `source` to `host:port` would be answered, and takes nothing from the
        jitter's generator: what is not asked is never missed.
        """
        link = self.link(source, host)
        return (host, port) in self._listeners and not self._is_disturbed(link)

    def _is_disturbed(self, link: Link) -> bool:
        return bool(link.faults or link.jitter_s) or link.latency_s != self._latency_s

    async def connect(
        self, factory: Callable[[], asyncio.Protocol], host: str, port: int, *, source: str
    ) -> tuple[MemoryTransport, asyncio.Protocol]:
        """Connect `source` to `host:port`; the protocol has been told when this returns, a round
        trip later.

        Raises `socket.gaierror` (unknown host), `ConnectionRefusedError`, or `TimeoutError` out of
        a black hole.
        """
        host, source, loop = host.lower(), source.lower(), self._loop
        if host not in self._hosts:
            raise socket.gaierror(socket.EAI_NONAME, f"no host {host!r} in the simulated network")
        self.add_host(source)
        link = self.link(source, host)
        for patience_s in SYN_RETRIES_S:
            if not link.blocked:
                break
            await asyncio.sleep(patience_s)
        if link.blocked:
            raise TimeoutError(errno.ETIMEDOUT, f"Connect call failed ('{host}', {port})")
        near_address = (source, self._ephemeral_port(source))
        established: asyncio.Future[tuple[MemoryTransport, asyncio.Protocol]] = loop.create_future()
        context = contextvars.copy_context()

        def arrive() -> None:
            listener = self._listeners.get((host, port))
            if listener is None or link.refuses:
                refusal = ConnectionRefusedError(
                    errno.ECONNREFUSED, f"Connect call failed ('{host}', {port})"
                )
                loop.call_later(link.delay(), _settle, established, refusal)
                return
            if established.done():
                return  # the caller has been cancelled
            far_protocol = listener.factory()
            near_protocol = factory()
            near = MemoryTransport(loop, near_protocol, context, near_address, listener.address)
            far = MemoryTransport(
                loop, far_protocol, listener.context, listener.address, near_address
            )
            connect_pair(link, near, far, self._tap)
            link.add(near)
            loop.call_later(link.delay(), complete, near, near_protocol, context=context)
            loop.call_soon(far_protocol.connection_made, far, context=listener.context)

        def complete(near: MemoryTransport, near_protocol: asyncio.Protocol) -> None:
            if established.done():
                near.protocol = asyncio.Protocol()
                near.close()
            else:
                near_protocol.connection_made(near)
                established.set_result((near, near_protocol))

        loop.call_later(link.delay(), arrive)
        return await established

    # --- links and faults
    # ----------------------------------------------------------------------

    def link(self, a: str, b: str) -> Link:
        """The link between two hosts, for its latency and its faults."""
        asked = a, b
        link = self._link_of.get(asked)
        if link is not None:
            return link
        a, b = sorted((a.lower(), b.lower()))
        link = self._links.get((a, b))
        if link is None:
            link = self._links[a, b] = Link(self._latency_s, self._jitter_s, self._rng)
            for host in {a: None, b: None} if a != b else ():  # a host always reaches itself
                if host in self._down:
                    link.set_fault(f"host {host}", "refuse")
                if host in self._host_latency_s:
                    link.latency_s = self._latency_of(a, b)
        self._link_of[asked] = link
        return link

    def cut(self, a: str, b: str, fault: Fault = "black hole") -> None:
        """Break the link between two hosts."""
        self.link(a, b).set_fault("cut", fault)

    def heal(self, a: str, b: str) -> None:
        """Mend a cut; what TCP kept sending arrives now."""
        self.link(a, b).set_fault("cut", None)

    def reset(self, a: str, b: str) -> None:
        """Reset the connections between two hosts, once; new ones work."""
        self.link(a, b).reset()

    def take_down(self, host: str) -> None:
        """Break every link of `host`, as if its program had died."""
        self.add_host(host)
        self._down.add(host.lower())
        self._set_host_fault(host.lower(), "refuse")

    def bring_up(self, host: str) -> None:
        """Let a host that was taken down answer again."""
        self._down.discard(host.lower())
        self._set_host_fault(host.lower(), None)

    def slow_down(self, host: str, latency_s: float | None) -> None:
        """Let every packet to and from a host take so long; None: as long as it did."""
        host = host.lower()
        self.add_host(host)
        if latency_s is None:
            self._host_latency_s.pop(host, None)
        else:
            self._host_latency_s[host] = latency_s
        for (a, b), link in self._links.items():
            if host in (a, b) and a != b:
                link.latency_s = self._latency_of(a, b)

    def _latency_of(self, a: str, b: str) -> float:
        slow = [self._host_latency_s[host] for host in (a, b) if host in self._host_latency_s]
        return max(slow, default=self._latency_s)

    def _set_host_fault(self, host: str, fault: Fault | None) -> None:
        for (a, b), link in self._links.items():
            if host in (a, b) and a != b:
                link.set_fault(f"host {host}", fault)

    def _ephemeral_port(self, host: str) -> int:
        port = self._hosts[host]
        self._hosts[host] = port + 1 if port < LAST_EPHEMERAL_PORT else FIRST_EPHEMERAL_PORT
        return port


def _settle(
    waiter: asyncio.Future[tuple[MemoryTransport, asyncio.Protocol]], refusal: OSError
) -> None:
    if not waiter.done():
        waiter.set_exception(refusal)
