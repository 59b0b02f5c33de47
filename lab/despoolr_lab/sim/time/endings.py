"""What ends a run in virtual time that would otherwise hang or leave it, and says which tasks wait
on which lines.
"""

from __future__ import annotations


class Deadlock(RuntimeError):
    """Nothing can run and no timer is left: `waiting` says which tasks wait, and where."""

    def __init__(self, now: float, waiting: list[str]) -> None:
        self.now = now
        self.waiting = waiting
        super().__init__(
            _story(f"deadlock at {now:.6f} s: nothing can run and no timer is left", waiting)
        )


class Livelock(RuntimeError):
    """The loop has turned `turns_max` times without time moving: somebody calls without ever
    waiting.
    """

    def __init__(self, now: float, turns_max: int, ready: list[str], waiting: list[str]) -> None:
        self.now = now
        self.waiting = waiting
        super().__init__(
            _story(
                f"livelock: {turns_max} turns at {now:.6f} s without time moving",
                [*ready, *waiting],
            )
        )


class TimeLimitReached(RuntimeError):
    """The next timer lies beyond the run's limit on virtual time."""

    def __init__(self, limit_s: float, waiting: list[str]) -> None:
        self.limit_s = limit_s
        self.waiting = waiting
        super().__init__(
            _story(f"the run is not done after {limit_s:g} s of virtual time", waiting)
        )


class RealWorldCall(RuntimeError):
    """Virtual time was asked for a thread, a socket, a process or a signal."""


def _story(headline: str, lines: list[str]) -> str:
    return "\n  ".join([headline, *lines])
