"""What a client may see of other machines: its own opens, its own refusals, and what stands in its
own way.

The law: the service account and administrators see all. A client sees what its machine holds and
was refused, and of others only the opens that block it, without their sessions: a session's id is
for who began it.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from despoolr_core.records.episodes import Why
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


def opens_for(who: Principal, rows: list[OpenRow], episodes: Iterable[EpisodeRow]) -> list[OpenRow]:
    """The caller's opens and those that block it; `episodes` are all there are. A session is shown
    to its own user only.
    """
    if who.role is not Role.CLIENT:
        return rows
    blocking = _blocking(episodes_for(who, list(episodes)))
    shown = [row for row in rows if _is_own(who, row.machine) or row.open in blocking]
    return [
        row if _is_callers(who, row) else msgspec.structs.replace(row, session="") for row in shown
    ]


def why_for(who: Principal, why: Why) -> Why:
    """The same of an answer to "why": its opens and its episodes, as yet without sentences."""
    if who.role is not Role.CLIENT:
        return why
    episodes = episodes_for(who, why.episodes)
    blocking = _blocking(episodes)
    opens = [held for held in why.opens if _is_own(who, held.machine) or held.open in blocking]
    return Why(why.at, opens, episodes, [])


def _is_own(who: Principal, machine: str) -> bool:
    return fold(machine) == fold(who.machine)


def _is_callers(who: Principal, row: OpenRow) -> bool:
    return _is_own(who, row.machine) and fold(row.user) == fold(who.user)


def _blocking(episodes: Iterable[EpisodeRow]) -> set[str]:
    return {hold.open for row in episodes for hold in row.holds}
