"""Long work on the server's one loop, cut so that nobody waits for it.

The law: nothing holds the loop over some 10 ms. Whoever goes through many things takes them in
batches, and between two of them lets others have a turn (`breathe`). However many do so at one
time, there is one batch a turn: they queue for the next (`turn`), so that a short request waits for
one batch and not for one of each. What was seen before may have changed after: so what is gone
through is a snapshot, or each thing is looked at by itself. In virtual time a turn costs no time,
and what is short has none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Final, TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")

BATCH: Final = 256
"""Things that are gone through in one turn; at 10 microseconds each that is 2.5 ms."""

FILES_A_TURN: Final = 8
"""Files that are read, written or deleted in one turn: a new one takes up to half a millisecond."""

LONG_S: Final = 0.004
"""Seconds after which a turn has been long enough, however little was done in it."""

_queues: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock]] = WeakKeyDictionary()
"""Who waits for a turn, first come first served: one queue a loop."""


def batches(things: Iterable[T], size: int = BATCH) -> Iterator[list[T]]:
    """The things, so many at a time; the last batch may be shorter, and none is empty."""
    source = iter(things)
    while batch := list(islice(source, size)):
        yield batch


async def begun(things: Iterator[T | None]) -> Iterator[T]:
    """What comes after the Nones with which an iterator begins: for each, others have a turn. What
    is no None is true.
    """
    for thing in things:
        if thing is not None:
            return chain([thing], filter(None, things))
        await turn()
    return iter(())


async def breathe(count: int, size: int = BATCH) -> None:
    """Let others have a turn after a batch of `count` things, if it was a full one."""
    if count >= size:
        await turn()


class TurnSpan:
    """Work whose parts take now more, now less: after each, others have a turn if this one has
    been long. In virtual time none is.
    """

    def __init__(self) -> None:
        self._time = asyncio.get_running_loop().time
        self._until = self._time() + LONG_S

    async def breathe(self, *, is_full: bool = False) -> bool:
        """Let others have a turn after a full batch, or where it has been long; whether it did."""
        if not is_full and self._time() < self._until:
            return False
        await turn()
        self._until = self._time() + LONG_S
        return True


async def turn() -> None:
    """Let others have a turn, then go on when all who came before have."""
    loop = asyncio.get_running_loop()
    queue = _queues.get(loop)
    if queue is None:
        queue = _queues[loop] = asyncio.Lock()
    async with queue:
        await asyncio.sleep(0)
