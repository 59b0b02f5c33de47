"""Whether two opens of one file can coexist.

The law, in two lines ([MS-FSA] 2.1.5.1.2.2). A new open conflicts with a holder if

    it wants what the holder does not share, or
    it does not share what the holder has.

Reads are READ_DATA or EXECUTE, writes WRITE_DATA or APPEND_DATA, deletes DELETE; an open with none
of these never conflicts and denies nothing. Who the openers are must never be known here: a machine
conflicts with itself.

`Holders` keeps the sums of one file's opens, so that asking costs the same with one holder as with
ten thousand. Only a refusal looks at the holders themselves, and only at classes (7 wants x 8 share
modes) that really conflict.
"""

from __future__ import annotations

from collections.abc import Collection
from heapq import merge
from itertools import islice
from typing import Final

from despoolr_server.engine.rows import Open

READS: Final = 0x21
WRITES: Final = 0x6
DELETES: Final = 0x10000
ATTRIBUTES_ONLY: Final = 8
"""A wish for nothing in particular that still has to share what others have."""


def wants(access: int) -> int:
    """The part of an access that share modes speak of, in their letters: READ 1, WRITE 2, DELETE
    4.
    """
    return (
        (1 if access & READS else 0)
        | (2 if access & WRITES else 0)
        | (4 if access & DELETES else 0)
    )


def conflict_class(access: int, share_mode: int) -> int:
    """An open's class: what it wants, above what it shares."""
    return wants(access) << 3 | share_mode


def effective_modes(access: int, implied: int, share_mode: int) -> tuple[int, int]:
    """What a newcomer wants and shares, as the rule sees it, when its disposition implies more than
    it asks for.

    An open that asks for attributes only but overwrites or supersedes is held to the DELETE part of
    the rule alone ([MS-FSA] 2.1.5.1.2 as the oracle's matrix reads it): it takes part, and READ and
    WRITE are as good as shared.
    """
    if wants(access) or not implied:
        return wants(access | implied), share_mode
    return ATTRIBUTES_ONLY | wants(implied) & 4, share_mode | 3


def conflicts(wanted: int, shared: int, held_wanted: int, held_shared: int) -> bool:
    """The two-line rule over `wants` and share modes of a newcomer and a holder. Symmetric."""
    return bool(wanted and held_wanted and (wanted & ~held_shared & 7 or held_wanted & ~shared))


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
