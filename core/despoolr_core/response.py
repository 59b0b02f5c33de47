"""The Response setting: how often a site's services wake, and how long the Despooler waits between
attempts.

Source: `domain.md` (e.2); the retry interval is 24 times the polling interval (Q128458 prints all
four).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Response(StrEnum):
    """Site Properties > Services > Response."""

    VERY_FAST = "Very Fast"
    FAST = "Fast"
    MEDIUM = "Medium"
    SLOW = "Slow"


POLLING_S: Final[dict[Response, float]] = {
    Response.VERY_FAST: 60.0,
    Response.FAST: 300.0,
    Response.MEDIUM: 900.0,
    Response.SLOW: 1800.0,
}
"""Seconds between two watchdog cycles of a service."""

RETRY_INTERVALS_PER_POLL: Final = 24


def retry_interval_s(response: Response) -> float:
    """Seconds between two attempts of the Despooler: 24 min, 120 min, 360 min, 720 min."""
    return POLLING_S[response] * RETRY_INTERVALS_PER_POLL
