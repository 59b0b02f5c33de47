"""Maintenance Manager: the carrier. A file is never nowhere, and one bad server does not stop the
others.
"""

from __future__ import annotations

from despoolr_core.formats.instructions.instruction import Install, InstallKind, render_instruction
from despoolr_core.formats.reports.status_mif import StatusMif
from despoolr_core.records.kinds.share import FileWritten
from despoolr_core.records.stream import of
from despoolr_core.share.modes import Access, Role, ShareMode
from despoolr_server.site.services.maintenance import THOROUGH_EVERY, THOROUGH_S_MIN
from despoolr_server.site.state import boxes
from worlds.site import Bench

BOX = "DESPOOLR.BOX"


async def two() -> Bench:
    bench = Bench("1.1", ("LOGON1", "LOGON2"))
    await bench.start()
    return bench


async def test_reports_are_carried_in_and_gone_from_the_logon_server() -> None:
    bench = await two()
    await bench.report("BPC00001", "BPC0001", mif=StatusMif("Success", "ok"))
    await bench.report("BPC00001", "BPC0001", sms_id="BPC00002", server="LOGON2")
    await bench.cycle("MAINTENANCE_MANAGER")
    assert bench.names("SITE1/SMS_SITE") == ["00001001.PCK", "00001001.SNI", "00002001.SNI"]
    assert bench.names("LOGON1/SMS_SHR", BOX) == bench.names("LOGON2/SMS_SHR", BOX) == []
    written = [fact.path for _, fact in of(bench.records, FileWritten) if fact.share == "SMS_SITE"]
    assert written.index("00001001.PCK") < written.index("00001001.SNI"), (
        "the MIF before the instruction that names it"
    )


async def test_every_cycle_looks_into_a_box_that_something_came_into() -> None:
    bench = await two()
    for number in range(1, 6):
        await bench.cycle("MAINTENANCE_MANAGER")
        await bench.report("BPC00001", "BPC0001", number=number)
        await bench.cycle("MAINTENANCE_MANAGER")
        assert bench.names("SITE1/SMS_SITE")[-1] == f"00001{number:03}.SNI"


async def test_a_file_of_the_longest_name_that_has_to_be_set_aside_stops_no_report() -> None:
    bench = await two()
    order = Install(kind=InstallKind.REMOVE, site="BPC", job_id="BPC00099", package_id="BPC00001")
    data = render_instruction(order.to_instruction())
    await bench.share("LOGON1", boxes.LOGON_SHARE).write(f"{BOX}/{'0' * 251}.SNI", data)
    await bench.report("BPC00001", "BPC0001")
    await bench.cycle("MAINTENANCE_MANAGER")
    assert bench.names("SITE1/SMS_SITE") == ["00001001.SNI"]
    assert bench.names("LOGON1/SMS_SHR", BOX) == []


async def test_other_files_in_the_boxes_are_left_there() -> None:
    bench = await two()
    logon = bench.share("LOGON1", boxes.LOGON_SHARE)
    await logon.write(f"{BOX}/README.TXT", b"hello")
    await logon.write(f"{BOX}/HALF.TMP", b"half a file")
    await bench.cycle("MAINTENANCE_MANAGER")
    assert bench.names("LOGON1/SMS_SHR", BOX) == [f"{BOX}/HALF.TMP", f"{BOX}/README.TXT"]


async def test_a_report_its_client_still_writes_waits_for_the_next_cycle() -> None:
    bench = await two()
    await bench.report("BPC00001", "BPC0001")
    held = await bench.share("LOGON1", boxes.LOGON_SHARE).open(
        f"{BOX}/00001001.SNI", Access.WRITE, ShareMode.NONE
    )
    await bench.report("BPC00001", "BPC0001", sms_id="BPC00002")
    await bench.cycle("MAINTENANCE_MANAGER")
    assert bench.names("SITE1/SMS_SITE") == ["00002001.SNI"]
    await held.close()
    await bench.cycle("MAINTENANCE_MANAGER")
    assert bench.names("SITE1/SMS_SITE") == ["00001001.SNI", "00002001.SNI"]


