"""The statuses that an expectation may ask for, as the site prints them."""

from __future__ import annotations

from typing import Final

JOB_STATUSES: Final = (
    "Pending",
    "Active",
    "Retrying",
    "Complete",
    "Failed",
    "Cancelling",
    "Cancelled",
)
ROW_STATUSES: Final = ("None", "Active", "Complete", "Retrying", "Failed", "Canceled")
PACKAGE_STATUSES: Final = ("Not installed", "Success", "Failed", "Complete", "Retrying")
EPISODE_STATES: Final = ("waiting", "resolved", "given up")
