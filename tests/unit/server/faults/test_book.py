"""The faults of a server: what began is on record with its end, and the same thing is broken
once.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from despoolr_core.records.kinds.run import FaultBegan, FaultEnded
from despoolr_core.records.kinds.share import ShareStarted
from despoolr_core.records.stream import Record, Recorder
from despoolr_core.records.view import RunView
from despoolr_core.share.fault_api import (
    FAULTS_MAX,
    DiskFull,
    LinkDown,
    SlowShare,
)
from despoolr_server.faults.begun import Breakable, CannotBegin
from despoolr_server.faults.book import FaultBook
from worlds.share import EPOCH, StillClock


class Machines:
    """What was asked of the machines, in order."""

    def __init__(self) -> None:
        self.done: list[tuple[Any, ...]] = []

    def cut(self, *names: str) -> None:
        self.done.append(("cut", *names))

    def mend(self, *names: str) -> None:
        self.done.append(("mend", *names))

    def slow_down(self, server: str, delay_s: float | None) -> None:
        self.done.append(("slow", server, delay_s))

    def stores(self, server: str) -> dict[str, Any]:
        raise CannotBegin(f"no {server} here")


class World:
    def __init__(self) -> None:
        self.clock = StillClock()
        self.records: list[Record] = []
        self.machines = Machines()
        recorder = Recorder(self.clock.now, [self.records.append])
        self.book = FaultBook("LOGON1", cast(Breakable, self.machines), self.clock, recorder, "R2")

    @property
    def told(self) -> list[tuple[str, str, float, int]]:
        found = []
        for record in self.records:
            fact = record.data
            assert isinstance(fact, FaultBegan | FaultEnded) and record.actor == "LOGON1"
            found.append((record.kind, fact.fault, record.at - EPOCH, record.cause))
        return found


async def test_what_began_is_on_record_and_so_is_its_end() -> None:
    world = World()
    row = await world.book.add(LinkDown(server="logon1"))
    assert (row.id, row.fault, row.where) == ("LOGON1-R21", "link_down", "LOGON1 to everybody")
    assert (row.began_at, row.ends_at, world.book.rows) == (EPOCH, None, [row])
    world.clock.time += 60
    assert await world.book.end("logon1-r21") == row
    assert world.book.rows == [] and await world.book.end(row.id) is None
    assert world.machines.done == [("cut", "LOGON1", ""), ("mend", "LOGON1", "")]
    assert world.told == [("fault.began", "link_down", 0.0, 0), ("fault.ended", "link_down", 60, 1)]


async def test_a_fault_is_over_after_its_span() -> None:
    world = World()
    row = await world.book.add(SlowShare(server="LOGON1", delay="3s", for_="2h"))
    assert row.ends_at == EPOCH + 7200
    for _ in range(5):
        await asyncio.sleep(0)  # the clock jumps as soon as somebody waits
    assert world.machines.done == [("slow", "LOGON1", 3.0), ("slow", "LOGON1", None)]
    assert (world.book.rows, world.told[1][2]) == ([], 7200)


async def test_the_same_thing_is_broken_once() -> None:
    world = World()
    await world.book.add(SlowShare(server="LOGON1"))
    with pytest.raises(CannotBegin, match=r"there already, at LOGON1 by 2s: clear LOGON1-R21"):
        await world.book.add(SlowShare(server="logon1", delay="9s"))
    await world.book.add(LinkDown(server="LOGON1", other="A"))
    await world.book.add(LinkDown(server="LOGON1", other="B"))
    await world.book.end("LOGON1-R21")
    again = await world.book.add(SlowShare(server="LOGON1"))
    assert again.id == "LOGON1-R24"


async def test_what_cannot_begin_is_neither_kept_nor_told() -> None:
    world = World()
    with pytest.raises(CannotBegin, match="no LOGON1 here"):
        await world.book.add(DiskFull(server="LOGON1"))
    assert (world.book.rows, world.told) == ([], [])


async def test_a_server_has_so_many_faults_and_no_more() -> None:
    world = World()
    for number in range(FAULTS_MAX):
        await world.book.add(LinkDown(server="LOGON1", other=f"PC{number}"))
    with pytest.raises(CannotBegin, match="has 64 faults"):
        await world.book.add(LinkDown(server="LOGON1", other="PC"))
    await world.book.end("LOGON1-R21")
    await world.book.add(LinkDown(server="LOGON1", other="PC"))


async def test_a_process_that_stops_ends_them_all() -> None:
    world = World()
    await world.book.add(LinkDown(server="LOGON1", for_="1d"))
    await world.book.add(SlowShare(server="LOGON1"))
    world.clock.time += 1
    await world.book.close()
    assert world.book.rows == [] and [one[0] for one in world.told].count("fault.ended") == 2


async def test_a_start_is_the_end_of_what_was_broken_when_the_server_was_killed() -> None:
    world = World()
    await world.book.add(LinkDown(server="LOGON1"))
    used = Record(2, EPOCH + 30, "LOGON1", ShareStarted(server="LOGON1"))
    (seen,) = RunView([*world.records, used]).faults
    assert (seen.fault, seen.began_at, seen.ended_at) == ("link_down", EPOCH, None)
    again = Record(1, EPOCH + 60, "SITE1", ShareStarted(server="SITE1"))
    (seen,) = RunView([*world.records, used, again]).faults
    assert seen.ended_at == EPOCH + 60
