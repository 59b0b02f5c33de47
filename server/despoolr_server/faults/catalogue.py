"""Which fault each name is, and how it begins."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from despoolr_server.faults import (
    clock_jumps,
    disk_full,
    handle_leaks,
    link_down,
    sender_dies,
    slow_share,
)
from despoolr_server.faults.begun import Begun, Breakable

FAULTS: Final[dict[str, Callable[[Breakable, Any], Awaitable[Begun]]]] = {
    "sender_dies": sender_dies.begin,
    "handle_leaks": handle_leaks.begin,
    "disk_full": disk_full.begin,
    "clock_jumps": clock_jumps.begin,
    "link_down": link_down.begin,
    "slow_share": slow_share.begin,
}
"""How each fault begins. Raises `CannotBegin` for one that there cannot be."""
