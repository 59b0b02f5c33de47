"""A record's three dates, read against the client's own clock (`domain.md` b.6).

| setting | fields | rule |
| --- | --- | --- |
| Offer After | Display Date / Full | shown once `now >= date`; no date: at once |
| Mandatory After | Install By Date / Full | runs by itself once offered and on its date |
| Expires After | Expiration Date / Full | gone and reported once `now > date`; no date: never |

Nothing is corrected for time zones: a client whose clock is wrong decides wrongly (Q126644,
Q107244, Q189305).
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from despoolr_core.formats.instructions.winst import WorkstationInstruction

_ALWAYS = float("-inf")


def is_offered(record: WorkstationInstruction, now: float) -> bool:
    """Whether the package may be shown and run."""
    return record.display_date is None or now >= record.display_date


def is_shown(record: WorkstationInstruction, now: float) -> bool:
    """Whether it is in the window: offered, and meant to be displayed at all."""
    return bool(record.display_full) and is_offered(record, now)


def due_at(record: WorkstationInstruction) -> float | None:
    """When the package runs by itself, in site seconds on the client's clock; None for an optional
    one.
    """
    if not record.install_by_full:
        return None
    mandatory = _ALWAYS if record.install_by_date is None else record.install_by_date
    offered = _ALWAYS if record.display_date is None else record.display_date
    return max(mandatory, offered)


def is_due(record: WorkstationInstruction, now: float) -> bool:
    """Whether it is mandatory and its time has come."""
    at = due_at(record)
    return at is not None and now >= at


def is_expired(record: WorkstationInstruction, now: float) -> bool:
    """Whether its time is over."""
    return (
        bool(record.expiration_full)
        and record.expiration_date is not None
        and now > record.expiration_date
    )


def next_date(records: Iterable[WorkstationInstruction], now: float) -> float:
    """The earliest of all dates from `now` on; until then nothing above changes."""
    dates = (
        date
        for record in records
        for date in (record.display_date, record.install_by_date, record.expiration_date)
        if date is not None and date >= now
    )
    return min(dates, default=math.inf)
