"""How long one turn of the loop is, at most, while a share that was started on a full disk makes up
for its start, and others are served. Measured as in `test_longest_turn`.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from despoolr_server.engine.names import Name, found_name
from despoolr_server.files.journal import waiting_for_room
from despoolr_server.files.journal.journalled import JournalledFileStore
from nightly.test_longest_turn import TURN_S_MAX, Turn, longest
from worlds.journals import SmallDisk

RECORDS = 30_000
AT = 833785200.0
ROUNDS = 3


def n(path: str) -> Name:
    return found_name(path)


def told(root: Path) -> None:
    """A store was killed that had told of very many files; the disk has none of them."""
    store = JournalledFileStore(root, threads=False, journal_max=64 << 20)
    store.make_directory(n("BOX"), AT)
    for number in range(RECORDS // 2):
        store.write_whole(n(f"BOX/A{number:05}"), b"content", AT)
    for number in range(RECORDS // 6):
        store.write_whole(n(f"BOX/F{number:05}"), b"content", AT)
        store.write_at(n(f"BOX/F{number:05}"), 0, b"C", AT)
        store.rename(n(f"BOX/F{number:05}"), n(f"BOX/G{number:05}"))
    shutil.rmtree(root / "BOX")


async def test_no_turn_is_long_while_thirty_thousand_records_are_redone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = SmallDisk(monkeypatch)
    monkeypatch.setattr(waiting_for_room, "LOOK_S", 3600.0)  # only when this test says so
    told(tmp_path / "told")
    found: list[Turn] = []
    for number in range(ROUNDS):
        root = tmp_path / str(number)
        shutil.copytree(tmp_path / "told", root)
        disk.free = 0
        store = JournalledFileStore(root)
        waiting = store._waiting
        assert waiting is not None
        disk.free = 1 << 30

        async def start(waiting: object = waiting, store: JournalledFileStore = store) -> None:
            waiting._look()  # type: ignore[attr-defined]
            await waiting._trying  # type: ignore[attr-defined]
            assert store.findings == []

        found.append(await longest(monkeypatch, start))
        assert store.read(n("BOX/G00000")) == b"Content"
        await store.close()
    assert min(found) <= TURN_S_MAX, found
