"""Master WINST files: one a client, a record a request, and writing one twice changes nothing."""

from __future__ import annotations

import pytest

from despoolr_core.formats.instructions.winst import WorkstationInstruction
from despoolr_core.share.contract import ShareError
from despoolr_core.share.modes import Access, ShareMode
from despoolr_server.site.state import boxes
from despoolr_server.site.state.winst_box import put_records, read_instructions
from worlds.share import World

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
    file = await read_instructions(share, PATH, "unused")
    assert [r.request_id for r in file.records] == ["BPC0001"]
    assert file.file_name == "bpc00001.ins"


async def test_records_keep_their_order_and_one_that_is_there_is_replaced() -> None:
    share = World().share()
    for request in ("BPC0001", "BPC0002", "BPC0003"):
        await put_records(share, [("SALES", "BPC00001")], record(request))
    await put_records(share, [("SALES", "BPC00001")], record("BPC0002", "other.exe"))
    file = await read_instructions(share, PATH, "unused")
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
        len((await read_instructions(share, PATH.replace("BPC00001", sms_id), "")).records)
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
    assert len((await read_instructions(share, path, "")).records) == 1
