"""An asyncio event loop whose clock jumps to the next timer.

The law: time stands still while anything can run, then moves to the earliest timer, never past it
and never back. Equal times run in the order in which they were asked for. There is no selector, no
socket, no thread and no pipe, so nothing outside the process can change a run; what would need one
raises `RealWorldCall`.

Three things end a run that would otherwise hang, each naming the tasks and the lines where they
wait: nothing left to do (`Deadlock`), time that never moves (`Livelock`), and a limit on virtual
time (`TimeLimitReached`).
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from contextvars import Context, copy_context
from heapq import heapify, heappop, heappush
from typing import Any, NoReturn, TypeVar

from despoolr_core.clock import RepeatedSleeper
from despoolr_lab.sim.time.endings import Deadlock, Livelock, RealWorldCall, TimeLimitReached
from despoolr_lab.sim.time.queued import (
    Journey,
    NumberedTask,
    QueuedCall,
    QueuedTimer,
    Repeated,
    is_dead,
    sleeps_through,
)
from despoolr_lab.sim.time.waits import describe_waiting

T = TypeVar("T")

TURNS_MAX = 1_000_000
"""Turns of the ready queue without time moving before a run counts as a livelock."""

_PURGE_MIN = 1_024

_FUTURE = asyncio.Future
_bare: Any = object.__new__
_PLACES = 1 << 40
"""Those who wait again and again have places below zero: before every sequence number."""


class VirtualLoop(asyncio.BaseEventLoop):
    """An event loop in virtual time, starting at 0.

    `limit_s`: virtual seconds after which the run ends with `TimeLimitReached`. `turns_max`: bound
    on turns without time moving.
    """

    _ready: deque[Any]
    """Handles, and `Journey`s."""
    _stopping: bool
    _closed: bool
    _task_factory: Any

    def __init__(self, *, limit_s: float | None = None, turns_max: int = TURNS_MAX) -> None:
        super().__init__()
        self._now = 0.0
        self._limit = math.inf if limit_s is None else limit_s
        self._turns_max = turns_max
        self._turns = 0
        # QueuedTimer, a Repeated, or a bare future to be woken
        self._timers: list[tuple[float, int, Any]] = []
        self._sequence = 0
        self._places: dict[object, int] = {}
        self._sound: list[Repeated] = []
        self._sound_until = math.inf
        """The first time of those that sleep soundly."""
        self._purge_at = _PURGE_MIN
        self._task_count = 0

    # --- time
    # ----------------------------------------------------------------------

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._now

    def extend(self, seconds: float) -> None:
        """Allow `seconds` of virtual time from now on, whatever the limit was: for clearing up
        after a run.
        """
        self._limit = self._now + seconds
        self._turns = 0

    def sleeper(self, when: float) -> asyncio.Future[None]:
        """A future that is done at loop time `when`: the cheap form of a sleep, with neither handle
        nor context.
        """
        waiter = asyncio.Future[None](loop=self)
        self._push(when, waiter)
        return waiter

    def repeated_sleeper(
        self, when: float, sleeper: RepeatedSleeper, who: object
    ) -> asyncio.Future[None]:
        """As `sleeper`, but at that time `sleeper` may name a later one, and so on until it says 0:
        without a turn of the loop for each. `who` goes before all that sleep otherwise, and among
        its like in the order in which they came here first.
        """
        place = self._places.setdefault(who, len(self._places) - _PLACES)
        waiter = asyncio.Future[None](loop=self)
        self._lay_down(Repeated(waiter, sleeper, place, when))
        return waiter

    def take_along(self, journey: Journey, when: float | None = None) -> None:
        """Call it at loop time `when`, or in the next turn."""
        if when is None:
            self._ready.append(journey)
        else:
            self._push(when, journey)

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        if self._closed:
            raise RuntimeError("Event loop is closed")
        handle: Any = _bare(QueuedCall)
        handle._loop = self
        handle._callback = callback
        handle._args = args
        handle._context = copy_context() if context is None else context
        handle._cancelled = False
        self._ready.append(handle)
        return handle  # type: ignore[no-any-return]

    def call_later(  # type: ignore[override]
        self,
        delay: float,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> QueuedTimer:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> QueuedTimer:
        if self._closed:
            raise RuntimeError("Event loop is closed")
        handle: Any = _bare(QueuedTimer)
        handle._when = when
        handle._loop = self
        handle._callback = callback
        handle._args = args
        handle._context = copy_context() if context is None else context
        handle._cancelled = False
        self._push(when, handle)
        return handle  # type: ignore[no-any-return]

    def _push(self, when: float, what: Any) -> None:
        if when == math.inf:
            return  # never: keeping it would hide a deadlock
        if when != when:
            raise ValueError("a timer's time is not a number")
        timers = self._timers
        self._sequence = sequence = self._sequence + 1
        heappush(timers, (when, sequence, what))
        if sequence >= self._purge_at:
            self._purge()

    def _purge(self) -> None:
        """Drop cancelled timers before they outnumber the living: at most every doubling, so the
        cost is shared out.
        """
        timers = self._timers
        timers[:] = [entry for entry in timers if not is_dead(entry[0], entry[2])]
        heapify(timers)
        self._purge_at = self._sequence + max(_PURGE_MIN, len(timers))

    # --- tasks
    # ----------------------------------------------------------------------

    def create_task(
        self, coro: Generator[Any, None, T] | Coroutine[Any, Any, T], **kwargs: Any
    ) -> asyncio.Task[T]:
        if self._closed:
            raise RuntimeError("Event loop is closed")
        if self._task_factory is not None:
            return super().create_task(coro, **kwargs)
        self._task_count = number = self._task_count + 1
        if kwargs.get("name") is None:
            # asyncio's own counter is the process's, and names end up in stories
            kwargs["name"] = f"Task-{number}"
        return NumberedTask(number, coro, loop=self, **kwargs)

    # --- running
    # ----------------------------------------------------------------------

    def _run_once(self) -> None:
        """Run until asked to stop; `run_forever` calls this in a loop and looks at the same
        flag.
        """
        ready = self._ready
        popleft = ready.popleft
        timers = self._timers
        while True:
            if not ready or (timers and timers[0][0] <= self._now):
                self._collect()
            for _ in range(len(ready)):
                handle: Any = popleft()
                if handle._cancelled:
                    continue
                try:
                    handle._context.run(handle._callback, *handle._args)
                except (SystemExit, KeyboardInterrupt):
                    raise
                except BaseException as exc:
                    self._report(handle, exc)
            handle = None  # an exception's traceback must not keep it alive
            if self._stopping:
                return
            self._turns += 1
            if self._turns > self._turns_max:
                running = [f"ready: {handle!r}" for handle in list(ready)[:10]]
                self._turns = 0
                raise Livelock(self._now, self._turns_max, running, describe_waiting(self))

    def _collect(self) -> None:  # noqa: C901 - a hot path, a clause for each kind of timer
        """Move the timers that are due to the ready queue; if nothing is ready, move time to the
        next one first.
        """
        timers, ready, now = self._timers, self._ready, self._now
        while timers or (self._sound and not ready):
            if not timers:  # nothing will ever change; but time goes on
                for one in self._sound:
                    self._have_asked(one)
                self._sound, self._sound_until = [], math.inf
                continue
            when, _, what = timers[0]
            if when > now:
                if ready:
                    return
                if is_dead(when, what):
                    heappop(timers)  # a cancelled timer must not move time
                    continue
                if when >= self._sound_until:
                    self._pass_over(when)
                    continue
                self._advance(when)
                now = when
            heappop(timers)
            if type(what) is _FUTURE:
                if not what.done():
                    what.set_result(None)
            elif type(what) is Repeated:
                if what.entry_at == when:
                    self._end_sleep(what)
            elif not what._cancelled:
                ready.append(what)
        if not ready and not self._stopping:
            raise Deadlock(now, describe_waiting(self))

    def _advance(self, when: float) -> None:
        if when > self._limit:
            raise TimeLimitReached(self._limit, describe_waiting(self))
        self._now = when
        self._turns = 0

    def _end_sleep(self, repeated: Repeated) -> None:
        """The time has come at which it is asked, if it has passed over no more than it meant to
        when it lay down.
        """
        if repeated.is_sound:
            self._sound.remove(repeated)
        if repeated.when > self._now:
            self._have_asked(repeated)
        else:
            repeated.is_sound = False
            self._ask(repeated)

    def _ask(self, repeated: Repeated) -> None:
        """Let one sleep on, or wake it; an exception is its own."""
        waiter, sleeper = repeated.waiter, repeated.sleeper
        if waiter.done():
            return
        try:
            following = sleeper.following()
        except Exception as exc:
            waiter.set_exception(exc)
            return
        if following <= self._now:
            waiter.set_result(None)
            return
        repeated.when = following
        self._lay_down(repeated)

    def _lay_down(self, repeated: Repeated) -> None:
        """Let one sleep until its time, soundly if it need not be asked then."""
        when, entry_at = repeated.when, repeated.sleeper.asked_at()
        repeated.is_sound = entry_at > when
        if repeated.is_sound:
            self._sound.append(repeated)
            self._sound_until = min(self._sound_until, when)
        repeated.entry_at = max(when, entry_at)
        if entry_at < math.inf:
            heappush(self._timers, (repeated.entry_at, repeated.place, repeated))

    def _pass_over(self, until: float) -> None:
        """Nothing else happens up to `until`: let those that sleep soundly so long sleep on, or
        have the others asked at their next times.
        """
        sleeping: list[Repeated] = []
        disturbed: list[Repeated] = []
        for one in self._sound:
            if one.waiter.done():
                one.is_sound = False  # it has gone; it may have an entry yet
            elif one.when > until or one.when >= one.entry_at or sleeps_through(one, until):
                sleeping.append(one)
            else:
                disturbed.append(one)
        for one in disturbed:  # what they do may be what others sleep for
            self._have_asked(one)
            until = min(until, one.when)
        first = math.inf
        for one in sleeping:
            if one.when <= until and one.when < one.entry_at:
                one.pass_over(until)
            if first > one.when < one.entry_at:
                first = one.when
        self._sound, self._sound_until = sleeping, first

    def _have_asked(self, repeated: Repeated) -> None:
        repeated.is_sound, repeated.entry_at = False, repeated.when
        heappush(self._timers, (repeated.when, repeated.place, repeated))

    def _report(self, handle: Any, exc: BaseException) -> None:
        context = {
            "message": f"Exception in callback {handle._callback!r}",
            "exception": exc,
            "handle": handle,
        }
        self.call_exception_handler(context)

    def close(self) -> None:
        """Drop everything that is still scheduled; a closed loop cannot run again."""
        if not self.is_running():
            self._timers.clear()
        super().close()

    # --- what virtual time must not touch
    # ----------------------------------------------------------------------

    def _asyncgen_finalizer_hook(self, agen: AsyncGenerator[Any, Any]) -> None:
        self._asyncgens.discard(agen)  # type: ignore[attr-defined]
        if not self.is_closed():
            self.create_task(agen.aclose())

    def _process_events(self, event_list: object) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """There is no pipe to wake a selector."""

    async def shutdown_default_executor(self, timeout: float | None = None) -> None: ...


def _refusing(name: str) -> Callable[..., NoReturn]:
    def refuse(_self: VirtualLoop, *_args: object, **_kwargs: object) -> NoReturn:
        raise RealWorldCall(
            f"loop.{name}() in a simulation: virtual time must not use threads, sockets, "
            "processes or signals"
        )

    refuse.__name__ = name
    return refuse


# fmt: off
_REAL_WORLD = [
    "call_soon_threadsafe", "run_in_executor", "set_default_executor", "getaddrinfo", "getnameinfo",
    "create_connection", "create_server", "create_unix_connection", "create_unix_server",
    "create_datagram_endpoint", "connect_accepted_socket", "start_tls", "sendfile", "sock_recv",
    "sock_recv_into", "sock_recvfrom", "sock_recvfrom_into", "sock_sendall", "sock_sendto",
    "sock_connect", "sock_accept", "sock_sendfile", "add_reader", "remove_reader", "add_writer",
    "remove_writer", "connect_read_pipe", "connect_write_pipe", "subprocess_shell",
    "subprocess_exec", "add_signal_handler", "remove_signal_handler",
]
# fmt: on

for _name in _REAL_WORLD:
    setattr(VirtualLoop, _name, _refusing(_name))
