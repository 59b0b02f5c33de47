"""WINST files: the sample of Q123499, and everything that is not one."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from despoolr_core.formats.dates import site_time
from despoolr_core.formats.instructions.winst import (
    RESERVED_SAMPLE,
    OperatingSystem,
    PackageServer,
    ServerType,
    WinstError,
    WinstFile,
    WorkstationInstruction,
)
from despoolr_core.formats.instructions.winst_text import (
    FILE_SIZE_MAX,
    RECORDS_MAX,
    SERVERS_MAX,
    TEXT_MAX,
    RecordAdder,
    add_record,
    parse_winst,
    render_winst,
)

SAMPLE = r"""PCM Instruction File Dump Utility v1.0
Copyright 1993, 1994 Microsoft Corporation
File Name       : mdm00005.ins
PCM Version     : Beta 455
SiteID          : BPC
RequestID       : BPC001M
PackageID       : BPC0000A
JobID           : BPC000AA
Install Flag    : 0
Install By Date : 00/00/00 00:00:00
Install By Full : 0
Display Date    : 09/21/94 17:56:00
Display Full    : 1
Expiration Date : 03/07/95 17:56:00
Expiration Full : 1
User Input Flags: 0
Operating System: 15
Disk Usage      :
Run Command     : acmewkst.exe smsproxy\complete.stf /I:C
WCL Name        : Complete
Server(s)       : \\CNS-SMS\SMS_PKGD\BPC0000A\ Type: 2
                  Zone: \\CNS-SMS\SMS_PKGD\BPC0000A\
                : \\CNSAPPS1\SMS_PKGD\BPC0000A\ Type: 2
Package Name    : Microsoft Office Professional 4
Comments        : Microsoft Office Professional 4.3
Domain Name     :
Reserved        : 00 E6 F8 77 60 82 F9 77 FF FF FF FF 94 FF 03 00 FE 5F
                  40 00 00 00 05 00 08 00 00 00 0F 00 00 00
