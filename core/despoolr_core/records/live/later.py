"""Who would be in the way next: other open files of the package of an update that is refused.

The law: an update that stops at its first refusal meets those in its way one at a time, and records
name the one that it has met. The opens that stand, and the sharing rule, tell of the others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

import msgspec

from despoolr_core.records.live.fold import LiveFold
from despoolr_core.records.live.steps import LOOKED_AT, STEP, Steps
from despoolr_core.rules.conflict import conflicts, wants
from despoolr_core.rules.fold import fold
from despoolr_core.share.modes import Access, ShareMode, parse_flags
from despoolr_core.share.wire import EpisodeRow

Modes = tuple[int, int]
"""What an open wants and what it shares, in the letters of `rules.conflict`."""
_Folder = tuple[str, str, str]
"""Server, share, and the folded first part of a path: where a package lies."""
LOOKED_EACH: Final = LOOKED_AT // 2
"""Opens of a step: each is compared with the waits for its folder."""
UNKNOWN: Final[Modes] = (7, 0)


class Clashing(msgspec.Struct):
    """The opens of a folder that a newcomer with certain modes would be refused for."""

    opens: set[str] = msgspec.field(default_factory=set)
    modes: set[Modes] = msgspec.field(default_factory=set)
    by_owner: Counter[tuple[str, str]] = msgspec.field(default_factory=Counter)

    def count_for(self, row: EpisodeRow, met: Iterable[str]) -> int:
        """How many there are besides the waiter's own and those that it has met."""
        own = self.by_owner[row.machine, row.program]
        return max(0, len(self.opens) - own - len(self.opens.intersection(met)))


class LaterOpens(msgspec.Struct):
    """The opens that would refuse waits for a package, by folder and the waiter's modes."""

    found: dict[_Folder, dict[Modes, Clashing]] = msgspec.field(default_factory=dict)

    def of(self, row: EpisodeRow) -> Clashing:
        """Those that would refuse this waiter another file of the folder."""
        here = self.found.get((row.server, row.share, _folder(row.path)), {})
        return here.get(modes_of(row.access, row.share_mode)) or Clashing()


def later_of(live: LiveFold, rows: Iterable[EpisodeRow]) -> Steps[LaterOpens]:
    """Who else would refuse these waits; each is for a package."""
    later = LaterOpens()
    for number, row in enumerate(rows):
        if number % STEP == STEP - 1:
            yield
        if "/" in row.path:
            here = later.found.setdefault((row.server, row.share, _folder(row.path)), {})
            here.setdefault(modes_of(row.access, row.share_mode), Clashing())
    said: dict[tuple[str, str], Modes] = {}
    for number, held in enumerate(live.ledger.each_held() if later.found else ()):
        if number % LOOKED_EACH == LOOKED_EACH - 1:
            yield
        found = later.found.get((held.server, held.share, _folder(held.path)))
        if found is None:
            continue
        words = (held.access, held.share_mode)
        modes = said.get(words)
        if modes is None:
            modes = said[words] = modes_of(*words)
        for wanted, clashing in found.items():
            if conflicts(*wanted, *modes):
                clashing.opens.add(held.open)
                clashing.modes.add(modes)
                clashing.by_owner[held.machine, held.program] += 1
    return later


def _folder(path: str) -> str:
    return fold(path.partition("/")[0])


def modes_of(access: str, share_mode: str) -> Modes:
    """What is not known is taken for everything wanted and nothing shared: no promise."""
    try:
        wanted = wants(parse_flags(Access, access)) if access else UNKNOWN[0]
        shared = int(parse_flags(ShareMode, share_mode)) if share_mode else UNKNOWN[1]
    except ValueError:
        return UNKNOWN
    return wanted, shared
