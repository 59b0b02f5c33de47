"""How long, and how many: what a server's connections may take."""

from __future__ import annotations

from typing import Final

import msgspec


class ConnectionLimits(msgspec.Struct, frozen=True):
    """Seconds, bytes a second, and numbers of connections; 0 is no limit."""

    head_s: float = 15.0
    body_s: float = 20.0
    body_rate_min: float = 500.0
    send_s: float = 30.0
    idle_s: float = 120.0
    connections_max: int = 0
    """Of one server. The one past it takes the place of a silent or idle one, or is answered
    503.
    """
    per_address_max: int = 0
    """Of one address, in the same way: its own idle ones go first."""


UNLIMITED: Final = ConnectionLimits(0.0, 0.0, 0.0, 0.0, 0.0)
"""For simulated networks: whoever is there is ours, and month-long runs need no timers of ours."""
