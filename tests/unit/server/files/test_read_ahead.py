"""A large directory that somebody changed past the server is read in turns before a name in it is
decided about, by whichever door the name comes; and what is answered is what was always answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest

from despoolr_core.share.chain import CALLS_MAX
from despoolr_core.share.contract import ShareError
from despoolr_server.engine.names import found_name
from despoolr_server.files import path_index
from despoolr_server.files.disk import DiskFileStore
from despoolr_server.files.journal.journalled import JournalledFileStore
from despoolr_server.files.path_index import DirectoryIndex, PathIndex
from despoolr_server.files.read_ahead import READS_MAX
from despoolr_server.shares.local import LocalShare
from worlds.dav import lockinfo
from worlds.share import SERVICE
from worlds.share_server import Site, serving

FILES = 200
AT_ONE_TIME = 16

Store = DiskFileStore | JournalledFileStore


KINDS: list[type[DiskFileStore] | type[JournalledFileStore]] = [DiskFileStore, JournalledFileStore]


@pytest.fixture(params=KINDS)
def store(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A share with a directory that counts as large, read before, and changed since."""
    monkeypatch.setattr(path_index, "LARGE_SIZE", 0)
    monkeypatch.setattr(path_index, "NAMES_AT_ONE_TIME", AT_ONE_TIME)
    made: Store = request.param(tmp_path)
    (tmp_path / "BOX/DEEP").mkdir(parents=True)
    for number in range(FILES):
        (tmp_path / f"BOX/F{number}.DAT").write_bytes(b"content")
    return made


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The directories with anything in them that were read in one turn."""
    read: list[str] = []
    names_in = PathIndex.names_in

    def told(index: PathIndex, folder: DirectoryIndex) -> dict[str, str]:
        names = names_in(index, folder)
        if names:
            read.append(folder.key)
        return names

    monkeypatch.setattr(PathIndex, "names_in", told)
    return read


@pytest.fixture
async def site(store: Store) -> AsyncIterator[Site]:
    async with serving(store=store) as made:
        yield made


HTTP = [
    ("GET", "BOX/NONE.DAT", 404),
    ("GET", "BOX/f7.dat", 200),
    ("GET", "box/DEEP/NONE.DAT", 404),
    ("HEAD", "BOX/NONE.DAT", 404),
    ("PUT", "BOX/NEW.DAT", 201),
    ("PUT", "BOX/f7.DAT", 204),
    ("DELETE", "BOX/NONE.DAT", 404),
    ("DELETE", "BOX/f7.DAT", 204),
    ("MKCOL", "BOX/NEW", 201),
    ("PROPFIND", "BOX/NONE.DAT", 404),
    ("LOCK", "BOX/NEW.DAT", 201),
    ("MOVE", "BOX/F7.DAT", 201),
    ("COPY", "BOX/F7.DAT", 201),
]


@pytest.mark.parametrize(("method", "path", "status"), HTTP)
async def test_no_call_on_a_name_reads_its_directory_in_one_turn(
    site: Site, at_once: list[str], method: str, path: str, status: int
) -> None:
    body = lockinfo() if method == "LOCK" else None
    target = f"/SMS_SHR/{path}"
    reply = await site.ask(method, target, body, Destination="/SMS_SHR/BOX/OTHER.DAT")
    assert reply.status == status, reply
    assert at_once == []


async def test_no_open_nor_chain_reads_a_directory_in_one_turn(
    site: Site, store: Store, at_once: list[str]
) -> None:
    session = await site.session()

    async def changed() -> None:
        (Path(store.root) / f"BOX/X{len(list((Path(store.root) / 'BOX').iterdir()))}").touch()

    wish = {"session": session, "share": "SMS_SHR", "path": "BOX/NONE.DAT"}
    for made, call in (
        (404, ("/api/v1/opens", wish)),
        (201, ("/api/v1/opens", wish | {"path": "BOX/f9.dat"})),
        (201, ("/api/v1/opens", wish | {"path": "BOX/N.DAT", "disposition": "OPEN_IF"})),
    ):
        await changed()
        reply = await site.ask("POST", call[0], msgspec.json.encode(call[1]))
        assert reply.status == made, reply
    for calls in (
        [{"call": "get", "share": "SMS_SHR", "path": "BOX/NONE.DAT"}],
        [{"call": "delete", "share": "SMS_SHR", "path": f"BOX/NONE{n}"} for n in range(3)],
        [
            {"call": "put", "share": "SMS_SHR", "path": f"BOX/C{n}", "data": "eA==", "create": True}
            for n in range(3)
        ],
        [{"call": "open", "request": wish}],
        [
            {"call": call, "share": "SMS_SHR", "path": path}
            for call, path in (("delete", "BOX/F3.DAT"), ("delete", "BOX/NONE"), ("get", "BOX/NO"))
        ],
    ):
        await changed()
        reply = await site.ask("POST", "/api/v1/chain", msgspec.json.encode({"calls": calls}))
        assert reply.status == 200, reply
    assert at_once == []


async def test_a_chain_that_goes_from_directory_to_directory_asks_of_each_name_once(
    site: Site, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    (Path(store.root) / "BOX/DEEP/G.DAT").touch()
    gate, asked = site.host.gate, 0
    is_unread = gate.is_unread

    def counted(share: str, path: str, *, for_any: bool = False) -> bool:
        nonlocal asked
        asked += not for_any
        return is_unread(share, path, for_any=for_any)

    monkeypatch.setattr(gate, "is_unread", counted)
    paths = ["BOX/F1.DAT", "BOX/DEEP/G.DAT"] * (CALLS_MAX // 2)
    calls = [{"call": "get", "share": "SMS_SHR", "path": path} for path in paths]
    reply = await site.ask("POST", "/api/v1/chain", msgspec.json.encode({"calls": calls}))
    assert reply.status == 200, reply
    assert asked == len(calls)


Deed = Callable[[LocalShare], Awaitable[object]]


@pytest.mark.parametrize(
    "deed",
    [
        lambda share: share.open("BOX/NONE"),
        lambda share: share.read("BOX/NONE"),
        lambda share: share.read_all(["BOX/NONE", "BOX/f8.dat"]),
        lambda share: share.read_if_changed("BOX/NONE", '"1"'),
        lambda share: share.write("BOX/NEW", b"x"),
        lambda share: share.write_all([("BOX/NEW", b"x"), ("BOX/NEWER", b"x")]),
        lambda share: share.create("BOX/NEW", b"x"),
        lambda share: share.create_all([("BOX/NEW", b"x"), ("BOX/NEWER", b"x")]),
        lambda share: share.delete("BOX/NONE"),
        lambda share: share.delete_all(["BOX/NONE", "BOX/NONE2"]),
        lambda share: share.delete_all(["BOX/F5.DAT", "BOX/NONE2"]),
        lambda share: share.write_all([("BOX/F5.DAT", b"x"), ("BOX/NEW", b"x")]),
        lambda share: share.rename("BOX/F7.DAT", "BOX/NEW"),
        lambda share: share.stat("BOX/NONE"),
        lambda share: share.make_directory("BOX/NEW"),
    ],
)
async def test_nothing_that_a_service_does_reads_a_directory_in_one_turn(
    site: Site, at_once: list[str], deed: Deed
) -> None:
    with suppress(ShareError):
        await deed(LocalShare(site.host, "SMS_SHR", SERVICE))
    assert at_once == []


async def test_others_have_turns_meanwhile_and_those_who_look_together_read_once(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []
    reading = PathIndex.reading

    def told(index: PathIndex, folder: DirectoryIndex) -> object:
        begun.append(folder.key)
        return reading(index, folder)

    monkeypatch.setattr(PathIndex, "reading", told)
    gate = site.host.gate
    assert gate.is_unread("SMS_SHR", "BOX/NONE") and not gate.is_unread("NO_SHARE", "BOX/NONE")
    looks = [asyncio.create_task(gate.read_ahead("SMS_SHR", f"BOX/NONE{n}")) for n in range(5)]
    turns = 0
    while not all(look.done() for look in looks):
        turns += 1
        await asyncio.sleep(0)
    assert turns >= FILES // AT_ONE_TIME
    assert begun.count("BOX") == 1


async def test_a_directory_that_is_changed_all_the_time_is_read_a_few_times_and_no_more(
    site: Site, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []
    reading = PathIndex.reading

    def told(index: PathIndex, folder: DirectoryIndex) -> object:
        for step in reading(index, folder):
            (Path(store.root) / f"BOX/X{len(begun)}").touch()
            yield step
        begun.append(folder.key)

    monkeypatch.setattr(PathIndex, "reading", told)
    read_ahead = site.host.gate.read_ahead
    await asyncio.gather(*(read_ahead("SMS_SHR", f"BOX/NONE{number}") for number in range(5)))
    assert begun.count("BOX") == READS_MAX
    await read_ahead("SMS_SHR", "BOX/NONE")
    assert begun.count("BOX") == 2 * READS_MAX
    monkeypatch.undo()
    assert (await site.ask("GET", "/SMS_SHR/BOX/x1")).status == 200


async def test_who_may_not_call_has_nothing_read(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []
    monkeypatch.setattr(PathIndex, "reading", lambda _index, folder: begun.append(folder.key))
    assert (await site.ask("GET", "/SMS_SHR/BOX/NONE", token="")).status == 401
    assert (await site.ask("GET", "/SMS_SHR/BOX/NONE", token="x.y.z")).status == 401
    assert begun == []


def test_only_a_new_name_in_a_directory_that_changed_is_unread(store: Store) -> None:
    index = store.index if isinstance(store, DiskFileStore) else store._disk.index

    def is_unread(path: str) -> bool:
        return index.unread(found_name(path)) is not None

    box = Path(store.root) / "BOX"
    assert is_unread("BOX/NONE") and not is_unread("BOX/F1.DAT")
    assert not is_unread("") and not is_unread(".despoolr/x")
    assert store.find(found_name("BOX/NONE")) is None
    assert not is_unread("BOX/NONE") and not is_unread("BOX/NONE/DEEPER")
    store.write_whole(found_name("BOX/OURS"), b"", 0.0)
    assert not is_unread("BOX/NONE"), "the store's own changes are known"
    (box / "X").touch()
    assert is_unread("BOX/NONE") and is_unread("BOX/x") and not is_unread("BOX/X")
    assert not is_unread("BOX/f2.dat"), "where it was, it is"
    assert store.find(found_name("BOX/x"), is_brief=True) is None
    found = store.find(found_name("BOX/x"))
    assert found is not None and found.path == "BOX/X"
