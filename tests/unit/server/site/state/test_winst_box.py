"""Master WINST files: one a client, a record a request, and writing one twice changes nothing."""

from __future__ import annotations

import pytest

from despoolr_core.formats.instructions.winst import WinstError, WorkstationInstruction
from despoolr_core.formats.instructions.winst_text import parse_winst
from despoolr_core.share.contract import ShareError
from despoolr_core.share.modes import Access, ShareMode
from despoolr_server.loop.pace import BATCH, FILES_A_TURN
from despoolr_server.site.state import boxes
from despoolr_server.site.state.winst_box import drop_records, put_records
from worlds.share import World
from worlds.turns import others

PATH = f"{boxes.PCM_DOMAINS}/SALES.000/BPC00001.INS"


def record(request: str, command: str = "setup.exe") -> WorkstationInstruction:
    return WorkstationInstruction(
        site_id="BPC",
        request_id=request,
        package_id="BPC00001",
        job_id="BPC00001",
        run_command=command,
    )


async def test_the_first_record_makes_the_domain_and_the_file() -> None:
    share = World().share()
    await put_records(share, [("SALES", "BPC00001")], record("BPC0001"))
    file = parse_winst(await share.read(PATH))
    assert [r.request_id for r in file.records] == ["BPC0001"]
    assert file.file_name == "bpc00001.ins"


async def test_records_keep_their_order_and_one_that_is_there_is_replaced() -> None:
    share = World().share()
    for request in ("BPC0001", "BPC0002", "BPC0003"):
        await put_records(share, [("SALES", "BPC00001")], record(request))
    await put_records(share, [("SALES", "BPC00001")], record("BPC0002", "other.exe"))
    file = parse_winst(await share.read(PATH))
    assert [(r.request_id, r.run_command) for r in file.records] == [
        ("BPC0001", "setup.exe"),
        ("BPC0002", "other.exe"),
        ("BPC0003", "setup.exe"),
    ]


async def test_the_same_record_again_does_not_touch_the_file() -> None:
    world = World()
    share = world.share()
    await put_records(share, [("SALES", "BPC00001")], record("BPC0001"))
    held = await world.share().open(PATH, Access.READ, ShareMode.READ)
    await put_records(share, [("SALES", "BPC00001")], record("BPC0001"))
    with pytest.raises(ShareError) as refused:
        await put_records(share, [("SALES", "BPC00001")], record("BPC0002"))
    assert refused.value.is_refusal
    await held.close()


async def test_a_file_that_is_held_keeps_no_other_client_from_its_record() -> None:
    world = World()
    share, clients = world.share(), [("SALES", f"BPC0000{number}") for number in range(1, 4)]
    await put_records(share, clients, record("BPC0001"))
    held = await world.share().open(PATH, Access.READ, ShareMode.READ)
    with pytest.raises(ShareError) as refused:
        await put_records(share, clients, record("BPC0002"))
    assert refused.value.is_refusal
    await held.close()
    counts = [
        len(parse_winst(await share.read(PATH.replace("BPC00001", sms_id))).records)
        for _, sms_id in clients
    ]
    assert counts == [1, 2, 2]


async def test_a_domain_that_cannot_be_made_keeps_no_client_of_another_from_its_record() -> None:
    share = World().share()
    await share.make_directory(boxes.PCM_DOMAINS)
    await share.write(f"{boxes.PCM_DOMAINS}/SALES.000", b"a file where the domain would be")
    clients = [("SALES", "BPC00001"), ("LEGAL", "BPC00002")]
    with pytest.raises(ShareError):
        await put_records(share, clients, record("BPC0001"))
    path = f"{boxes.PCM_DOMAINS}/LEGAL.000/BPC00002.INS"
    assert len(parse_winst(await share.read(path)).records) == 1


async def test_a_file_that_is_held_keeps_no_other_record_from_being_dropped() -> None:
    world = World()
    share, clients = world.share(), [("SALES", f"BPC0000{number}") for number in range(1, 4)]
    for request in ("BPC0001", "BPC0002"):
        await put_records(share, clients, record(request))
    await share.write(f"{boxes.PCM_DOMAINS}/SALES.000/A.INS", b"no instructions")
    held = await world.share().open(PATH, Access.READ, ShareMode.READ)
    with pytest.raises(ShareError) as refused:  # before the other one: it is tried again
        await drop_records(share, lambda one: one.request_id == "BPC0001")
    assert refused.value.is_refusal
    await share.delete(f"{boxes.PCM_DOMAINS}/SALES.000/A.INS")
    await held.close()
    assert await drop_records(share, lambda one: one.request_id == "BPC0001") == 1
    for _, sms_id in clients:
        file = parse_winst(await share.read(PATH.replace("BPC00001", sms_id)))
        assert [one.request_id for one in file.records] == ["BPC0002"]


async def test_a_damaged_file_keeps_no_record_of_others_behind_it_from_being_put_or_dropped() -> (
    None
):
    share = World().share()
    clients = [("SALES", f"BPC{number:05}") for number in range(BATCH + 1)]
    await share.make_directory(f"{boxes.PCM_DOMAINS}/SALES.000")
    await share.write(f"{boxes.PCM_DOMAINS}/SALES.000/A.INS", b"no instructions")
    with pytest.raises(WinstError, match="the first line"):
        await put_records(
            share, [("SALES", "A"), *clients, ("XRAY", "BPC00001")], record("BPC0001")
        )
    for path in (f"SALES.000/{clients[-1][1]}.INS", "XRAY.000/BPC00001.INS"):
        assert len(parse_winst(await share.read(f"{boxes.PCM_DOMAINS}/{path}")).records) == 1
    with pytest.raises(WinstError, match="the first line"):
        await drop_records(share, lambda one: one.request_id == "BPC0001")
    await share.delete(f"{boxes.PCM_DOMAINS}/SALES.000/A.INS")
    assert await drop_records(share, lambda one: one.request_id == "BPC0001") == 0


async def test_a_record_that_no_file_can_have_is_refused_before_anything_is_written() -> None:
    share = World().share()
    with pytest.raises(WinstError, match="Run Command"):
        await put_records(share, [("SALES", "BPC00001")], record("BPC0001", "a\nb"))
    assert await share.stat(boxes.PCM_DOMAINS) is None


async def test_others_have_their_turn_while_many_files_are_looked_through() -> None:
    share = World().share()
    clients = [("SALES", f"BPC{number:05}") for number in range(2 * FILES_A_TURN)]
    await put_records(share, clients, record("BPC0001"))
    async with others() as waiting:
        assert await drop_records(share, lambda one: one.request_id == "BPC0002") == 0
    assert waiting.turns >= 1
