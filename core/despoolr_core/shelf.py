"""Where a fold lays aside what is over, so that memory need not have it: rows of bytes by number.

The law: a fold that is given shelves tells the same as one that keeps everything. What a row means
only its fold knows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol


class Shelf(Protocol):
    """Rows by number, put down in any order."""

    def put(self, number: int, row: bytes) -> None:
        """Lay one down, in the place of what had its number."""

    def get(self, number: int) -> bytes:
        """The row of a number that has one."""

    def each(self) -> Iterator[tuple[int, bytes]]:
        """All there are, by number."""


MakeShelf = Callable[[], Shelf]
