"""Distribution Manager and its inbox: the row, the words of Q235805, and what is kept for a
person.
"""

from __future__ import annotations

from typing import Any

import pytest

from despoolr_core.formats.reports.site_mif import PackageReport
from despoolr_core.formats.reports.sta import render_sta
from despoolr_core.share.site_api import PackageSpec
from despoolr_server.site.state import boxes
from worlds.site import Bench

DM = "SMS_DISTRIBUTION_MANAGER"


async def after(
    *reports: PackageReport | bytes,
    version: str = "2.0 SP1",
    ids: tuple[str, ...] = ("10000006",),
    **more: Any,
) -> Bench:
    """A 2.0 site with some packages, whose Distribution Manager has found these records."""
    bench = Bench(version, site="100", **more)
    for number, package in enumerate(ids):
        await bench.administrator.create_package(
            PackageSpec(f"P{number}", r"\\SITE1\PKGSRC\P", id=package)
        )
    await bench.start()
    for number, report in enumerate(reports):
        data = report if isinstance(report, bytes) else render_sta(report)
        await bench.root.write(f"{boxes.DISTRIBUTION_MANAGER}/P000000{number}.STA", data)
    await bench.cycle("DISTRIBUTION_MANAGER")
    return bench


def report(
    package: str = "100Z0006", result: str = "Success", time: float = 1.0, site: str = "CHD"
) -> PackageReport:
    return PackageReport(f"r{time}", package, site, result, 2, "10000003", time)


async def test_2_0_does_not_know_the_marked_id_says_so_in_these_words_and_changes_nothing() -> None:
    bench = await after(report(), version="2.0")
    assert (
        "~SQL Msg #99901> This PkgID (100Z0006) does not exist in the parent table, SMSPackages.~"
        in bench.site_log(DM)
    )
    assert bench.package_status("10000006", "CHD") == ""
    assert bench.names("SITE1/SMS_SHRD", "INBOXES") == []


async def test_sp1_finds_the_package_that_is_meant() -> None:
    bench = await after(report())
    assert bench.package_status("10000006", "CHD") == "Success"
    assert not any("99901" in line for line in bench.site_log(DM))
    assert bench.names("SITE1/SMS_SHRD", "INBOXES") == []


@pytest.mark.parametrize("version", ["2.0", "2.0 SP1"])
async def test_a_true_id_is_known_in_both(version: str) -> None:
    bench = await after(report("10000006", "Failed"), version=version)
    assert bench.package_status("10000006", "CHD") == "Failed"


async def test_a_fourth_character_that_was_no_zero_is_found_again() -> None:
    bench = await after(report("100Z0006"), ids=("10070006",))
    assert bench.package_status("10070006", "CHD") == "Success"


async def test_of_two_packages_that_match_none_is_changed_and_the_record_is_kept() -> None:
    bench = await after(report(), report("10000007"), ids=("10000006", "10010006", "10000007"))
    assert (bench.package_status("10000006", "CHD"), bench.package_status("10010006", "CHD")) == (
        "",
        "",
    )
    kept = bench.files("SITE1/SMS_SHRD", boxes.BAD_PACKAGE_STATUS)
    assert kept[f"{boxes.BAD_PACKAGE_STATUS}/P0000000.STA"] == render_sta(report())
    assert (
        b"may be any of 10000006, 10010006" in kept[f"{boxes.BAD_PACKAGE_STATUS}/P0000000.STA.TXT"]
    )
    assert any("may be any of 10000006, 10010006" in line for line in bench.site_log(DM))
    assert bench.package_status("10000007", "CHD") == "Success", "the rest goes on"


async def test_what_is_no_record_is_set_aside_with_the_reason() -> None:
    bench = await after(b"garbage", report())
    assert (
        b"not a package status record"
        in bench.files("SITE1/SMS_SHRD", boxes.BAD_PACKAGE_STATUS)[
            f"{boxes.BAD_PACKAGE_STATUS}/P0000000.STA.TXT"
        ]
    )
    assert bench.package_status("10000006", "CHD") == "Success"


async def test_an_older_record_does_not_undo_a_newer_one() -> None:
    bench = await after(
        report("10000006", "Failed", time=2.0), report("10000006", "Success", time=1.0)
    )
    assert bench.package_status("10000006", "CHD") == "Failed"


async def test_a_1_x_site_has_no_distribution_manager() -> None:
    assert DM not in [service.component for service in Bench("1.2").services]
