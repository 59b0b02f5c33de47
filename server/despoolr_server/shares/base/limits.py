"""How much one share server takes on: every bound of its sessions, opens, locks and files."""

from __future__ import annotations

import msgspec


class ShareLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The bounds of one share server (`docs/limits.md` says what is beyond each). Sizes are in
    bytes, times in site seconds.
    """

    lease_s_default: float = 120.0
    lease_s_max: float = 3600.0
    file_size_max: int = 64 * 1024 * 1024
    sessions_max: int = 100_000
    opens_max: int = 1_000_000
    opens_per_session_max: int = 16_384
    sessions_per_machine_max: int = 1_000
    opens_per_machine_max: int = 65_536
    blockers_max: int = 16
    locks_per_request_max: int = 64
    locks_per_open_max: int = 16_384
    lock_waiters_max: int = 10_000
    lock_waiters_per_machine_max: int = 1_000
    lock_wait_s_max: float = 300.0
    ended_handles_max: int = 10_000
    episodes_max: int = 10_000
    dav_locks_max: int = 10_000
    dav_locks_per_principal_max: int = 1_000


def limits_of_lease(lease_s: float) -> ShareLimits:
    """The usual limits where a session that asks for nothing else has a lease of `lease_s`."""
    return ShareLimits(lease_s_default=lease_s, lease_s_max=max(3600.0, lease_s))
