"""A service's share in its own process: many files at a time, and others have their turn between
them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from despoolr_core.rules.fold import fold
from despoolr_core.share.contract import ShareError
from despoolr_server.files.journal.journalled import JournalledFileStore
from despoolr_server.loop.pace import FILES_A_TURN
from despoolr_server.shares.local import LocalShare
from despoolr_server.shares.paths.boxes import TOGETHER_MAX
from worlds.share import SERVICE, World
from worlds.turns import others

COUNT = 4 * FILES_A_TURN
NAMES = [f"BOX/F{number:03}.DAT" for number in range(COUNT)]
FILES = [(name, b"x") for name in NAMES]


@pytest.mark.parametrize(
    "work",
    [
        lambda share: share.write_all(FILES),
        lambda share: share.create_all(FILES),
        lambda share: share.read_all([f"NOWHERE/{name}" for name in NAMES]),
        lambda share: share.delete_all(NAMES),
    ],
    ids=["write", "create", "read", "delete"],
)
async def test_others_have_their_turn_while_a_service_goes_through_many_files(
    work: Callable[[LocalShare], Awaitable[object]],
) -> None:
    share = World().share(SERVICE)
    await share.make_directory("BOX")

    async with others() as waiting:
        await work(share)
    assert waiting.turns >= COUNT // FILES_A_TURN - 1


async def test_others_have_their_turn_while_few_files_of_each_directory_come(
    tmp_path: Path,
) -> None:
    """Those of one directory are made in one, however few they are."""
    store = JournalledFileStore(tmp_path, threads=False)
    share = World(store).share(SERVICE)
    for box in ("BOX", "OTHER"):
        await share.make_directory(box)
    names = [f"{('BOX', 'OTHER')[number % 2]}/F{number:03}.DAT" for number in range(COUNT)]

    async with others() as waiting:
        assert await share.create_all([(name, b"x") for name in names]) == [None] * COUNT
    assert waiting.turns >= COUNT // FILES_A_TURN - 1
    await store.close()


async def test_files_that_are_small_and_at_hand_or_missing_are_read_32_in_one_turn(
    tmp_path: Path,
) -> None:
    store = JournalledFileStore(tmp_path, threads=False)
    share = World(store).share(SERVICE)
    names = [f"F{number:03}.DAT" for number in range(4 * TOGETHER_MAX)]
    contents = [b"x" * (number % 3) for number in range(len(names))]
    assert not any(await share.create_all([*zip(names, contents, strict=True)]))

    async with others() as waiting:
        assert await share.read_all(names) == contents
    assert 3 <= waiting.turns < len(names) // FILES_A_TURN
    async with others() as waiting:
        missing = await share.read_all([f"{name}.NOT" for name in names])
    assert all(isinstance(error, ShareError) and error.is_missing for error in missing)
    assert 3 <= waiting.turns < len(names) // FILES_A_TURN
    await store.close()


async def test_files_come_and_go_in_their_order_over_several_turns() -> None:
    share = World().share(SERVICE)
    await share.make_directory("BOX")
    assert await share.write_all(FILES) == [None] * COUNT
    assert await share.read_all(NAMES) == [b"x"] * COUNT
    refused = await share.create_all([("BOX/NEW.DAT", b""), *FILES])
    assert [error is None for error in refused] == [True, False], "the first refusal ends it"
    gone = await share.delete_all([*NAMES, NAMES[0]])
    assert [error is None for error in gone] == [True] * COUNT + [False]
    assert [fold(entry.name) for entry in await share.list("BOX")] == ["NEW.DAT"]
