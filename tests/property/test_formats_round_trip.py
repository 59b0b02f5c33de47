"""`parse(render(x)) == x` for every format, and no input makes a parser fail in any way but its own
error.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from despoolr_core.errors import FormatError
from despoolr_core.formats.dates import (
    parse_date_time,
    parse_sms_date,
    render_ctime,
    render_date_time,
    render_sms_date,
    site_time,
)
from despoolr_core.formats.instructions.instruction import (
    Install,
    InstallKind,
    PackageTarget,
    Result,
    TargetWorkstation,
    WireRemove,
    parse_instruction,
    render_instruction,
)
from despoolr_core.formats.instructions.instruction_file import DespoolerInstruction
from despoolr_core.formats.instructions.winst import (
    PackageServer,
    ServerType,
    WinstFile,
    WorkstationInstruction,
)
from despoolr_core.formats.instructions.winst_text import parse_winst, render_winst
from despoolr_core.formats.sms_id import SmsId, next_sms_id, parse_sms_id
from despoolr_core.formats.sms_ini import parse_sms_ini
from despoolr_core.formats.tracer import TraceLine, render_sms1, render_sms2
from despoolr_core.rules.fold import fold
from despoolr_core.rules.text import why_unfit
from worlds.tracer_lines import parse_ctime, parse_trace

relaxed = settings(deadline=None, max_examples=100)

LAST_S = int(site_time(2070)) - 1
seconds = st.integers(1, LAST_S).map(float)
milliseconds = st.integers(1, LAST_S * 1000).map(lambda value: value / 1000)
texts = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=40).filter(
    lambda text: not why_unfit(text)
)
any_text = st.text(max_size=40)
names = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-", min_size=1, max_size=15)
base36 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
sites = st.text(base36, min_size=3, max_size=3).filter(
    lambda site: site not in ("CON", "PRN", "AUX", "NUL")
)


def ids(length: int) -> st.SearchStrategy[str]:
    return st.text(base36, min_size=length, max_size=length)


records = st.builds(
    WorkstationInstruction,
    site_id=ids(3),
    request_id=ids(7),
    package_id=ids(8),
    job_id=ids(8),
    install_flag=st.integers(0, 2),
    install_by_date=st.none() | seconds,
    install_by_full=st.integers(0, 1),
    display_date=st.none() | seconds,
    display_full=st.integers(0, 1),
    expiration_date=st.none() | seconds,
    expiration_full=st.integers(0, 1),
    user_input_flags=st.integers(0, 1),
    operating_system=st.integers(0, 127),
    disk_usage=texts,
    run_command=texts,
    wcl_name=texts,
    servers=st.lists(
        st.builds(PackageServer, texts.filter(bool), st.sampled_from(ServerType), texts),
        max_size=10,
    ).map(tuple),
    package_name=texts,
    comments=texts,
    domain_name=texts,
    reserved=st.binary(min_size=32, max_size=32),
)  # fmt: skip
winst_files = st.builds(
    WinstFile,
    texts,
    st.lists(records, max_size=4, unique_by=lambda record: record.request_id).map(tuple),
)


@relaxed
@given(seconds)
def test_an_sms_date_reads_back(at: float) -> None:
    assert parse_sms_date(render_sms_date(at)) == at


@relaxed
@given(milliseconds)
def test_every_other_form_of_a_date_reads_back(at: float) -> None:
    assert parse_date_time(render_date_time(at)) == at
    assert parse_ctime(render_ctime(at, milliseconds=True)) == at
    assert parse_ctime(render_ctime(at)) == at // 1


@relaxed
@given(winst_files)
def test_a_winst_file_reads_back(file: WinstFile) -> None:
    raw = render_winst(file)
    assert parse_winst(raw) == file
    assert render_winst(parse_winst(raw)) == raw


@relaxed
@given(
    st.builds(
        DespoolerInstruction,
        names,
        st.lists(names, max_size=4).map(tuple),
        st.dictionaries(names.map(lambda name: "K" + name.replace("-", "")), any_text, max_size=6),
        st.lists(any_text, max_size=3).map(tuple),
        st.lists(any_text, max_size=3).map(tuple),
        st.none() | milliseconds,
        st.integers(-100, 1000),
    )
)
def test_an_instruction_reads_back(instruction: DespoolerInstruction) -> None:
    raw = render_instruction(instruction)
    read = parse_instruction(raw)
    assert read == instruction
    assert render_instruction(read) == raw


@relaxed
@given(st.data())
def test_a_changed_instruction_file_is_refused(data: st.DataObject) -> None:
    raw = bytearray(
        render_instruction(DespoolerInstruction("T", fields={"A": "1", "B": "two"}, servers=("S",)))
    )
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(FormatError):
        parse_instruction(bytes(raw))


@relaxed
@given(
    st.builds(
        WireRemove,
        site=ids(3),
        request_id=ids(7),
        job_id=ids(8),
        package_id=ids(8),
        sms_id=ids(8),
        machine=texts,
        domain=texts,
        user=texts,
        result=st.sampled_from(Result),
        report_id=texts.filter(bool),
        finished_at=milliseconds,
        mif_file=texts,
        description=any_text,
    )
)
def test_a_report_reads_back(report: WireRemove) -> None:
    assert (
        WireRemove.from_instruction(parse_instruction(render_instruction(report.to_instruction())))
        == report
    )


@relaxed
@given(
    st.builds(
        Install,
        kind=st.sampled_from(InstallKind),
        site=ids(3),
        job_id=ids(8),
        package_id=ids(8),
        package_version=st.integers(0, 10**6),
        package_file=any_text,
        request_id=any_text,
        servers=st.lists(st.builds(PackageTarget, names, texts.filter(bool)), max_size=3).map(
            tuple
        ),
        refresh_existing=st.booleans(),
        put_on_specified=st.booleans(),
        send_even_if_previously_sent=st.booleans(),
        workstations=st.lists(st.builds(TargetWorkstation, names, ids(8), names), max_size=3).map(
            tuple
        ),
        command_line=any_text,
        command_name=any_text,
        offer_after=st.none() | milliseconds,
        mandatory_after=st.none() | milliseconds,
        expires_after=st.none() | milliseconds,
        operating_system=st.integers(0, 127),
        user_input_required=st.booleans(),
        background=st.booleans(),
        report_to=any_text,
    )
)
def test_the_work_of_a_job_reads_back(install: Install) -> None:
    assert (
        Install.from_instruction(parse_instruction(render_instruction(install.to_instruction())))
        == install
    )


keys = st.text("abcDEF012 ", min_size=1, max_size=8).map(str.strip).filter(bool)
values = texts.map(str.strip).filter(lambda text: text == text.strip())


@relaxed
@given(st.lists(st.tuples(keys, keys, values), max_size=8))
def test_what_stands_in_an_ini_file_is_read_the_first_of_equal_keys(
    settings_: list[tuple[str, str, str]],
) -> None:
    wanted: dict[tuple[str, str], str] = {}
    for section, key, value in settings_:
        wanted.setdefault((fold(section), fold(key)), value)
    read = parse_sms_ini(
        "\r\n".join(f"[{where}]\r\n{key}={value}" for where, key, value in settings_)
    )
    assert {name: read.get(*name) for name in wanted} == wanted


@relaxed
@given(
    texts.filter(lambda text: "$$<" not in text),
    st.from_regex(r"[A-Z_]{1,30}", fullmatch=True),
    milliseconds,
    st.integers(0, 2**32 - 1),
)
def test_a_log_line_reads_back(text: str, component: str, at: float, thread: int) -> None:
    line = TraceLine(text, component, at, thread)
    assert parse_trace(render_sms2(line)) == line
    assert parse_trace(render_sms1(line)) == TraceLine(text, component, at // 1, thread)


@relaxed
@given(sites, st.integers(0, 36**2 - 1), st.integers(0, 36**3 - 2))
def test_the_next_sms_id_is_one_further(site: str, range_number: int, sequence: int) -> None:
    text = str(SmsId(site, range_number, sequence))
    assert parse_sms_id(text) == SmsId(site, range_number, sequence)
    assert parse_sms_id(next_sms_id(text)) == SmsId(site, range_number, sequence + 1)


@pytest.mark.parametrize("parse", [parse_winst, parse_instruction, parse_sms_ini])
@relaxed
@given(data=st.binary(max_size=300) | st.text(max_size=300))
def test_no_bytes_make_a_parser_fail_but_with_its_own_error(
    parse: Callable[[Any], Any], data: bytes | str
) -> None:
    try:
        parse(data)
    except FormatError as error:
        assert error.reason


@pytest.mark.parametrize(
    "parse", [parse_sms_date, parse_ctime, parse_date_time, parse_trace, parse_sms_id]
)
@relaxed
@given(text=st.text("0123456789/-: .ANZaov~<>$", max_size=40) | st.text(max_size=40))
def test_no_text_makes_a_reader_fail_but_with_its_own_error(
    parse: Callable[[str], Any], text: str
) -> None:
    try:
        parse(text)
    except FormatError as error:
        assert error.reason


@relaxed
@given(data=st.data(), file=winst_files)
def test_a_damaged_winst_file_is_refused_or_still_a_winst_file(
    data: st.DataObject, file: WinstFile
) -> None:
    raw = bytearray(render_winst(file))
    raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        render_winst(parse_winst(bytes(raw)))
    except FormatError as error:
        assert 0 < error.line <= raw.count(b"\n") + 1
