"""The copy strategies against a real share: which files are new, old or gone when somebody holds
one of them.
"""

from __future__ import annotations

from typing import Any

import pytest

from despoolr_core.rules.conflict import wants
from despoolr_core.rules.remedies import COPY_STRATEGIES
from despoolr_core.share.contract import ShareError
from despoolr_core.share.modes import Access, NtStatus, ShareMode
from despoolr_server.engine.names import Name, parse_name
from despoolr_server.files.memory import MemoryFileStore
from despoolr_server.files.pending_renames import carry_out
from despoolr_server.shares.local import LocalOpenFile, LocalShare
from despoolr_server.site.despooler.copy_strategies import STRATEGIES
from despoolr_server.site.despooler.copying.ours import probe_all_then_copy
from despoolr_server.site.despooler.copying.steps import present_files
from despoolr_server.site.despooler.copying.target import CopyResult, Target
from worlds.share import SERVICE, World, client

OLD = dict.fromkeys(("a.dat", "b.dat", "c.dat"), b"old")
NEW = dict.fromkeys(OLD, b"new!")
NO_SHARING = ShareMode.NONE
READ, WRITE, DELETE = (
    ShareMode.READ,
    ShareMode.READ | ShareMode.WRITE,
    ShareMode.READ | ShareMode.DELETE,
)
ALL = ShareMode.READ | ShareMode.WRITE | ShareMode.DELETE


async def update(
    strategy: str,
    held: str = "",
    share_mode: ShareMode = READ,
    *,
    access: Access = Access.READ,
    new: dict[str, bytes] = NEW,
    refresh: bool = True,
    world: World | None = None,
) -> tuple[CopyResult, dict[str, str], list[tuple[str, str, int]]]:
    """Put OLD there, let somebody hold a file, run a strategy: its result, what is there now, what
    it said of each file.
    """
    world = world or World()
    share = world.share()
    await share.make_directory("PKG")
    for name, data in OLD.items():
        await share.write(f"PKG/{name}", data)
    if held:
        await world.share(client()).open(f"PKG/{held}", access, share_mode, program="WINWORD.EXE")
    said: list[tuple[str, str, int]] = []
    target = Target(
        share, "PKG", new, "job J", refresh, lambda *about: said.append(about), has_package=True
    )
    result = await STRATEGIES[strategy](target)
    there = {
        name: bytes(world.store.read(_name(f"PKG/{name}"))).decode()
        for name in await present_files(share, "PKG")
    }
    return result, there, said


def _name(path: str) -> Name:
    name = parse_name(path)
    assert isinstance(name, Name)
    return name


def test_the_strategies_are_those_a_profile_can_name() -> None:
    assert set(STRATEGIES) == set(COPY_STRATEGIES)


@pytest.mark.parametrize("strategy", [s for s in COPY_STRATEGIES if s != "new_folder_and_switch"])
async def test_without_a_holder_every_file_is_new(strategy: str) -> None:
    result, there, _ = await update(strategy)
    assert result.is_complete
    assert result.copied == ("a.dat", "b.dat", "c.dat")
    assert there == dict.fromkeys(NEW, "new!")


TABLE = [
    # strategy, held, what is left
    ("stop_at_first_lock", "a.dat", {"a.dat": "old", "b.dat": "old", "c.dat": "old"}),
    ("stop_at_first_lock", "b.dat", {"a.dat": "new!", "b.dat": "old", "c.dat": "old"}),  # Q128458
    ("stop_at_first_lock", "c.dat", {"a.dat": "new!", "b.dat": "new!", "c.dat": "old"}),
    ("delete_then_copy", "a.dat", {"a.dat": "old"}),  # Q184489: what can be deleted is gone
    ("delete_then_copy", "b.dat", {"b.dat": "old"}),
    ("delete_then_copy_checked", "b.dat", {"a.dat": "old", "b.dat": "old", "c.dat": "old"}),
    ("skip_locked_and_retry", "b.dat", {"a.dat": "new!", "b.dat": "old", "c.dat": "new!"}),
]


@pytest.mark.parametrize(("strategy", "held", "left"), TABLE, ids=[f"{s}-{h}" for s, h, _ in TABLE])
async def test_a_held_file_stops_each_strategy_in_its_own_way(
    strategy: str, held: str, left: dict[str, str]
) -> None:
    result, there, said = await update(strategy, held)
    assert there == left
    assert not result.is_complete
    assert [name for name, _ in result.failed] == [held]
    assert result.win32 == 32
    assert (held, "refused", 32) in said
    blocker = result.failed[0][1].blockers[0]  # type: ignore[union-attr]
    assert (blocker.machine, blocker.program, blocker.share_mode) == ("WS3", "WINWORD.EXE", "READ")


