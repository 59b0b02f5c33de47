"""Inventory Processor: checks what clients say of themselves and passes it on."""

from __future__ import annotations

from despoolr_core.formats.reports.job_mif import Machine, add_identification
from despoolr_core.formats.reports.noidmif import render_noidmif
from despoolr_core.records.kinds.site import EventLogged
from despoolr_core.records.stream import of
from despoolr_core.share.modes import Access, ShareMode
from despoolr_server.site.state import boxes
from worlds.site import Bench

GOOD = add_identification(
    render_noidmif("Package Status", {"PATCH": "Complete"}),
    Machine("BPC", "SALES", "PC9", "BPC00009"),
)


async def test_a_report_of_a_machine_reaches_its_attributes() -> None:
    bench = Bench()
    await bench.root.write(f"{boxes.INVENTORY}/BPC00009.RAW", GOOD)
    await bench.pump(1)
    assert (await bench.administrator.machine("PC9"))["attributes"] == {
        "Package Status": {"PATCH": "Complete"}
    }
    assert bench.names("SITE1/SMS_SHRD", boxes.INVENTORY) == []


async def test_garbage_goes_to_badmifs_with_a_reason_and_the_rest_is_passed_on() -> None:
    bench = Bench()
    await bench.root.write(f"{boxes.INVENTORY}/AAAAAAAA.RAW", b"garbage")
    await bench.root.write(f"{boxes.INVENTORY}/BPC00009.RAW", GOOD)
    await bench.pump(1)
    assert await bench.administrator.machine("PC9")
    assert (
        bench.files("SITE1/SMS_SHRD", boxes.BAD_MIFS)[f"{boxes.BAD_MIFS}/AAAAAAAA.RAW"]
        == b"garbage"
    )
    assert bench.events() == [245]
    (logged,) = [fact for _, fact in of(bench.records, EventLogged)]
    assert "AAAAAAAA.RAW" in logged.text and "BADMIFS" in logged.text, "where it is now"
    assert any(line.startswith("~Compilation failed~") for line in bench.log("INVENTORY_PROCESSOR"))


async def test_a_file_somebody_holds_does_not_stop_the_others() -> None:
    bench = Bench()
    await bench.root.write(f"{boxes.INVENTORY}/AAAAAAAA.RAW", GOOD)
    held = await bench.root.open(f"{boxes.INVENTORY}/AAAAAAAA.RAW", Access.WRITE, ShareMode.NONE)
    await bench.root.write(f"{boxes.INVENTORY}/BPC00009.RAW", GOOD)
    await bench.pump(1)
    assert await bench.administrator.machine("PC9")
    await held.close()
    await bench.pump(1)
    assert bench.names("SITE1/SMS_SHRD", boxes.INVENTORY) == []
