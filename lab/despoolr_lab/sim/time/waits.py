"""Who waits, and where: the story a stuck run tells.

A task's own stack shows only its outermost coroutine; the line that matters is at the end of the
chain of awaits. Each line names the task, the innermost frame, and the innermost frame outside of
the libraries if that is another one.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import re
from functools import cache
from pathlib import PurePath
from types import FrameType
from typing import Any

__all__ = ["describe_waiting", "tasks_in_order"]

LINES_MAX = 50
FRAMES_MAX = 100


@cache
def _libraries() -> tuple[str, ...]:
    import sysconfig  # noqa: PLC0415 - only a run that hangs asks for it

    return tuple(
        {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    )


def tasks_in_order(loop: asyncio.AbstractEventLoop) -> list[asyncio.Task[Any]]:
    """The loop's unfinished tasks in the order in which they were made (asyncio keeps them in a
    set).
    """
    return sorted(asyncio.all_tasks(loop), key=_order)


def describe_waiting(loop: asyncio.AbstractEventLoop) -> list[str]:
    """One line for each unfinished task of `loop`, at most `LINES_MAX`."""
    tasks = tasks_in_order(loop)
    lines = [_describe(task) for task in tasks[:LINES_MAX]]
    if len(tasks) > LINES_MAX:
        lines.append(f"... and {len(tasks) - LINES_MAX} more")
    return lines or ["(no task is left)"]


def _order(task: asyncio.Task[Any]) -> tuple[float, list[tuple[int, str]]]:
    pieces = re.split(r"(\d+)", task.get_name())
    return getattr(task, "number", float("inf")), [
        (int(piece), "") if piece.isdigit() else (-1, piece) for piece in pieces
    ]


def _describe(task: asyncio.Task[Any]) -> str:
    coro: Any = task.get_coro()
    frames = _frames(coro)
    name = f"task {task.get_name()} ({getattr(coro, '__qualname__', coro)})"
    if not frames:
        return f"{name} has not started"
    place = f"{name} waits at {_place(frames[-1])}"
    own = next(
        (
            frame
            for frame in reversed(frames)
            if not frame.f_code.co_filename.startswith(_libraries())
        ),
        None,
    )
    if own is not None and own is not frames[-1]:
        place += f", called from {_place(own)}"
    return place


def _frames(coro: Any) -> list[FrameType]:
    """The frames of a suspended chain of awaits, outermost first; none if it has not started."""
    frames: list[FrameType] = []
    if inspect.iscoroutine(coro) and inspect.getcoroutinestate(coro) == inspect.CORO_CREATED:
        return frames
    while coro is not None and len(frames) < FRAMES_MAX:
        if inspect.iscoroutine(coro):
            frame, awaited = coro.cr_frame, coro.cr_await
        elif inspect.isgenerator(coro):
            frame, awaited = coro.gi_frame, coro.gi_yieldfrom
        elif inspect.isasyncgen(coro):
            frame, awaited = coro.ag_frame, coro.ag_await
        else:  # `anext` hides its generator
            coro = next(filter(inspect.isasyncgen, gc.get_referents(coro)), None)
            continue
        if frame is None:
            break
        frames.append(frame)
        coro = awaited
    return frames


def _place(frame: FrameType) -> str:
    path = PurePath(frame.f_code.co_filename)
    return f"{'/'.join(path.parts[-2:])}:{frame.f_lineno} in {frame.f_code.co_name}"
