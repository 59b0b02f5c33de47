"""What virtual time costs: events and requests a second, and how they stand to asyncio's own loop
and to sockets.

Absolute numbers are this machine's; the ratios, measured in one run, are what to compare.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections.abc import Awaitable, Callable
from time import perf_counter

import aiohttp
from aiohttp import web

from despoolr_app.clocks.loop_clock import LoopClock
from despoolr_lab.sim.network import Network
from despoolr_lab.sim.sockets import SocketNetwork
from despoolr_lab.sim.world import EPOCH, run_virtual

__all__ = ["measure"]

TASKS = 10_000
TURNS = 20
CLIENTS = 200
REQUESTS = 25
URL = "http://logon1/pcmins.box/1.ins"


def measure() -> dict[str, float]:
    """Sleeps and requests a second in virtual time, the same on asyncio's loop and over sockets,
    and the two ratios.
    """
    sleeps = TASKS * TURNS / _seconds(lambda: run_virtual(_sleepers))
    turns = TASKS * TURNS / _seconds(lambda: asyncio.run(_turners()))
    requests = CLIENTS * REQUESTS
    shared = requests / _seconds(lambda: run_virtual(lambda: _polls(Network(), 1.0)))
    own = requests / _seconds(
        lambda: run_virtual(lambda: _polls(Network(), 1.0, own_sessions=True))
    )
    sockets = requests / _seconds(lambda: asyncio.run(_over_sockets()))
    return {
        "sim_sleeps_per_s": sleeps,
        "asyncio_turns_per_s": turns,
        "sim_sleeps_to_asyncio_turns": sleeps / turns,
        "sim_requests_per_s_shared_session": shared,
        "sim_requests_per_s_own_sessions": own,
        "socket_requests_per_s_one_process": sockets,
        "sim_requests_to_socket_requests": shared / sockets,
    }


def _seconds(run: Callable[[], object]) -> float:
    started = perf_counter()
    run()
    return perf_counter() - started


async def _sleepers() -> None:
    clock = LoopClock(EPOCH)
    rng = random.Random(1)

    async def client(interval_s: float) -> None:
        for _ in range(TURNS):
            await clock.sleep(interval_s)

    await _all(lambda: client(rng.uniform(1.0, 10.0)), TASKS)


async def _turners() -> None:
    async def client() -> None:
        for _ in range(TURNS):
            await asyncio.sleep(0)

    await _all(client, TASKS)


async def _over_sockets() -> None:
    await _polls(SocketNetwork(), 0.0)


async def _polls(
    network: Network | SocketNetwork, interval_s: float, *, own_sessions: bool = False
) -> None:
    app = web.Application()
    app.router.add_get("/pcmins.box/{file}", _answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await network.serve(runner, "LOGON1")

    async def client(session: aiohttp.ClientSession) -> None:
        for _ in range(REQUESTS):
            await asyncio.sleep(interval_s)
            async with session.get(URL) as reply:
                await reply.read()

    async def own_client() -> None:
        async with network.session("pc") as session:
            await client(session)

    async with network.session("fleet") as session:
        await _all(own_client if own_sessions else lambda: client(session), CLIENTS)
    await runner.cleanup()


async def _answer(request: web.Request) -> web.Response:
    return web.Response(text=request.match_info["file"])


async def _all(make: Callable[[], Awaitable[None]], count: int) -> None:
    async def one() -> None:
        await make()

    async with asyncio.TaskGroup() as tasks:
        for _ in range(count):
            tasks.create_task(one())


if __name__ == "__main__":
    sys.stdout.write(
        json.dumps({name: round(value, 3) for name, value in measure().items()}, indent=2) + "\n"
    )
