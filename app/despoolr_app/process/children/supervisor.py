"""Child processes that end with their parent, whatever ends it; and in order, within a stated time,
when they are told to.

The law: a child holds the reading end of a pipe whose only writing end its parent has. When the
parent is gone, by SIGKILL or by a bug or in order, the pipe ends, and a thread of the child that
waits for this asks the child to end as SIGTERM would, and kills it and all of its process group
after `GRACE_S`. This is the same on Linux and macOS, has no moment between fork and exec in which
it does not hold (a pipe that has ended stays so), and does not depend on which thread of the parent
made the child. On Linux the kernel sends the child SIGCONT as well, so that one that is stopped
hears of it. A child's own children have a pipe to the child, so a whole tree ends from its top.

The workers of a pool are children of the same kind: `multiprocessing` gives each such a pipe of its
own (its parent's sentinel).

A child leads a session of its own: Ctrl-C reaches the parent alone, who asks the children in order.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing import active_children, get_context, parent_process
from multiprocessing.connection import wait
from typing import IO, Any, Final, TypeVar

import msgspec

from despoolr_app.process.children.output import READY_S_MAX, Output
from despoolr_app.process.event_loop import on_signals

T = TypeVar("T")

VARIABLE: Final = "DESPOOLR_SUPERVISOR"
"""How a child is told the descriptor of its pipe. It is taken out of the environment at once: it is
nobody else's.
"""
GRACE_S: Final = 3.0
"""Seconds a child has to end in order once its parent is gone."""
STOP_S_MAX: Final = 10.0
"""Seconds a child has to end in order when its parent asks it to."""
STEP_S: Final = 0.02
"""Seconds between two looks at what a child has said."""
_PR_SET_PDEATHSIG: Final = 1


class Lifeline:
    """The pipe between a parent and all of its children. For as long as this process has it open,
    they may live.
    """

    def __init__(self) -> None:
        self._reading, self._writing = os.pipe()

    def options(self, environment: Mapping[str, str] | None = None) -> dict[str, Any]:
        """The arguments for `subprocess.Popen` (or asyncio's) that tie a child to this process."""
        own = dict(os.environ if environment is None else environment)
        own[VARIABLE] = str(self._reading)
        return {"env": own, "pass_fds": (self._reading,), "start_new_session": True}

    def cut(self) -> None:
        """Have whoever still lives end, as if this process were gone."""
        for descriptor in (self._writing, self._reading):
            if descriptor >= 0:
                os.close(descriptor)
        self._reading = self._writing = -1

    def __del__(self) -> None:
        with suppress(OSError):
            self.cut()


class Supervisor:
    """A parent's children, as asyncio has them."""

    def __init__(self) -> None:
        self._lifeline = Lifeline()
        self._children: list[asyncio.subprocess.Process] = []

    async def start(
        self,
        arguments: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        cwd: str | os.PathLike[str] | None = None,
        stdin: int = asyncio.subprocess.DEVNULL,
        stdout: int | IO[bytes] | None = None,
        stderr: int | IO[bytes] | None = None,
        limit: int = 2**16,
    ) -> asyncio.subprocess.Process:
        """Start one. `environment` None: this process'; `limit`: bytes of a line that is read from
        it. Raises `OSError`.
        """
        child = await asyncio.create_subprocess_exec(
            *arguments,
            cwd=cwd,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            limit=limit,
            **self._lifeline.options(environment),
        )
        self._children = [other for other in self._children if other.returncode is None]
        self._children.append(child)
        return child

    async def start_ready(
        self,
        arguments: Sequence[str],
        output: Output,
        ready: str,
        *,
        environment: Mapping[str, str] | None = None,
        cwd: str | os.PathLike[str] | None = None,
        within_s: float = READY_S_MAX,
    ) -> asyncio.subprocess.Process:
        """Start one whose output goes to a file, and wait until it has said `ready`. Raises
        `ProcessDied`, `OSError`.
        """
        with output.path.open("wb") as out:
            child = await self.start(
                arguments,
                environment=environment,
                cwd=cwd,
                stdout=out,
                stderr=asyncio.subprocess.STDOUT,
            )
        try:
            async with asyncio.timeout(within_s):
                while True:
                    if output.has(ready, child.returncode):
                        return child
                    await asyncio.sleep(STEP_S)
        except TimeoutError:
            raise output.died(None, within_s) from None

    async def stop(
        self,
        children: Iterable[asyncio.subprocess.Process],
        *,
        is_asked: bool = False,
        within_s: float = STOP_S_MAX,
    ) -> None:
        """Ask them to end (unless they were asked in another way), wait, and kill the groups of
        those that did not.

        They are killed as well if the waiting is cancelled.
        """
        alive = [child for child in children if child.returncode is None]
        try:
            for child in () if is_asked else alive:
                child.terminate()
            with suppress(TimeoutError):
                async with asyncio.timeout(within_s):
                    await asyncio.gather(*(child.wait() for child in alive))
        finally:
            late = [child for child in alive if child.returncode is None]
            for child in late:
                kill_group(child)
        await asyncio.gather(*(child.wait() for child in late))

    async def end(self, *, is_asked: bool = False, within_s: float = STOP_S_MAX) -> None:
        """Stop all that were started."""
        try:
            await self.stop(self._children, is_asked=is_asked, within_s=within_s)
        finally:
            self._lifeline.cut()


class BlockingChild(msgspec.Struct):
    """A child of a parent that has no event loop."""

    process: subprocess.Popen[bytes]
    output: Output

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended yet."""
        return self.process.poll() is None

    def await_said(self, text: str, within_s: float = READY_S_MAX) -> None:
        """Wait until it has said so. Raises `ProcessDied` if it ends first, or is late."""
        deadline = time.perf_counter() + within_s
        while not self.output.has(text, self.process.poll()):
            if time.perf_counter() > deadline:
                raise self.output.died(None, within_s)
            time.sleep(STEP_S)

    def stop(self, within_s: float = STOP_S_MAX) -> int:
        """Ask it to end, wait, and kill its group if it does not. Returns its exit code."""
        self.process.terminate()
        try:
            return self.process.wait(within_s)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self) -> int:
        """End it at once, with whatever it has started that is still in its process group."""
        kill_group(self.process)
        return self.process.wait()


class BlockingSupervisor:
    """The children of a parent that has no event loop: the same lifeline, the same end."""

    def __init__(self) -> None:
        self._lifeline = Lifeline()
        self.children: list[BlockingChild] = []

    def start(
        self,
        arguments: Sequence[str],
        output: Output,
        *,
        environment: Mapping[str, str] | None = None,
        cwd: str | os.PathLike[str] | None = None,
    ) -> BlockingChild:
        """Start one whose output goes to a file. `environment` None: this process'. Raises
        `OSError`.
        """
        with output.path.open("wb") as out:
            process = subprocess.Popen(
                arguments,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                **self._lifeline.options(environment),
            )
        child = BlockingChild(process, output)
        self.children = [other for other in self.children if other.is_alive]
        self.children.append(child)
        return child

    def end(self, within_s: float = STOP_S_MAX) -> None:
        """Stop all that were started."""
        try:
            for child in self.children:
                if child.is_alive:
                    child.stop(within_s)
        finally:
            self._lifeline.cut()


@contextmanager
def process_pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """A pool whose workers leave Ctrl-C and SIGTERM to this process, and end with it. What raises
    out of it ends them at once.
    """
    pool = ProcessPoolExecutor(workers, get_context("spawn"), initializer=_begin_worker)
    try:
        # The first submission starts all. A worker that is half told what it is would print how it
        # failed: signals wait, and in the workers for good.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
        try:
            pool.submit(int)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        yield pool
    except BaseException:
        for worker in active_children():
            worker.kill()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _begin_worker() -> None:
    """A worker's work has nothing to keep: what its parent does not hear of is not there."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    parent = parent_process()
    assert parent is not None

    def watch() -> None:
        wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGKILL)

    _have_stopped_ones_woken()
    threading.Thread(target=watch, name="parent", daemon=True).start()


