"""Carrying masters out: what changed goes, what did not costs nothing, and a file that is read at
this moment goes later.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest

from despoolr_core.share.chain import CALLS_MAX
from despoolr_core.share.contract import ShareError
from despoolr_core.share.modes import Access, CreateOption, ShareMode
from despoolr_server.site.services import masters
from despoolr_server.site.services.masters import MasterCarrier
from despoolr_server.site.state import boxes
from worlds.site import Bench

HERE = boxes.domain_directory("SALES")
THERE = boxes.PCM_INSTRUCTIONS


class Counting:
    """The root share, and how often its files were asked for."""

    def __init__(self, share: Any) -> None:
        self._share = share
        self.asked: list[str] = []
        self.has_listed_masters = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        if name in ("read_if_changed", "list"):
            return partial(self._counted, name)
        return getattr(self._share, name)

    def _counted(self, name: str, path: str, *more: Any) -> Any:
        self.asked.append(path)
        if path == HERE:
            self.has_listed_masters.set()
        return getattr(self._share, name)(path, *more)


async def set_up(count: int = 3) -> tuple[Bench, MasterCarrier, Counting]:
    bench = Bench("1.2", ("LOGON1",))
    await bench.root.make_directory(HERE)
    for number in range(count):
        await bench.root.write(f"{HERE}/{number:03}.INS", b"first %d" % number)
    root = Counting(bench.root)
    return bench, MasterCarrier(root, bench.site.master_writing), root


async def carry(bench: Bench, carrier: MasterCarrier, *, thorough: bool = False) -> int:
    await carrier.look()
    role = next(role for role in bench.site.servers if role.logon)
    return await carrier.carry(role, bench.share("LOGON1", boxes.LOGON_SHARE), thorough=thorough)


async def test_all_masters_are_carried_and_then_nothing_is_asked_until_one_changes() -> None:
    bench, carrier, root = await set_up(CALLS_MAX + 1)
    assert await carry(bench, carrier) == CALLS_MAX + 1
    root.asked.clear()
    assert await carry(bench, carrier) == 0
    assert root.asked == [boxes.PCM_DOMAINS], (
        "one listing of the domains is all an idle cycle costs"
    )
    await bench.root.write(f"{HERE}/001.INS", b"second 1")
    assert await carry(bench, carrier) == 1
    assert await bench.share("LOGON1", boxes.LOGON_SHARE).read(f"{THERE}/001.INS") == b"second 1"


async def test_now_and_then_all_are_looked_at_whatever_the_directory_says() -> None:
    bench, carrier, root = await set_up()
    await carry(bench, carrier)
    root.asked.clear()
    assert await carry(bench, carrier, thorough=True) == 0
    assert root.asked == [boxes.PCM_DOMAINS, HERE]


async def test_of_many_masters_the_one_that_changed_is_read_and_no_other() -> None:
    bench, carrier, root = await set_up(20)
    await carry(bench, carrier)
    await bench.root.write(f"{HERE}/007.INS", b"2")
    root.asked.clear()
    assert await carry(bench, carrier) == 1
    assert root.asked == [boxes.PCM_DOMAINS, HERE, f"{HERE}/007.INS"]


async def test_a_file_that_is_read_at_this_moment_goes_with_the_next_cycle() -> None:
    bench, carrier, _ = await set_up()
    await carry(bench, carrier)
    there = bench.share("LOGON1", boxes.LOGON_SHARE)
    held = await there.open(f"{THERE}/001.INS", Access.READ, ShareMode.READ)
    for number in range(3):
        await bench.root.write(f"{HERE}/{number:03}.INS", b"second")
    assert await carry(bench, carrier) == 2
    assert await carry(bench, carrier) == 0
    await held.close()
    assert await carry(bench, carrier) == 1
    assert await there.read(f"{THERE}/001.INS") == b"second"


async def test_a_directory_that_could_not_be_listed_is_listed_for_the_next_logon_server() -> None:
    bench = Bench("1.2", ("LOGON1", "LOGON2"))
    await bench.root.make_directory(HERE)
    await bench.root.write(f"{HERE}/001.INS", b"first")
    carrier = MasterCarrier(bench.root, bench.site.master_writing)
    await carrier.look()
    first, second = (role for role in bench.site.servers if role.logon)
    held = await bench.root.open(
        HERE, share_mode=ShareMode.NONE, options=CreateOption.DIRECTORY_FILE
    )
    with pytest.raises(ShareError):
        await carrier.carry(first, bench.share("LOGON1", boxes.LOGON_SHARE), thorough=False)
    await held.close()
    there = bench.share("LOGON2", boxes.LOGON_SHARE)
    assert await carrier.carry(second, there, thorough=False) == 1
    assert await there.read(f"{THERE}/001.INS") == b"first"


async def test_what_is_no_instruction_file_and_another_domains_stay() -> None:
    bench, carrier, _ = await set_up(1)
    await bench.root.write(f"{HERE}/NOTES.TXT", b"x")
    await bench.root.make_directory(boxes.domain_directory("OTHER"))
    await bench.root.write(f"{boxes.domain_directory('OTHER')}/777.INS", b"x")
    assert await carry(bench, carrier) == 1


async def test_masters_that_are_being_written_are_carried_once_when_that_is_over() -> None:
    bench, carrier, root = await set_up()
    with bench.site.master_writing.under_way():
        carrying = asyncio.ensure_future(carry(bench, carrier))
        await root.has_listed_masters.wait()
        await bench.root.write(f"{HERE}/001.INS", b"second 1")
        assert not carrying.done()
    assert await carrying == 3
    assert await bench.share("LOGON1", boxes.LOGON_SHARE).read(f"{THERE}/001.INS") == b"second 1"
    assert await carry(bench, carrier) == 0


async def test_masters_that_are_always_being_written_are_carried_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(masters, "WAIT_S", 0.01)
    bench, carrier, _ = await set_up()
    with bench.site.master_writing.under_way():
        assert await carry(bench, carrier) == 3


@pytest.mark.parametrize("bytes_max", [7, 14, 15])
async def test_chains_are_no_longer_than_the_bytes_of_one(
    monkeypatch: pytest.MonkeyPatch, bytes_max: int
) -> None:
    monkeypatch.setattr(masters, "BYTES_MAX", bytes_max)
    bench, carrier, _ = await set_up(5)
    assert await carry(bench, carrier) == 5
    assert len(await bench.share("LOGON1", boxes.LOGON_SHARE).list(THERE)) == 5
