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
    data: bytes
    modified_at: float


def left(data: bytes) -> dict[str, Dated]:
    """What a setup program left behind that ran from 10 to 20."""
    return {"SETUP.MIF": Dated(data, 15.0)}


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
    assert collect_mif({name: Dated(b"", at) for name, at in files.items()}, 10.0) == found


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
    report = run_report(RECORD, WHO, 10.0, 20.0, 0, left(b"mif") if has_mif else {})
    files = report.files("00001000", PcmBehaviour(sni_before_pck=sni_first))
    assert [name for name, _ in files] == [f"00001000.{extension}" for extension in extensions]


def test_an_sni_reads_back_and_names_its_pck() -> None:
    report = run_report(RECORD, WHO, 10.0, 20.0, 5, left(b"mif"))
    assert report.collected == "SETUP.MIF"
    files = dict(report.files("00001000", PcmBehaviour()))
    assert files["00001000.PCK"] == b"mif"
    instruction = parse_instruction(files["00001000.SNI"])
    wire = WireRemove.from_instruction(instruction)
    assert (wire.mif_file, wire.result, wire.finished_at) == ("00001000.PCK", Result.FAILED, 20.0)
    assert instruction.execute_at == 20.0
    ((_, sni),) = expiry_report(RECORD, WHO, 30.0).files("00001001", PcmBehaviour())
    alone = parse_instruction(sni)
    assert (alone.text("MIF"), alone.words[2]) == ("", "Expired")


def test_a_mifs_status_counts_before_the_processs_for_what_the_client_knows() -> None:
    failed = render_status_mif(StatusMif("Failed", "ErrorJamalz"))
    assert run_report(RECORD, WHO, 10.0, 20.0, 0, left(failed)).result == "Failed"
    assert run_report(RECORD, WHO, 10.0, 20.0, 0, left(b"no mif")).result == "Success"
    assert run_report(RECORD, WHO, 10.0, 20.0, 1, {}).result == "Failed"
    assert status_of(b"x" * 70_000) == ""
