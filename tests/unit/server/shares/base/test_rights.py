"""Rights below a share: the longest prefix decides."""

from __future__ import annotations

import pytest

from despoolr_core.share.modes import NtStatus, Role
from despoolr_core.share.wire import OpenReply, OpenRequest
from despoolr_server.files.protocol import make_directories
from despoolr_server.shares.base import rights
from despoolr_server.shares.base.principal import Caller, Principal
from despoolr_server.shares.base.rights import FixedNames, Rights, RightsTable
from despoolr_server.shares.dav import LockWish
from despoolr_server.site.state import boxes
from worlds.share import ADMIN, EPOCH, SERVICE, World, client, status


@pytest.mark.parametrize(
    "box", ["CCR.BOX", "DESPOOLR.BOX", "INVENTRY.BOX", "ISVMIF.BOX", "PCMPKG.SRC", "SMSID"]
)
def test_clients_change_the_boxes_they_report_through(box: str) -> None:
    assert rights.SMS_SHR.allowed(Role.CLIENT, box) == Rights.CHANGE
    assert rights.SMS_SHR.allowed(Role.CLIENT, f"{box}/X.TMP") == Rights.CHANGE


@pytest.mark.parametrize(
    "path", ["", "PCMINS.BOX/AB100001.INS", "MSTEST", "DESPOOLR.BOXES/X", "DOMAIN.INI"]
)
def test_clients_only_read_elsewhere(path: str) -> None:
    assert rights.SMS_SHR.allowed(Role.CLIENT, path) == Rights.READ


@pytest.mark.parametrize("role", [Role.SERVICE, Role.ADMIN])
def test_the_service_and_administrators_have_full_control(role: Role) -> None:
    for table in (rights.SMS_SHR, rights.PACKAGE_SHARE, rights.SERVICE_ONLY, rights.SOURCE):
        assert table.allowed(role, "A/B") == Rights.FULL


def test_clients_have_nothing_on_a_service_share() -> None:
    assert rights.SERVICE_ONLY.allowed(Role.CLIENT, "") == Rights.NONE


def test_package_access_is_to_read_and_write_and_not_to_delete() -> None:
    """Q272923: Special Access (RWX)."""
    allowed = rights.PACKAGE_SHARE.allowed(Role.CLIENT, "P0001/A.EXE")
    assert allowed == Rights.READ_WRITE
    assert allowed & 0x27 == 0x27
    assert not allowed & 0xD0040


def test_an_entry_can_be_changed_and_restored() -> None:
    table = rights.PACKAGE_SHARE.copy()
    assert table.set("p0001", Role.CLIENT, Rights.NONE) is None
    assert table.allowed(Role.CLIENT, "P0001/A") == Rights.NONE
    assert table.allowed(Role.CLIENT, "P0002/A") == Rights.READ_WRITE
    assert table.set("P0001\\", Role.CLIENT, None) is Rights.NONE
    assert table.allowed(Role.CLIENT, "P0001/A") == Rights.READ_WRITE
    assert rights.PACKAGE_SHARE.allowed(Role.CLIENT, "P0001") == Rights.READ_WRITE


def test_the_longest_prefix_that_names_the_role_decides() -> None:
    table = RightsTable(
        {
            "": {Role.CLIENT: Rights.READ},
            "A": {Role.SERVICE: Rights.READ},
            "A/B": {Role.CLIENT: Rights.FULL},
        }
    )
    assert table.allowed(Role.CLIENT, "A/B/C") == Rights.FULL
    assert table.allowed(Role.CLIENT, "A/C") == Rights.READ
    assert table.allowed(Role.SERVICE, "A/C") == Rights.READ
    assert table.allowed(Role.SERVICE, "X") == Rights.FULL


def test_change_is_read_and_write_and_delete_but_not_ownership() -> None:
    assert Rights.CHANGE & 0x10007 == 0x10007
    assert not Rights.CHANGE & 0xC0000
    assert Rights.READ & 0x10006 == 0
    assert Rights.FULL & Rights.CHANGE == Rights.CHANGE


# -- directories that stay

BOX = "DESPOOLR.BOX"
SPELLINGS = (BOX, "despoolr.box", "Despoolr.Box/", "\\DESPOOLR.BOX")


def logon() -> World:
    """A logon server's boxes with a report in one, and a directory of a client's own beside it."""
    world = World()
    store = world.host.gate.shares["SMS_SHR"].store
    make_directories(store, [*boxes.LOGON_DIRECTORIES, "CCR.BOX/MINE"], EPOCH)
    return world


