"""What a site tells its parent: MIFs in packets, each once, none lost."""

from __future__ import annotations

from despoolr_core.formats.instructions.instruction import INVENTORY, MifTransfer, parse_instruction
from despoolr_core.records.kinds.site import MifLoaded
from despoolr_core.records.stream import of
from despoolr_server.site.jobs.model import DistributePhase
from despoolr_server.site.services import site_reporter
from despoolr_server.site.state import boxes
from despoolr_server.site.state.packages import decompress
from worlds.site import Bench

OUTBOX = boxes.LAN_OUTBOX


async def two_sites(version: str = "2.0 SP1", below: str = "1.2") -> tuple[Bench, Bench]:
    top = Bench(version, ("HQLOGON",), site="TOP")
    return top, Bench(below, site="CHD", above=top)


async def test_a_site_that_starts_tells_its_parent_who_it_is() -> None:
    top, child = await two_sites()
    await child.pump(3)
    assert top.rows("Sites", "SiteCode", "ParentSiteCode", "Server", "Version", "Servers") == [
        ("CHD", "TOP", child.name, "1.2", "LOGON1")
    ]


async def test_a_packet_is_a_minijob_of_type_inventory_with_its_mifs_beside_it() -> None:
    _, child = await two_sites()
    await child.cycle("SITE_REPORTER")
    files = child.files(f"{child.name}/SMS_SHRD", boxes.TOSEND)
    instruction = parse_instruction(files[f"{boxes.TOSEND}/_001CHD.I00"])
    transfer = MifTransfer.from_instruction(instruction)
    assert instruction.type == INVENTORY
    assert (transfer.site, transfer.request_id, transfer.package_file, transfer.count) == (
        "CHD",
        "_001CHD",
        "_001CHD.PCK",
        1,
    )
    assert len(decompress(files[f"{boxes.TOSEND}/_001CHD.P00"])) == 1
    assert child.names(f"{child.name}/SMS_SHRD", boxes.SITE_REPORTS) == []


async def test_more_than_a_packet_holds_goes_in_several() -> None:
    _, child = await two_sites()
    await child.start()
    await child.machines(9)
    most = site_reporter.PACKET_MAX
    site_reporter.PACKET_MAX = 4  # type: ignore[misc]
    try:
        await child.cycle("SITE_REPORTER")
    finally:
        site_reporter.PACKET_MAX = most  # type: ignore[misc]
    assert len(child.names(f"{child.name}/SMS_SHRD", OUTBOX)) == 3, (
        "ten MIFs: nine machines and the site itself"
    )


async def test_machines_of_a_child_are_known_above_and_whose_they_are() -> None:
    top, child = await two_sites()
    await child.machines(2)
    await child.pump(3)
    assert top.rows("Machines", "Name", "SMSID", "Domain", "SiteCode") == [
        ("WS1", "BPC00001", "SALES", "CHD"),
        ("WS2", "BPC00002", "SALES", "CHD"),
    ]


async def test_what_cannot_be_sent_waits_and_is_never_given_up() -> None:
    top, child = await two_sites()
    child.down.add(top.name)
    await child.machines(1)
    await child.pump(2)
    child.clock.time += 30 * 86400.0
    await child.pump(2)
    assert top.rows("Machines", "Name") == []
    child.down.clear()
    await child.pump(2)
    assert top.rows("Machines", "Name") == [("WS1",)]
    assert child.events() == []


async def test_a_site_without_a_parent_reports_to_nobody() -> None:
    bench = Bench("1.2")
    await bench.machines(1)
    await bench.job(await bench.package())
    await bench.pump(3)
    assert "SMS_SITE_REPORTER" not in [service.component for service in bench.services]
    assert bench.names("SITE1/SMS_SHRD", boxes.SITE_REPORTS) == []


async def test_reports_of_a_job_go_up_to_the_site_that_made_it_and_no_further() -> None:
    top = Bench("2.0 SP1", ("HQLOGON",), site="TOP")
    middle = Bench("1.2", ("MDLOGON",), site="MID", above=top)
    low = Bench("1.1", site="LOW", above=middle)
    middle.site.addresses["LOW"] = low.name
    package = await middle.package()
    job = await middle.job(package, sites=("LOW",), distribute=DistributePhase(("*",)))
    await low.pump(6)
    assert middle.status(job) == "Complete"
    assert middle.details(job) == {
        ("Site Arrival", ""): "Complete",
        ("Completion", ""): "Complete",
        ("Server", "LOGON1"): "Complete",
    }
    assert [f for f in top.facts("mif.loaded") if job in f["report"]] != [], (
        "the middle loaded them"
    )
    assert not any(
        r.actor.startswith("TOP/") and job in fact.report for r, fact in of(top.records, MifLoaded)
    )
