"""Lanes: who has held what, and who was refused, from so long ago up to now."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from despoolr_core.records.episode import WAITING
from despoolr_core.records.live.blocks import package_of
from despoolr_core.records.live.fold import LiveFold
from despoolr_core.records.live.model import LiveBar, LiveLane
from despoolr_core.records.live.page_query import PageQuery
from despoolr_core.records.verdicts import verdict
from despoolr_core.records.whatif.bounds import job_of
from despoolr_core.rules.fold import fold
from despoolr_core.share.wire import EpisodeRow, Hold

LANES_MAX: Final = 16
BARS_MAX: Final = 10
"""Opens that a lane shows."""
COLUMNS: Final = 60
"""Refusals closer together than the span through this are one tick with a number."""


def lanes_of(
    live: LiveFold, asked: PageQuery, now: float, waits: Iterable[EpisodeRow]
) -> tuple[list[LiveLane], int]:
    """The waits of the span, those that last first, each with its holders; and how many more there
    are.
    """
    since = now - asked.span_s
    ended = [
        row
        for row in live.ledger.last_ended(now, 4 * LANES_MAX)
        if (row.ended_at or now) >= since
        and asked.is_of(row.server, package_of(row.purpose))
        and (not asked.only or fold(row.machine) == fold(asked.only))
        and asked.has_word(row.path, row.machine, row.program, live.name_of(job_of(row.purpose)))
    ]
    rows = [*sorted(waits, key=lambda row: row.first_refused_at), *ended]
    return [_lane(live, row, since, now) for row in rows[:LANES_MAX]], max(0, len(rows) - LANES_MAX)


def _lane(live: LiveFold, row: EpisodeRow, since: float, now: float) -> LiveLane:
    job = job_of(row.purpose)
    times = live.attempts.get(row.episode, ())
    holds = [hold for hold in row.holds if hold.released_at is None or hold.released_at >= since]
    return LiveLane(
        id=row.episode,
        server=row.server,
        share=row.share,
        path=row.path,
        machine=row.machine,
        program=row.program,
        first_at=row.first_refused_at,
        state=row.state,
        ticks=ticks_of(times, since, (now - since) / COLUMNS),
        bars=[_bar(hold, row.path) for hold in holds[:BARS_MAX]],
        bar_count=len(holds),
        job=job,
        package=package_of(row.purpose),
        ended_at=row.ended_at,
        next_at=live.next_at(job, row.server) if row.state == WAITING else None,
        says=verdict(row) if row.state != WAITING else "",
    )


def ticks_of(times: Iterable[float], since: float, width_s: float) -> list[tuple[float, int]]:
    """Moments put together that are less than `width_s` apart, each with its number. Where a
    column begins depends on its own moments alone, so that it stays where it is as time goes on.
    """
    found: list[tuple[float, int]] = []
    for at in times:
        if at < since:
            continue
        if found and at - found[-1][0] < width_s:
            found[-1] = (found[-1][0], found[-1][1] + 1)
        else:
            found.append((at, 1))
    return found


def _bar(hold: Hold, path: str) -> LiveBar:
    return LiveBar(
        hold.open,
        hold.machine,
        hold.program,
        hold.user,
        hold.path or path,
        hold.opened_at,
        hold.released_at,
        hold.since,
    )