async def filled() -> World:
    world = logon()
    for path in (f"{BOX}/00001001.SNI", "CCR.BOX/X.TMP"):
        assert (
            status(await world.host.paths.put(Caller(client()), "SMS_SHR", path, b"kept"))
            is NtStatus.SUCCESS
        )
    return world


def names(world: World, path: str = BOX) -> list[str]:
    found = world.host.listings.list(Caller(ADMIN), "SMS_SHR", path)
    assert isinstance(found, list), found
    return [entry.name for entry in found]


def test_every_box_that_setup_makes_on_a_logon_server_is_fixed() -> None:
    for box in boxes.LOGON_DIRECTORIES:
        assert rights.SMS_SHR.is_fixed(Role.CLIENT, box)
        assert rights.SMS_SHR.copy().is_fixed(Role.SERVICE, box)
        assert not rights.SMS_SHR.is_fixed(Role.ADMIN, box)
        assert not rights.SMS_SHR.is_fixed(Role.CLIENT, f"{box}/X.TMP")


def test_what_stands_above_a_fixed_name_is_fixed_and_every_child_of_a_fixed_parent() -> None:
    fixed = FixedNames(["A/b/C"], ["P/Q"])
    assert all(key in fixed for key in ("A", "A/B", "A/B/C", "P", "P/Q", "P/Q/SALES.000"))
    assert not any(
        key in fixed for key in ("", "A/X", "A/B/C/D", "P/X", "P/Q/SALES.000/BPC00001.INS")
    )


@pytest.mark.parametrize("who", [client(), SERVICE])
@pytest.mark.parametrize("box", SPELLINGS)
async def test_a_box_is_neither_moved_nor_deleted_and_keeps_what_is_in_it(
    who: Principal, box: str
) -> None:
    world = await filled()
    host, caller = world.host, Caller(who)
    answers = [
        await host.trees.move(caller, "SMS_SHR", box, "CCR.BOX/STOLEN", replace=False),
        await host.trees.move(caller, "SMS_SHR", box, "CCR.BOX/MINE", replace=True),
        await host.paths.move(caller, "SMS_SHR", box, "CCR.BOX/STOLEN", replace=False),
        await host.paths.move(caller, "SMS_SHR", box, "despoolr.BOX", replace=True),
        await host.trees.delete(caller, "SMS_SHR", box),
        await host.paths.delete(caller, "SMS_SHR", "APPCTL.SRC" if who is SERVICE else "CCR.BOX"),
    ]
    assert [status(answer) for answer in answers] == [NtStatus.ACCESS_DENIED] * len(answers)
    assert names(world) == ["00001001.SNI"]
    assert names(world, "") == sorted(boxes.LOGON_DIRECTORIES)


@pytest.mark.parametrize("who", [client(), SERVICE])
@pytest.mark.parametrize("source", ["CCR.BOX/MINE", "CCR.BOX/X.TMP", "INVENTRY.BOX"])
async def test_nothing_is_moved_or_copied_over_a_box(who: Principal, source: str) -> None:
    world = await filled()
    host, caller = world.host, Caller(who)
    for target in SPELLINGS:
        assert (
            status(await host.trees.move(caller, "SMS_SHR", source, target, replace=True))
            is NtStatus.ACCESS_DENIED
        )
        assert (
            status(await host.trees.copy(caller, "SMS_SHR", source, target, replace=True))
            is NtStatus.ACCESS_DENIED
        )
        assert (
            status(await host.paths.move(caller, "SMS_SHR", source, target, replace=True))
            is NtStatus.ACCESS_DENIED
        )
    assert names(world) == ["00001001.SNI"]
    assert names(world, "CCR.BOX") == ["MINE", "X.TMP"]


