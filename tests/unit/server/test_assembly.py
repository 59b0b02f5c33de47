"""A site put together: which shares each server has, what is asked for once, what a second start
finds, and who is asked how one server reaches another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from despoolr_core.clock import Clock
from despoolr_core.profile import profile_of
from despoolr_core.records.stream import Recorder
from despoolr_core.response import Response
from despoolr_server.assembly import SiteAssembly
from despoolr_server.database.memory import MemoryDatabase
from despoolr_server.engine.names import Name, parse_name
from despoolr_server.files import MemoryFileStore
from despoolr_server.http.base.auth import Auth
from despoolr_server.site.state.context import RemoteServer, SiteServerRole
from despoolr_server.site_server import SiteSetup
from worlds.share import EPOCH

ROLE = SiteServerRole("LOGON1", "SALES", package_share="SMS_PKGE")


class StandingClock(Clock):
    """A clock that stands: who waits for a time waits for ever."""

    def now(self) -> float:
        return EPOCH

    async def sleep(self, seconds: float) -> None:
        await asyncio.Event().wait()

    async def sleep_until(self, deadline: float) -> None:
        await asyncio.Event().wait()

    def call_later(self, seconds: float, call: Callable[[], object]) -> asyncio.Handle:
        return asyncio.Handle(call, (), asyncio.get_running_loop())


class Asked:
    """What an assembly asks its owner for, and in which order."""

    def __init__(self) -> None:
        self.stores: list[tuple[str, str]] = []
        self.databases: list[str] = []
        self.connections: list[tuple[str, str, str]] = []

    def store(self, machine: str, share: str) -> MemoryFileStore:
        self.stores.append((machine, share))
        return MemoryFileStore()

    def database(self, site: str) -> MemoryDatabase:
        self.databases.append(site)
        return MemoryDatabase()

    def connect(self, machine: str, server: str, program: str) -> RemoteServer:
        self.connections.append((machine, server, program))
        raise ConnectionError(server)

    def assembly(self) -> SiteAssembly:
        clock = StandingClock()
        return SiteAssembly(
            clock,
            self.store,
            self.database,
            self.connect,
            recorder=Recorder(clock.now),
            auth=Auth(b"a secret for an assembly, long enough"),
        )


def setup(code: str = "BPC", server: str = "SITE1") -> SiteSetup:
    return SiteSetup(code, server, "SALES", profile_of("1.2"), Response.FAST, (ROLE,), {})


def test_each_server_has_the_shares_of_its_roles_and_no_other() -> None:
    asked = Asked()
    assembly = asked.assembly()
    assembly.add_logon(ROLE)
    assembly.add_logon(SiteServerRole("DIST1", "SALES", logon=False))
    assembly.add_logon(SiteServerRole("LOGON2", "SALES", distribution=False))
    assembly.add_site(setup())
    assert asked.stores == [
        ("LOGON1", "SMS_SHR"),
        ("LOGON1", "SMS_PKGE"),
        ("DIST1", "SMS_PKGD"),
        ("LOGON2", "SMS_SHR"),
        ("SITE1", "SMS_SHRD"),
        ("SITE1", "SMS_SITE"),
        ("SITE1", "PKGSRC"),
    ]
    assert list(assembly.hosts) == ["LOGON1", "DIST1", "LOGON2", "SITE1"]


def test_a_server_that_is_added_again_starts_on_the_files_and_rows_that_are_there() -> None:
    asked = Asked()
    assembly = asked.assembly()
    first = assembly.add_site(setup())
    note = parse_name("note.txt")
    assert isinstance(note, Name)
    assembly.stores["SITE1", "PKGSRC"].write_whole(note, b"left here", 0.0)
    again = assembly.add_site(setup(), id_prefix="R2")
    assert again.host is not first.host and assembly.sites == {"BPC": again}
    assert again.context.database is first.context.database
    assert assembly.stores["SITE1", "PKGSRC"].read(note) == b"left here"
    assert (len(asked.stores), asked.databases) == (3, ["BPC"])


def test_each_site_reaches_others_by_what_its_owner_gives_and_itself_without_asking() -> None:
    asked = Asked()
    assembly = asked.assembly()
    for code, server in (("BPC", "SITE1"), ("CHI", "SITE2")):
        site = assembly.add_site(setup(code, server))
        site.context.connect_as(server, "SMS_SCHEDULER")
        try:
            site.context.connect_as("LOGON1", "SMS_DESPOOLER")
        except ConnectionError:
            continue
    assert asked.connections == [
        ("SITE1", "LOGON1", "SMS_DESPOOLER"),
        ("SITE2", "LOGON1", "SMS_DESPOOLER"),
    ]


async def test_services_run_until_they_are_cancelled() -> None:
    assembly = Asked().assembly()
    assembly.add_site(setup())
    task = assembly.start_services("BPC", asyncio.create_task)
    assert task.get_name() == "BPC/SMS_EXECUTIVE"
    await asyncio.sleep(0)
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    await assembly.database("BPC").close()
