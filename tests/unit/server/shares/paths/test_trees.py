"""Whole trees: copied, moved and deleted, and what stays because somebody holds it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from itertools import pairwise
from pathlib import Path

import pytest

from despoolr_core.share.contract import ShareError
from despoolr_core.share.modes import Access, NtStatus, Role
from despoolr_core.share.wire import LockElement, LockList, LockRequest, Problem
from despoolr_server.engine.names import DEPTH_MAX, Name, found_name, parse_name
from despoolr_server.engine.table import file_key
from despoolr_server.files.disk import DiskFileStore
from despoolr_server.loop.pace import BATCH, FILES_A_TURN
from despoolr_server.shares.base.principal import Caller
from despoolr_server.shares.base.rights import Rights
from despoolr_server.shares.dav import LockWish
from despoolr_server.shares.paths.trees import FAILURES_MAX, Failures, is_inside
from worlds.share import SERVICE, World, client, status
from worlds.turns import others

SVC = Caller(SERVICE)
WS3 = client("WS3")


async def planted() -> World:
    """`D` with a file, a directory and a file in that."""
    world = World()
    await world.host.paths.make_directory(SVC, "OPEN", "D/E", parents=True)
    await world.put("D/A", b"a")
    await world.put("D/E/B", b"b")
    return world


def n(path: str) -> Name:
    name = parse_name(path)
    assert isinstance(name, Name)
    return name


def paths(world: World, directory: str = "") -> list[str]:
    """Everything below a directory."""
    found = []
    for facts in world.store.list(found_name(directory)):
        found.append(facts.path)
        found += paths(world, facts.path) if facts.directory else []
    return found


def failed(result: Problem | Failures) -> list[tuple[str, NtStatus]]:
    """The parts that could not be done."""
    assert isinstance(result, list), result
    return [(path, status(problem)) for path, problem in result]


async def test_a_tree_is_copied_file_by_file_with_its_properties() -> None:
    world = await planted()
    world.store.set_properties(n("D/E/B"), {"{urn:x}y": '<y xmlns="urn:x"/>'})
    world.store.set_properties(n("D"), {"{urn:x}z": '<z xmlns="urn:x"/>'})
    assert await world.host.trees.copy(SVC, "OPEN", "D", "C", replace=False) == []
    assert paths(world, "C") == ["C/A", "C/E", "C/E/B"]
    assert world.store.read(n("C/E/B")) == b"b"
    assert dict(world.store.properties(n("C/E/B"))) == {"{urn:x}y": '<y xmlns="urn:x"/>'}
    assert list(world.store.properties(n("C"))) == ["{urn:x}z"]
    assert (
        status(await world.host.trees.copy(SVC, "OPEN", "D", "C", replace=False))
        is NtStatus.OBJECT_NAME_COLLISION
    )


async def test_a_copy_of_depth_zero_leaves_out_what_is_inside() -> None:
    world = await planted()
    assert await world.host.trees.copy(SVC, "OPEN", "D", "C", replace=False, infinite=False) == []
    assert paths(world) == ["C", "D", "D/A", "D/E", "D/E/B"]


async def test_a_copied_directory_replaces_all_that_was_there() -> None:
    world = await planted()
    await world.host.paths.make_directory(SVC, "OPEN", "C/OLD", parents=True)
    await world.put("C/A", b"old")
    assert await world.host.trees.copy(SVC, "OPEN", "D", "C", replace=True) == []
    assert paths(world, "C") == ["C/A", "C/E", "C/E/B"]
    assert await world.host.trees.copy(SVC, "OPEN", "D", "C/A", replace=True) == []
    assert paths(world, "C/A") == ["C/A/A", "C/A/E", "C/A/E/B"]
    assert await world.host.trees.copy(SVC, "OPEN", "D/A", "C/A", replace=True) == []
    assert world.store.read(n("C/A")) == b"a"


async def test_nothing_is_copied_onto_or_into_itself_or_over_what_it_stands_in() -> None:
    world = await planted()
    for source, target in (("D", "d"), ("D", "d/x"), ("D/A", "D/a"), ("D/E", "D"), ("D/A", "D")):
        refused = await world.host.trees.copy(SVC, "OPEN", source, target, replace=True)
        assert status(refused) is NtStatus.ACCESS_DENIED, (source, target)
    assert paths(world) == ["D", "D/A", "D/E", "D/E/B"]


async def test_a_copy_goes_on_past_what_it_may_not_read() -> None:
    world = await planted()
    await world.hold(WS3, world.session(WS3), "D/A", share_mode="NONE")
    result = await world.host.trees.copy(SVC, "OPEN", "D", "C", replace=False)
    assert failed(result) == [("C/A", NtStatus.SHARING_VIOLATION)]
    assert paths(world, "C") == ["C/E", "C/E/B"]


@pytest.mark.parametrize("what", ["directory", "file"])
@pytest.mark.parametrize("in_the_way", ["an open", "a range", "a right", "a right there"])
async def test_nothing_makes_way_for_a_copy_that_could_not_be_whole(
    in_the_way: str, what: str
) -> None:
    world = await planted()
    if what == "directory":
        await world.host.paths.make_directory(SVC, "OPEN", "C/OLD", parents=True)
    await world.put("C/OLD/Z" if what == "directory" else "C", b"old")
    before, refused = paths(world), NtStatus.ACCESS_DENIED
    if in_the_way == "an open":
        await world.hold(WS3, world.session(WS3), "D/E/B", share_mode="NONE")
        refused = NtStatus.SHARING_VIOLATION
    elif in_the_way == "a range":
        handle = await world.hold(WS3, world.session(WS3), "D/E/B", share_mode="READ|WRITE|DELETE")
        request = LockRequest([LockElement(0, 1)])
        assert isinstance(await world.host.range_locks.lock(WS3, handle, request), LockList)
        refused = NtStatus.FILE_LOCK_CONFLICT
    else:
        place = "D/E" if in_the_way == "a right" else "C/E/B"
        no = Rights.NONE if in_the_way == "a right" else Rights.FULL & ~Access.WRITE_DATA
        world.host.set_rights("OPEN", place, Role.SERVICE, no)  # type: ignore[arg-type]
    found = failed(await world.host.trees.copy(SVC, "OPEN", "D", "C", replace=True))
    assert ("C/E/B", refused) in found and {status for _, status in found} == {refused}
    assert paths(world) == before


async def test_a_held_target_is_not_replaced_and_its_holder_is_named() -> None:
    world = await planted()
    await world.put("C", b"old")
    await world.hold(WS3, world.session(WS3, "EXCEL.EXE"), "C")
    refused = await world.host.trees.copy(SVC, "OPEN", "D/A", "C", replace=True)
    assert isinstance(refused, Problem)
    assert (refused.nt_status, refused.blockers[0].program) == (
        NtStatus.SHARING_VIOLATION,
        "EXCEL.EXE",
    )


async def test_deleting_a_tree_leaves_what_is_held_and_what_that_stands_in() -> None:
    world = await planted()
    await world.put("D/E/C", b"c")
    handle = await world.hold(WS3, world.session(WS3), "D/E/B")
    result = await world.host.trees.delete(SVC, "OPEN", "D")
    assert failed(result) == [("D/E/B", NtStatus.SHARING_VIOLATION)]
    assert paths(world) == ["D", "D/E", "D/E/B"]
    await world.host.handles.close(WS3, handle)
    assert await world.host.trees.delete(SVC, "OPEN", "D") == []
    assert paths(world) == []


async def test_the_root_of_a_share_is_not_deleted_nor_what_is_not_there() -> None:
    world = await planted()
    assert status(await world.host.trees.delete(SVC, "OPEN", "")) is NtStatus.ACCESS_DENIED
    assert status(await world.host.trees.delete(SVC, "OPEN", "X")) is NtStatus.OBJECT_NAME_NOT_FOUND
    assert len(paths(world)) == 4


async def test_a_moved_tree_takes_its_properties_and_replaces_what_was_there() -> None:
    world = await planted()
    world.store.set_properties(n("D/E/B"), {"{urn:x}y": '<y xmlns="urn:x"/>'})
    await world.host.paths.make_directory(SVC, "OPEN", "C/OLD", parents=True)
    assert (
        status(await world.host.trees.move(SVC, "OPEN", "D", "C", replace=False))
        is NtStatus.OBJECT_NAME_COLLISION
    )
    assert await world.host.trees.move(SVC, "OPEN", "D", "C", replace=True) == []
    assert paths(world) == ["C", "C/A", "C/E", "C/E/B"]
    assert list(world.store.properties(n("C/E/B"))) == ["{urn:x}y"]
    assert await world.host.trees.move(SVC, "OPEN", "C", "c", replace=False) == []
    assert paths(world)[0] == "c"


async def test_a_tree_with_a_held_file_does_not_move_and_the_file_is_named() -> None:
    world = await planted()
    await world.hold(WS3, world.session(WS3), "D/E/B", share_mode="READ|WRITE|DELETE")
    result = await world.host.trees.move(SVC, "OPEN", "D", "C", replace=True)
    assert failed(result) == [("D/E/B", NtStatus.SHARING_VIOLATION)]
    assert paths(world) == ["D", "D/A", "D/E", "D/E/B"]


async def test_a_move_that_cannot_end_well_deletes_nothing_first() -> None:
    world = await planted()
    await world.host.paths.make_directory(SVC, "OPEN", "C/KEPT", parents=True)
    await world.hold(WS3, world.session(WS3), "D/A")
    assert failed(await world.host.trees.move(SVC, "OPEN", "D", "C", replace=True)) == [
        ("D/A", NtStatus.SHARING_VIOLATION)
    ]
    assert (
        status(await world.host.trees.move(SVC, "OPEN", "D/A", "C", replace=True))
        is NtStatus.SHARING_VIOLATION
    )
    assert (
        status(await world.host.trees.move(SVC, "OPEN", "D/E", "D", replace=True))
        is NtStatus.ACCESS_DENIED
    )
    assert paths(world, "C") == ["C/KEPT"]


def test_inside_is_below_at_any_depth_and_not_the_same() -> None:
    assert is_inside(n("d/e/f"), n("D"))
    assert is_inside(n("d"), n(""))
    assert not is_inside(n("D"), n("D"))
    assert not is_inside(n("DD/e"), n("D"))


DEEP = 500


def grown_by_hand(root: Path) -> World:
    """A share in which somebody made 500 directories, each in the last, and a file at the
    bottom.
    """
    bottom = root / "T"
    bottom.mkdir()
    for _ in range(DEEP):
        bottom /= "d"
        bottom.mkdir()
    (bottom / "x").write_bytes(b"x")
    return World(DiskFileStore(root))


@pytest.mark.slow
async def test_a_tree_deeper_than_any_path_may_be_is_listed_looked_over_and_deleted(
    tmp_path: Path,
) -> None:
    world = grown_by_hand(tmp_path)
    found = await world.host.dav.look(SVC, "OPEN", "T", None)
    assert isinstance(found, list) and len(found) == DEEP + 2
    listed = world.host.listings.list(SVC, "OPEN", "/".join(["T", *["d"] * (DEPTH_MAX - 1)]))
    assert isinstance(listed, list) and len(listed) == 1
    refused = world.host.listings.list(SVC, "OPEN", "/".join(["T", *["d"] * DEPTH_MAX]))
    assert status(refused) is NtStatus.OBJECT_NAME_INVALID
    assert (
        status(await world.host.trees.copy(SVC, "OPEN", "T", "C", replace=False))
        is NtStatus.OBJECT_NAME_INVALID
    )
    assert await world.host.trees.move(SVC, "OPEN", "T", "U", replace=False) == []
    assert await world.host.trees.delete(SVC, "OPEN", "U") == []
    assert paths(world) == []


async def test_a_path_too_deep_is_refused_at_every_door(tmp_path: Path) -> None:
    world = World(DiskFileStore(tmp_path))
    deepest, over = "/".join(["d"] * DEPTH_MAX), "/".join(["d"] * (DEPTH_MAX + 1))
    share, session = world.share(), world.session(SERVICE)
    assert await world.host.paths.make_directory(SVC, "OPEN", deepest, parents=True) is None
    too_deep = NtStatus.OBJECT_NAME_INVALID
    assert (
        status(await world.host.paths.make_directory(SVC, "OPEN", over, parents=True)) is too_deep
    )
    assert (
        status(await world.host.paths.make_directory(SVC, "OPEN", over, parents=False)) is too_deep
    )
    assert status(await world.host.paths.put(SVC, "OPEN", over, b"")) is too_deep
    assert (
        status(await world.open(SERVICE, session, over, access="WRITE", disposition="OPEN_IF"))
        is too_deep
    )
    assert status(await world.host.dav.lock(SVC, "OPEN", over, LockWish())) is too_deep
    await world.put("F")
    assert status(await world.host.paths.move(SVC, "OPEN", "F", over, replace=False)) is too_deep
    assert status(await world.host.trees.copy(SVC, "OPEN", "F", over, replace=False)) is too_deep
    handle = await world.hold(
        SERVICE, session, "F", access="DELETE", share_mode="READ|WRITE|DELETE"
    )
    assert (
        status(await world.host.file_info.rename(SERVICE, handle, over, replace=False)) is too_deep
    )
    with pytest.raises(ShareError, match="65 parts"):
        await share.make_directory(over)
    with pytest.raises(ShareError, match="65 parts"):
        await share.write(over, b"")


@pytest.mark.parametrize("how", ["move", "tree", "rename", "copy", "over", "copy over"])
@pytest.mark.parametrize("kind", ["depth", "length"])
async def test_a_tree_whose_paths_would_become_too_far_stays_whole_and_so_does_what_is_in_its_way(
    tmp_path: Path, how: str, kind: str
) -> None:
    world = World(DiskFileStore(tmp_path))
    inner = "/".join(["d"] * (DEPTH_MAX - 1)) if kind == "depth" else "/".join(["x" * 250] * 4)
    over = "B/T" if kind == "depth" else "T" * 100
    for directory in (f"T/{inner}", "B"):
        assert await world.host.paths.make_directory(SVC, "OPEN", directory, parents=True) is None
    if "over" in how:
        assert await world.host.paths.make_directory(SVC, "OPEN", over, parents=False) is None
        await world.put(f"{over}/kept")
    before = paths(world)
    answer: object
    if how == "move":
        answer = await world.host.paths.move(SVC, "OPEN", "T", over, replace=False)
    elif how == "rename":
        session = world.session(SERVICE)
        handle = await world.hold(
            SERVICE, session, "T", access="DELETE", share_mode="READ|WRITE|DELETE"
        )
        answer = await world.host.file_info.rename(SERVICE, handle, over, replace=False)
    elif how.startswith("copy"):
        answer = await world.host.trees.copy(SVC, "OPEN", "T", over, replace=True)
    else:
        answer = await world.host.trees.move(SVC, "OPEN", "T", over, replace=True)
    assert status(answer) is NtStatus.OBJECT_NAME_INVALID
    assert paths(world) == before


async def test_a_move_over_a_directory_asks_all_that_can_be_asked_before_that_goes() -> None:
    world = await planted()
    await world.host.paths.make_directory(SVC, "OPEN", "X/Y", parents=True)
    world.host.set_rights("OPEN", "X", Role.SERVICE, Rights.FULL & ~Access.WRITE_DATA)  # type: ignore[arg-type]
    assert (
        status(await world.host.trees.move(SVC, "OPEN", "D", "X/Y", replace=True))
        is NtStatus.ACCESS_DENIED
    )
    assert (
        status(await world.host.trees.copy(SVC, "OPEN", "D", "X/Y", replace=True))
        is NtStatus.ACCESS_DENIED
    )
    assert (
        status(await world.host.trees.copy(SVC, "OPEN", "D/A", "X/Y", replace=True))
        is NtStatus.ACCESS_DENIED
    )
    assert paths(world) == ["D", "D/A", "D/E", "D/E/B", "X", "X/Y"]


@pytest.mark.parametrize("in_the_way", ["an open", "an open that lets delete", "a right", "a mark"])
@pytest.mark.parametrize(
    ("verb", "source"), [("move", "D"), ("copy", "D"), ("move", "D/A"), ("copy", "D/A")]
)
async def test_of_a_directory_that_cannot_all_make_way_nothing_goes(
    in_the_way: str, verb: str, source: str
) -> None:
    world = await planted()
    await world.host.paths.make_directory(SVC, "OPEN", "C/KEPT", parents=True)
    for path in ("C/F", "C/KEPT/F", "C/Z"):
        await world.put(path)
    before = paths(world)
    refused = NtStatus.SHARING_VIOLATION
    if in_the_way == "a right":
        world.host.set_rights("OPEN", "C/KEPT", Role.SERVICE, Rights.READ)
        refused = NtStatus.ACCESS_DENIED
    elif in_the_way == "a mark":
        world.store.set_attributes(n("C/KEPT/F"), 1)
        refused = NtStatus.CANNOT_DELETE
    else:
        mode = "READ" if in_the_way == "an open" else "READ|WRITE|DELETE"
        await world.hold(WS3, world.session(WS3), "C/KEPT/F", share_mode=mode)
    deed = world.host.trees.move if verb == "move" else world.host.trees.copy
    found = failed(await deed(SVC, "OPEN", source, "C", replace=True))
    assert ("C/KEPT/F", refused) in found and {status for _, status in found} == {refused}
    assert paths(world) == before
    held = world.host.engine.table.file(file_key("OPEN", n("C/KEPT/F")))
    assert held is None or not held.delete_pending


@pytest.mark.parametrize("hidden", ["link", "g", "a?", "LOST"])
@pytest.mark.parametrize(
    ("verb", "source", "inner"),
    [("move", "D", "/IN"), ("copy", "D", "/IN"), ("copy", "D/A", "/IN"), ("move", "D", "")],
)
async def test_of_a_directory_with_what_no_share_shows_nothing_goes(
    tmp_path: Path, hidden: str, verb: str, source: str, inner: str
) -> None:
    """Somebody has put it there past the server: no deletion of the share takes it along."""
    world = World(DiskFileStore(tmp_path))
    for path in ("D", "C/IN"):
        await world.host.paths.make_directory(SVC, "OPEN", path, parents=True)
    for path in ("D/A", "C/F", "C/G", "C/IN/G"):
        await world.put(path)
    if hidden == "LOST":
        (tmp_path / f"C{inner}/a*").mkdir()
    (tmp_path / f"C{inner}/{hidden}").symlink_to("nowhere")
    before = sorted(tmp_path.glob("[CD]/**/*"))
    deed = world.host.trees.move if verb == "move" else world.host.trees.copy
    found = await deed(SVC, "OPEN", source, "C", replace=True)
    if inner:
        assert failed(found) == [(f"C{inner}", NtStatus.DIRECTORY_NOT_EMPTY)]
    else:
        assert status(found) is NtStatus.DIRECTORY_NOT_EMPTY
    assert sorted(tmp_path.glob("[CD]/**/*")) == before


async def test_a_directory_that_is_copied_over_may_keep_what_no_share_shows(tmp_path: Path) -> None:
    world = World(DiskFileStore(tmp_path))
    for path in ("D", "C"):
        await world.host.paths.make_directory(SVC, "OPEN", path, parents=True)
    for path in ("D/A", "C/F"):
        await world.put(path)
    (tmp_path / "C/link").symlink_to("nowhere")
    assert await world.host.trees.copy(SVC, "OPEN", "D", "C", replace=True) == []
    assert sorted(path.name for path in (tmp_path / "C").iterdir()) == ["A", "link"]


async def test_a_read_only_file_is_not_moved_over_a_locked_one_by_half() -> None:
    world = await planted()
    locked = await world.host.dav.lock(SVC, "OPEN", "D/A", LockWish())
    assert isinstance(locked, tuple)
    world.store.set_attributes(n("D/E/B"), 1)
    mine = Caller(SERVICE, tokens=frozenset({locked[0].token}))
    assert (
        status(await world.host.trees.move(mine, "OPEN", "D/E/B", "D/A", replace=True))
        is NtStatus.CANNOT_DELETE
    )
    assert (world.store.read(n("D/A")), world.store.read(n("D/E/B"))) == (b"a", b"b")


async def test_a_refused_move_ends_no_lock() -> None:
    world = await planted()
    locked = await world.host.dav.lock(SVC, "OPEN", "D/A", LockWish())
    assert isinstance(locked, tuple)
    mine = Caller(SERVICE, tokens=frozenset({locked[0].token}))
    world.store.set_attributes(n("D/E/B"), 1)
    for move in (world.host.trees.move, world.host.paths.move):
        assert (
            status(await move(mine, "OPEN", "D/A", "D/E/B", replace=True)) is NtStatus.ACCESS_DENIED
        )
    assert world.host.dav.locks_on(mine, "OPEN", "D/A")[1] == [locked[0]]


async def test_a_move_that_a_late_open_refuses_ends_no_lock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The open comes while the store makes ready for the rename."""
    world = await planted()
    locked = await world.host.dav.lock(SVC, "OPEN", "D", LockWish())
    assert isinstance(locked, tuple)
    mine = Caller(SERVICE, tokens=frozenset({locked[0].token}))

    session = world.session(WS3)

    async def opened_meanwhile(_name: Name, _new_name: Name | None = None) -> None:
        await world.hold(WS3, session, "D/E/B", access="READ", share_mode="READ|WRITE|DELETE")

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(world.store, "ready", opened_meanwhile)
        refused = await world.host.trees.move(mine, "OPEN", "D", "N", replace=True)
    assert failed(refused) == [("D/E/B", NtStatus.SHARING_VIOLATION)]
    assert world.host.dav.locks_on(mine, "OPEN", "D")[1] == [locked[0]]
    assert paths(world) == ["D", "D/A", "D/E", "D/E/B"]
    assert world.host.sessions.end(WS3, session) is None
    assert await world.host.trees.move(mine, "OPEN", "D", "N", replace=True) == []
    assert world.host.dav.locks_on(mine, "OPEN", "N")[1] == []