@pytest.mark.parametrize("who", [client(), SERVICE])
async def test_no_handle_on_a_box_can_delete_or_rename_it(who: Principal) -> None:
    world = await filled()
    session = world.session(who)

    async def ask(**words: str) -> object:
        return await world.host.handles.open(
            who, OpenRequest(session, "SMS_SHR", **{"path": "inventry.box", **words})
        )

    assert (
        status(await ask(access="DELETE", share_mode="READ|WRITE|DELETE")) is NtStatus.ACCESS_DENIED
    )
    assert (
        status(await ask(access="GENERIC_ALL", share_mode="READ|WRITE|DELETE"))
        is NtStatus.ACCESS_DENIED
    )
    for options in ("DELETE_ON_CLOSE", "DELETE_ON_CLOSE|DIRECTORY_FILE"):
        assert status(await ask(access="DELETE", options=options)) is NtStatus.ACCESS_DENIED
        assert (
            status(await ask(access="MAXIMUM_ALLOWED", options=options)) is NtStatus.ACCESS_DENIED
        )
    for disposition in ("SUPERSEDE", "OVERWRITE", "OVERWRITE_IF"):
        assert (
            status(await ask(disposition=disposition, access="WRITE"))
            is NtStatus.FILE_IS_A_DIRECTORY
        )
    widest = await ask(access="MAXIMUM_ALLOWED", share_mode="READ|WRITE|DELETE")
    assert isinstance(widest, OpenReply), widest
    assert (
        status(await world.host.file_info.mark_delete(who, widest.open, True))
        is NtStatus.ACCESS_DENIED
    )
    moved = await world.host.file_info.rename(who, widest.open, "CCR.BOX/STOLEN", replace=False)
    assert status(moved) is NtStatus.ACCESS_DENIED
    mine = await ask(path="CCR.BOX/MINE", access="DELETE", share_mode="READ|WRITE|DELETE")
    assert isinstance(mine, OpenReply), mine
    assert (
        status(await world.host.file_info.rename(who, mine.open, BOX, replace=True))
        is NtStatus.ACCESS_DENIED
    )
    world.host.sessions.end(who, session)
    assert names(world, "") == sorted(boxes.LOGON_DIRECTORIES)


@pytest.mark.parametrize("who", [client(), SERVICE])
async def test_no_file_takes_the_place_of_a_box_that_is_missing(who: Principal) -> None:
    world = await filled()
    caller, session = Caller(who), world.session(who)
    assert not await world.host.trees.delete(Caller(ADMIN), "SMS_SHR", BOX)
    assert (
        status(await world.host.paths.put(caller, "SMS_SHR", BOX, b"x")) is NtStatus.ACCESS_DENIED
    )
    assert (
        status(await world.host.dav.lock(caller, "SMS_SHR", "despoolr.box", LockWish()))
        is NtStatus.ACCESS_DENIED
    )
    made = await world.host.handles.open(
        who, OpenRequest(session, "SMS_SHR", BOX, access="WRITE", disposition="OPEN_IF")
    )
    assert status(made) is NtStatus.ACCESS_DENIED
    moved = await world.host.trees.move(caller, "SMS_SHR", "CCR.BOX/X.TMP", BOX, replace=False)
    assert status(moved) is NtStatus.ACCESS_DENIED
    assert BOX not in names(world, "")
    assert await world.host.paths.make_directory(caller, "SMS_SHR", BOX, parents=False) is None


async def test_a_refusal_says_that_the_directory_stays() -> None:
    world = logon()
    refused = await world.host.trees.move(
        Caller(client()), "SMS_SHR", BOX, "CCR.BOX/STOLEN", replace=False
    )
    assert (
        getattr(refused, "detail", "")
        == "DESPOOLR.BOX: it is one of the site's own directories, and stays where it is"
    )


async def test_a_file_that_stands_where_a_box_belongs_can_be_renamed_by_the_service() -> None:
    world = await filled()
    await world.host.trees.delete(Caller(ADMIN), "SMS_SHR", BOX)
    await world.host.paths.put(Caller(ADMIN), "SMS_SHR", BOX, b"x")
    assert (
        await world.host.paths.move(Caller(SERVICE), "SMS_SHR", BOX, f"{BOX}.BAD", replace=False)
        is None
    )


@pytest.mark.parametrize("count", [0, 1, rights.PREFIXES_MAX, rights.PREFIXES_MAX + 1])
def test_an_entry_counts_in_its_directory_and_below_however_many_there_are(count: int) -> None:
    table = RightsTable({f"a/p{n}": {Role.CLIENT: Rights.READ} for n in range(count)})
    for n in range(count + 1):
        expected = Rights.READ if n < count else Rights.NONE
        assert table.allowed(Role.CLIENT, f"A/P{n}") == expected
        assert table.allowed(Role.CLIENT, f"A/P{n}/B/C") == expected
        assert table.allowed(Role.CLIENT, f"A/P{n}X") == Rights.NONE
        assert table.allowed(Role.SERVICE, f"A/P{n}/B") == Rights.FULL
    assert table.allowed(Role.CLIENT, "A") == table.allowed(Role.CLIENT, "") == Rights.NONE
    for n in range(count):
        table.set(f"A/P{n}", Role.CLIENT, None)
    assert table.allowed(Role.CLIENT, "A/P0/B") == Rights.NONE
    table.set("", Role.CLIENT, Rights.CHANGE)
    table.set("A/OTHER", Role.CLIENT, Rights.READ)
    assert table.allowed(Role.CLIENT, "A/OTHER/B") == Rights.READ
    assert table.allowed(Role.CLIENT, "A/P0/B") == table.allowed(Role.CLIENT, "") == Rights.CHANGE
