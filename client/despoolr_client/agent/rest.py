"""When a client need not poll: its logon server would answer as it did, and that changes nothing.

The law: a poll that is left out would have been answered as the last one was, and would have
decided nothing; no record tells whether it was asked. Over a network nobody tells of a change, so
there every poll is asked; and one a day is asked in any case, for connections are kept by use.
"""

from __future__ import annotations

from typing import Final

import msgspec

from despoolr_core.share.contract import Watch

REST_S_MAX: Final = 86_400.0


class Rest(msgspec.Struct, frozen=True):
    """What an idle poll leaves behind."""

    watch: Watch
    seen: object
    """What the watch told before the poll was asked."""
    etag: str
    server: str
    since: float
    until: float
    """By the client's own clock: the next date of a record that it knows, or a day later."""

    def lasts(self, now: float) -> bool:
        """Whether the poll that is due now would be answered alike, and change nothing."""
        return self.since <= now < self.until and self.watch(0.0) == self.seen