async def test_whoever_is_refused_very_often_gives_up() -> None:
    world = World()
    await world.host.paths.make_directory(SVC, "OPEN", "D", parents=False)
    session = world.session(WS3)
    for number in range(FAILURES_MAX + 10):
        await world.put(f"D/F{number:03}")
        await world.hold(WS3, session, f"D/F{number:03}")
    failures = await world.host.trees.delete(SVC, "OPEN", "D")
    assert isinstance(failures, list)
    assert len(failures) == FAILURES_MAX + 1
    assert (failures[-1][0], failures[-1][1].status) == ("D", 507)
    moved = await world.host.trees.move(SVC, "OPEN", "D", "E", replace=False)
    assert isinstance(moved, list)
    assert len(moved) == FAILURES_MAX
    assert len(paths(world, "D")) == FAILURES_MAX + 10


async def test_a_tree_of_many_names_lets_others_have_turns() -> None:
    world = World()
    await world.host.paths.make_directory(SVC, "OPEN", "D", parents=False)
    for number in range(4 * BATCH):
        world.store.write_whole(n(f"D/F{number}"), b"", 0.0)

    async with others() as waiting:
        assert await world.host.trees.delete(SVC, "OPEN", "D") == []
    assert waiting.turns >= 3


async def test_a_tree_is_copied_and_deleted_some_names_in_each_turn(tmp_path: Path) -> None:
    """On a plain disk, or in memory, there is nothing to wait for: of 30,000 files others waited
    for the last.
    """
    world = World(DiskFileStore(tmp_path))
    await world.host.paths.make_directory(SVC, "OPEN", "D", parents=False)
    for number in range(150):
        await world.put(f"D/F{number}")
    trees = world.host.trees
    counts = [0]

    async def most(work: Awaitable[object]) -> int:
        task = asyncio.ensure_future(work)
        while not task.done():
            await asyncio.sleep(0)
            counts.append(len([*tmp_path.glob("T/*")]))
        assert task.result() == []
        return max(abs(after - before) for before, after in pairwise(counts))

    assert await most(trees.copy(SVC, "OPEN", "D", "T", replace=False)) <= FILES_A_TURN
    assert counts[-1] == 150
    assert await most(trees.delete(SVC, "OPEN", "T")) <= 32
    assert counts[-1] == 0
