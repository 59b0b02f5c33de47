"""What an open costs while many are held: 10, 1,000 and 100,000 opens of one server, up to 10,000
of one file.

The host is asked directly, without HTTP, so that nothing hides the growth. Three hosts stand side
by side and take turns, so that a busy machine slows all of them alike.
"""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import Final

from despoolr_app.clocks.loop_clock import LoopClock
from despoolr_core.records.stream import Recorder
from despoolr_core.share.modes import Role
from despoolr_core.share.wire import (
    LockElement,
    LockRequest,
    OpenReply,
    OpenRequest,
    Problem,
    SessionReply,
    SessionRequest,
)
from despoolr_lab.bench.base.figures import Found, add
from despoolr_server.files.memory import MemoryFileStore
from despoolr_server.shares.base.limits import ShareLimits
from despoolr_server.shares.base.principal import Caller, Principal
from despoolr_server.shares.host import ShareHost

HELD: Final = (10, 1_000, 100_000)
OF_ONE_FILE_MAX: Final = 10_000
PAIRS: Final = 1_000
_SHARE: Final = "READ|WRITE|DELETE"
_WHO: Final = Principal("PC00001", "user", Role.SERVICE)


def measure(rounds: int) -> Found:
    """`open_growth_1000` and `open_growth_100000`: an open and a close, to those at 10 held (goal:
    2 at most); `opens_*_s`.

    `refusal_growth_10000`: a refusal by 10,000 holders, to one by 10; `lock_growth_10000`: a lock
    and an unlock in a file with 10,000 locks, to one with 10.
    """
    return asyncio.run(_measure(3 * rounds))


async def _measure(rounds: int) -> Found:
    worlds = {held: await _World.make(held) for held in HELD}
    found: Found = {}
    for _ in range(rounds):
        pairs = {held: await world.pairs_s() for held, world in worlds.items()}
        refusals = {held: await world.refusals_s() for held, world in worlds.items()}
        locks = {held: await world.locks_s() for held, world in worlds.items()}
        few, _, many = HELD
        for held in HELD:
            add(found, {f"opens_{held}_s": PAIRS / pairs[held]})
            if held != few:
                add(found, {f"open_growth_{held}": pairs[held] / pairs[few]})
        add(
            found,
            {
                "refusal_growth_10000": refusals[many] / refusals[few],
                "lock_growth_10000": locks[many] / locks[few],
                "refusals_10000_s": PAIRS / refusals[many],
                "locks_10000_s": PAIRS / locks[many],
            },
        )
    return found


class _World:
    """A host with so many opens, `OF_ONE_FILE_MAX` of them of one file, as many locks in that file,
    and a session that asks.
    """

    def __init__(self, host: ShareHost, session: str, locker: str) -> None:
        self.host = host
        self.session = session
        self.locker = locker

    @classmethod
    async def make(cls, held: int) -> _World:
        """Open everything that is to be held."""
        clock = LoopClock(825_926_400.0)
        host = ShareHost(
            "BENCH", clock, Recorder(clock.now), ShareLimits(locks_per_open_max=OF_ONE_FILE_MAX + 1)
        )
        host.add_share("S", MemoryFileStore())
        session = ""
        for number in range(held):
            if number % OF_ONE_FILE_MAX == 0:
                session = _session(host)
                await host.paths.put(Caller(_WHO), "S", f"F{number // OF_ONE_FILE_MAX}", b"x" * 100)
            await _open(host, session, f"F{number // OF_ONE_FILE_MAX}")
        session = _session(host)
        locker = await _open(host, session, "F0", "READ|WRITE")
        for number in range(min(held, OF_ONE_FILE_MAX)):
            await host.range_locks.lock(_WHO, locker, LockRequest([LockElement(number * 16, 8)]))
        return cls(host, session, locker)

    async def pairs_s(self) -> float:
        """Seconds for `PAIRS` opens and closes of the file that most have open."""
        host = self.host
        request = OpenRequest(self.session, "S", "F0", share_mode=_SHARE)
        began = perf_counter()
        for _ in range(PAIRS):
            reply = await host.handles.open(_WHO, request)
            assert isinstance(reply, OpenReply)
            await host.handles.close(_WHO, reply.open)
        return perf_counter() - began

    async def refusals_s(self) -> float:
        """Seconds for `PAIRS` refusals because of all who have it open."""
        request = OpenRequest(self.session, "S", "F0", access="READ", share_mode="NONE")
        began = perf_counter()
        for _ in range(PAIRS):
            assert isinstance(await self.host.handles.open(_WHO, request), Problem)
        return perf_counter() - began

    async def locks_s(self) -> float:
        """Seconds for `PAIRS` locks and unlocks between the locks that are held."""
        request = LockRequest([LockElement(8, 8)])
        began = perf_counter()
        for _ in range(PAIRS):
            assert not isinstance(
                await self.host.range_locks.lock(_WHO, self.locker, request), Problem
            )
            self.host.range_locks.unlock(_WHO, self.locker, 8, 8)
        return perf_counter() - began


def _session(host: ShareHost) -> str:
    reply = host.sessions.start(_WHO, SessionRequest(program="BENCH", lease_s=3600.0))
    assert isinstance(reply, SessionReply)
    return reply.session


async def _open(host: ShareHost, session: str, path: str, access: str = "READ") -> str:
    reply = await host.handles.open(
        _WHO, OpenRequest(session, "S", path, access=access, share_mode=_SHARE)
    )
    assert isinstance(reply, OpenReply), reply
    return reply.open
