"""LAN Sender: package first, instruction last, and a bad request harms only itself."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from despoolr_core.records.kinds.share import FileWritten
from despoolr_core.records.kinds.site import EventLogged
from despoolr_core.records.stream import of
from despoolr_core.share.modes import Access, ShareMode
from despoolr_server.site.jobs.model import JobType
from despoolr_server.site.services.sender import (
    SendRequest,
    SendRequestError,
    parse_send_request,
    render_send_request,
)
from despoolr_server.site.state import boxes
from worlds.share import EPOCH
from worlds.site import Bench

REQUEST = SendRequest(
    "BPC0001", "BPC00001", "BPC", "BPC00001.P00", "BPC00001.I00", "BPC00001.PCK", "BPC00001.INS"
)


@given(
    st.builds(
        SendRequest,
        *[st.text(max_size=12)] * 7,
        st.integers(1, 3),
        st.integers(0, 9),
        st.floats(0, 1e9),
    )
)
def test_a_request_reads_back_as_it_was_written(request: SendRequest) -> None:
    assert parse_send_request(render_send_request(request)) == request


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"garbage",
        b"[1]",
        b'{"request": 1}',
        render_send_request(REQUEST)[:40],
        b"\xff\xfe",
    ],
)
def test_garbage_is_no_request(data: bytes) -> None:
    with pytest.raises(SendRequestError):
        parse_send_request(data)


async def test_garbage_in_the_outbox_is_set_aside_and_the_rest_is_sent() -> None:
    bench = Bench()
    job = await bench.job(await bench.package())
    await bench.cycle("SCHEDULER")
    await bench.root.write(f"{boxes.LAN_OUTBOX}/00000BPC.SRQ", b"garbage")
    await bench.cycle("LAN_SENDER")
    assert bench.names("SITE1/SMS_SHRD", boxes.LAN_OUTBOX) == []
    assert bench.names("SITE1/SMS_SHRD", boxes.BAD_INSTRUCTIONS) == [
        f"{boxes.BAD_INSTRUCTIONS}/00000BPC.SRQ",
        f"{boxes.BAD_INSTRUCTIONS}/00000BPC.SRQ.TXT",
    ]
    assert bench.names("SITE1/SMS_SITE") == [f"{job}.INS", f"{job}.PCK"]
    assert bench.events() == [309]
    (logged,) = [fact for _, fact in of(bench.records, EventLogged)]
    moved = f"{boxes.BAD_INSTRUCTIONS}/00000BPC.SRQ".replace("/", "\\")
    assert moved in logged.text, "where it is now"
    assert any(
        "Send request 00000BPC.SRQ is invalid and has been set aside" in line
        for line in bench.log("LAN_SENDER")
    )


async def test_a_request_that_somebody_holds_does_not_stop_the_others() -> None:
    bench = Bench()
    await bench.root.write(f"{boxes.LAN_OUTBOX}/00000BPC.SRQ", b"garbage")
    held = await bench.root.open(f"{boxes.LAN_OUTBOX}/00000BPC.SRQ", Access.READ, ShareMode.NONE)
    job = await bench.job(await bench.package())
    await bench.cycle("SCHEDULER")
    await bench.cycle("LAN_SENDER")
    assert f"{job}.INS" in bench.names("SITE1/SMS_SITE")
    await held.close()
    await bench.cycle("LAN_SENDER")
    assert bench.events() == [309]


async def test_the_instruction_comes_after_its_package() -> None:
    bench = Bench()
    job = await bench.job(await bench.package())
    await bench.cycle("SCHEDULER")
    await bench.cycle("LAN_SENDER")
    written = [fact.path for _, fact in of(bench.records, FileWritten) if fact.share == "SMS_SITE"]
    assert written == [f"{job}.PCK", f"{job}.INS"]


async def test_a_full_destination_is_tried_again_and_the_job_goes_on_when_there_is_room() -> None:
    bench = Bench()
    job = await bench.job(await bench.package())
    site = bench.stores["SITE1/SMS_SITE"]
    site.capacity = 10
    await bench.pump(3)
    assert bench.status(job) == "Active"
    (waiting,) = bench.names("SITE1/SMS_SHRD", boxes.LAN_OUTBOX)
    assert waiting.endswith(".SRS")
    assert parse_send_request(await bench.root.read(waiting)).retries == 3
    assert any("Win32 Error = 112" in line for line in bench.log("LAN_SENDER"))
    site.capacity = None
    await bench.pump(2)
    assert bench.status(job) == "Complete"


async def test_what_cannot_be_sent_for_seven_days_is_given_up_with_event_21() -> None:
    bench = Bench()
    job = await bench.job(await bench.package())
    bench.stores["SITE1/SMS_SITE"].capacity = 0
    await bench.pump(1)
    bench.clock.time += 7 * 86400.0
    await bench.pump(2)
    assert bench.events() == [21]
    assert bench.details(job)["Site Arrival", ""] == bench.status(job) == "Failed"
    assert bench.names("SITE1/SMS_SHRD", boxes.LAN_OUTBOX) == []


async def test_a_request_to_an_unknown_site_is_kept_with_event_332() -> None:
    bench = Bench()
    from msgspec.structs import replace

    await bench.root.write(
        f"{boxes.LAN_OUTBOX}/00001XYZ.SRQ", render_send_request(replace(REQUEST, destination="XYZ"))
    )
    await bench.cycle("LAN_SENDER")
    assert bench.events() == [332]
    assert bench.names("SITE1/SMS_SHRD", boxes.LAN_OUTBOX) == [f"{boxes.LAN_OUTBOX}/00001XYZ.SRS"]


async def test_high_priority_goes_first() -> None:
    bench = Bench()
    package = await bench.package()
    low, high = (
        await bench.job(package, "LOW", priority=3),
        await bench.job(package, "HIGH", priority=1),
    )
    await bench.cycle("SCHEDULER")
    await bench.cycle("LAN_SENDER")
    sent = [line for line in bench.log("LAN_SENDER") if "sent successfully" in line]
    assert [job in line for job, line in zip((high, low), sent, strict=True)] == [True, True]


@pytest.mark.parametrize(("version", "again"), [("1.1", False), ("1.2 SP4 + hotfixes", True)])
async def test_what_removes_a_package_is_sent_again_by_who_has_the_hotfix(
    version: str, again: bool
) -> None:
    """Q185179: the job is Retrying in both."""
    bench = Bench(version)
    package = await bench.package()
    await bench.job(package)
    await bench.pump(2)
    job = await bench.job(package, "GONE", type=JobType.REMOVE_PACKAGE)
    bench.stores["SITE1/SMS_SITE"].capacity = 0
    await bench.pump(2)
    assert bench.status(job) == "Retrying"
    assert bool(bench.names("SITE1/SMS_SHRD", boxes.LAN_OUTBOX)) is again
    bench.stores["SITE1/SMS_SITE"].capacity = None
    await bench.pump(3)
    assert bench.status(job) == ("Complete" if again else "Retrying")
    assert bool(bench.names("LOGON1/SMS_PKGD")) is not again


async def test_bad_requests_of_one_name_are_all_kept() -> None:
    bench = Bench()
    for data in (b"garbage 1", b"garbage 2"):
        await bench.root.write(f"{boxes.LAN_OUTBOX}/BAD.SRQ", data)
        await bench.cycle("LAN_SENDER")
    kept = bench.files("SITE1/SMS_SHRD", boxes.BAD_INSTRUCTIONS)
    assert sorted(data for path, data in kept.items() if path.endswith(".SRQ")) == [
        b"garbage 1",
        b"garbage 2",
    ]


@pytest.mark.parametrize("is_same", [True, False])
async def test_a_request_does_not_take_the_place_of_one_that_is_being_sent(is_same: bool) -> None:
    bench = Bench()
    bench.down.add("SITE2")
    bench.site.addresses |= {"FAR": "SITE2"}
    first = msgspec.structs.replace(REQUEST, destination="FAR", retries=3, first_tried_at=EPOCH)
    other = first if is_same else msgspec.structs.replace(first, remote_package="OTHER.PCK")
    fresh = msgspec.structs.replace(other, retries=0, first_tried_at=0.0)
    await bench.root.write(f"{boxes.LAN_OUTBOX}/R.SRS", render_send_request(first))
    await bench.root.write(f"{boxes.LAN_OUTBOX}/R.SRQ", render_send_request(fresh))
    await bench.cycle("LAN_SENDER")
    left = bench.files("SITE1/SMS_SHRD", boxes.LAN_OUTBOX)
    requests = sorted(parse_send_request(data).remote_package for data in left.values())
    assert requests == sorted({first.remote_package, other.remote_package})
    assert parse_send_request(left[f"{boxes.LAN_OUTBOX}/R.SRS"]).retries >= 3
