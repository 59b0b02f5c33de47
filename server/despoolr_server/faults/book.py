"""The faults of one server that runs: who has which, since when, until when.

The law: what began is on record, and so is its end; a fault ends after its span, when it is
cleared, or with the process. None outlives that: a server that is started again is whole, and its
start is the end of what was broken when it was killed (`despoolr_core.records.view`). The same
thing is broken once: a second fault of a name at its place is refused.
"""

from __future__ import annotations

import asyncio

import msgspec

from despoolr_core.clock import Clock
from despoolr_core.records.kinds.run import FaultBegan, FaultEnded
from despoolr_core.records.stream import Recorder
from despoolr_core.rules.fold import fold
from despoolr_core.share.fault_api import FAULTS_MAX, Fault, FaultRow
from despoolr_core.times import span_s
from despoolr_server.faults.begun import Begun, Breakable, CannotBegin
from despoolr_server.faults.catalogue import FAULTS


class _Entry(msgspec.Struct):
    row: FaultRow
    place: tuple[str, ...]
    begun: Begun
    record: int
    ends: asyncio.Task[None] | None = None


class FaultBook:
    """See the module. `server` is the machine's name, `id_prefix` tells its starts apart."""

    def __init__(
        self, server: str, machines: Breakable, clock: Clock, recorder: Recorder, id_prefix: str
    ) -> None:
        self.server = server
        self._machines = machines
        self._clock = clock
        self._recorder = recorder
        self._id_prefix = id_prefix
        self._count = 0
        self._entries: dict[str, _Entry] = {}
        self._changing = asyncio.Lock()

    @property
    def rows(self) -> list[FaultRow]:
        """What is broken now, oldest first."""
        return [entry.row for entry in self._entries.values()]

    @property
    def now(self) -> float:
        """Site time, by this server's clock."""
        return self._clock.now()

    async def add(self, fault: Fault) -> FaultRow:
        """Begin one. Raises `CannotBegin` for one that there cannot be, or is there."""
        fault = fault.folded()
        async with self._changing:
            if len(self._entries) >= FAULTS_MAX:
                raise CannotBegin(
                    f"{self.server} has {FAULTS_MAX} faults, and has no more at one time: clear one"
                )
            for entry in self._entries.values():
                if entry.place == fault.place:
                    raise CannotBegin(
                        f"{entry.row.fault} is there already, at {entry.row.where}: clear "
                        f"{entry.row.id} first"
                    )
            begun = await FAULTS[fault.name](self._machines, fault)
            now = self._clock.now()
            self._count += 1
            row = FaultRow(
                id=f"{self.server}-{self._id_prefix}{self._count}",
                fault=fault.name,
                where=begun.where,
                began_at=now,
                ends_at=now + span_s(fault.for_) if fault.for_ else None,
            )
            began = FaultBegan(fault=row.fault, where=row.where)
            entry = _Entry(row, fault.place, begun, self._recorder.record(self.server, began))
            self._entries[row.id] = entry
            if row.ends_at is not None:
                entry.ends = asyncio.create_task(
                    self._end_at(row.id, row.ends_at), name=f"end of {row.id}"
                )
            return row

    async def end(self, fault: str) -> FaultRow | None:
        """End one by its ID, whatever its case. Returns what it was; None for one that is not
        there.
        """
        async with self._changing:
            entry = self._entries.pop(fold(fault), None)
            if entry is None:
                return None
            if entry.ends is not None and entry.ends is not asyncio.current_task():
                entry.ends.cancel()
            await entry.begun.end()
            ended = FaultEnded(fault=entry.row.fault, where=entry.row.where)
            self._recorder.record(self.server, ended, cause=entry.record)
            return entry.row

    async def close(self) -> None:
        """End them all: the process stops."""
        for fault in list(self._entries):
            await self.end(fault)

    async def _end_at(self, fault: str, at: float) -> None:
        await self._clock.sleep_until(at)
        await self.end(fault)
