"""What `run_virtual` promises: a result, a clean end, and nothing of one run in the next."""

from __future__ import annotations

import asyncio
import gc
import signal
import time

import aiohttp
import pytest
from aiohttp import helpers, web

from despoolr_lab.sim.network import Network
from despoolr_lab.sim.time.endings import Deadlock, RealWorldCall, TimeLimitReached
from despoolr_lab.sim.world import EPOCH, run_virtual


def test_the_result_of_main_is_returned():
    async def main():
        await asyncio.sleep(86_400.0)
        return asyncio.get_running_loop().time()

    assert run_virtual(main) == 86_400.0


def test_an_exception_of_main_is_raised():
    async def main():
        await asyncio.sleep(1.0)
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        run_virtual(main)


def test_what_is_left_running_is_cancelled_in_the_order_in_which_it_was_made():
    ended = []

    async def left(n):
        try:
            await asyncio.sleep(1e9)
        finally:
            await asyncio.sleep(1.0)
            ended.append(n)

    async def main():
        kept = [asyncio.ensure_future(left(n)) for n in range(50)]
        await asyncio.sleep(1.0)
        return len(kept)

    assert run_virtual(main) == 50
    assert ended == list(range(50))


def test_a_deadlock_is_reported_and_cleared_away():
    ended = []

    async def main():
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("main")

    with pytest.raises(Deadlock, match="in main"):
        run_virtual(main)
    assert ended == ["main"]


def test_the_time_limit_leaves_time_to_clear_up():
    ended = []

    async def main():
        try:
            await asyncio.sleep(1000.0)
        finally:
            await asyncio.sleep(5.0)
            ended.append("main")

    with pytest.raises(TimeLimitReached):
        run_virtual(main, limit_s=10.0)
    assert ended == ["main"]


def test_a_swallowed_call_to_the_real_world_fails_the_run_all_the_same():
    async def main():
        try:
            time.time()  # noqa: TID251
        except Exception:
            pass
        return "looks fine"

    with pytest.raises(RealWorldCall, match=r"time\.time\(\) at .*test_world\.py"):
        run_virtual(main)


def test_a_task_that_refuses_to_end_is_reported_not_waited_for(caplog):
    async def stubborn():
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                pass

    async def main():
        task = asyncio.ensure_future(stubborn())
        await asyncio.sleep(1.0)
        return task

    task = run_virtual(main)
    assert "tasks did not end when cancelled" in caplog.text
    assert "in stubborn" in caplog.text
    task._log_destroy_pending = False
    del task
    gc.collect()


def test_a_site_left_open_is_torn_down_without_a_warning():
    async def main():
        network = Network()
        app = web.Application()
        app.router.add_get("/", _hello)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await network.serve(runner, "LOGON1")
        async with network.session("PC1") as session, session.get("http://logon1/") as reply:
            return await reply.text(), reply.headers["Date"]

    assert run_virtual(main) == ("hello", "Mon, 01 Jan 1996 00:00:00 GMT")
    gc.collect()


def test_the_date_header_follows_the_calendar():
    async def main():
        network = Network()
        app = web.Application()
        app.router.add_get("/", _hello)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await network.serve(runner, "LOGON1")
        dates = []
        async with network.session("PC1") as session:
            for _ in range(2):
                async with session.get("http://logon1/") as reply:
                    dates.append(reply.headers["Date"])
                await asyncio.sleep(86_400.0)
        await runner.cleanup()
        return dates

    assert run_virtual(main, epoch=EPOCH + 3600) == [
        "Mon, 01 Jan 1996 01:00:00 GMT",
        "Tue, 02 Jan 1996 01:00:00 GMT",
    ]


def test_the_date_header_is_the_real_one_again_afterwards():
    helpers.rfc822_formatted_time()  # aiohttp keeps it for the rest of the second
    run_virtual(_serve_one)
    assert helpers.rfc822_formatted_time().split()[3] == str(time.gmtime().tm_year)


async def _serve_one():
    assert helpers.rfc822_formatted_time().startswith("Mon, 01 Jan 1996")


def test_idle_connections_age_in_virtual_time():
    async def main():
        network = Network()
        app = web.Application()
        app.router.add_get("/", _whence)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await network.serve(runner, "LOGON1")
        ports = []
        async with network.session("PC1", keepalive_s=15.0) as session:
            for pause_s in (5.0, 60.0, 0.0):
                async with session.get("http://logon1/") as reply:
                    ports.append(await reply.text())
                await asyncio.sleep(pause_s)
        await runner.cleanup()
        return ports

    first, after_5_s, after_60_s = run_virtual(main)
    assert first == after_5_s
    assert first != after_60_s


def test_two_runs_in_one_process_are_alike():
    async def main():
        tasks = [asyncio.ensure_future(asyncio.sleep(n)) for n in range(3)]
        form = aiohttp.FormData({"a": "b"}, default_to_multipart=True)
        return (
            [task.get_name() for task in tasks],
            form().headers["Content-Type"],
            await asyncio.wait(tasks) is not None,
        )

    assert run_virtual(main) == run_virtual(main)
    assert run_virtual(main, seed=1)[1] != run_virtual(main, seed=2)[1]


async def _hello(request):
    return web.Response(text="hello")


async def _whence(request):
    return web.Response(text=str(request.transport.get_extra_info("peername")))


def test_ctrl_c_in_the_middle_of_anything_ends_all_tasks_and_reports_none(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ended: list[str] = []

    async def waits(name: str) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(1)
            ended.append(name)

    async def group(name: str, *, is_torn: bool) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(waits(name))
            if is_torn:
                tasks.create_task(torn())

    async def torn() -> None:
        await asyncio.sleep(1)
        signal.raise_signal(signal.SIGINT)

    async def main() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(group("beside", is_torn=False))
            tasks.create_task(group("with it", is_torn=True))

    with pytest.raises(KeyboardInterrupt):
        run_virtual(main)
    gc.collect()
    assert sorted(ended) == ["beside", "with it"]
    assert not caplog.records
