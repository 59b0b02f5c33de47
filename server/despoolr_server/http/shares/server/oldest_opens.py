"""Of very many opens, in whatever order they come, so many of the oldest."""

from __future__ import annotations

from heapq import heappush, heappushpop

from despoolr_server.engine.rows import Open


class OldestOpens:
    """`count` is how many came; at most `count_max` are kept."""

    def __init__(self, count_max: int) -> None:
        self.count = 0
        self._count_max = count_max
        self._kept: list[tuple[int, Open]] = []
        """A heap, the youngest on top."""

    def add(self, row: Open) -> None:
        """Count an open that is asked for, and keep it while it is among the oldest."""
        self.count += 1
        if len(self._kept) < self._count_max:
            heappush(self._kept, (-row.number, row))
        elif self._kept:
            heappushpop(self._kept, (-row.number, row))

    def rows(self) -> list[Open]:
        """The oldest, in their order."""
        return [row for _, row in sorted(self._kept, reverse=True)]
