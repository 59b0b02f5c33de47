"""Reading a source and compressing it: what fails the job for good, and what puts it off."""

from __future__ import annotations

import pytest

from despoolr_server.site.services.scheduler.package_source import (
    SOURCE_DEPTH_MAX,
    NoRoom,
    Packing,
    SourceFailure,
)
from despoolr_server.site.state import boxes
from despoolr_server.site.state.packages import decompress
from despoolr_server.site.state.rows import queries
from worlds.site import FILES, Bench


async def pack(bench: Bench, package: str) -> dict[str, int]:
    row = await bench.database.run(lambda db: queries.package(db, package))
    assert row is not None
    return await Packing(bench.site).pack("BPC00001", row, 1)


async def test_a_source_becomes_one_compressed_file_and_its_sizes() -> None:
    bench = Bench()
    package = await bench.package()
    assert not await Packing(bench.site).is_packed(package)
    sizes = await pack(bench, package)
    data = await bench.root.read(f"{boxes.TOSEND}/{package}.P00")
    assert decompress(data) == {name: text.encode() for name, text in FILES.items()}
    assert sizes == {
        "StoredVersion": 1,
        "SourceSize": sum(map(len, FILES.values())),
        "SourceCompSize": len(data),
    }
    assert await Packing(bench.site).is_packed(package)


async def test_a_source_that_is_gone_fails_for_good() -> None:
    bench = Bench()
    package = await bench.package()
    for name in FILES:
        await bench.share("SITE1", boxes.SOURCE_SHARE).delete(f"OFFICE/{name}")
    with pytest.raises(SourceFailure) as failure:
        await pack(bench, package)
    assert failure.value.event == 313


@pytest.mark.parametrize(
    ("depth", "fails"), [(SOURCE_DEPTH_MAX, False), (SOURCE_DEPTH_MAX + 1, True)]
)
async def test_a_source_may_be_nested_so_deep_and_no_deeper(depth: int, fails: bool) -> None:
    bench = Bench()
    package = await bench.package({"/".join(["d"] * depth) + "/x": "x"})
    if not fails:
        assert (await pack(bench, package))["SourceSize"] == 1
        return
    with pytest.raises(SourceFailure) as failure:
        await pack(bench, package)
    assert failure.value.event == 331


async def test_a_box_without_room_puts_it_off_with_event_330() -> None:
    bench = Bench()
    package = await bench.package()
    bench.stores["SITE1/SMS_SHRD"].capacity = bench.stores["SITE1/SMS_SHRD"].used
    with pytest.raises(NoRoom):
        await pack(bench, package)
    assert bench.events() == [330]
