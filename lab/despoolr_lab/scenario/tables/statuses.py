"""The statuses that an expectation may ask for, and the services, as the site prints them."""

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
MIF_STATUSES: Final = ("Active", "Complete", "Retrying", "Failed", "Canceled")
"""What a MIF can make of a workstation's row; `None` is what a row says before any."""
PACKAGE_STATUSES: Final = ("Not installed", "Success", "Failed", "Complete", "Retrying")
EPISODE_STATES: Final = ("waiting", "resolved", "given up")
SERVICES: Final = (
    "SMS_SCHEDULER",
    "SMS_LAN_SENDER",
    "SMS_DESPOOLER",
    "SMS_DISTRIBUTION_MANAGER",
    "SMS_MAINTENANCE_MANAGER",
    "SMS_INVENTORY_PROCESSOR",
    "SMS_INVENTORY_DATA_LOADER",
    "SMS_SITE_REPORTER",
)
"""What `pause`, `resume` and `restart` may be said of; a site has six to eight of them."""
ROLES: Final = ("client", "service", "admin")
RIGHTS: Final = ("NONE", "READ", "CHANGE", "FULL")
"""What a role may do below a directory, as the File Manager's Permissions dialog names it."""
