"""MIFs that sites send upward: written, read back, refused; and the mark of Q235805."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from despoolr_core.formats.mif.language.findings import MifError
from despoolr_core.formats.reports.job_mif import (
    JobNotice,
    JobReport,
    Machine,
    read_inventory_mif,
    render_job_mif,
    render_machine_mif,
)
from despoolr_core.formats.reports.site_mif import (
    PackageReport,
    SiteReport,
    is_marked,
    mark,
    read_delta_mif,
    render_package_mif,
    render_site_mif,
    unmarked,
)
from despoolr_core.formats.sms_id import package_id

PACKAGE = PackageReport(
    "10000003/CHD/10000006/2/Success", "100Z0006", "CHD", "Success", 2, "10000003", 805_806_000.0
)
SITE = SiteReport("CHD", "100", "CHILD", "1.2", ("CHLOGON", "CHDIST"), 805_806_000.0)


def test_a_package_report_reads_back_as_it_was_written() -> None:
    assert read_delta_mif(render_package_mif(PACKAGE)) == PACKAGE


@pytest.mark.parametrize("servers", [(), ("A",), ("A", "B")])
def test_a_site_report_reads_back_as_it_was_written(servers: tuple[str, ...]) -> None:
    report = msgspec.structs.replace(SITE, servers=servers)
    assert read_delta_mif(render_site_mif(report)) == report


def test_a_result_that_is_none_is_refused_both_ways() -> None:
    with pytest.raises(MifError, match="'Maybe', not one of Success, Failed"):
        render_package_mif(msgspec.structs.replace(PACKAGE, result="Maybe"))
    with pytest.raises(MifError, match="Success"):
        read_delta_mif(render_package_mif(PACKAGE).replace(b'"Success"', b'"Whatevr"'))


def test_a_package_mif_of_another_architecture_is_refused() -> None:
    with pytest.raises(MifError, match="architecture PackageStatus expected"):
        read_delta_mif(
            render_package_mif(PACKAGE).replace(b'VALUE = "PackageStatus"', b'VALUE = "Machine"')
        )


def test_an_arrival_tells_what_the_job_is() -> None:
    facts = JobNotice(
        "PATCH", "Share Package On Server", "10000006", "Office", r"\\PARENT\PKGSRC\OFFICE", 3
    )
    report = JobReport(
        "r", "10000003", "Site Arrival", "CHD", "Complete", 805_806_000.0, facts=facts
    )
    assert read_delta_mif(render_job_mif(report)) == report


def test_a_machine_is_told_by_an_inventory_with_nothing_in_it() -> None:
    machine = Machine("CHD", "BRANCH", "WS1", "CHD00001")
    inventory = read_inventory_mif(render_machine_mif(machine))
    assert (inventory.machine, inventory.groups) == (machine, {})


# -- the mark


def test_the_mark_stands_in_the_fourth_place() -> None:
    assert mark("10000006") == "100Z0006"
    assert is_marked("100Z0006")
    assert not is_marked("10000006")


@given(st.integers(0, 0xFFFFF))
def test_no_package_id_is_marked_and_every_marked_one_is_found_again(number: int) -> None:
    one = package_id("ABZ", number)
    assert not is_marked(one)
    assert unmarked(mark(one), [one]) == [one]


def test_a_marked_id_may_mean_any_package_that_matches_in_the_other_seven_places() -> None:
    known = ["10000006", "10010006", "10000007", "20000006", "100F0006"]
    assert unmarked("100Z0006", known) == ["10000006", "10010006", "100F0006"]
