"""Names in DELTAMIF.COL: in order, and never twice."""

from __future__ import annotations

from despoolr_core.formats.job_mif import JobReport
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
