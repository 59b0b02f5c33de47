"""What instructions ask for: a client's report, a job's work at a site."""

from __future__ import annotations

from typing import Any
from zlib import crc32

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from despoolr_core.errors import FormatError
from despoolr_core.formats.instructions.instruction import (
    READ_SIZE_MAX,
    DespoolerInstruction,
    Install,
    InstallKind,
    InstructionError,
    PackageTarget,
    Result,
    TargetWorkstation,
    WireRemove,
    parse_instruction,
    render_instruction,
)

REPORT = WireRemove(
    site="VAQ",
    request_id="VAQ000F",
    job_id="VAQ0000F",
    package_id="VAQ00003",
    sms_id="VAQ00005",
    machine="PC5",
    domain="SALES",
    user="jdoe",
    result=Result.FAILED,
    report_id="VAQ00005-VAQ000F-1",
    finished_at=905_000_000.25,
    mif_file="PCK00000.PCK",
    description="no disk space\non C:",
)
INSTALL = Install(
    kind=InstallKind.INSTALL,
    site="BPC",
    job_id="BPC000AA",
    package_id="BPC0000A",
    package_version=2,
    package_file="BPC00434.PCK",
    request_id="BPC001M",
    servers=(PackageTarget("SRV1", "SMS_PKGD"), PackageTarget("SRV2", "APPS\\WIN\\EXCEL")),
    refresh_existing=True,
    put_on_specified=False,
    send_even_if_previously_sent=True,
    workstations=(
        TargetWorkstation("PC 5", "BPC00005", "SALES"),
        TargetWorkstation("PC6", "BPC00006", ""),
    ),
    command_line="setup.exe /q",
    command_name="Complete",
    package_name="Office",
    comments="4.3",
    offer_after=905_000_000.0,
    mandatory_after=905_604_800.0,
    expires_after=None,
    operating_system=0x0F,
    user_input_required=True,
    background=True,
    report_to="TOP",
)


def through_a_file(instruction: DespoolerInstruction) -> DespoolerInstruction:
    return parse_instruction(render_instruction(instruction))


@pytest.mark.parametrize("result", list(Result))
def test_a_report_reads_back(result: Result) -> None:
    report = msgspec.structs.replace(REPORT, result=result)
    assert WireRemove.from_instruction(through_a_file(report.to_instruction())) == report


def test_a_report_names_site_job_and_client_as_q172899_shows_it() -> None:
    """`MICROSOFT|SMS|DOMAIN_COMMISSAR_WIREMOVE VAQ VAQ0000F ... VAQ00005`."""
    line = render_instruction(REPORT.to_instruction()).decode().split("\n")[2]
    assert line.startswith("MICROSOFT|SMS|DOMAIN_COMMISSAR_WIREMOVE VAQ VAQ0000F ")
    assert line.endswith(" VAQ00005")


def outcome(render: Any) -> bytes | str:
    """A file, or why there is none."""
    try:
        return bytes(render())
    except FormatError as error:
        return str(error)


TEXTS = st.one_of(st.sampled_from(["", " ", "PC 5", "&#10;", "a&b", "\u2028", "\xa0"]), st.text())


@given(
    st.lists(TEXTS, min_size=8, max_size=8),
    st.lists(st.one_of(st.just("VAQ"), TEXTS), min_size=3, max_size=3),
    st.sampled_from(Result),
    st.one_of(st.floats(0.0, 3e9), st.sampled_from([-1.0, float("nan"), 1e12, 86400.0])),
)
def test_a_report_is_the_file_of_its_instruction(
    values: list[str], words: list[str], result: Result, at: float
) -> None:
    names = ("request_id", "package_id", "machine", "domain", "user", "report_id")
    texts = dict(zip((*names, "mif_file", "description"), values, strict=True))
    texts |= zip(("site", "job_id", "sms_id"), words, strict=True)
    report = WireRemove(**texts, result=result, finished_at=at)
    there = outcome(lambda: render_instruction(report.to_instruction(execute_at=at)))
    assert outcome(report.render) == there


def test_a_plain_report_is_read_at_once() -> None:
    report = replace(REPORT, description="no disk space")
    assert WireRemove.read(report.render()) == report
    told = report.without_fields()
    asked = parse_instruction(report.render())
    assert (told.type, told.words, told.execute_at) == (asked.type, asked.words, asked.execute_at)
    for at, retries in ((905_000_300.0, 0), (report.finished_at, 1)):
        file = render_instruction(report.to_instruction(execute_at=at, retries=retries))
        assert WireRemove.read(file) is None


@pytest.mark.parametrize("size", [READ_SIZE_MAX, READ_SIZE_MAX + 1])
def test_a_report_of_so_many_bytes_is_read_at_once_and_no_larger_one(size: int) -> None:
    bare = replace(REPORT, description="x")
    report = replace(bare, description="x" * (1 + size - len(bare.render())))
    assert len(report.render()) == size
    assert WireRemove.read(report.render()) == (report if size == READ_SIZE_MAX else None)


