"""The share's contract: the same stories over a function call, over the simulated network and over
loopback sockets.

What `LocalShare` says of its host, `HttpShare` says of a server: same answers, same refusals, same
records.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from despoolr_app.clocks.loop_clock import LoopClock
from despoolr_client.transport.share_server import ShareServer
from despoolr_core.records.stream import Record, Recorder, encode
from despoolr_core.share.chain import CALLS_MAX
from despoolr_core.share.contract import OpenFile, Share, ShareError
from despoolr_core.share.modes import Access, CreateOption, Disposition, NtStatus, Role, ShareMode
from despoolr_lab.sim.network import Network
from despoolr_lab.sim.sockets import SocketNetwork
from despoolr_lab.sim.world import run_virtual
from despoolr_server.files.memory import MemoryFileStore
from despoolr_server.http.app import make_app
from despoolr_server.http.base.auth import Auth
from despoolr_server.http.connections.connection_limits import UNLIMITED
from despoolr_server.http.connections.connections import Runner
from despoolr_server.shares.base.limits import ShareLimits
from despoolr_server.shares.base.principal import Principal
from despoolr_server.shares.base.rights import Rights, RightsTable
from despoolr_server.shares.host import ShareHost
from despoolr_server.shares.local import LocalShare
from worlds.support import FAST_LANE

EPOCH = 833_785_200.0
FILE_SIZE_MAX = 300_000

Story = Callable[["Carrier"], Awaitable[None]]


class Carrier:
    """A host `LOGON1` with the shares OPEN (everybody everything) and SHUT (clients only read), and
    a way to it.
    """

    def __init__(self, network: Network | SocketNetwork | None) -> None:
        self.network = network
        self.clock = LoopClock(EPOCH)
        self.records: list[Record] = []
        recorder = Recorder(self.clock.now, [self.records.append])
        self.host = ShareHost(
            "LOGON1", self.clock, recorder, ShareLimits(file_size_max=FILE_SIZE_MAX)
        )
        self.host.add_share("OPEN", MemoryFileStore())
        self.host.add_share(
            "SHUT", MemoryFileStore(), RightsTable({"": {Role.CLIENT: Rights.READ}})
        )
        self.auth = Auth(b"sixteen bytes!!!")
        self.stack = AsyncExitStack()
        self.http: Any = None

    async def __aenter__(self) -> Carrier:
        if self.network is not None:
            runner = Runner(
                make_app(self.host, self.auth, self.clock),
                limits=UNLIMITED,
                lane=FAST_LANE,
                keepalive_timeout=60.0,
            )
            await runner.setup()
            self.stack.push_async_callback(runner.cleanup)
            await self.network.serve(runner, "logon1")
            self.http = await self.stack.enter_async_context(self.network.session("ws3"))
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.stack.aclose()

    def share(
        self,
        machine: str = "SITE1",
        role: Role = Role.SERVICE,
        share: str = "OPEN",
        program: str = "",
    ) -> Share:
        """A share as one machine sees it."""
        if self.network is None:
            return LocalShare(self.host, share, Principal(machine, machine, role), program)
        token = self.auth.issue(machine, machine, role)
        server = ShareServer(
            self.http, "http://logon1", token, self.clock, name="LOGON1", program=program
        )
        self.stack.push_async_callback(server.close)
        return server.share(share)


def _local(story: Story) -> list[bytes]:
    async def main() -> list[bytes]:
        return await _tell(story, None)

    return run_virtual(main)


def _in_memory(story: Story) -> list[bytes]:
    async def main() -> list[bytes]:
        return await _tell(story, Network())

    return run_virtual(main)


def _over_sockets(story: Story) -> list[bytes]:
    async def main() -> list[bytes]:
        return await _tell(story, SocketNetwork())

    return asyncio.run(main())


async def _tell(story: Story, network: Network | SocketNetwork | None) -> list[bytes]:
    async with Carrier(network) as carrier:
        await story(carrier)
        return [encode(record) for record in carrier.records]


CARRIERS = {"local": _local, "memory": _in_memory, "sockets": _over_sockets}


@pytest.fixture(params=list(CARRIERS))
def tell(request: pytest.FixtureRequest) -> Callable[[Story], list[bytes]]:
    return CARRIERS[request.param]


async def refused(awaitable: Awaitable[object]) -> ShareError:
    with pytest.raises(ShareError) as caught:
        await awaitable
    return caught.value


Tell = Callable[[Story], list[bytes]]


def test_it_is_a_share_by_type(tell: Tell) -> None:
    async def story(carrier: Carrier) -> None:
        share: Share = carrier.share()
        file: OpenFile = await share.open("F", Access.WRITE, disposition=Disposition.CREATE)
        await file.close()

    tell(story)


def test_files_are_written_read_listed_and_deleted(tell: Tell) -> None:
    async def story(carrier: Carrier) -> None:
        share = carrier.share()
        await share.make_directory("PCMINS.BOX\\SUB")
        await share.make_directory("PCMINS.BOX/SUB")
        await share.write("PCMINS.BOX/AB1.INS", b"one")
        assert await share.read("pcmins.box\\ab1.ins") == b"one"
        assert [(e.name, e.size, e.directory) for e in await share.list("PCMINS.BOX")] == [
            ("AB1.INS", 3, False),
            ("SUB", 0, True),
        ]
        assert [e.name for e in await share.list()] == ["PCMINS.BOX"]
        entry = await share.stat("PCMINS.BOX/AB1.INS")
        assert entry is not None
        assert (entry.name, entry.size) == ("AB1.INS", 3)
        assert 0 <= entry.modified_at - EPOCH < 60
        await share.delete("PCMINS.BOX/AB1.INS")
        assert await share.stat("PCMINS.BOX/AB1.INS") is None
        assert await share.stat("NOWHERE/AB1.INS") is None
        assert (await refused(share.read("PCMINS.BOX/AB1.INS"))).is_missing
        assert (await refused(share.list("NOWHERE"))).is_missing
        assert (await refused(share.read("PCMINS.BOX"))).nt_status is NtStatus.FILE_IS_A_DIRECTORY
        assert (
            await refused(share.write("NOWHERE/F", b""))
        ).nt_status is NtStatus.OBJECT_PATH_NOT_FOUND
        root = await share.stat("")
        assert root is not None
        assert root.directory

    tell(story)


def test_many_files_are_read_each_with_its_own_answer(tell: Tell) -> None:
    async def story(carrier: Carrier) -> None:
        share = carrier.share()
        names = [f"F{number:03}" for number in range(CALLS_MAX + 3)]
        assert await share.write_all([(name, name.encode()) for name in names]) == [None] * len(
            names
        )
        held = await share.open("F001", Access.READ, ShareMode.NONE)
        found = await share.read_all([*names, "NONE"])
        assert [one for one in found if isinstance(one, bytes)] == [
            n.encode() for n in names if n != "F001"
        ]
        refused_one, missing = found[1], found[-1]
        assert isinstance(refused_one, ShareError) and refused_one.blockers[0].open == held.handle
        assert isinstance(missing, ShareError) and missing.is_missing
        assert (
            await share.read_all([])
            == await share.write_all([])
            == await share.delete_all([])
            == []
        )
        await held.close()

    tell(story)


def test_many_files_are_written_each_with_its_own_answer(tell: Tell) -> None:
    async def story(carrier: Carrier) -> None:
        share = carrier.share()
        await share.write("B", b"old")
        held = await share.open("B", Access.READ, ShareMode.READ)
        done = await share.write_all([("A", b"1"), ("B", b"2"), ("C", b"3"), ("", b"4")])
        assert [error and error.nt_status for error in done[:3]] == [
            None,
            NtStatus.SHARING_VIOLATION,
            None,
        ]
        assert done[3] is not None
        assert await share.read_all(["A", "B", "C"]) == [b"1", b"old", b"3"]
        await held.close()

    tell(story)


def test_files_are_created_one_after_the_other_up_to_the_first_refusal(tell: Tell) -> None:
    async def story(carrier: Carrier) -> None:
        share = carrier.share()
        await share.write("2", b"somebody's")
        done = await share.create_all([("1", b"a"), ("2", b"b"), ("3", b"c")])
        assert [error and error.nt_status for error in done] == [
            None,
            NtStatus.OBJECT_NAME_COLLISION,
        ]
        assert [entry.name for entry in await share.list()] == ["1", "2"]
        assert await share.create_all([]) == []
        large = bytes(FILE_SIZE_MAX - 1)
        assert await share.create_all([(f"L{n}", large) for n in range(8)]) == [None] * 8
        (too_large,) = await share.create_all([("X", large + b"12")])
        assert too_large is not None and too_large.nt_status is NtStatus.FILE_TOO_LARGE

    tell(story)


def test_what_is_given_back_with_files_is_given_back_before_them(tell: Tell) -> None:
    async def story(carrier: Carrier) -> None:
        share = carrier.share()
        await share.write("SETUP.EXE", b"MZ")
        opened = [await share.open("SETUP.EXE"), await share.open("SETUP.EXE")]
        await opened[0].close()
        assert await share.create_all([("1", b"a")], closing=opened, logoff=True) == [None]
        assert carrier.host.opens() == []
        assert [record.kind for record in carrier.records if record.kind != "session.ended"][
            -2:
        ] == [
            "open.closed",
            "file.written",
        ]
        again = await share.open("SETUP.EXE")
        assert await again.read() == b"MZ"
        await again.close()

    tell(story)


def test_many_files_are_deleted_each_with_its_own_answer(tell: Tell) -> None:
    async def story(carrier: Carrier) -> None:
        share = carrier.share()
        await share.write_all([("A", b""), ("B", b"")])
        held = await share.open("B", Access.READ, ShareMode.READ)
        done = await share.delete_all(["A", "B", "C"])
        assert [error and error.nt_status for error in done] == [
            None,
            NtStatus.SHARING_VIOLATION,
            NtStatus.OBJECT_NAME_NOT_FOUND,
        ]
        assert [entry.name for entry in await share.list()] == ["B"]
        await held.close()

    tell(story)


def test_many_files_are_opened_up_to_the_first_refusal_and_stay_open(tell: Tell) -> None:
    async def story(carrier: Carrier) -> None:
        share = carrier.share()
        await share.write_all([(name, name.encode()) for name in "ABC"])
        blocker = await carrier.share(machine="PC07").open("C", Access.READ, ShareMode.NONE)
        opened, error = await share.open_all(
            ["A", "B", "C"], Access.READ, ShareMode.READ, program="SETUP.EXE", read=True
        )
        assert error is not None and error.blockers[0].machine == "PC07"
        assert [(row.path, row.program) for row in carrier.host.opens(machine="SITE1")] == [
            ("A", "SETUP.EXE"),
            ("B", "SETUP.EXE"),
        ]
        assert [await one.read() for one in opened] == [b"A", b"B"]
        for one in [*opened, blocker]:
            await one.close()
        assert carrier.host.opens() == []
        assert await share.open_all([], Access.READ, ShareMode.READ) == ([], None)

    tell(story)


def test_an_unchanged_file_is_not_sent_again(tell: Tell) -> None:
    async def story(carrier: Carrier) -> None:
        share = carrier.share()
        await share.write("F", b"one")
        data, etag = await share.read_if_changed("F", "") or (b"", "")
        assert data == b"one"
        assert await share.read_if_changed("F", etag) is None
        await share.write("F", b"two")
        data, newer = await share.read_if_changed("F", etag) or (b"", "")
        assert (data, newer != etag) == (b"two", True)
        assert (await refused(share.read_if_changed("G", etag))).is_missing

    tell(story)


@pytest.mark.parametrize(
    "name",
    [
        "ä ö ü.INS",
        "100% & more #1;a=b+c.TXT",
        "日本語.MIF",
        "%41%2F..",
        "it's (1).MIF",
        "[!]$,@~.x",
    ],
)
def test_names_travel_whole(tell: Tell, name: str) -> None:
    name = name.rstrip(".")

    async def story(carrier: Carrier) -> None:
        share = carrier.share()
        await share.make_directory(f"D ä/{name}")
        await share.create(f"D ä\\{name}\\{name}", b"x")
        await share.rename(f"D ä/{name}/{name}", f"{name}")
        assert await share.read(name) == b"x"
        assert [e.name for e in await share.list("D ä")] == [name]

    tell(story)


@pytest.mark.parametrize(
    "name", ["../F", "A/../../F", "NUL", "F.", "a:b", "a\0b", "x" * 256, "a//b", "half\ud800"]
)
def test_names_that_no_file_has_are_refused_alike(tell: Tell, name: str) -> None:
    async def story(carrier: Carrier) -> None:
        share = carrier.share()
        assert (await refused(share.write(name, b""))).nt_status is NtStatus.OBJECT_NAME_INVALID
        assert (await refused(share.open(name))).nt_status is NtStatus.OBJECT_NAME_INVALID

    tell(story)


def test_a_name_is_created_once(tell: Tell) -> None:
    async def story(carrier: Carrier) -> None:
        share = carrier.share()
        await share.create("F", b"")
        assert (await refused(share.create("F", b""))).nt_status is NtStatus.OBJECT_NAME_COLLISION
        assert await share.read("F") == b""

    tell(story)


def test_a_rename_replaces_only_when_told(tell: Tell) -> None:
    async def story(carrier: Carrier) -> None:
        share = carrier.share()
        await share.write("A", b"a")
        await share.write("B", b"b")
        assert (await refused(share.rename("A", "B"))).nt_status is NtStatus.OBJECT_NAME_COLLISION
        await share.rename("A", "B", replace=True)
        assert await share.read("B") == b"a"

    tell(story)


def test_an_open_stands_in_the_way_until_it_is_closed(tell: Tell) -> None:
    async def story(carrier: Carrier) -> None:
        holder = carrier.share("WS3", Role.CLIENT, program="WINWORD.EXE")
        writer = carrier.share(program="SMS_DESPOOLER")
        await writer.write("b.dat", b"old")
        file = await holder.open("b.dat", program="NOTEPAD.EXE")
        assert (file.size, await file.read(), await file.read(1, 1), await file.read(99, 1)) == (
            3,
            b"old",
            b"l",
            b"",
        )
        assert (await file.read(3), await file.read(0, 0)) == (b"", b"")
        error = await refused(writer.write("b.dat", b"new", purpose="job 1 für b"))
        assert (error.nt_status, error.win32, error.is_refusal) == (
            NtStatus.SHARING_VIOLATION,
            32,
            True,
        )
        assert [(b.machine, b.user, b.program) for b in error.blockers] == [
            ("WS3", "WS3", "NOTEPAD.EXE")
        ]
        assert error.problem.episode == "LOGON1-E1"
        assert carrier.host.episodes()[0].purpose == "job 1 für b"
        await file.close()
        await file.close()
        await writer.write("b.dat", b"new", purpose="job 1 für b")
        assert await holder.read("b.dat") == b"new"
        assert carrier.host.episodes()[0].state == "resolved"
        with pytest.raises(ShareError):
            await file.read()

    tell(story)


def test_an_open_can_write_and_is_limited_by_its_access(tell: Tell) -> None:
    async def story(carrier: Carrier) -> None:
        share = carrier.share()
        file = await share.open("F", Access.READ | Access.WRITE, ShareMode.NONE, Disposition.CREATE)
        await file.write(b"abc")
        await file.write(b"X", 1)
        assert await file.read() == b"aXc"
        await file.close()
        reader = await share.open("F", Access.READ, ShareMode.ALL)
        assert (await refused(reader.write(b"!"))).nt_status is NtStatus.ACCESS_DENIED

    tell(story)


def test_an_open_cuts_and_deletes_its_file_and_is_limited_by_its_access(tell: Tell) -> None:
    async def story(carrier: Carrier) -> None:
        share = carrier.share()
        await share.write("F", b"abc")
        reader = await share.open("F", Access.READ, ShareMode.ALL)
        assert (await refused(reader.set_size(1))).nt_status is NtStatus.ACCESS_DENIED
        assert (await refused(reader.delete())).nt_status is NtStatus.ACCESS_DENIED
        await reader.close()
        file = await share.open("F", Access.READ | Access.WRITE | Access.DELETE, ShareMode.NONE)
        await file.set_size(1)
        assert await file.read() == b"a"
        await file.set_size(3)
        assert await file.read() == b"a\0\0"
        await file.delete()
        await file.close()
        assert await share.stat("F") is None

    tell(story)


def test_options_travel(tell: Tell) -> None:
    async def story(carrier: Carrier) -> None:
        share = carrier.share()
        options = CreateOption.DELETE_ON_CLOSE | CreateOption.NON_DIRECTORY_FILE
        file = await share.open("F", Access.DELETE, ShareMode.ALL, Disposition.CREATE, options)
        await file.close()
        assert await share.stat("F") is None

    tell(story)


def test_rights_and_limits_are_refused_alike(tell: Tell) -> None:
    async def story(carrier: Carrier) -> None:
        service, user = carrier.share(share="SHUT"), carrier.share("WS3", Role.CLIENT, "SHUT")
        await service.write("F", b"x" * FILE_SIZE_MAX)
        assert await user.read("F") == b"x" * FILE_SIZE_MAX
        assert (await refused(user.write("F", b"y"))).nt_status is NtStatus.ACCESS_DENIED
        assert (await refused(user.delete("F"))).nt_status is NtStatus.ACCESS_DENIED
        assert (
            await refused(service.write("F", b"x" * (FILE_SIZE_MAX + 1)))
        ).nt_status is NtStatus.FILE_TOO_LARGE
        assert (
            await refused(carrier.share(share="NONE").read("F"))
        ).nt_status is NtStatus.BAD_NETWORK_NAME

    tell(story)


def test_giving_up_is_put_on_record(tell: Tell) -> None:
    async def story(carrier: Carrier) -> None:
        share = carrier.share()
        await share.write("F", b"x")
        await carrier.share("WS3", Role.CLIENT).open("F")
        error = await refused(share.write("F", b"y"))
        await share.end_episode(error.problem.episode, "100 attempts")
        assert carrier.host.episodes()[0].state == "given up"
        assert (
            await refused(share.end_episode("E99", ""))
        ).nt_status is NtStatus.OBJECT_NAME_NOT_FOUND

    tell(story)


def test_over_the_simulated_network_a_story_is_told_the_same_way_twice() -> None:
    async def story(carrier: Carrier) -> None:
        holders = [carrier.share(f"WS{n}", Role.CLIENT, program="A.EXE") for n in range(5)]
        writer = carrier.share()
        await writer.write("F", b"x")
        files = await asyncio.gather(*(holder.open("F") for holder in holders))
        await refused(writer.write("F", b"y"))
        await carrier.clock.sleep(3600)
        await asyncio.gather(*(file.close() for file in files))
        await carrier.clock.sleep(3600)
        assert (carrier.host.session_count, carrier.host.open_count) == (0, 0)

    first = _in_memory(story)
    assert first == _in_memory(story)
    assert not any(b"lease expired" in record for record in first)


def test_bytes_are_locked_waited_for_and_unlocked(tell: Callable[[Story], list[bytes]]) -> None:
    async def story(carrier: Carrier) -> None:
        one, other = carrier.share("WS1", program="A.EXE"), carrier.share("WS2", program="B.EXE")
        await one.write("F", b"0123456789")
        mine, theirs = [
            await share.open("F", Access.READ | Access.WRITE, ShareMode.ALL)
            for share in (one, other)
        ]
        await mine.lock(2**64 - 1, 1)
        await mine.lock(0, 5)
        error = await refused(theirs.lock(4, 1, exclusive=False))
        assert error.nt_status == NtStatus.LOCK_NOT_GRANTED
        assert error.is_refusal
        assert [
            (blocker.machine, blocker.lock and blocker.lock.length) for blocker in error.blockers
        ] == [("WS1", 5)]
        assert (await refused(theirs.lock(4, 1, wait_s=0.2))).nt_status == NtStatus.LOCK_NOT_GRANTED
        assert (await refused(theirs.read(0, 5))).nt_status == NtStatus.FILE_LOCK_CONFLICT
        assert (await refused(theirs.unlock(0, 5))).nt_status == NtStatus.RANGE_NOT_LOCKED
        await mine.unlock(0, 5)
        await theirs.lock(4, 1, wait_s=1.0)
        assert (await refused(mine.write(b"xx", 3))).nt_status == NtStatus.FILE_LOCK_CONFLICT
        await theirs.close()
        await mine.write(b"xx", 3)
        await mine.close()

    tell(story)