@pytest.mark.parametrize("share_mode", [READ | ShareMode.WRITE, ALL])
async def test_a_reader_who_shares_writing_does_not_block_the_copy_of_1_0(
    share_mode: ShareMode,
) -> None:
    result, there, _ = await update("stop_at_first_lock", "b.dat", share_mode)
    assert result.is_complete
    assert there == dict.fromkeys(NEW, "new!")


@pytest.mark.parametrize("share_mode", [NO_SHARING, READ, ShareMode.DELETE, DELETE])
async def test_who_does_not_share_writing_blocks_the_copy_of_1_0(share_mode: ShareMode) -> None:
    result, there, _ = await update("stop_at_first_lock", "b.dat", share_mode)
    assert (result.win32, there["b.dat"]) == (32, "old")


async def test_sharing_writing_alone_does_not_help_against_the_deletion_of_1_2() -> None:
    result, there, _ = await update("delete_then_copy", "b.dat", WRITE)
    assert (result.win32, there) == (32, {"b.dat": "old"})


async def test_a_file_deleted_under_its_holder_is_pending_and_cannot_be_written() -> None:
    result, there, said = await update("delete_then_copy", "b.dat", DELETE)
    assert ("b.dat", "deleted", 0) in said
    assert [name for name, _ in result.failed] == ["b.dat"]
    assert there["a.dat"] == "new!"
    assert "c.dat" not in there, "the copy stopped there"


async def test_a_writer_blocks_even_if_it_shares_everything() -> None:
    result, _, _ = await update(
        "stop_at_first_lock", "b.dat", ALL, access=Access.READ | Access.WRITE
    )
    assert result.win32 == 32, "the copy shares reading only"


async def test_attributes_only_opens_block_nobody() -> None:
    result, _, _ = await update(
        "stop_at_first_lock", "b.dat", NO_SHARING, access=Access.READ_ATTRIBUTES
    )
    assert result.is_complete


@pytest.mark.parametrize("strategy", ["delete_then_copy", "delete_then_copy_checked"])
async def test_files_that_left_the_package_leave_the_server_too(strategy: str) -> None:
    result, there, _ = await update(strategy, new={"a.dat": b"new!"})
    assert result.is_complete
    assert there == {"a.dat": "new!"}


async def test_the_copy_of_1_0_leaves_files_that_left_the_package() -> None:
    _, there, _ = await update("stop_at_first_lock", new={"a.dat": b"new!"})
    assert there == {"a.dat": "new!", "b.dat": "old", "c.dat": "old"}


@pytest.mark.parametrize(("refresh", "blocked"), [(True, True), (False, False)])
async def test_a_held_file_that_did_not_change_blocks_only_who_writes_every_file(
    refresh: bool, blocked: bool
) -> None:
    new = {"a.dat": b"new!", "b.dat": b"old", "c.dat": b"old"}
    # Q184512
    result, there, _ = await update("delete_then_copy_checked", "b.dat", new=new, refresh=refresh)
    assert result.is_complete is not blocked
    assert there["a.dat"] == ("old" if blocked else "new!")


async def test_unchanged_files_are_said_to_be_unchanged() -> None:
    new = {"a.dat": b"new!", "b.dat": b"old", "c.dat": b"old"}
    result, _, said = await update("delete_then_copy_checked", new=new, refresh=False)
    assert result.copied == ("a.dat",)
    assert ("b.dat", "unchanged", 0) in said


@pytest.mark.parametrize("share_mode", [READ, WRITE])
async def test_a_rename_over_an_open_file_is_no_remedy(share_mode: ShareMode) -> None:
    result, there, _ = await update("temp_and_rename", "b.dat", share_mode)
    assert [name for name, _ in result.failed] == ["b.dat"]
    assert (there["a.dat"], there["b.dat"], there["c.dat"]) == ("new!", "old", "new!")


async def test_a_new_directory_leaves_holders_of_the_old_one_alone() -> None:
    world = World()
    result, there, _ = await update("new_folder_and_switch", "b.dat", NO_SHARING, world=world)
    assert result.is_complete
    assert result.directory == "PKG.NEW"
    assert there == dict.fromkeys(OLD, "old")
    assert await present_files(world.share(), "PKG.NEW") == ["a.dat", "b.dat", "c.dat"]


async def test_directories_of_a_package_are_made_on_the_way() -> None:
    result, there, _ = await update("stop_at_first_lock", new={"sub/deep/x.dat": b"new!"})
    assert result.is_complete
    assert there["sub/deep/x.dat"] == "new!"


async def test_a_full_disk_fails_with_its_own_code() -> None:
    world = World(MemoryFileStore(capacity=9))
    result, _, _ = await update("stop_at_first_lock", world=world)
    assert result.win32 == 112
    assert [name for name, _ in result.failed] == ["a.dat"]