@given(
    st.lists(st.text("AZaz09 -|=:&\n\x7f\xe9", max_size=9), min_size=8, max_size=8),
    st.sampled_from(Result),
    st.integers(0, 2**34),
    st.binary(max_size=3),
    st.data(),
)
def test_what_is_read_at_once_is_what_its_instruction_says(
    values: list[str], result: Result, at: int, other: bytes, data: st.DataObject
) -> None:
    names = ("request_id", "package_id", "machine", "domain", "user", "report_id")
    texts = dict(zip((*names, "mif_file", "description"), values, strict=True))
    report = replace(REPORT, **texts, result=result, finished_at=at / 8)
    try:
        whole = report.render()
    except FormatError:
        return
    body = whole[: whole.rindex(b"\n", 0, -1) + 1]
    start = data.draw(st.integers(0, len(body)))
    end = data.draw(st.integers(start, min(start + 3, len(body))))
    changed = body[:start] + other + body[end:]
    sealed = changed + b"End of instruction, %d lines, CRC %08X\n" % (12, crc32(changed))
    for file in (whole, sealed, whole[:start] + other + whole[end:]):
        found = WireRemove.read(file)
        if found is not None:
            instruction = parse_instruction(file)
            assert found == WireRemove.from_instruction(instruction)
            assert found.finished_at == instruction.execute_at and instruction.retries == 0


def test_an_execution_time_and_a_retry_count_travel_with_it() -> None:
    read = through_a_file(REPORT.to_instruction(execute_at=905_000_300.0, retries=7))
    assert (read.execute_at, read.retries) == (905_000_300.0, 7)


@pytest.mark.parametrize("kind", list(InstallKind))
def test_the_work_of_a_job_reads_back(kind: InstallKind) -> None:
    install = msgspec.structs.replace(INSTALL, kind=kind)
    instruction = through_a_file(install.to_instruction(retries=1))
    assert instruction.type == f"MICROSOFT|SMS|MINIJOBINSTRUCTION|{kind}"
    assert Install.from_instruction(instruction) == install


def test_a_job_with_the_defaults_reads_back() -> None:
    install = Install(kind=InstallKind.REMOVE, site="BPC", job_id="BPC000AA", package_id="BPC0000A")
    assert Install.from_instruction(through_a_file(install.to_instruction())) == install


def test_one_kind_of_instruction_is_not_read_as_the_other() -> None:
    with pytest.raises(InstructionError, match="is not MICROSOFT"):
        WireRemove.from_instruction(INSTALL.to_instruction())
    with pytest.raises(InstructionError, match="is not MICROSOFT"):
        Install.from_instruction(REPORT.to_instruction())


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("Finished", "", "is not a time"),
        ("Finished", "yesterday", "is not a time like"),
        ("ReportID", "", "must not be empty"),
        ("RequestID", None, "no field 'RequestID'"),
    ],
)
def test_a_report_with_a_senseless_field_is_refused_at_its_line(
    key: str, value: str | None, reason: str
) -> None:
    whole = REPORT.to_instruction()
    fields = {name: text for name, text in whole.fields.items() if name != key} | (
        {} if value is None else {key: value}
    )
    read = through_a_file(replace(whole, fields=fields))
    with pytest.raises(InstructionError, match=reason) as caught:
        WireRemove.from_instruction(read)
    assert (caught.value.line > 3) == (value is not None)


@pytest.mark.parametrize(
    "words", [(), ("VAQ", "VAQ0000F", "VAQ00005"), ("VAQ", "VAQ0000F", "Maybe", "VAQ00005")]
)
def test_a_report_with_wrong_words_is_refused_at_line_3(words: tuple[str, ...]) -> None:
    with pytest.raises(InstructionError) as caught:
        WireRemove.from_instruction(replace(REPORT.to_instruction(), words=words))
    assert caught.value.line == 3


@pytest.mark.parametrize("server", ["", "SRV1", "\\\\SRV1", "\\\\SRV1\\", "\\\\\\X"])
def test_a_server_without_a_share_is_refused(server: str) -> None:
    with pytest.raises(InstructionError, match="is not a server and a share"):
        Install.from_instruction(replace(INSTALL.to_instruction(), servers=(server,)))


@pytest.mark.parametrize(
    "workstation", ["", "BPC00005", "BPC00005 PC5", " SALES\\PC5", "BPC00005 SALES\\"]
)
def test_a_workstation_without_its_three_names_is_refused(workstation: str) -> None:
    with pytest.raises(InstructionError, match="is not an SMSID, a domain and a machine"):
        Install.from_instruction(replace(INSTALL.to_instruction(), workstations=(workstation,)))


def test_names_that_would_read_back_differently_are_not_written() -> None:
    for server in (PackageTarget("A\\B", "S"), PackageTarget("", "S"), PackageTarget("A", "")):
        with pytest.raises(InstructionError):
            msgspec.structs.replace(INSTALL, servers=(server,)).to_instruction()
    for workstation in (
        TargetWorkstation("A\\B", "BPC00005", "D"),
        TargetWorkstation("A", "BPC 0005", "D"),
    ):
        with pytest.raises(InstructionError):
            msgspec.structs.replace(INSTALL, workstations=(workstation,)).to_instruction()


@pytest.mark.parametrize("bad", ["a\nb", "\x1b[2J", "PC\u202e5", "\x85", "x" * 257])
@pytest.mark.parametrize("field", ["machine", "domain", "user", "report_id", "mif_file"])
def test_a_report_whose_names_are_no_names_is_refused_by_its_field(field: str, bad: str) -> None:
    raw = render_instruction(msgspec.structs.replace(REPORT, **{field: bad}).to_instruction())
    with pytest.raises(InstructionError, match=r"no name or line may have|is longer than"):
        WireRemove.from_instruction(parse_instruction(raw))