def run_in_order(work: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run`, whose work SIGTERM cancels in order. Raises `KeyboardInterrupt` then.

    Where SIGINT is not ignored, SIGTERM does what asyncio does for Ctrl-C. A shell ignores it for
    what is started with `&`, and asyncio leaves that so: SIGTERM would raise in the middle of
    whatever the loop does.
    """
    asked: list[bool] = []

    async def ended() -> T:
        task = asyncio.current_task()
        assert task is not None

        def end(_: int) -> None:
            asked.append(True)
            task.cancel()

        with on_signals(end, [signal.SIGTERM]):
            return await work

    is_ours = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    )
    try:
        return asyncio.run(ended() if is_ours else work)
    except asyncio.CancelledError:
        if asked:
            raise KeyboardInterrupt from None
        raise


def kill_group(child: asyncio.subprocess.Process | subprocess.Popen[bytes]) -> None:
    """End a child and whatever it has started that is still in its process group, at once."""
    if child.returncode is None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)


def end_with_parent(ask: Callable[[], object] | None = None) -> None:
    """Called first thing by a process that may be somebody's child: does nothing if it is not.

    `ask` is called in a thread when the parent is gone; without it the process gets SIGTERM.
    """
    pipe = _pipe(os.environ.pop(VARIABLE, ""))
    if pipe is None:
        return
    os.set_inheritable(pipe, False)
    _have_stopped_ones_woken()

    def watch() -> None:
        while os.read(pipe, 1):
            pass  # nobody writes to it: the end of it is all there is to hear
        end_now(ask)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def end_now(ask: Callable[[], object] | None = None) -> None:
    """End this process: asked first, killed with its group when the grace is over. Called from a
    thread beside its work.
    """
    if ask is None:
        os.kill(os.getpid(), signal.SIGTERM)
    else:
        ask()
    threading.Event().wait(GRACE_S)
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


def _pipe(told: str) -> int | None:
    """The descriptor a parent told of, if there is one."""
    try:
        return int(told) if stat.S_ISFIFO(os.fstat(int(told)).st_mode) else None
    except (ValueError, OSError):
        return None


def _have_stopped_ones_woken() -> None:
    """Linux: SIGCONT when the parent goes (or its thread that made this process: to one that runs
    it means nothing).
    """
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGCONT, 0, 0, 0)
