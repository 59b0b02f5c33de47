"""Share modes and conflicts in plain words: what stands in a page beside a file that is held."""

from __future__ import annotations

from typing import Final

from despoolr_core.records.verdicts import locked
from despoolr_core.rules.conflict import clash, wants
from despoolr_core.share.modes import Access, ShareMode, parse_flags
from despoolr_core.share.wire import Hold

UNKNOWN: Final = "not known"
_ALL: Final = 7
_WORDS: Final = ((1, "read"), (2, "write"), (4, "delete"))


def lets_others(share_mode: str) -> str:
    """What an open lets others do: `read only`, `read and write`, `nothing`, `anything`."""
    if not share_mode:
        return UNKNOWN
    shared = _shared(share_mode)
    if shared is None:
        return share_mode.lower()
    if shared in (0, _ALL):
        return "anything" if shared else "nothing"
    words = _words(shared)
    return words if " " in words else f"{words} only"


def wishes(access: str) -> str:
    """What an open wants to do: `write`, `read and write`, `look at attributes`."""
    wanted = _wanted(access)
    if wanted is None:
        return access.lower() or UNKNOWN
    return _words(wanted) or "look at attributes"


def why_refused(access: str, share_mode: str, hold: Hold) -> str:
    """Which flag of which side conflicts: `it wants to write; EXCEL.EXE lets others read only`.
    Empty where the words of the two opens do not tell.
    """
    holder = hold.program or hold.machine or "the holder"
    if hold.lock is not None:
        return f"{holder} has {locked(hold.lock)}"
    wanted, held = _wanted(access), _wanted(hold.access)
    shared, let = _shared(share_mode), _shared(hold.share_mode)
    if wanted is None or held is None or shared is None or let is None:
        return ""
    if not hold.access or not hold.share_mode:
        return ""
    not_let, not_shared = clash(wanted, shared, held, let)
    reasons = []
    if not_let:
        reasons.append(
            f"it wants to {_words(not_let)}; {holder} lets others {lets_others(hold.share_mode)}"
        )
    if not_shared:
        told = lets_others(share_mode or "NONE")
        reasons.append(f"{holder} may {_words(not_shared)}; it lets others {told}")
    return "; ".join(reasons)


def _wanted(access: str) -> int | None:
    try:
        return wants(parse_flags(Access, access))
    except ValueError:  # words of another version
        return None


def _shared(share_mode: str) -> int | None:
    try:
        return int(parse_flags(ShareMode, share_mode))
    except ValueError:
        return None


def _words(letters: int) -> str:
    words = [word for bit, word in _WORDS if letters & bit]
    return " and ".join(words) if len(words) < 3 else "read, write and delete"
