"""How a machine treats the files of packages, beside what its programs ask for.

None of it shipped: `despoolr_core.rules.remedies` says what each habit is and costs.
"""

from __future__ import annotations

import math
from typing import Final

import msgspec

from despoolr_core.rules.remedies import HOLDER_CHANGES, marker_of
from despoolr_core.share.contract import Share

MARKER_EVERY_S: Final = 60.0
"""How often a user looks again who was kept out by a marker."""


class Habits(msgspec.Struct, frozen=True):
    """`copies_first`: files are read and closed, not kept open. `honours_marker`: nothing is opened
    while an update waits. `closes_idle_s`: files that nobody has used for so long are closed.
    """

    copies_first: bool = False
    honours_marker: bool = False
    closes_idle_s: float = math.inf

    @property
    def copying_s(self) -> float:
        """How long a file stays open until it is copied; for ever where it is not."""
        copies_first = HOLDER_CHANGES["copies_first"]
        return copies_first.held_s(math.inf) if self.copies_first else math.inf

    def held_s(self, held_s: float) -> float:
        """How long a file stays open that would be held for so long."""
        held_s = min(held_s, self.copying_s)
        return HOLDER_CHANGES["closes_idle_after"].held_s(held_s, self.closes_idle_s)


AS_SHIPPED: Final = Habits()


async def is_kept_out(share: Share, path: str) -> bool:
    """Whether the package directory that a path is in has a marker. Raises `ShareError`,
    `ShareUnreachable`.
    """
    directory = path.replace("\\", "/").strip("/").split("/", 1)[0]
    return await share.stat(marker_of(directory)) is not None
