"""What stands in the queues of a virtual loop: callbacks, timers, those who sleep again and again,
and tasks that hash by number. Millions are made in a run: none has more than it needs.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from contextvars import Context
from typing import Any, TypeVar

from despoolr_core.clock import RepeatedSleeper

T = TypeVar("T")

_FUTURE = asyncio.Future
_GRAIN_S = 0.01
"""Less than there is between two times of one that sleeps again and again."""


class QueuedCall(asyncio.Handle):
    """A callback in the queue: asyncio's own without the debug fields and without `__init__`,
    because one is made per event.
    """

    __slots__ = ()
    _repr = None
    _source_traceback = None

    def cancel(self) -> None:
        self._cancelled = True
        self._callback = self._args = None  # type: ignore[assignment]


class QueuedTimer(asyncio.TimerHandle):
    """The same with a time."""

    __slots__ = ()
    _repr = None
    _source_traceback = None
    _scheduled = False
    _when: float

    def cancel(self) -> None:
        self._cancelled = True
        self._callback = self._args = None  # type: ignore[assignment]


class Journey:
    """A callback that goes through the queue several times, and needs no handle for each:
    `VirtualLoop.take_along`. Subclasses set `_callback` before each.
    """

    __slots__ = ("_args", "_callback", "_cancelled", "_context")

    def __init__(self, context: Context) -> None:
        self._callback: Callable[[], None]
        self._args = ()
        self._cancelled = False
        self._context = context


class Repeated:
    """One that sleeps, and is asked when its time comes whether it sleeps on; or that sleeps
    soundly: it is not asked as long as it says that it `sleeps_through`.
    """

    __slots__ = ("entry_at", "is_sound", "place", "sleeper", "waiter", "when")

    def __init__(
        self, waiter: asyncio.Future[None], sleeper: RepeatedSleeper, place: int, when: float
    ) -> None:
        self.waiter = waiter
        self.sleeper = sleeper
        self.place = place
        self.when = self.entry_at = when
        """Its time, and that for which it has an entry among the timers: its own, or the one at
        which its sound sleep ends.
        """
        self.is_sound = False

    @property
    def last_passed(self) -> float:
        """A time between the last one that is passed over whatever happens and the one at which it
        is asked.
        """
        return self.entry_at - _GRAIN_S if self.entry_at < math.inf else math.inf

    def pass_over(self, until: float) -> None:
        """Let all its times up to `until` pass that may."""
        self.when = self.sleeper.pass_over(min(until, self.last_passed))

    def __lt__(self, other: object) -> bool:
        """Two of one place at one time: one of them has gone."""
        return False


class NumberedTask(asyncio.Task[T]):
    """A task whose hash is its number, so that sets of tasks (`TaskGroup`, `asyncio.wait`) iterate
    alike in every run.
    """

    __slots__ = ("number",)

    def __init__(self, number: int, coro: Any, **kwargs: Any) -> None:
        self.number = number  # before the base class puts the task into its weak set
        super().__init__(coro, **kwargs)

    def __hash__(self) -> int:
        return self.number

    __eq__ = object.__eq__


def sleeps_through(repeated: Repeated, until: float) -> bool:
    try:
        return repeated.sleeper.sleeps_through(min(until, repeated.last_passed))
    except Exception:
        return False  # it is asked, and its exception is its own


def is_dead(when: float, what: Any) -> bool:
    if type(what) is Repeated:
        return what.entry_at != when or what.waiter.done()
    return what.done() if type(what) is _FUTURE else what._cancelled
