"""What a report says of a run, and which MIF goes with it under which name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from despoolr_client.pcm.reporting import (
    NAMES_MAX,
    Reporter,
    collect_mif,
    expiry_notice,
    report_id,
    report_name,
    run_result,
)
from despoolr_core.formats.instructions.instruction import Result
from despoolr_core.formats.instructions.winst import WorkstationInstruction
from despoolr_core.formats.sms_id import SmsId

RECORD = WorkstationInstruction(
    site_id="BPC", request_id="BPC0001", package_id="BPC00001", job_id="BPC0000A"
)
WHO = Reporter("BPC00001", "PC1", "DOM", "JANE")


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({}, ""),
        ({"A.MIF": 10.0}, ""),
        ({"A.MIF": 10.001}, "A.MIF"),
        ({"A.MIF": 9.0, "setup.mif.mif": 11.0}, "setup.mif.mif"),
        ({"A.MIF": 11.0, "B.MIF": 12.0, "C.MIX": 13.0}, "B.MIF"),
        ({"A.MIF": 11.0, "B.MIF": 11.0}, "B.MIF"),
    ],
)
def test_a_mif_is_collected_if_it_is_strictly_later_than_the_start(
    files: dict[str, float], found: str
) -> None:
    assert collect_mif(files, 10.0) == found


SMS_IDS = st.builds(
    lambda r, s: str(SmsId("BPC", r, s)), st.integers(0, 1295), st.integers(0, 46655)
)


@given(SMS_IDS, st.integers(0, NAMES_MAX - 1), SMS_IDS, st.integers(0, NAMES_MAX - 1))
def test_two_reports_of_a_site_have_one_name_only_if_they_are_one(
    a: str, m: int, b: str, n: int
) -> None:
    assert (report_name(a, m) == report_name(b, n)) is ((a, m) == (b, n))
    assert len(report_name(a, m)) == 8


def test_a_report_id_names_the_run_and_an_expiry_has_one_for_ever() -> None:
    assert report_id("BPC00001", "BPC0001", 1.0) != report_id("BPC00001", "BPC0001", 2.0)
    assert report_id("BPC00001", "BPC0001", None) == "BPC00001-BPC0001-expired"


def test_a_run_has_failed_if_its_process_says_so() -> None:
    assert run_result(RECORD, WHO, 10.0, 20.0, 0).result is Result.SUCCESS
    failed = run_result(RECORD, WHO, 10.0, 20.0, 5)
    assert (failed.result, failed.finished_at) == (Result.FAILED, 20.0)
    assert failed.description == "The program ended with error 5."
    assert expiry_notice(RECORD, WHO, 30.0).result is Result.EXPIRED
