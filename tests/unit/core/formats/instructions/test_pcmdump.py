"""What each version of PCMDUMP prints."""

from __future__ import annotations

import msgspec
import pytest

from despoolr_core.formats.dates import site_time
from despoolr_core.formats.instructions.pcmdump import TOOLS, dump, summary, to_json
from despoolr_core.formats.instructions.winst import WinstFile, WorkstationInstruction
from despoolr_core.formats.instructions.winst_text import render_text

RECORD = WorkstationInstruction(
    site_id="BPC",
    request_id="BPC001M",
    package_id="BPC0000A",
    job_id="BPC000AA",
    display_date=site_time(1994, 1, 5, 8),
    expiration_date=site_time(1994, 12, 31, 17, 56),
    expiration_full=1,
    install_by_date=site_time(2000, 3, 1),
    install_by_full=1,
    operating_system=0x42,
)
FILE = WinstFile("MDM00005.INS", (RECORD,))


def dates(text: str) -> list[str]:
    return [line[18:] for line in text.split("\n") if " Date " in line[:16]]


@pytest.mark.parametrize("tool", ["1.0", "1.1"])
def test_the_tools_of_1_0_and_1_1_count_months_from_zero(tool: str) -> None:
    """Q153369; 11/31/94 is the sample's 31 December. The year 2000 is 100 (Q249578)."""
    assert dates(dump(FILE, tool)) == [
        "02/01/100 00:00:00",
        "00/05/94 08:00:00",
        "11/31/94 17:56:00",
    ]


def test_the_tool_of_1_2_prints_true_months_and_the_year_100() -> None:
    assert dates(dump(FILE, "1.2")) == [
        "03/01/100 00:00:00",
        "01/05/94 08:00:00",
        "12/31/94 17:56:00",
    ]


def test_without_a_tool_a_file_is_printed_as_it_is_stored() -> None:
    assert dump(FILE) == render_text(FILE)
    assert dates(dump(FILE)) == ["03/01/00 00:00:00", "01/05/94 08:00:00", "12/31/94 17:56:00"]


@pytest.mark.parametrize("tool", sorted(TOOLS))
def test_a_dump_names_its_tool(tool: str) -> None:
    assert dump(FILE, tool).startswith(f"PCM Instruction File Dump Utility v{tool}\n")


def test_no_date_is_zeros_in_every_tool() -> None:
    record = msgspec.structs.replace(
        RECORD, install_by_date=None, display_date=None, expiration_date=None
    )
    for tool in (None, *TOOLS):
        assert dates(dump(WinstFile("A.INS", (record,)), tool)) == ["00/00/00 00:00:00"] * 3


def test_an_unknown_tool_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(KeyError):
        dump(FILE, "3.0")


def test_a_listing_has_one_line_a_file() -> None:
    assert summary(FILE) == "MDM00005.INS    1 record   BPC001M"
    assert summary(WinstFile("MDM00006.INS")) == "MDM00006.INS    0 records"


def test_json_has_every_field_by_name() -> None:
    record = to_json(FILE)["records"][0]
    assert record["request_id"] == "BPC001M"
    assert record["expiration_date"] == site_time(1994, 12, 31, 17, 56)
    assert record["expiration_date_text"] == "12/31/1994 17:56:00"
    assert record["operating_systems"] == ["WIN32_X86", "MACINTOSH"]
    assert record["reserved"].endswith("0F 00 00 00")
    assert record["background"] is False
