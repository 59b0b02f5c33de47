"""What a report says and what its files are called."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from despoolr_client.pcm.behaviour import PcmBehaviour
from despoolr_client.pcm.reporting import (
    NAMES_MAX,
    Reporter,
    collect_mif,
    expiry_report,
    files_of,
    report_id,
    report_name,
    run_report,
    status_of,
)
from despoolr_core.formats.instruction import Result, WireRemove, parse_instruction
from despoolr_core.formats.sms_id import SmsId
from despoolr_core.formats.status_mif import StatusMif, render_status_mif
from despoolr_core.formats.winst import WorkstationInstruction

RECORD = WorkstationInstruction(
    site_id="BPC", request_id="BPC0001", package_id="BPC00001", job_id="BPC0000A"
)
WHO = Reporter("BPC00001", "PC1", "DOM", "JANE")


class Dated(NamedTuple):
    modified_at: float


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({}, None),
        ({"A.MIF": 10.0}, None),
        ({"A.MIF": 10.001}, "A.MIF"),
        ({"A.MIF": 9.0, "setup.mif.mif": 11.0}, "setup.mif.mif"),
        ({"A.MIF": 11.0, "B.MIF": 12.0, "C.MIX": 13.0}, "B.MIF"),
        ({"A.MIF": 11.0, "B.MIF": 11.0}, "B.MIF"),
    ],
)
def test_a_mif_is_collected_if_it_is_strictly_later_than_the_start(
    files: dict[str, float], found: str | None
) -> None:
    assert collect_mif({name: Dated(at) for name, at in files.items()}, 10.0) == found


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


@pytest.mark.parametrize(
    ("has_mif", "sni_first", "extensions"),
    [
        (False, False, ["SNI"]),
        (False, True, ["SNI"]),
        (True, False, ["PCK", "SNI"]),
        (True, True, ["SNI", "PCK"]),
    ],
)
def test_the_files_come_in_the_order_of_the_behaviour(
    has_mif: bool, sni_first: bool, extensions: list[str]
) -> None:
    report = run_report(RECORD, WHO, 10.0, 20.0, 0, b"mif" if has_mif else None)
    names = files_of(report, "00001000", PcmBehaviour(sni_before_pck=sni_first))
    assert list(names) == [f"00001000.{extension}" for extension in extensions]


def test_an_sni_reads_back_and_names_its_pck() -> None:
    report = run_report(RECORD, WHO, 10.0, 20.0, 5, b"mif")
    instruction = parse_instruction(report.instruction("00001000"))
    wire = WireRemove.from_instruction(instruction)
    assert (wire.mif_file, wire.result, wire.finished_at) == ("00001000.PCK", Result.FAILED, 20.0)
    assert instruction.execute_at == 20.0
    alone = parse_instruction(expiry_report(RECORD, WHO, 30.0).instruction("00001001"))
    assert (alone.text("MIF"), alone.words[2]) == ("", "Expired")


def test_a_mifs_status_counts_before_the_processs_for_what_the_client_knows() -> None:
    failed = render_status_mif(StatusMif("Failed", "ErrorJamalz"))
    assert run_report(RECORD, WHO, 10.0, 20.0, 0, failed).result == "Failed"
    assert run_report(RECORD, WHO, 10.0, 20.0, 0, b"no mif").result == "Success"
    assert run_report(RECORD, WHO, 10.0, 20.0, 1, None).result == "Failed"
    assert status_of(b"x" * 70_000) == ""
