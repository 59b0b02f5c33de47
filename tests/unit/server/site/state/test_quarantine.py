"""A bad file and the text beside it that says why."""

from __future__ import annotations

import pytest

from despoolr_core.share.contract import ShareError
from despoolr_core.share.modes import NtStatus
from despoolr_server.files import MemoryFileStore
from despoolr_server.files.protocol import StoreError
from despoolr_server.site.state.quarantine import quarantine, write_reason
from worlds.share import World


async def test_a_bad_file_is_kept_with_its_reason_beside_it() -> None:
    share = World().share()
    await share.make_directory("BAD")
    assert await quarantine(share, "BAD", "X.MIF", b"\xff\x00", "no MIF: 5 ≠ 6") == "BAD/X.MIF"
    assert await share.read("BAD/X.MIF") == b"\xff\x00"
    assert await share.read("BAD/X.MIF.TXT") == b"X.MIF: no MIF: 5 ? 6\r\n"


async def test_doing_it_again_leaves_the_same_two_files() -> None:
    share = World().share()
    await share.make_directory("BAD")
    for _ in range(2):
        await quarantine(share, "BAD", "X.MIF", b"x", "bad", subject="X.MIF of WS1")
    assert [entry.name for entry in await share.list("BAD")] == ["X.MIF", "X.MIF.TXT"]
    assert await share.read("BAD/X.MIF.TXT") == b"X.MIF of WS1: bad\r\n"


async def test_the_content_comes_before_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    share = world.share()
    await share.make_directory("BAD")
    real = MemoryFileStore.write_whole

    def full(store, name, data, at, attributes=0):
        if name.key.endswith(".TXT"):
            raise StoreError(NtStatus.DISK_FULL)
        return real(store, name, data, at, attributes)

    monkeypatch.setattr(MemoryFileStore, "write_whole", full)
    with pytest.raises(ShareError):
        await quarantine(share, "BAD", "X.MIF", b"x", "bad")
    assert [entry.name for entry in await share.list("BAD")] == ["X.MIF"]


async def test_a_reason_may_be_written_for_a_file_that_is_moved_there() -> None:
    share = World().share()
    await share.make_directory("BAD")
    await write_reason(share, "BAD", "X.SRQ", "no such site")
    assert [entry.name for entry in await share.list("BAD")] == ["X.SRQ.TXT"]