async def test_two_holders_are_both_reported_by_the_check_of_sp4() -> None:
    world = World()
    await update("stop_at_first_lock", world=world)
    for name in ("a.dat", "c.dat"):
        await world.share(client()).open(f"PKG/{name}", Access.READ, READ)
    result = await STRATEGIES["delete_then_copy_checked"](
        Target(world.share(), "PKG", OLD, "job J", True)
    )
    assert [name for name, _ in result.failed] == ["a.dat", "c.dat"]


@pytest.mark.parametrize("strategy", ["rename_aside", "posix_replace"])
async def test_who_shares_deleting_keeps_the_old_file_while_its_name_is_the_new_ones(
    strategy: str,
) -> None:
    world = World()
    share, holder = await _held_by(world, DELETE)
    result = await _run(strategy, share)
    assert result.is_complete
    assert [await share.read(f"PKG/{name}") for name in NEW] == [b"new!"] * 3
    assert await holder.read() == b"old"
    there = await present_files(share, "PKG")
    assert (there == list(NEW)) is (strategy == "posix_replace"), "renamed aside is still seen"
    await holder.close()
    assert await present_files(share, "PKG") == list(NEW)
    assert await present_files(share, "PKG.$GONE") == []


@pytest.mark.parametrize("strategy", ["rename_aside", "posix_replace"])
@pytest.mark.parametrize("share_mode", [NO_SHARING, READ, WRITE])
async def test_no_rename_gets_past_a_holder_who_does_not_share_deleting(
    strategy: str, share_mode: ShareMode
) -> None:
    result, there, said = await update(strategy, "b.dat", share_mode)
    assert [name for name, _ in result.failed] == ["b.dat"]
    assert ("b.dat", "refused", 32) in said
    assert there == {"a.dat": "new!", "b.dat": "old", "c.dat": "new!"}


async def test_what_was_set_aside_and_is_in_use_fails_nothing_and_goes_another_time() -> None:
    world = World()
    share, _ = await _held_by(world, DELETE)
    await share.write("PKG/a.dat~1", b"left by an attempt that was killed")
    reader = await world.share(client("WS4")).open("PKG/a.dat~1", Access.READ, READ)
    result = await _run("rename_aside", share)
    assert result.is_complete
    assert "a.dat~1" in await present_files(share, "PKG")
    assert "waiting" not in [row.state for row in world.host.episodes()]
    await reader.close()
    assert (await _run("rename_aside", share)).is_complete
    assert "a.dat~1" not in await present_files(share, "PKG")


async def test_a_full_disk_gives_a_file_that_was_renamed_aside_its_name_back() -> None:
    for strategy in ("rename_aside", "posix_replace"):
        world = World(MemoryFileStore(capacity=10))
        result, there, _ = await update(strategy, world=world)
        assert result.win32 == 112
        assert there["c.dat"] == "old", "there was room for less than three files more"
        assert not any("~" in name or "$" in name for name in there), strategy


async def test_a_file_that_was_deleted_first_is_nobodys_until_its_last_reader_closes() -> None:
    world = World()
    share, holder = await _held_by(world, DELETE)
    result = await _run("delete_first_shared", share)
    assert [name for name, _ in result.failed] == ["b.dat"]
    with pytest.raises(ShareError) as refused:
        await share.read("PKG/b.dat")
    assert refused.value.nt_status is NtStatus.DELETE_PENDING
    assert await share.read("PKG/a.dat") == b"new!"
    assert await holder.read() == b"old"
    await holder.close()
    assert await share.stat("PKG/b.dat") is None
    assert (await _run("delete_first_shared", share)).is_complete
    assert await share.read("PKG/b.dat") == b"new!"


@pytest.mark.parametrize("share_mode", [NO_SHARING, READ, DELETE, ALL])
async def test_one_holder_keeps_all_files_old_where_all_are_opened_first(
    share_mode: ShareMode,
) -> None:
    new = {"a.dat": b"new!", "b.dat": b"new!", "d.dat": b"new!"}
    result, there, said = await update("probe_all_then_copy", "b.dat", share_mode, new=new)
    assert [name for name, _ in result.failed] == ["b.dat"]
    assert there == dict.fromkeys(OLD, "old"), "nothing is written, deleted or new"
    assert said == [("b.dat", "refused", 32)]


async def test_whoever_holds_what_did_not_change_stops_no_copy_of_all_files() -> None:
    new = {"a.dat": b"new!", "b.dat": b"old", "c.dat": b"new!"}
    result, there, _ = await update("probe_all_then_copy", "b.dat", new=new)
    assert result.is_complete
    assert there == {"a.dat": "new!", "b.dat": "old", "c.dat": "new!"}


