"""Every copy strategy against holders of four kinds, on a real Samba and on the engine: what gets
through there gets through here, and is what the first pass of a what-if says.

The strategies are the Despooler's own; only the share they work on is another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, cast

import pytest

from despoolr_core.records.episode import RESOLVED
from despoolr_core.records.whatif.bounds import BlockedUpdate, blocked_updates
from despoolr_core.records.whatif.hold_table import HoldTable
from despoolr_core.records.whatif.waits import TAIL_S, Hindsight
from despoolr_core.rules.remedies import COPY_STRATEGIES
from despoolr_core.share.contract import OpenFile, Share, ShareError
from despoolr_core.share.modes import Access, NtStatus, ShareMode
from despoolr_server.site.despooler.copy_strategies import STRATEGIES
from despoolr_server.site.despooler.copying.ours.leftovers import NEXT
from despoolr_server.site.despooler.copying.target import CopyResult, Target
from worlds.samba import Samba, captured, running_samba
from worlds.share import World, client
from worlds.smb import Machine
from worlds.support import leave_out
from worlds.traces import imported

OLD: Final = dict.fromkeys(("a.dat", "b.dat", "c.dat"), b"old")
NEW: Final = dict.fromkeys(OLD, b"new!")
HELD: Final = "b.dat"


@dataclass(frozen=True)
class Holder:
    """Who reads b.dat: what that open shares, and whether it has locked its first byte."""

    says: str
    share_mode: ShareMode
    has_lock: bool = False


HOLDERS: Final = (
    Holder("READ", ShareMode.READ),
    Holder("READ|DELETE", ShareMode.READ | ShareMode.DELETE),
    Holder("everything", ShareMode.ALL),
    Holder("range lock", ShareMode.ALL, has_lock=True),
)


@dataclass(frozen=True)
class Outcome:
    """What an update came to: whether every file is the new one for whoever opens it, whether it
    was reported so, what each name has, and why the held file was refused.
    """

    is_through: bool
    is_complete: bool
    there: tuple[str, ...]
    status: str


class Place(Protocol):
    """A share with an updater and a holder."""

    def updater(self) -> Share: ...

    async def hold(self, path: str, holder: Holder) -> OpenFile: ...


class OnSamba:
    def __init__(self, holder: Machine, updater: Machine) -> None:
        self._holder = holder
        self._updater = updater

    def updater(self) -> Share:
        return cast(Share, self._updater.share())

    async def hold(self, path: str, holder: Holder) -> OpenFile:
        held = self._holder.open(path, Access.READ, holder.share_mode)
        if holder.has_lock:
            await held.lock(0, 1)
        return held


class OnEngine:
    def __init__(self) -> None:
        self._world = World()

    def updater(self) -> Share:
        return self._world.share()

    async def hold(self, path: str, holder: Holder) -> OpenFile:
        held = await self._world.share(client()).open(path, Access.READ, holder.share_mode)
        if holder.has_lock:
            await held.lock(0, 1)
        return held


@pytest.fixture(scope="module")
def samba() -> Iterator[Samba]:
    with running_samba(more="oplocks = no") as samba:
        yield samba


async def outcome(place: Place, directory: str, strategy: str, holder: Holder) -> Outcome:
    """Put the old files there, let somebody hold one, and update."""
    share = place.updater()
    await share.make_directory(directory)
    for name, data in OLD.items():
        await share.write(f"{directory}/{name}", data)
    held = await place.hold(f"{directory}/{HELD}", holder)
    target = Target(share, directory, NEW, "job J", True, has_package=True)
    try:
        result = await STRATEGIES[strategy](target)
        there = {name: await what_is_at(share, f"{directory}/{name}") for name in OLD}
        switched = f"{directory}{NEXT}"
        beside = [await what_is_at(share, f"{switched}/{name}") for name in OLD]
    finally:
        await held.close()
    return Outcome(
        is_through=set(there.values()) == {"new"} or set(beside) == {"new"},
        is_complete=result.is_complete,
        there=tuple(there.values()),
        status=_why(result),
    )


async def what_is_at(share: Share, path: str) -> str:
    """What whoever opens a file finds: old, new, empty, gone, or why they find nothing."""
    try:
        opened = await share.open(path, Access.READ, ShareMode.ALL)
    except ShareError as error:
        return "gone" if error.is_missing else error.nt_status.removeprefix("STATUS_").lower()
    try:
        data = await opened.read(0, 1)
        return {b"o": "old", b"n": "new", b"": "empty"}[data]
    except ShareError:
        return "locked"
    finally:
        await opened.close()


def _why(result: CopyResult) -> str:
    found = [error for name, error in result.failed if name == HELD]
    if not found:
        return ""
    error = found[0]
    return error.nt_status.value if isinstance(error, ShareError) else "unreachable"


@dataclass(frozen=True)
class Row:
    """A strategy against a holder: there, here, and what the first pass says."""

    strategy: str
    holder: Holder
    real: Outcome
    ours: Outcome
    can_help: bool
    may_end: bool
    """What the arithmetic says that an imported run is told."""

    def line(self) -> str:
        """The row as it is printed."""
        cells = ("yes" if one else "no" for one in (self.real.is_through, self.ours.is_through))
        why = self.real.status.removeprefix("STATUS_") or "-"
        said = "may" if self.can_help and self.may_end else "cannot"
        there, here = cells
        return f"{self.strategy:26}{self.holder.says:13}{there:7}{here:8}{said:12}{why}"


@pytest.fixture(scope="module")
def rows(samba: Samba, tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    """Every strategy against every holder, printed as a table."""
    capture = tmp_path_factory.mktemp("capture") / "capture.pcapng"
    made = asyncio.run(_rows(samba, capture))
    print(f"\n{'STRATEGY':26}{'HOLDER':13}{'SAMBA':7}{'ENGINE':8}{'FIRST PASS':12}WHY NOT")
    for row in made:
        print(row.line() + ("" if row.real == row.ours else "   (they differ)"))
    return made


async def _rows(samba: Samba, capture: Path) -> list[Row]:
    said = await _first_pass(samba, capture)
    made = []
    with _machines(samba) as (holder, updater):
        for number, strategy in enumerate(COPY_STRATEGIES):
            for one in HOLDERS:
                directory = f"P{number}{HOLDERS.index(one)}"
                real = await outcome(OnSamba(holder, updater), directory, strategy, one)
                ours = await outcome(OnEngine(), directory, strategy, one)
                update, hindsight = said[one.says]
                bound = update.by(COPY_STRATEGIES[strategy])
                ends = hindsight.by(COPY_STRATEGIES[strategy])
                can_help, may_end = not bound.cannot_help, bool(ends.spans)
                made.append(Row(strategy, one, real, ours, can_help, may_end))
    return made


async def _first_pass(samba: Samba, capture: Path) -> dict[str, tuple[BlockedUpdate, Hindsight]]:
    """An update of each holder's file that is refused, as an import of the capture tells it."""
    with ExitStack() as until_later, captured(samba, capture) as can_capture:
        if not can_capture:
            leave_out("this machine lets nobody capture packets")
        holder, updater = until_later.enter_context(_machines(samba))  # they outlive the capture
        place = OnSamba(holder, updater)
        for one in HOLDERS:
            directory = f"H{HOLDERS.index(one)}"
            await place.updater().make_directory(directory)
            await place.updater().write(f"{directory}/{HELD}", b"old")
            await place.hold(f"{directory}/{HELD}", one)
            with pytest.raises(ShareError):
                updater.open(f"{directory}/{HELD}", Access.WRITE, ShareMode.NONE)
        await asyncio.sleep(TAIL_S + 0.1)  # what is free in the last second counts as not free
        assert await place.updater().stat(f"H0/{HELD}")
    found = imported([capture], port=samba.port)
    updates = [
        one for one in blocked_updates(found.records, found.view) if one.episode.state != RESOLVED
    ]
    table = HoldTable(lambda _: True)
    for record in found.records:
        table.apply(record)
    said = {}
    for update in updates:
        row = update.episode
        one = HOLDERS[int(row.path.partition("/")[0][1:])]
        said[one.says] = update, Hindsight(table, [row], found.view.attempts)
    return said