async def test_a_file_carried_already_is_only_taken_away() -> None:
    bench = await two()
    await bench.report("BPC00001", "BPC0001")
    data = await bench.share("LOGON1", boxes.LOGON_SHARE).read(f"{BOX}/00001001.SNI")
    await bench.receive.write("00001001.SNI", data)
    await bench.cycle("MAINTENANCE_MANAGER")
    assert bench.names("LOGON1/SMS_SHR", BOX) == []
    assert bench.names("SITE1/SMS_SITE") == ["00001001.SNI"]


async def test_another_file_of_the_same_name_waits_until_the_first_is_done() -> None:
    bench = await two()
    await bench.report("BPC00001", "BPC0001")
    await bench.receive.write("00001001.SNI", b"somebody else's")
    await bench.cycle("MAINTENANCE_MANAGER")
    assert bench.names("LOGON1/SMS_SHR", BOX) == [f"{BOX}/00001001.SNI"]
    assert await bench.receive.read("00001001.SNI") == b"somebody else's"
    await bench.receive.delete("00001001.SNI")
    await bench.cycle("MAINTENANCE_MANAGER")
    assert bench.names("LOGON1/SMS_SHR", BOX) == []


async def test_a_logon_server_that_is_down_is_told_once_and_the_others_are_served() -> None:
    bench = await two()
    await bench.report("BPC00001", "BPC0001", server="LOGON2")
    bench.down.add("LOGON1")
    await bench.cycle("MAINTENANCE_MANAGER")
    await bench.cycle("MAINTENANCE_MANAGER")
    assert bench.names("SITE1/SMS_SITE") == ["00001001.SNI"]
    assert (
        sum(
            "Cannot connect to logon server LOGON1" in line
            for line in bench.log("MAINTENANCE_MANAGER")
        )
        == 1
    )
    bench.down.clear()
    await bench.cycle("MAINTENANCE_MANAGER")
    assert any("LOGON1 answers again" in line for line in bench.log("MAINTENANCE_MANAGER"))


async def test_a_full_site_server_leaves_reports_where_they_are() -> None:
    bench = await two()
    await bench.report("BPC00001", "BPC0001")
    bench.stores["SITE1/SMS_SITE"].capacity = 10
    await bench.cycle("MAINTENANCE_MANAGER")
    assert bench.names("LOGON1/SMS_SHR", BOX) == [f"{BOX}/00001001.SNI"]
    assert bench.names("SITE1/SMS_SITE") == []
    assert any("Win32 Error = 112" in line for line in bench.log("MAINTENANCE_MANAGER"))
    bench.stores["SITE1/SMS_SITE"].capacity = None
    await bench.cycle("MAINTENANCE_MANAGER")
    assert bench.names("SITE1/SMS_SITE") == ["00001001.SNI"]


async def test_master_files_go_to_the_servers_of_their_domain_when_they_changed() -> None:
    bench = await two()
    master = f"{boxes.domain_directory('SALES')}/BPC00001.INS"
    await bench.root.make_directory(boxes.domain_directory("SALES"))
    await bench.root.make_directory(boxes.domain_directory("OTHER"))
    await bench.root.write(master, b"one")
    await bench.root.write(f"{boxes.domain_directory('OTHER')}/BPC00002.INS", b"elsewhere")
    await bench.cycle("MAINTENANCE_MANAGER")
    for server in ("LOGON1", "LOGON2"):
        assert bench.files(f"{server}/SMS_SHR", "PCMINS.BOX") == {"PCMINS.BOX/BPC00001.INS": b"one"}
    count = len(bench.records)
    await bench.cycle("MAINTENANCE_MANAGER")
    assert [r for r in bench.records[count:] if r.kind == "file.written"] == []
    await bench.root.write(master, b"two")
    await bench.cycle("MAINTENANCE_MANAGER")
    assert bench.files("LOGON1/SMS_SHR", "PCMINS.BOX") == {"PCMINS.BOX/BPC00001.INS": b"two"}


async def test_stale_instruction_files_stay_on_the_logon_server() -> None:
    bench = await two()
    await bench.share("LOGON1", boxes.LOGON_SHARE).write("PCMINS.BOX/GONE0001.INS", b"stale")
    await bench.cycle("MAINTENANCE_MANAGER")
    assert bench.names("LOGON1/SMS_SHR", "PCMINS.BOX") == ["PCMINS.BOX/GONE0001.INS"]  # Q269768


