"""Whether two opens of one file can coexist.

The law, in two lines ([MS-FSA] 2.1.5.1.2.2). A new open conflicts with a holder if

    it wants what the holder does not share, or
    it does not share what the holder has.

Reads are READ_DATA or EXECUTE, writes WRITE_DATA or APPEND_DATA, deletes DELETE; an open with none
of these never conflicts and denies nothing. Who the openers are must never be known here: a machine
conflicts with itself. The share engine asks here, and so does whoever tells of a refusal.
"""

from __future__ import annotations

from typing import Final

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


def clash(wanted: int, shared: int, held_wanted: int, held_shared: int) -> tuple[int, int]:
    """Which line of the rule forbids what, as share modes: what the newcomer wants and the holder
    does not share, and what the holder has and the newcomer does not share. Both are 0 where the
    two can coexist.
    """
    if not conflicts(wanted, shared, held_wanted, held_shared):
        return 0, 0
    return wanted & ~held_shared & 7, held_wanted & ~shared & 7
