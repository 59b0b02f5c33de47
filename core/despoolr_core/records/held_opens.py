"""One open as the records tell it: who has, or had, which file open, in which mode, from when to
when.
"""

from typing import TypeVar

import msgspec

from despoolr_core.records.kinds.share import OpenGranted

_H = TypeVar("_H", bound="HeldOpen")


class HeldOpen(msgspec.Struct):
    """One open as the records tell it. `closed_at` is None while it is held; `kind` is empty for
    what is only an open; `since` as in `Blocker`.
    """

    server: str
    open: str
    machine: str
    user: str
    program: str
    share: str
    path: str
    access: str
    share_mode: str
    opened_at: float
    closed_at: float | None = None
    kind: str = ""
    since: str = ""


def held_open(
    kind: type[_H], granted: OpenGranted, opened_at: float, closed_at: float | None = None
) -> _H:
    """An open as its grant tells it, and its end, if it has one."""
    return kind(
        server=granted.server,
        open=granted.open,
        machine=granted.machine,
        user=granted.user,
        program=granted.program,
        share=granted.share,
        path=granted.path,
        access=granted.access,
        share_mode=granted.share_mode,
        opened_at=opened_at,
        closed_at=closed_at,
        kind=granted.lock or "",
        since=granted.since or "",
    )
