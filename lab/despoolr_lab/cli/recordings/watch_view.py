"""What a watch shows of itself: who is blocked, by whom, and who holds what.

The law: it fits 80 columns, names and paths whole; what is left out is counted.
"""

from __future__ import annotations

import heapq
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO
from typing import TYPE_CHECKING, Any, Final

from despoolr_app.cli.base.output import (
    echo_json,
    echo_table,
    moment,
    put,
    put_prose,
    put_screen,
    wrapped,
)
from despoolr_core.phrases import counted, how_often
from despoolr_core.times import span

if TYPE_CHECKING:
    from despoolr_app.runs.directory import RunDirectory
    from despoolr_core.share.wire import EpisodeRow
    from despoolr_lab.imports.live.watch import Watch

BLOCKED_MAX: Final = 10
HOLDERS_MAX: Final = 15
TOLD_MAX: Final = 100
"""Waits and holders that a line of JSON has."""


def shower(watch: Watch, run: RunDirectory, as_json: bool) -> Callable[[float], None]:
    """How what is known now is shown: on a terminal each time, else when it changes."""
    last = ""

    def show(now: float) -> None:
        nonlocal last
        if as_json:
            known = _state(watch, run, now)
            state = f"{known} {watch.recorder.counts}"
            if state != last:
                echo_json(known, source=str(run.path), at=now, in_a_line=True)
                last = state
        elif sys.stdout.isatty():
            put_screen(lambda: _draw(watch, run, now))
        else:
            counts = str(watch.recorder.counts)
            if counts != last:
                with redirect_stdout(StringIO()) as told:
                    _draw(watch, run, now)
                put_prose(told.getvalue())
                last = counts

    return show


def _draw(watch: Watch, run: RunDirectory, now: float) -> None:
    recorder = watch.recorder
    waiting = _waiting(watch, now)
    put(
        f"{recorder.server} at {moment(now)}, grade {watch.grade}: {run.path.name}",
        f"{counted(len(recorder.opens), 'open')} held; "
        f"{counted(recorder.counts['refusals'], 'refusal')} so far, {len(waiting):,} waiting",
    )
    if watch.grade == "C":
        put_prose(wrapped("Samples have no refusals: who waits is not seen (--audit LOG)."))
    if waiting:
        put("", "Blocked:")
        echo_table(
            ["WHO WAITS", "FILE", "REFUSED", "FOR", "BECAUSE OF"],
            [
                (
                    row.machine,
                    f"{row.share}/{row.path}".replace("/", "\\"),
                    how_often(row.attempt_count),
                    span(row.blocked_s),
                    _because(row),
                )
                for row in waiting[:BLOCKED_MAX]
            ],
            gives_way=("REFUSED", "FOR"),
        )
        if len(waiting) > BLOCKED_MAX:
            put(f"{len(waiting) - BLOCKED_MAX:,} more")
    holders = _holders(watch, waiting, HOLDERS_MAX)
    if holders:
        put("", "Held, those in the way first:")
        echo_table(
            ["FILE", "HELD BY", "ACCESS", "SHARES", "FOR"],
            [
                (
                    f"{one['share']}/{one['path']}".replace("/", "\\"),
                    one["machine"] + (f" ({one['user']})" if one["user"] else ""),
                    _rights(one["access"]),
                    one["share_mode"] or "?",
                    span(now - one["since"]) + (" at least" if one["is_older"] else ""),
                )
                for one in holders
            ],
            gives_way=("ACCESS",),
        )
        if len(recorder.opens) > len(holders):
            put(f"{len(recorder.opens) - len(holders):,} more: despoolr locks {run.path}")


def _state(watch: Watch, run: RunDirectory, now: float) -> dict[str, Any]:
    waiting = _waiting(watch, now)
    recorder = watch.recorder
    return {
        "run": str(run.path),
        "server": recorder.server,
        "grade": watch.grade,
        "held": len(recorder.opens),
        "opens": recorder.counts["opens"],
        "refusals": recorder.counts["refusals"],
        "waiting_count": len(waiting),
        "waiting": [
            {
                "machine": row.machine,
                "share": row.share,
                "path": row.path,
                "attempts": row.attempt_count,
                "first_refused_at": row.first_refused_at,
                "last_refused_at": row.last_refused_at,
                "blockers": [_blocker(hold) for hold in row.holds[-TOLD_MAX:]],
            }
            for row in waiting[:TOLD_MAX]
        ],
        "holders": _holders(watch, waiting, TOLD_MAX),
    }


def _waiting(watch: Watch, now: float) -> list[EpisodeRow]:
    """Who waits, the longest first."""
    return sorted(watch.recorder.ledger.each_waiting(now), key=lambda row: -row.blocked_s)


def _holders(watch: Watch, waiting: list[EpisodeRow], count: int) -> list[dict[str, Any]]:
    """The opens that are held: those in the way first, then the oldest."""
    in_the_way = {hold.open for row in waiting for hold in row.holds}
    rows = heapq.nsmallest(
        count,
        watch.recorder.opens,
        key=lambda row: (row.id not in in_the_way, row.opened_at),
    )
    return [
        {
            "open": row.id,
            "machine": row.machine,
            "user": row.user,
            "share": row.share,
            "path": watch.recorder.names.path(row.path),
            "access": row.access_words,
            "share_mode": row.share_mode_words,
            "since": row.opened_at,
            "is_older": row.is_older,
            "is_in_the_way": row.id in in_the_way,
        }
        for row in rows
    ]


def _because(row: EpisodeRow) -> str:
    last = [hold for hold in row.holds if hold.last_blocked_at == row.last_refused_at] or row.holds
    named = [
        f"{hold.machine or 'an open that nobody recorded'}"
        + (f" ({hold.user})" if hold.user else "")
        + (f", sharing {hold.share_mode}" if hold.share_mode else ", sharing ?")
        for hold in last[:2]
    ]
    more = len(last) - len(named)
    return "; ".join(named) + (f" and {more:,} more" if more else "")


def _rights(access: str) -> str:
    """The rights that share modes speak of, where an access has any."""
    if not access:
        return "?"
    words = [word for word in access.split("|") if word in ("READ", "WRITE", "EXECUTE", "DELETE")]
    return "|".join(words) or "attributes"


def _blocker(hold: Any) -> dict[str, Any]:
    return {
        "open": hold.open,
        "machine": hold.machine,
        "user": hold.user,
        "access": hold.access,
        "share_mode": hold.share_mode,
        "since": hold.opened_at,
    }
