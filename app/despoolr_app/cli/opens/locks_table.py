"""Opens as tables for people: who holds what, which bytes are locked inside, what waiting comes
from.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from despoolr_app.cli.base.output import echo_table, moment, put
from despoolr_core.again import Again
from despoolr_core.phrases import how_often
from despoolr_core.times import span

if TYPE_CHECKING:
    from despoolr_app.site_client.contention import Contention
    from despoolr_app.site_client.queries import LockRow


def echo_locks(rows: list[LockRow] | Again[LockRow], at: float, *, is_wide: bool = False) -> None:
    """One line for each open. Its OPEN is what `release` takes."""
    echo_table(
        ["FILE", "HELD BY", "PROGRAM", "ACCESS", "SHARES", "SINCE", "FOR", "REFUSED", "OPEN"],
        Again(lambda: (_lock_cells(row, at) for row in rows)),
        gives_way=("SINCE", "OPEN", "ACCESS"),
        is_wide=is_wide,
    )


def _lock_cells(row: LockRow, at: float) -> Sequence[str]:
    return (
        unc(row),
        (row.machine or "?") + (f" ({row.user})" if row.user else ""),
        (row.program or "-") + (f" ({row.kind})" if row.kind else ""),
        row.access or "?",
        row.share_mode or "?",
        ("before " if row.since else "") + moment(row.opened_at),
        _held_for(row, at),
        how_often(row.refusal_count) if row.refusal_count else "-",
        f"{row.server}/{row.open}",
    )


def echo_contentions(rows: list[Contention], at: float, *, is_wide: bool = False) -> None:
    """One line for each file, holder ... `--by` asks for, most waiting first."""
    echo_table(
        ["WHAT", "WAITED", "UPDATES", "WAITING NOW", "REFUSED", "OPENS", "OPEN FOR"],
        [
            (
                row.key,
                span(row.waited_s),
                row.episode_count,
                row.waiting_count or "-",
                row.refusal_count,
                row.open_count or "-",
                "-" if row.opened_at is None else span(at - row.opened_at),
            )
            for row in rows
        ],
        gives_way=("OPENS", "UPDATES", "OPEN FOR"),
        is_wide=is_wide,
    )


def echo_ranges(rows: Iterable[LockRow]) -> None:
    """The bytes that are locked, and waited for, inside the files; nothing where there are
    none.
    """
    ranged = [row for row in rows if row.range_count or row.waiting_count]
    if not ranged:
        return
    cells = []
    for row in ranged:
        who = (unc(row), row.machine, row.program or "-")
        cells += [
            (*who, byte_range(held.offset, held.length), held.kind, moment(held.locked_at))
            for held in row.ranges
        ]
        cells += [
            (*who, byte_range(one.offset, one.length), one.kind, "waits") for one in row.waiting
        ]
        more = row.range_count - len(row.ranges) + row.waiting_count - len(row.waiting)
        if more:
            cells.append((*who, f"and {more:,} more", "", ""))
    put("", "Locked inside the files:")
    echo_table(["FILE", "BY", "PROGRAM", "BYTES", "KIND", "SINCE"], cells)


def unc(row: LockRow) -> str:
    r"""A file as people write it: `\\LOGON1\SMS_PKGD\BPC00001\b.dat`."""
    return f"\\\\{row.server}\\{row.share}\\{row.path}".replace("/", "\\")


def byte_range(offset: int, length: int) -> str:
    """A range for people: `100 to 109`, `7`, or `before 7` for one of no bytes."""
    if not length:
        return f"before {offset}"
    return f"{offset}" if length == 1 else f"{offset} to {offset + length - 1}"


def _held_for(row: LockRow, at: float) -> str:
    """How long it had been held then, and whether it was closed by then."""
    if row.closed_at is None or row.closed_at > at:
        return span(at - row.opened_at)
    return f"{span(row.closed_at - row.opened_at)}, closed"