async def test_a_client_that_reads_its_file_is_waited_for() -> None:
    bench = await two()
    await bench.root.make_directory(boxes.domain_directory("SALES"))
    await bench.root.write(f"{boxes.domain_directory('SALES')}/BPC00001.INS", b"one")
    await bench.cycle("MAINTENANCE_MANAGER")
    held = await bench.hold("PCMINS.BOX/BPC00001.INS", "LOGON1", "SMS_SHR")
    await bench.root.write(f"{boxes.domain_directory('SALES')}/BPC00001.INS", b"two")
    await bench.cycle("MAINTENANCE_MANAGER")
    assert bench.files("LOGON1/SMS_SHR", "PCMINS.BOX") == {"PCMINS.BOX/BPC00001.INS": b"one"}
    assert bench.files("LOGON2/SMS_SHR", "PCMINS.BOX") == {"PCMINS.BOX/BPC00001.INS": b"two"}
    await held.close()
    await bench.cycle("MAINTENANCE_MANAGER")
    assert bench.files("LOGON1/SMS_SHR", "PCMINS.BOX") == {"PCMINS.BOX/BPC00001.INS": b"two"}


async def test_inventory_goes_to_its_own_box() -> None:
    bench = await two()
    await bench.share("LOGON1", boxes.LOGON_SHARE).write("INVENTRY.BOX/BPC00001.RAW", b"raw")
    await bench.cycle("MAINTENANCE_MANAGER")
    assert bench.files("SITE1/SMS_SHRD", boxes.INVENTORY) == {
        f"{boxes.INVENTORY}/BPC00001.RAW": b"raw"
    }


async def test_an_order_in_a_clients_box_is_not_passed_on_and_event_1_says_so() -> None:
    bench = await two()
    order = Install(kind=InstallKind.REMOVE, site="BPC", job_id="BPC00099", package_id="BPC00001")
    await bench.share("LOGON1", boxes.LOGON_SHARE).write(
        f"{BOX}/EVIL0001.SNI", render_instruction(order.to_instruction())
    )
    await bench.pump(2)
    assert bench.events() == [1]
    assert bench.names("LOGON1/SMS_SHR", BOX) == []
    reason = (await bench.root.read(f"{boxes.BAD_INSTRUCTIONS}/EVIL0001.SNI.TXT")).decode()
    assert "results only" in reason


async def test_a_file_that_cannot_be_had_keeps_no_other_of_its_kind() -> None:
    bench = await two()
    for number in (1, 2, 3):
        await bench.report("BPC00001", "BPC0001", number=number)
    first = f"{BOX}/00001001.SNI"
    server = bench.site.connect_as("LOGON1", "test")
    await server.set_rights(boxes.LOGON_SHARE, first, Role.SERVICE, "NONE")
    await bench.cycle("MAINTENANCE_MANAGER")
    assert bench.names("SITE1/SMS_SITE") == ["00001002.SNI", "00001003.SNI"]
    assert bench.names("LOGON1/SMS_SHR", BOX) == [first]
    assert any("answered no" in line for line in bench.log("MAINTENANCE_MANAGER"))


async def test_the_first_domain_of_a_site_ends_a_rest() -> None:
    bench = await two()
    service = bench.service("MAINTENANCE_MANAGER")
    for _ in range(2):
        await bench.cycle("MAINTENANCE_MANAGER")
    assert service.is_resting(bench.site.clock.now())
    master = f"{boxes.domain_directory('SALES')}/BPC00001.INS"
    await bench.root.make_directory(boxes.domain_directory("SALES"))
    assert not service.is_resting(bench.site.clock.now())
    await bench.cycle("MAINTENANCE_MANAGER")
    await bench.root.write(master, b"a command")
    assert not service.is_resting(bench.site.clock.now())
    await bench.cycle("MAINTENANCE_MANAGER")
    carried = bench.names("LOGON1/SMS_SHR", boxes.PCM_INSTRUCTIONS)
    assert carried == [f"{boxes.PCM_INSTRUCTIONS}/BPC00001.INS"]


async def test_boxes_are_looked_into_whatever_their_time_says_as_often_as_a_disk_needs_it() -> None:
    bench = Bench()
    service = bench.service("MAINTENANCE_MANAGER")
    service.cycle_count = 10
    assert service.passes_max() == THOROUGH_EVERY - 10
    bench.site.time_scale = 300.0  # a round is a second
    assert service.passes_max() == THOROUGH_S_MIN - 10
