"""Lines that are understood only by those after them: held back for a moment, and let go in order.

The law: what came first leaves first. An entry is held until more than `ENTRIES_MAX` stand behind
it or it is `HELD_S` older than the newest; until then its reader may change what it is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Final, Generic, TypeVar

E = TypeVar("E")

ENTRIES_MAX: Final = 256
HELD_S: Final = 2.0


class Window(Generic[E]):
    """The entries that are held back."""

    def __init__(self) -> None:
        self._held: deque[tuple[float, E]] = deque()

    def add(self, at: float, entry: E) -> Iterator[E]:
        """Hold an entry back; returns those that nothing can change any more."""
        self._held.append((at, entry))
        while len(self._held) > ENTRIES_MAX or self._held[0][0] < at - HELD_S:
            yield self._held.popleft()[1]

    def rest(self) -> Iterator[E]:
        """All that are left, at the end of a file."""
        while self._held:
            yield self._held.popleft()[1]
