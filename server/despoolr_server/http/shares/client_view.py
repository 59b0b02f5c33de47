"""What a client may see of other machines: its own opens, its own refusals, and what stands in its
own way.

The law: the service account and administrators see all. A client sees what its machine holds and
was refused, and of others only the opens that block it, without their sessions: a session's id is
for who began it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from despoolr_core.rules.fold import fold
from despoolr_core.share.modes import Role
from despoolr_core.share.wire import EpisodeRow, OpenRow
from despoolr_server.shares.base.principal import Principal


def episodes_for(who: Principal, rows: list[EpisodeRow]) -> list[EpisodeRow]:
    """The episodes in which the caller was refused; all of them for the service and
    administrators.
    """
    return (
        rows if who.role is not Role.CLIENT else [row for row in rows if _is_own(who, row.machine)]
    )


def sees(who: Principal, episodes: Iterable[EpisodeRow]) -> Callable[[str, str], bool]:
    """Whether the caller may see an open, by its machine and its handle: its own, and those that
    block it; `episodes` are all there are.
    """
    if who.role is not Role.CLIENT:
        return lambda _machine, _handle: True
    blocking = _blocking(episodes_for(who, list(episodes)))
    return lambda machine, handle: handle in blocking or _is_own(who, machine)


def told_to(who: Principal, row: OpenRow) -> OpenRow:
    """An open that the caller may see: its session is shown to its own user only."""
    if who.role is not Role.CLIENT or _is_callers(who, row):
        return row
    return msgspec.structs.replace(row, session="")


def _is_own(who: Principal, machine: str) -> bool:
    return fold(machine) == fold(who.machine)


def _is_callers(who: Principal, row: OpenRow) -> bool:
    return _is_own(who, row.machine) and fold(row.user) == fold(who.user)


def _blocking(episodes: Iterable[EpisodeRow]) -> set[str]:
    return {hold.open for row in episodes for hold in row.holds}
