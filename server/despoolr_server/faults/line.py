"""What is broken between one server and others: the way is cut, or takes long.

The law: a call over a line that is cut gets no answer, and neither does one that was under way when
it was cut: its connection is reset. A slow line carries everything, later. A line knows names of
machines and nothing of what it carries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from despoolr_core.clock import Clock
from despoolr_core.rules.fold import fold


class ServerLine:
    """The line of one server. Whoever carries a call asks `is_cut`, carries it within `carried`,
    and waits with `delay` before and after it.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._cuts: set[str] = set()
        self._delay_s = 0.0
        self._calls: dict[int, tuple[str, Callable[[], None]]] = {}
        self._count = 0

    @property
    def is_whole(self) -> bool:
        """Whether nothing is cut, and nothing slow."""
        return not self._cuts and not self._delay_s

    def is_cut(self, other: str) -> bool:
        """Whether nothing passes between this server and another machine (`""`: one without a
        name).
        """
        return "" in self._cuts or fold(other) in self._cuts

    def cut(self, other: str) -> None:
        """Let nothing pass to a machine and from it, or (`""`) at all; what is under way is
        reset.
        """
        self._cuts.add(fold(other))
        for caller, reset in list(self._calls.values()):
            if not other or caller == fold(other):
                reset()

    def mend(self, other: str) -> None:
        """Let pass again what `cut` keeps from passing."""
        self._cuts.discard(fold(other))

    def slow_down(self, delay_s: float) -> None:
        """Let each way take so many seconds of site time; 0: no longer than it takes."""
        self._delay_s = delay_s

    async def delay(self) -> None:
        """Be as long on the way as this line takes."""
        if self._delay_s:
            await self._clock.sleep(self._delay_s)

    @contextmanager
    def carried(self, other: str, reset: Callable[[], None]) -> Iterator[None]:
        """A call is under way; `reset` is done when its line is cut meanwhile."""
        self._count += 1
        number = self._count
        self._calls[number] = fold(other), reset
        try:
            yield
        finally:
            del self._calls[number]
