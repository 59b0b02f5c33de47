"""What a share server saw, as a test tells it: opens, locks and refusals by their times."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from despoolr_core.records.kinds.fact import Fact
from despoolr_core.records.kinds.share import (
    LockGranted,
    LockReleased,
    OpenClosed,
    OpenGranted,
    OpenRefused,
)
from despoolr_core.records.stream import Record
from despoolr_core.share.wire import Blocker

PLACE = {"server": "FS1", "share": "pkg", "path": "office/b.dat"}


class Story:
    """Records by their times, which count from `start`."""

    def __init__(self, start: float = 0.0) -> None:
        self._start = start
        self.told: list[tuple[float, Fact]] = []

    def hold(self, name: str, begin: float, end: float | None = None, **more: Any) -> Blocker:
        said = {"access": "READ", "share_mode": "READ", "program": "", "user": "alice"} | more
        machine = said.pop("machine", "WS1")
        granted = OpenGranted(
            **PLACE, open=name, session="", machine=machine, action="OPENED", purpose="", **said
        )
        self.told.append((begin, granted))
        if end is not None:
            closed = OpenClosed(**PLACE, open=name, machine=machine, reason="closed")
            self.told.append((end, closed))
        return Blocker(
            open=name,
            machine=machine,
            user=said["user"],
            program=said["program"],
            access=said["access"],
            share_mode=said["share_mode"],
            opened_at=begin,
        )

    def refuse(self, at: float, *blockers: Blocker, **more: Any) -> None:
        said = {"access": "WRITE", "share_mode": "READ", "purpose": "", "episode": "E1"} | more
        refused = OpenRefused(
            **PLACE,
            machine="SRV2",
            user="",
            program="",
            nt_status="STATUS_SHARING_VIOLATION",
            win32=32,
            blockers=blockers,
            **said,
        )
        self.told.append((at, refused))

    def lock(self, name: str, begin: float, end: float, *, offset: int, length: int) -> None:
        said: dict[str, Any] = PLACE | {
            "open": name,
            "lock": "EXCLUSIVE",
            "offset": offset,
            "length": length,
        }
        locked = LockGranted(**said, machine="WS1", program="", purpose="")
        self.told.append((begin, locked))
        self.told.append((end, LockReleased(**said, machine="WS1")))

    def read(self) -> Iterator[Record]:
        """The records in the order of their times."""
        told = sorted(self.told, key=lambda pair: pair[0])
        for number, (at, fact) in enumerate(told, 1):
            yield Record(number, self._start + at, "x", fact)
