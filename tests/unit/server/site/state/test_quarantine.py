"""A bad file and the text beside it that says why."""

from __future__ import annotations

import pytest

from despoolr_core.share.contract import ShareError
from despoolr_core.share.modes import Access, NtStatus, ShareMode
from despoolr_server.files import MemoryFileStore
from despoolr_server.files.protocol import StoreError
from despoolr_server.site.state.quarantine import NAME_MAX, keep, quarantine
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

    def full(store, name, data, at, attributes=0, look=None, **how):
        if name.key.endswith(".TXT"):
            raise StoreError(NtStatus.DISK_FULL)
        return real(store, name, data, at, attributes, look, **how)

    monkeypatch.setattr(MemoryFileStore, "write_whole", full)
    with pytest.raises(ShareError):
        await quarantine(share, "BAD", "X.MIF", b"x", "bad")
    assert [entry.name for entry in await share.list("BAD")] == ["X.MIF"]


async def test_another_file_of_the_name_keeps_its_place_and_so_does_its_reason() -> None:
    share = World().share()
    await share.make_directory("BAD")
    for n in (1, 2, 1, 2):
        await quarantine(share, "BAD", "X.MIF", f"{n}".encode(), f"bad {n}")
    there = {entry.name: await share.read(f"BAD/{entry.name}") for entry in await share.list("BAD")}
    first, second = sorted(name for name in there if not name.endswith(".TXT"))
    assert (first, second[:2], second[-4:]) == ("X.MIF", "X~", ".MIF")
    assert (there[first], there[f"{first}.TXT"]) == (b"1", b"X.MIF: bad 1\r\n")
    assert (there[second], there[f"{second}.TXT"]) == (b"2", b"X.MIF: bad 2\r\n")
    assert len(there) == 4


async def test_a_reason_goes_over_no_file_either() -> None:
    share = World().share()
    await share.make_directory("BAD")
    await share.write("BAD/X.MIF.TXT", b"unread")
    assert await quarantine(share, "BAD", "X.MIF", b"x", "bad") == "BAD/X.MIF"
    assert await share.read("BAD/X.MIF.TXT") == b"unread"
    assert len(await share.list("BAD")) == 3


async def test_a_file_that_somebody_holds_is_not_written_over() -> None:
    share = World().share()
    await share.make_directory("BAD")
    await share.write("BAD/X", b"old")
    held = await share.open("BAD/X", Access.READ, ShareMode.NONE)
    name = await keep(share, "BAD", "X", b"new")
    await held.close()
    assert (await share.read("BAD/X"), await share.read(f"BAD/{name}")) == (b"old", b"new")


async def test_a_full_disk_is_no_taken_name() -> None:
    share = World(MemoryFileStore(capacity=3)).share()
    await share.make_directory("BAD")
    with pytest.raises(ShareError) as caught:
        await keep(share, "BAD", "X.MIF", b"too much")
    assert caught.value.nt_status is NtStatus.DISK_FULL


@pytest.mark.parametrize("length", [NAME_MAX, NAME_MAX + 1, 255])
async def test_a_name_of_any_length_is_kept_up_to_its_bound(length: int) -> None:
    share = World().share()
    await share.make_directory("BAD")
    name = f"{'X' * (length - 4)}.SNI"
    for data in (b"1", b"2", b"1"):
        path = await quarantine(share, "BAD", name, data, "bad")
        assert await share.read(path) == data
        assert await share.read(f"{path}.TXT") == f"{name}: bad\r\n".encode()
        assert path.startswith(f"BAD/{name[: NAME_MAX - 4]}")
    assert len(await share.list("BAD")) == 4
    assert (await quarantine(share, "BAD", name, b"1", "bad") == f"BAD/{name}") is (
        length <= NAME_MAX
    )