@contextmanager
def _machines(samba: Samba) -> Iterator[tuple[Machine, Machine]]:
    with (
        Machine(samba, "WS11", "127.0.0.11", "alice") as holder,
        Machine(samba, "SRV2", "127.0.0.21", "deploy") as updater,
    ):
        yield holder, updater


def test_what_gets_through_on_a_samba_gets_through_here_and_leaves_the_same(
    rows: list[Row],
) -> None:
    differ = {row.strategy for row in rows if row.real != row.ours}
    assert differ == {name for name, one in COPY_STRATEGIES.items() if one.passes_on_samba}
    assert len(rows) == len(COPY_STRATEGIES) * len(HOLDERS)


def test_what_gets_through_on_a_samba_is_what_the_first_pass_says(rows: list[Row]) -> None:
    for row in rows:
        strategy = COPY_STRATEGIES[row.strategy]
        assert row.can_help is row.may_end, row.line()
        if strategy.waits_for_restart:  # reported as done, and done at the next start
            assert row.can_help and row.real.is_complete
        elif strategy.passes_on_samba:
            assert row.real.is_through and not row.can_help, "Windows refuses it, Samba does not"
        else:
            assert row.can_help is row.real.is_through, row.line()


async def test_samba_refuses_a_rename_over_an_open_of_the_same_connection(samba: Samba) -> None:
    with Machine(samba, "WS11", "127.0.0.11", "alice") as machine:
        place = OnSamba(machine, machine)
        real = await outcome(place, "SAME", "temp_and_rename", HOLDERS[0])
    ours = await outcome(OnEngine(), "SAME", "temp_and_rename", HOLDERS[0])
    assert real == ours
    assert real.status == NtStatus.ACCESS_DENIED
