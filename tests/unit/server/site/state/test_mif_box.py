"""Names in DELTAMIF.COL: in order, and never twice."""

from __future__ import annotations

import msgspec
import pytest

from despoolr_core.formats.reports.job_mif import JobReport, render_job_mif
from despoolr_core.share.modes import NtStatus
from despoolr_server.files import MemoryFileStore
from despoolr_server.site.state import boxes
from despoolr_server.site.state.mif_box import MifBox
from worlds.mif_samples import read_job_mif
from worlds.share import World

REPORT = JobReport(
    "R1", "BPC00001", "Workstation", "BPC", "Complete", 833785200.0, "SALES", "WS1", "BPC00001"
)


async def box_share() -> object:
    share = World().share()
    await share.make_directory(boxes.BAD_MIFS)
    return share


async def names(share: object) -> list[str]:
    return [entry.name for entry in await share.list(boxes.DELTA_MIFS) if not entry.directory]  # type: ignore[attr-defined]


async def test_names_sort_in_the_order_in_which_they_were_written() -> None:
    share = await box_share()
    box = MifBox(share, "X")  # type: ignore[arg-type]
    written = [await box.put(REPORT) for _ in range(40)]
    assert written[0] == "X0000000.MIF"
    assert written == sorted(written) == await names(share)
    assert all(len(name) == 12 for name in written)


async def test_a_report_with_an_event_is_an_emf() -> None:
    share = await box_share()
    box = MifBox(share, "X")  # type: ignore[arg-type]
    report = JobReport(
        "R2",
        "BPC00001",
        "Workstation",
        "BPC",
        "Retrying",
        833785200.0,
        "SALES",
        "WS1",
        "BPC00001",
        "no",
        374,
    )
    name = await box.put(report)
    assert name == "X0000000.EMF"
    assert read_job_mif(await share.read(f"{boxes.DELTA_MIFS}/{name}")) == report  # type: ignore[attr-defined]


async def test_a_restarted_service_does_not_write_over_reports_nobody_has_read() -> None:
    share = await box_share()
    first = MifBox(share, "X")  # type: ignore[arg-type]
    for _ in range(12):
        await first.put(REPORT)
    for name in ("Xnonsense.MIF", "X!!!!!!!.MIF", "X.MIF", "I000ZZZZ.MIF"):
        await share.write(f"{boxes.DELTA_MIFS}/{name}", b"")  # type: ignore[attr-defined]
    again = MifBox(share, "X")  # type: ignore[arg-type]
    await again.started()
    assert await again.put(REPORT) == "X000000C.MIF"


async def test_two_writers_have_names_of_their_own() -> None:
    share = await box_share()
    assert await MifBox(share, "X").put_data(b"1") != await MifBox(share, "I").put_data(b"2")  # type: ignore[arg-type]


@pytest.mark.parametrize("taken", [("X0000000.MIF",), ("X0000001.MIF", "X0000002.MIF"), ()])
async def test_nothing_is_written_over_a_file_that_somebody_else_put_there(
    taken: tuple[str, ...],
) -> None:
    """Q175526, Q185913: other programs put MIFs of such names into the box."""
    share = await box_share()
    box = MifBox(share, "X")  # type: ignore[arg-type]
    await box.started()
    for name in taken:
        await share.write(f"{boxes.DELTA_MIFS}/{name}", b"unread")  # type: ignore[attr-defined]
    written = [await box.put_data(b"mine") for _ in range(3)]
    assert await box.put_all([REPORT] * 3) == [None] * 3
    assert len(await names(share)) == len(taken) + 6
    for name in taken:
        assert await share.read(f"{boxes.DELTA_MIFS}/{name}") == b"unread"  # type: ignore[attr-defined]
    assert written == sorted(set(written) - set(taken))


async def test_several_reports_go_round_files_in_their_midst_in_their_order() -> None:
    share = await box_share()
    box = MifBox(share, "X")  # type: ignore[arg-type]
    for name in ("X0000001.MIF", "X0000003.MIF"):
        await share.write(f"{boxes.DELTA_MIFS}/{name}", b"unread")  # type: ignore[attr-defined]
    reports = [msgspec.structs.replace(REPORT, report=f"R{n}") for n in range(5)]
    assert await box.put_all(reports) == [None] * 5
    found = [await share.read(f"{boxes.DELTA_MIFS}/{name}") for name in await names(share)]  # type: ignore[attr-defined]
    assert found.count(b"unread") == 2
    assert [read_job_mif(data).report for data in found if data != b"unread"] == [
        report.report for report in reports
    ]


async def test_a_report_there_is_no_room_for_keeps_none_of_the_others() -> None:
    store = MemoryFileStore(capacity=2 * len(render_job_mif(REPORT)) + 10)
    share = World(store).share()
    await share.make_directory(boxes.DELTA_MIFS)
    large = msgspec.structs.replace(REPORT, description="x" * 250)
    first, second, third = await MifBox(share, "X").put_all([REPORT, large, REPORT])
    assert (first, third) == (None, None)
    assert second is not None and second.nt_status is NtStatus.DISK_FULL
