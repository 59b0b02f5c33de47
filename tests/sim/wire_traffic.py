"""A busy quarter of an hour on the simulated network, and the digest of every byte on its wires; as
a script, it prints it.

It has what differs between runs if nobody takes care: waiters of several hosts at a full pool,
multipart bodies, groups of tasks that are cancelled together, a session closed with connections in
use, jitter, resets, connections that idle too long.
"""

from __future__ import annotations

import asyncio
import hashlib
import sys

import aiohttp
from aiohttp import web

from despoolr_app.clocks.loop_clock import LoopClock
from despoolr_lab.sim.network import Network
from despoolr_lab.sim.world import EPOCH, run_virtual


def digest(seed: int = 1) -> str:
    """The SHA-256 of all that was said, by whom, to whom and when."""
    wire = hashlib.sha256()

    def tap(now: float, source: tuple[str, int], target: tuple[str, int], data: bytes) -> None:
        wire.update(f"{now!r} {source} {target} {len(data)}\n".encode() + data)

    run_virtual(lambda: _traffic(Network(seed=seed, jitter_s=0.01, tap=tap)), seed=seed)
    return wire.hexdigest()


async def _echo(request: web.Request) -> web.Response:
    body = await request.read()
    return web.Response(text=hashlib.sha256(body).hexdigest())


async def _hang(request: web.Request) -> web.Response:
    await asyncio.Event().wait()
    return web.Response()


async def _traffic(network: Network) -> None:
    clock = LoopClock(EPOCH)
    app = web.Application(client_max_size=10_000_000)
    app.router.add_route("*", "/echo/{rest}", _echo)
    app.router.add_get("/hang", _hang)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    hosts = [f"LOGON{n}" for n in range(4)]
    for host in hosts:
        await network.serve(runner, host)

    async def poll(session: aiohttp.ClientSession, number: int) -> None:
        for turn in range(5):
            async with session.get(f"http://{hosts[(number + turn) % 4]}/echo/{number}") as reply:
                await reply.read()
            await clock.sleep(number % 3 * 10.0)

    async def send(session: aiohttp.ClientSession, number: int) -> None:
        form = aiohttp.FormData()
        form.add_field("mif", b"x" * number * 1000, filename=f"{number}.MIF")
        try:
            async with session.post(f"http://{hosts[number % 4]}/echo/form", data=form) as reply:
                await reply.read()
        except aiohttp.ClientError:
            await clock.sleep(1.0)

    async def hang(session: aiohttp.ClientSession) -> None:
        try:
            await session.get(f"http://{hosts[0]}/hang")
        finally:
            await clock.sleep(0.001)

    async with network.session("fleet", limit=3) as session, asyncio.TaskGroup() as tasks:
        for number in range(30):
            tasks.create_task(poll(session, number))
            tasks.create_task(send(session, number))
        await clock.sleep(0.02)
        network.reset("fleet", "logon1")
        network.cut("fleet", "logon2")
        await clock.sleep(5.0)
        network.heal("fleet", "logon2")

    session = network.session("late")
    try:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(20):
                tasks.create_task(hang(session))
            await clock.sleep(1.0)
            raise LookupError
    except* LookupError:
        pass
    hanging = [asyncio.ensure_future(hang(session)) for _ in range(20)]
    await clock.sleep(1.0)
    await session.close()  # with twenty connections in use
    await asyncio.wait(hanging)
    for task in hanging:
        task.exception()
    await runner.cleanup()


if __name__ == "__main__":
    sys.stdout.write(digest())