"""
"""As Q123499 prints it."""

RECORD = WorkstationInstruction(
    site_id="BPC", request_id="BPC001M", package_id="BPC0000A", job_id="BPC000AA"
)


def sample_lines() -> list[str]:
    return SAMPLE.split("\n")


def error_of(text: str) -> WinstError:
    with pytest.raises(WinstError) as caught:
        parse_winst(text.encode())
    return caught.value


def test_the_sample_reads_and_writes_back_character_for_character() -> None:
    assert render_winst(parse_winst(SAMPLE.encode())).decode() == SAMPLE


def test_the_sample_has_the_values_the_article_explains() -> None:
    file = parse_winst(SAMPLE)
    (record,) = file.records
    assert file.file_name == "mdm00005.ins"
    assert (record.site_id, record.request_id, record.package_id, record.job_id) == (
        "BPC",
        "BPC001M",
        "BPC0000A",
        "BPC000AA",
    )
    assert record.install_by_date is None
    assert record.display_date == site_time(1994, 9, 21, 17, 56)
    assert record.expiration_date == site_time(1995, 3, 7, 17, 56)
    assert (
        record.install_by_full,
        record.display_full,
        record.expiration_full,
        record.user_input_flags,
    ) == (0, 1, 1, 0)
    assert OperatingSystem(record.operating_system) == (
        OperatingSystem.WIN16
        | OperatingSystem.WIN32_X86
        | OperatingSystem.WIN32_MIPS
        | OperatingSystem.WIN32_ALPHA
    )
    assert record.run_command == r"acmewkst.exe smsproxy\complete.stf /I:C"
    assert record.servers == (
        PackageServer(
            "\\\\CNS-SMS\\SMS_PKGD\\BPC0000A\\",
            ServerType.WINNT3,
            "\\\\CNS-SMS\\SMS_PKGD\\BPC0000A\\",
        ),
        PackageServer("\\\\CNSAPPS1\\SMS_PKGD\\BPC0000A\\", ServerType.WINNT3),
    )
    assert record.reserved == RESERVED_SAMPLE
    assert record.pcm_version == "Beta 455"


def test_a_record_has_the_21_fields_and_the_version() -> None:
    assert len(msgspec.structs.fields(WorkstationInstruction)) == 22


def test_one_file_holds_many_records() -> None:
    records = tuple(
        msgspec.structs.replace(RECORD, request_id=f"BPC00{number:02}") for number in range(25)
    )
    file = WinstFile("BPC00005.INS", records)
    assert parse_winst(render_winst(file)) == file


def test_a_file_without_records_is_a_heading() -> None:
    file = WinstFile("BPC00005.INS")
    assert parse_winst(render_winst(file)) == file


def test_windows_line_ends_are_read() -> None:
    assert parse_winst(SAMPLE.replace("\n", "\r\n").encode()) == parse_winst(SAMPLE)


def test_the_background_and_synchronous_flags_live_in_the_last_byte_of_reserved() -> None:
    assert not RECORD.background and not RECORD.synchronous_exit
    record = msgspec.structs.replace(RECORD, reserved=RESERVED_SAMPLE[:-1] + b"\x03")
    assert record.background and record.synchronous_exit
    assert parse_winst(render_winst(WinstFile("A.INS", (record,)))).records[0].background
    assert record.with_flags(background=False).reserved == RESERVED_SAMPLE


def test_other_bytes_of_reserved_are_kept() -> None:
    record = msgspec.structs.replace(RECORD, reserved=bytes(range(32)))
    assert record.with_flags(background=True).reserved == bytes(range(31)) + bytes([0x1D])


# -- adding, replacing, removing by RequestID --


def test_a_record_with_the_same_request_is_replaced_in_its_place() -> None:
    first, second = RECORD, msgspec.structs.replace(RECORD, request_id="BPC001N")
    changed = msgspec.structs.replace(first, comments="new")
    file = WinstFile("A.INS").with_record(first).with_record(second)
    assert file.with_record(changed).records == (changed, second)
    assert file.find("BPC001N") == second
    assert file.find("BPC001X") is None


# -- limits --


def servers(count: int) -> tuple[PackageServer, ...]:
    return tuple(PackageServer(f"\\\\SRV{number}\\SMS_PKGD\\BPC0000A\\") for number in range(count))


def render_record(record: WorkstationInstruction) -> bytes:
    """A file of one record."""
    return render_winst(WinstFile("A.INS", (record,)))


def test_a_record_lists_ten_servers_and_not_eleven() -> None:
    """Q161310, Q165508."""
    full = WinstFile("A.INS", (msgspec.structs.replace(RECORD, servers=servers(SERVERS_MAX)),))
    text = render_winst(full).decode()
    assert parse_winst(text) == full
    with pytest.raises(WinstError, match=r"Server\(s\): 11 servers are more than 10"):
        render_record(msgspec.structs.replace(RECORD, servers=servers(SERVERS_MAX + 1)))
    last = f"{'':16}: {servers(SERVERS_MAX)[-1].unc} Type: 2\n"
    error = error_of(text.replace(last, last * 2))
    assert (error.line, error.column) == (31, 19)
    assert "more than 10 servers" in error.reason


def test_a_file_has_a_largest_number_of_records() -> None:
    records = tuple(
        msgspec.structs.replace(RECORD, request_id=f"BPC{number:04}")
        for number in range(RECORDS_MAX)
    )
    text = render_winst(WinstFile("A.INS", records)).decode()
    assert len(parse_winst(text).records) == RECORDS_MAX
    one_more = (
        text.removeprefix(render_winst(WinstFile("A.INS")).decode())
        .split("\n\n")[0]
        .replace("BPC0000\n", "BPC9999\n")
    )
    assert f"more than {RECORDS_MAX} records" in error_of(f"{text}\n{one_more}\n").reason
    with pytest.raises(WinstError, match="records are more than"):
        render_winst(WinstFile("A.INS", (*records, RECORD)))


def test_a_text_has_a_longest_length() -> None:
    render_record(msgspec.structs.replace(RECORD, comments="x" * TEXT_MAX))
    with pytest.raises(WinstError, match="Comments: 1025 characters"):
        render_record(msgspec.structs.replace(RECORD, comments="x" * (TEXT_MAX + 1)))


def test_a_file_has_a_largest_size() -> None:
    with pytest.raises(WinstError, match="bytes are more than"):
        parse_winst(b" " * (FILE_SIZE_MAX + 1))


# -- what cannot be written --


@pytest.mark.parametrize(
    "field", ["run_command", "wcl_name", "package_name", "comments", "domain_name", "disk_usage"]
)
@pytest.mark.parametrize(
    "bad", ["two\nlines", "a\x00b", "\x1b", "\u2028", "\x85", "\ud800", "\u202e", "\uffff"]
)
def test_control_characters_are_refused_by_field_and_place(field: str, bad: str) -> None:
    with pytest.raises(
        WinstError,
        match=r"control character U\+[0-9A-F]{4} at character [1-4]: this text must be one line",
    ):
        render_record(msgspec.structs.replace(RECORD, **{field: bad}))


def test_commas_quotes_colons_and_blanks_are_text() -> None:
    record = msgspec.structs.replace(
        RECORD, run_command=' setup.exe /q, "a: b" Type: 2 ', comments="Zone: x", wcl_name=" "
    )
    assert parse_winst(render_winst(WinstFile("A.INS", (record,)))).records == (record,)


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("site_id", "BPCX", "SiteID: 'BPCX' must be 3"),
        ("request_id", "BPC 01M", "RequestID"),
        ("package_id", "", "PackageID"),
        ("job_id", "BPC000ÄÄ", "JobID"),
        ("install_flag", 3, "Install Flag: 3 is not between 0 and 2"),
        ("install_by_full", 2, "Install By Full"),
        ("operating_system", 128, "Operating System: 128 is not between 0 and 127"),
        ("expiration_date", site_time(2070), "Expiration Date: the year 2070"),
        ("display_date", -1.0, "Display Date"),
        ("reserved", b"short", "Reserved: 5 bytes instead of 32"),
        ("servers", (PackageServer(""),), "without a UNC"),
        ("servers", (PackageServer("\\\\S\\x\ny"),), "control character"),
    ],
)
def test_a_record_that_could_not_be_read_back_is_refused(
    field: str, value: object, reason: str
) -> None:
    with pytest.raises(WinstError, match=reason.replace("(", r"\(")):
        render_record(msgspec.structs.replace(RECORD, **{field: value}))


def test_two_records_of_one_request_are_refused() -> None:
    with pytest.raises(WinstError, match="BPC001M appears twice"):
        render_winst(WinstFile("A.INS", (RECORD, RECORD)))
    body = SAMPLE[SAMPLE.index("PCM Version") :]
    error = error_of(SAMPLE + body)
    assert (error.line, error.column) == (31, 19)


# -- what cannot be read: every complaint has its place --


@pytest.mark.parametrize("line_count", range(1, 28))
def test_a_file_cut_after_any_line_is_refused_or_whole(line_count: int) -> None:
    text = "\n".join(sample_lines()[:line_count]) + "\n"
    if line_count == 3:  # the heading alone is a file without records
        assert parse_winst(text).records == ()
        return
    error = error_of(text)
    assert error.line == line_count
    assert "ends" in error.reason


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("PCM Instruction File Dump", "PCM Dump", (1, 1)),
        ("Utility v1.0", "Utility v1.1", (1, 1)),
        ("Copyright", "copyright", (2, 1)),
        ("SiteID          : BPC\n", "", (5, 1)),
        ("SiteID          : BPC", "SiteID          :BPC", (5, 18)),
        ("RequestID       : BPC001M", "RequestID       : BPC1M", (6, 19)),
        ("Install Flag    : 0", "Install Flag    : 3", (9, 19)),
        ("Install Flag    : 0", "Install Flag    : 00", (9, 19)),
        ("Install Flag    : 0", "Install Flag    : ²", (9, 19)),
        ("Install Flag    : 0", "Install Flag    :", (9, 19)),
        ("09/21/94", "11/31/94", (12, 19)),
        ("09/21/94", "09/21/100", (12, 19)),
        ("Complete\n", "Comp\x07lete\n", (20, 19)),
        ("Type: 2\n", "Type: 8\n", (21, 19)),
        ("BPC0000A\\ Type: 2\n", "BPC0000A\\\n", (21, 19)),
        ("                  Zone: ", "                  Zune: ", (22, 19)),
        (
            "                  Zone: \\\\CNS-SMS\\SMS_PKGD\\BPC0000A\\",
            "                  Zone: ",
            (22, 19),
        ),
        ("                : \\\\CNSAPPS1", "                :\\\\CNSAPPS1", (23, 18)),
        ("FE 5F\n", "FE\n", (27, 19)),
        ("FE 5F\n", "fe 5f\n", (27, 19)),
        ("0F 00 00 00\n", "0F 00 00\n", (28, 19)),
        ("                  40 00", "Comments        : 40 00", (27, 19)),
    ],
)
def test_a_damaged_line_is_named(old: str, new: str, place: tuple[int, int]) -> None:
    assert old in SAMPLE
    error = error_of(SAMPLE.replace(old, new, 1))
    assert (error.line, error.column) == place
    assert str(error).startswith(f"line {place[0]}, column {place[1]}: ")


def test_bytes_that_are_no_text_are_named() -> None:
    with pytest.raises(WinstError, match="byte FF is not UTF-8") as caught:
        parse_winst(SAMPLE.encode().replace(b"Office", b"\xffOffice", 1))
    assert (caught.value.line, caught.value.column) == (24, 29)


def test_an_empty_file_is_no_instruction_file() -> None:
    assert error_of("").line == 1


@pytest.mark.slow
@given(st.data())
def test_a_file_read_by_its_records_texts_is_the_one_read_line_by_line(data: st.DataObject) -> None:
    """Whatever a line is replaced by, taken out or put in: the same file, or the same mistake."""
    two = (RECORD, msgspec.structs.replace(RECORD, request_id="BPC001N", comments="two"))
    lines = render_winst(WinstFile("mdm00005.ins", two)).decode().split("\n")
    for _ in range(data.draw(st.integers(0, 2))):
        at = data.draw(st.integers(0, len(lines) - 1))
        lines[at : at + data.draw(st.integers(0, 1))] = data.draw(
            st.lists(st.sampled_from([*lines, "", " ", "x"]), max_size=1)
        )
    raw = "\n".join(lines).encode()

    def outcome(read: bytes | str) -> object:
        try:
            return parse_winst(read)
        except WinstError as error:
            return str(error)

    assert outcome(raw) == outcome(raw.decode())  # text goes the long way


@given(st.data())
def test_a_record_added_to_a_files_text_is_added_to_the_file(data: st.DataObject) -> None:
    """Behind the others, in the place of one, into a file that another tool wrote, or refused."""
    count = data.draw(st.integers(0, 3))
    records = tuple(
        msgspec.structs.replace(RECORD, request_id=f"BPC000{number}") for number in range(count)
    )
    raw = render_winst(WinstFile("mdm00005.ins", records))
    written = data.draw(
        st.sampled_from([raw, raw.replace(b"\n", b"\r\n"), raw + b"\n", raw[:-1], raw + b"x\n"])
    )
    new = msgspec.structs.replace(
        RECORD,
        request_id=f"BPC000{data.draw(st.integers(0, 4))}",
        comments=data.draw(st.sampled_from(["two", "\n", RECORD.comments])),
    )

    def outcome(make: Callable[[], WinstFile]) -> object:
        try:
            return make()
        except WinstError as error:
            return str(error)

    meant = outcome(lambda: parse_winst(render_winst(parse_winst(written).with_record(new))))
    assert outcome(lambda: parse_winst(add_record(written, new))) == meant
    if written == raw and isinstance(meant, WinstFile):
        assert add_record(written, new) == render_winst(meant)


@given(st.data())
def test_records_are_added_to_many_files_as_to_each_alone(data: st.DataObject) -> None:
    """Whatever the file before had behind its heading, and whoever's heading this one has."""
    records = tuple(
        msgspec.structs.replace(RECORD, request_id=f"BPC000{number}", comments=comments)
        for number, comments in enumerate(data.draw(st.sampled_from([("a",), ("a", "b"), ("\n",)])))
    )
    adder = RecordAdder(records)

    def one_by_one(name: str, before: bytes | None) -> bytes:
        after = render_winst(WinstFile(name, ())) if before is None else before
        for record in records:
            after = add_record(after, record)
        return after

    def outcome(make: Callable[[], bytes]) -> object:
        try:
            return make()
        except WinstError as error:
            return str(error)

    for number in range(data.draw(st.integers(1, 6))):
        name = f"mdm0000{number}.ins"
        heading = data.draw(st.sampled_from([name, "mdm0000a.ins", "mdm0000ab.ins"]))
        there = data.draw(st.sampled_from([(), records[:1], (RECORD,), (RECORD, *records)]))
        raw = b"" if "\n" in records[0].comments else render_winst(WinstFile(heading, there))
        before = data.draw(
            st.sampled_from([None, raw, raw.replace(b"\n", b"\r\n"), raw + b"\n", raw[:-1], b"x"])
        )
        assert outcome(lambda: adder.added(name, before)) == outcome(  # noqa: B023 - in its turn
            lambda: one_by_one(name, before)  # noqa: B023
        )


def test_what_one_file_had_is_not_given_to_the_next() -> None:
    adder, none = RecordAdder((RECORD,)), render_winst(WinstFile("a.ins", ()))
    other = msgspec.structs.replace(RECORD, request_id="BPC0009")
    assert adder.added("a.ins", None) == add_record(none, RECORD)
    there = render_winst(WinstFile("b.ins", (other,)))
    assert adder.added("b.ins", there) == add_record(there, RECORD)


def test_no_record_is_added_to_a_full_file() -> None:
    full = WinstFile(
        "mdm00005.ins",
        tuple(
            msgspec.structs.replace(RECORD, request_id=f"BPC{number:04}")
            for number in range(RECORDS_MAX)
        ),
    )
    data = render_winst(full)
    with pytest.raises(WinstError, match="records are more than"):
        add_record(data, msgspec.structs.replace(RECORD, request_id="BPCNEXT"))
    same = add_record(data, msgspec.structs.replace(full.records[7], comments="two"))
    assert parse_winst(same).records[7].comments == "two"