async def test_nobody_sees_old_and_new_files_together_while_all_are_copied() -> None:
    world = World()
    share = world.share()
    await share.make_directory("PKG")
    for name, data in OLD.items():
        await share.write(f"PKG/{name}", data)
    reader = world.share(client())
    seen: list[int] = []

    async def look() -> None:
        for name in NEW:
            try:
                await reader.read(f"PKG/{name}")
            except ShareError as error:
                seen.append(error.win32)

    class Watched(LocalShare):
        """A share on which somebody tries to read whenever a file has been opened."""

        async def open(self, *args: Any, **more: Any) -> LocalOpenFile:
            opened = await super().open(*args, **more)
            if len(world.host.opens()) == len(NEW):
                await look()
            return opened

    watched = Watched(world.host, "OPEN", SERVICE)
    assert (await _run("probe_all_then_copy", watched)).is_complete
    assert seen == [32] * len(NEW)
    assert world.host.opens() == [], "they are closed again"


async def test_more_files_than_are_held_at_one_time_are_replaced_after_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(probe_all_then_copy, "HELD_MAX", 2)
    world = World()
    result, there, _ = await update("probe_all_then_copy", "c.dat", world=world)
    assert [name for name, _ in result.failed] == ["c.dat"], "what is not held is checked"
    assert set(there.values()) == {"old"}
    assert (await update("probe_all_then_copy"))[1] == dict.fromkeys(NEW, "new!")
    two = dict.fromkeys(("a.dat", "d.dat"), b"new!")
    assert (await update("probe_all_then_copy", new=two))[1] == dict.fromkeys(two, "new!")


@pytest.mark.parametrize(
    ("strategy", "mark"),
    [("temp_and_rename", ".$$$"), ("posix_replace", ".$$$"), ("rename_aside", "~1")],
)
async def test_a_package_keeps_its_own_file_of_a_name_that_is_made_up(
    strategy: str, mark: str
) -> None:
    own = {f"a.dat{mark}": b"its own", f"B.DAT{mark}/x": b"in a directory"}
    for _ in range(2):
        result, there, _ = await update(strategy, new={**NEW, **own})
        assert result.is_complete
        wanted = {**NEW, **own}
        assert there == {name: data.decode() for name, data in wanted.items()}


async def test_a_file_is_as_short_as_the_new_one_when_it_was_written_through_its_open() -> None:
    new = {"a.dat": b"n", "b.dat": b"", "c.dat": b"longer than it was"}
    result, there, _ = await update("probe_all_then_copy", new=new)
    assert result.is_complete
    assert there == {name: data.decode() for name, data in new.items()}


RIGHTS = (Access.READ, Access.WRITE, Access.DELETE)


@pytest.mark.parametrize("strategy", COPY_STRATEGIES)
async def test_a_strategy_gets_past_exactly_the_holders_that_its_entry_says(strategy: str) -> None:
    for bits in range(1, 8):
        access = Access.NONE
        for number, right in enumerate(RIGHTS):
            access |= right if bits >> number & 1 else Access.NONE
        for share_mode in map(ShareMode, range(8)):
            result, _, _ = await update(strategy, "b.dat", share_mode, access=access)
            got_past = "b.dat" not in [name for name, _ in result.failed]
            could = COPY_STRATEGIES[strategy].could_pass(wants(access), share_mode)
            assert got_past is could, f"{access!r}, sharing {share_mode!r}"


async def _held_by(world: World, share_mode: ShareMode) -> tuple[LocalShare, LocalOpenFile]:
    """OLD lies there, and a client has its `b.dat` open."""
    share = world.share()
    await share.make_directory("PKG")
    for name, data in OLD.items():
        await share.write(f"PKG/{name}", data)
    return share, await world.share(client()).open("PKG/b.dat", Access.READ, share_mode)


async def _run(strategy: str, share: LocalShare) -> CopyResult:
    return await STRATEGIES[strategy](Target(share, "PKG", NEW, "job J", refresh_every_file=True))


async def test_a_file_in_use_is_said_to_be_new_before_its_server_starts_again() -> None:
    world = World()
    share, holder = await _held_by(world, READ)
    assert (await _run("at_restart", share)).is_complete
    assert await share.read("PKG/a.dat") == b"new!"
    assert await share.read("PKG/b.dat") == b"old"
    assert "waiting" not in [row.state for row in world.host.episodes()]
    await holder.close()
    assert await share.read("PKG/b.dat") == b"old", "nobody copies it any more"
    assert list(carry_out(world.store, 0.0)) == [("PKG.$BOOT/b.dat", "PKG/b.dat")]
    assert await share.read("PKG/b.dat") == b"new!"


async def test_an_update_takes_back_what_the_one_before_left_for_the_start() -> None:
    world = World()
    share, holder = await _held_by(world, READ)
    await _run("at_restart", share)
    await holder.close()
    assert (await _run("at_restart", share)).is_complete
    assert await share.read("PKG/b.dat") == b"new!"
    assert list(carry_out(world.store, 0.0)) == []
