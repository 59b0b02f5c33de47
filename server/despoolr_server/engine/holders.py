"""The opens of one file, summed up by the two-line rule (`despoolr_core.rules.conflict`).

The law: asking costs the same with one holder as with ten thousand. Only a refusal looks at the
holders themselves, and only at classes (7 wants x 8 share modes) that really conflict.
"""

from __future__ import annotations

from collections.abc import Collection
from heapq import merge
from itertools import islice

from despoolr_core.rules.conflict import conflicts
from despoolr_server.engine.rows import Open


class Holders:
    """The opens of one file that want something, summed up: what they have, what they deny, and who
    they are by class.
    """

    __slots__ = ("_classes", "denied", "held")

    def __init__(self) -> None:
        self.held = 0
        self.denied = 0
        self._classes: dict[int, dict[str, Open]] = {}

    def refuse(self, wanted: int, shared: int) -> bool:
        """Whether any holder conflicts with a newcomer."""
        return bool(wanted and (wanted & self.denied or self.held & ~shared))

    def add(self, row: Open) -> None:
        """Count an open in (opens that want nothing are not counted)."""
        held_class = row.conflict_class
        if held_class < 8:
            return
        members = self._classes.get(held_class)
        if members is None:
            members = self._classes[held_class] = {}
            self.held |= held_class >> 3
            self.denied |= ~held_class & 7
        members[row.handle] = row

    def remove(self, row: Open) -> None:
        """Take an open out of the sums; it must be in them."""
        held_class = row.conflict_class
        if held_class < 8:
            return
        members = self._classes[held_class]
        del members[row.handle]
        if not members:
            del self._classes[held_class]
            self.held = self.denied = 0
            for other in self._classes:
                self.held |= other >> 3
                self.denied |= ~other & 7

    def replace(self, row: Open) -> None:
        """Know an open by its new row (its file was renamed)."""
        if row.conflict_class >= 8:
            self._classes[row.conflict_class][row.handle] = row

    def blockers(
        self, wanted: int, shared: int, blockers_max: int, excluding: Collection[str] = ()
    ) -> tuple[tuple[Open, ...], int]:
        """The first `blockers_max` opens that conflict with a newcomer, oldest first, and how many
        there are in all.

        Opens whose handles are in `excluding` do not count.
        """
        classes = [
            members
            for held_class, members in self._classes.items()
            if conflicts(wanted, shared, held_class >> 3, held_class & 7)
        ]
        oldest = merge(*(members.values() for members in classes), key=lambda row: row.number)
        if excluding:
            others = [row for row in oldest if row.handle not in excluding]
            return tuple(others[:blockers_max]), len(others)
        return tuple(islice(oldest, blockers_max)), sum(map(len, classes))
