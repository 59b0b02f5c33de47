"""What a parent's Despooler makes of a packet of MIFs."""

from __future__ import annotations

import pytest

from despoolr_core.formats.instructions.instruction import MifTransfer, render_instruction
from despoolr_core.formats.reports.job_mif import (
    JobReport,
    Machine,
    render_job_mif,
    render_machine_mif,
)
from despoolr_core.formats.reports.site_mif import (
    PACKAGE_STATUS_CLASS,
    PackageReport,
    render_package_mif,
)
from despoolr_core.formats.reports.sta import parse_sta
from despoolr_server.site.state import boxes
from despoolr_server.site.state.packages import Files, compress
from worlds.site import Bench

PACKAGE = PackageReport("r", "100Z0001", "CHD", "Success", 1, "10000001", 1.0)
MACHINE = render_machine_mif(Machine("CHD", "BRANCH", "WS1", "CHD00001"))


async def unpacked(files: Files, version: str = "2.0", data: bytes | None = None) -> Bench:
    bench = Bench(version, site="100")
    await bench.start()
    await bench.receive.write("_001CHD.PCK", compress(files) if data is None else data)
    transfer = MifTransfer(
        site="CHD", request_id="_001CHD", package_file="_001CHD.PCK", count=len(files)
    )
    await bench.receive.write("_001CHD.INS", render_instruction(transfer.to_instruction()))
    await bench.cycle("DESPOOLER")
    return bench


async def test_at_a_2_0_site_a_package_status_mif_becomes_a_record_and_the_rest_mifs() -> None:
    bench = await unpacked({"L0000000.MIF": render_package_mif(PACKAGE), "L0000001.MIF": MACHINE})
    (record,) = bench.files("SITE1/SMS_SHRD", boxes.DISTRIBUTION_MANAGER).items()
    assert record[0].endswith("/P0000000.STA")
    assert parse_sta(record[1]) == PACKAGE
    assert list(bench.files("SITE1/SMS_SHRD", boxes.DELTA_MIFS).values()) == [MACHINE]
    assert bench.names("SITE1/SMS_SITE") == []


async def test_at_a_1_x_site_all_are_mifs() -> None:
    bench = await unpacked({"L0000000.MIF": render_package_mif(PACKAGE)}, "1.2")
    assert bench.names("SITE1/SMS_SHRD", boxes.DELTA_MIFS) == [f"{boxes.DELTA_MIFS}/X0000000.MIF"]


async def test_a_mif_that_only_speaks_of_the_class_is_left_to_the_data_loader() -> None:
    bench = await unpacked({"L0000000.MIF": f"// {PACKAGE_STATUS_CLASS}\r\nnonsense".encode()})
    assert bench.names("SITE1/SMS_SHRD", boxes.DISTRIBUTION_MANAGER) == []
    assert len(bench.names("SITE1/SMS_SHRD", boxes.DELTA_MIFS)) == 1


async def test_an_event_mif_stays_one() -> None:
    report = JobReport(
        "r", "10000001", "Workstation", "CHD", "Retrying", 1.0, machine="WS1", event=374
    )
    bench = await unpacked({"L0000000.EMF": render_job_mif(report)})
    assert bench.names("SITE1/SMS_SHRD", boxes.DELTA_MIFS) == [f"{boxes.DELTA_MIFS}/X0000000.EMF"]


@pytest.mark.parametrize("data", [b"garbage", b"PK\x03\x04 cut off"])
async def test_a_damaged_packet_is_set_aside_whole_with_its_instruction(data: bytes) -> None:
    bench = await unpacked({}, data=data)
    kept = bench.files("SITE1/SMS_SHRD", boxes.BAD_INSTRUCTIONS)
    assert kept[f"{boxes.BAD_INSTRUCTIONS}/_001CHD.PCK"] == data
    assert b"damaged" in kept[f"{boxes.BAD_INSTRUCTIONS}/_001CHD.IST.TXT"]
    assert bench.events() == [1]
    assert bench.names("SITE1/SMS_SITE") == []


async def test_a_second_damaged_packet_of_one_name_does_not_take_the_place_of_the_first() -> None:
    bench = await unpacked({}, data=b"garbage 1")
    transfer = MifTransfer(site="CHD", request_id="_001CHD", package_file="_001CHD.PCK", count=9)
    await bench.receive.write("_001CHD.PCK", b"garbage 2")
    await bench.receive.write("_001CHD.INS", render_instruction(transfer.to_instruction()))
    await bench.cycle("DESPOOLER")
    kept = bench.files("SITE1/SMS_SHRD", boxes.BAD_INSTRUCTIONS)
    assert [data for path, data in sorted(kept.items()) if path.endswith(".PCK")] == [
        b"garbage 1",
        b"garbage 2",
    ]
    assert len([path for path in kept if path.endswith(".IST")]) == 2
