"""What `top` shows: the answer of a live page, and what a line of it is about."""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

from despoolr_core.records.live.model import LivePage, LiveWatched

PANES: Final = ("blocked", "holders", "jobs", "clients")
PANES_WATCHED: Final = ("blocked", "holders", "open")
"""Those of a share that is only watched: no site, no jobs."""


class TopAnswer(msgspec.Struct):
    """What `GET /api/v1/live` answers, as far as this shows it."""

    now: float
    scale: float
    server: str
    is_site: bool
    page: LivePage
    watched: LiveWatched | None = None

    @property
    def is_blind(self) -> bool:
        """Whether nobody is known to wait, and nobody known not to: samples have no refusals."""
        return self.watched is not None and not self.watched.sees_waits


class TopTarget(NamedTuple):
    """What a line is about: a block by its id, and a hold of it by its open (or none)."""

    block: str
    open: str = ""
