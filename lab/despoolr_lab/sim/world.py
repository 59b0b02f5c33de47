"""One simulation: set the world aside, run to the end, leave nothing behind.

The law: what `run_virtual` returns depends on `main` and its arguments alone. Time starts at 0,
chance at the seed, tasks are numbered from 1; the real world is out of reach, and a run that tried
to reach it fails even if somebody swallowed the exception.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TypeVar

from despoolr_lab.sim.late import forget, when_used
from despoolr_lab.sim.time.endings import Deadlock, Livelock, RealWorldCall, TimeLimitReached
from despoolr_lab.sim.time.loop import TURNS_MAX, VirtualLoop
from despoolr_lab.sim.time.poison import poison
from despoolr_lab.sim.time.waits import tasks_in_order

__all__ = ["EPOCH", "run_virtual"]

T = TypeVar("T")

EPOCH = 820_454_400.0
"""1996-01-01 00:00, when SMS 1.1 was new and 1.2 was coming."""

CLEANUP_S_MAX = 3_600.0
"""Virtual seconds that cancelled tasks may take to end."""


def run_virtual(
    main: Callable[[], Awaitable[T]],
    *,
    seed: object = 0,
    epoch: float = EPOCH,
    limit_s: float | None = None,
    turns_max: int = TURNS_MAX,
) -> T:
    """Run `main()` to its end in virtual time and return its result; what it leaves running is
    cancelled.

    `epoch`: the calendar's time (seconds since 1970) at loop time 0, for aiohttp's `Date`;
    `limit_s`: virtual seconds allowed. Raises what `main` raises, `Deadlock`, `Livelock`,
    `TimeLimitReached`, or `RealWorldCall` (`sim.time.poison`).
    """
    loop = VirtualLoop(limit_s=limit_s, turns_max=turns_max)

    async def guarded() -> T:
        return await main()

    with _aiohttps_time(loop, epoch, seed), poison() as tried, _rare_collections():
        try:
            result = loop.run_until_complete(guarded())
        except KeyboardInterrupt:
            # it came in the middle of anything: what that leaves behind is nobody's mistake
            loop.set_exception_handler(lambda _loop, _context: None)
            raise
        finally:
            try:
                _cancel_all(loop)
                loop.run_until_complete(loop.shutdown_asyncgens())
            finally:
                loop.close()
    if tried:
        raise RealWorldCall(
            "the simulation asked the real world, and somebody swallowed the refusal: "
            + "; ".join(tried[:5])
        )
    return result


@contextmanager
def _aiohttps_time(loop: VirtualLoop, epoch: float, seed: object) -> Iterator[None]:
    with ExitStack() as stack:

        def redirect() -> None:
            from despoolr_lab.sim.time.aiohttp_time import redirect_aiohttp  # noqa: PLC0415 - if used

            stack.enter_context(redirect_aiohttp(loop, epoch=epoch, seed=seed))

        when_used(redirect)
        try:
            yield
        finally:
            forget()


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Let the cyclic collector run a hundred times more rarely: it took a fifth of a run and found
    29 objects.
    """
    before = gc.get_threshold()
    gc.set_threshold(100_000, 50, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _cancel_all(loop: VirtualLoop) -> None:
    """Cancel what is left, in the order in which it was made, and let it end; what refuses to is
    reported.
    """
    loop.extend(CLEANUP_S_MAX)
    while tasks := tasks_in_order(loop):
        for task in tasks:
            task.cancel()
        try:
            loop.run_until_complete(_ended(tasks))
        except KeyboardInterrupt:  # a group of tasks raises again what tore one of them
            continue
        except (Deadlock, Livelock, TimeLimitReached) as exc:
            loop.call_exception_handler({"message": f"tasks did not end when cancelled: {exc}"})
            return
        for task in tasks:
            if not task.cancelled() and task.exception() is not None:
                loop.call_exception_handler(
                    {
                        "message": "a task failed while it was cancelled",
                        "exception": task.exception(),
                        "task": task,
                    }
                )


async def _ended(tasks: list[asyncio.Task[object]]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)
