"""Which fault each name of a step is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from despoolr_lab.scenario.faults import (
    clock_jumps,
    disk_full,
    handle_leaks,
    link_down,
    sender_dies,
    slow_share,
)
from despoolr_lab.scenario.faults.begun import Begun, Broken

FAULTS: Final[dict[str, Callable[[Broken, Any], Awaitable[Begun]]]] = {
    "sender_dies": sender_dies.begin,
    "handle_leaks": handle_leaks.begin,
    "disk_full": disk_full.begin,
    "clock_jumps": clock_jumps.begin,
    "link_down": link_down.begin,
    "slow_share": slow_share.begin,
}
"""How each fault begins. Raises `CannotBegin` for one that there cannot be."""
