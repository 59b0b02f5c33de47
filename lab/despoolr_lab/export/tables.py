"""A run as tables for spreadsheets: comma-separated, with a header, times as `1996-06-03 08:30:12`.

The law: a cell that a spreadsheet would take for a formula begins with an apostrophe, as names in
records come from outside, and what would drive a terminal is escaped; empty cells are what the
records do not tell.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from despoolr_core.records.view import RunView
from despoolr_core.rules.text import escaped_prose
from despoolr_core.times import moment

Row = tuple[object, ...]
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\n", "＝", "＋", "－", "＠")


def table(view: RunView, name: str) -> Iterator[bytes]:
    """The lines of one of `TABLES`."""
    header, rows = TABLES[name]
    for row in (header, *rows(view)):
        text = io.StringIO()
        csv.writer(text, lineterminator="\r\n").writerow([_cell(value) for value in row])
        yield text.getvalue().encode("utf-8", "replace")


def unc(server: str, share: str, path: str) -> str:
    r"""A file as people write it: `\\LOGON1\SMS_PKGD\BPC00001\b.dat`."""
    return f"\\\\{server}\\{share}\\{path}".replace("/", "\\").rstrip("\\")


def _cell(value: object) -> object:
    if not isinstance(value, str):
        return "" if value is None else value
    text = escaped_prose(value)
    if text.startswith(_FORMULA):
        return "'" + text
    return text


def _at(at: float | None) -> str:
    return "" if at is None else moment(at, seconds=True)


def _opens(view: RunView) -> Iterable[Row]:
    for one in (*view.holdings, *view.unseen):
        end = view.end if one.closed_at is None else one.closed_at
        yield (
            *(one.server, one.open, one.share, one.path, one.machine, one.user, one.program),
            *(one.access, one.share_mode, _at(one.opened_at), _at(one.closed_at), one.reason),
            *(_seconds(end - one.opened_at), one.refusal_count),
        )


def _refusals(view: RunView) -> Iterable[Row]:
    for row in view.ledger.rows():
        for at in view.attempts.get(row.episode, ()):
            yield (
                *(_at(at), row.episode, row.server, row.share, row.path, row.machine),
                *(row.program, row.purpose, row.nt_status),
            )


def _episodes(view: RunView) -> Iterable[Row]:
    for row in view.ledger.rows():
        yield (
            *(row.episode, row.state, row.server, row.share, row.path, row.machine, row.program),
            *(row.purpose, _at(row.first_refused_at), _at(row.last_refused_at)),
            *(_at(row.ended_at), row.attempt_count, _seconds(row.blocked_s)),
            "; ".join(f"{hold.program} on {hold.machine}" for hold in row.holds),
        )


def _jobs(view: RunView) -> Iterable[Row]:
    for job in view.jobs.values():
        for change in job.changes:
            yield (
                *(job.job, job.name, job.type, job.package),
                *(_at(change.at), change.status, change.was, change.reason),
            )


def _events(view: RunView) -> Iterable[Row]:
    for record, event in view.events:
        yield _at(record.at), event.event, event.component, event.machine, event.job, event.text


def _seconds(span: float) -> float:
    return round(span, 3)


TABLES: Final[dict[str, tuple[Row, Callable[[RunView], Iterable[Row]]]]] = {
    "opens": (
        (
            *("server", "open", "share", "path", "machine", "user", "program", "access"),
            *("share_mode", "opened_at", "closed_at", "reason", "held_s", "refusal_count"),
        ),
        _opens,
    ),
    "refusals": (
        (
            *("at", "episode", "server", "share", "path", "machine", "program"),
            *("purpose", "nt_status"),
        ),
        _refusals,
    ),
    "episodes": (
        (
            *("episode", "state", "server", "share", "path", "machine", "program", "purpose"),
            *("first_refused_at", "last_refused_at", "ended_at", "attempt_count", "blocked_s"),
            "holders",
        ),
        _episodes,
    ),
    "jobs": (("job", "name", "type", "package", "at", "status", "was", "reason"), _jobs),
    "events": (("at", "event", "component", "machine", "job", "text"), _events),
}
"""Each table's header and rows."""
