"""The paper a despooler instruction is written on: every damage is noticed, with its line."""

from __future__ import annotations

from typing import Any
from zlib import crc32

import pytest

from despoolr_core.formats.dates import site_time
from despoolr_core.formats.instructions import instruction_file
from despoolr_core.formats.instructions.instruction_file import (
    CONFIG,
    FIELDS_MAX,
    FILE_SIZE_MAX,
    RETRIES_MAX,
    SERVERS_MAX,
    WIREMOVE,
    WORKSTATIONS_MAX,
    DespoolerInstruction,
    InstructionError,
    parse_instruction,
    render_flag,
    render_instruction,
    render_time,
)

INSTRUCTION = DespoolerInstruction(
    "MICROSOFT|SMS|MINIJOBINSTRUCTION|INSTALL",
    ("BPC", "BPC000AA"),
    {"PackageID": "BPC0000A", "Comments": "", "Refresh": "TRUE", "At": "5-13-2001 18:04:37"},
    ("\\\\SRV1\\SMS_PKGD", "\\\\SRV2\\SMS_PKGE"),
    ("BPC00005 SALES\\PC5",),
    execute_at=site_time(1970, 2, 19),
    retries=3,
)
WHOLE = render_instruction(INSTRUCTION)


def error_of(data: bytes) -> InstructionError:
    with pytest.raises(InstructionError) as caught:
        parse_instruction(data)
    return caught.value


def resealed(text: str) -> bytes:
    """A file with this body and a last line that fits it."""
    from zlib import crc32

    body = text.encode()
    return body + f"End of instruction, {body.count(10)} lines, CRC {crc32(body):08X}\n".encode()


def test_an_instruction_starts_as_snirdr_prints_it() -> None:
    """Q140374."""
    assert WHOLE.decode().split("\n")[:3] == [
        "The execution time is M/D/Y 2-19-1970",
        "The number of retries is 3",
        "MICROSOFT|SMS|MINIJOBINSTRUCTION|INSTALL BPC BPC000AA",
    ]


def test_an_instruction_reads_back_with_its_fields_in_order() -> None:
    read = parse_instruction(WHOLE)
    assert read == INSTRUCTION
    assert list(read.fields) == ["PackageID", "Comments", "Refresh", "At"]


def test_at_once_reads_back_as_none() -> None:
    assert parse_instruction(render_instruction(DespoolerInstruction(CONFIG))).execute_at is None


def test_a_retry_count_can_be_negative() -> None:
    """Q191360 speaks of a count that decreases by two."""
    assert (
        parse_instruction(render_instruction(DespoolerInstruction(CONFIG, retries=-2))).retries
        == -2
    )


def test_windows_line_ends_are_read() -> None:
    assert parse_instruction(WHOLE.replace(b"\n", b"\r\n")) == INSTRUCTION


@pytest.mark.parametrize(
    "value",
    [
        "a\nb",
        "a\r\nb",
        "\x00",
        "&#10;",
        "&&#",
        "\u2028",
        " lead and trail ",
        "AT&T",
        "a = b",
        "ü€😀",
    ],
)
def test_any_value_reads_back(value: str) -> None:
    instruction = DespoolerInstruction(CONFIG, fields={"Key": value}, servers=(value,))
    data = render_instruction(instruction)
    assert parse_instruction(data) == instruction
    assert data.count(b"\n") == 6


def test_a_file_cut_anywhere_is_refused() -> None:
    for length in range(len(WHOLE) - 1):  # the very last newline may be missing
        error_of(WHOLE[:length])
    assert parse_instruction(WHOLE[:-1]) == INSTRUCTION


def test_a_truncated_file_is_named_as_such_with_its_last_line() -> None:
    error = error_of(b"\n".join(WHOLE.split(b"\n")[:6]) + b"\n")
    assert (error.line, error.reason) == (
        6,
        "the file is truncated: its last line is not 'End of instruction'",
    )


def test_a_changed_byte_is_noticed() -> None:
    error = error_of(WHOLE.replace(b"BPC0000A", b"BPC0000B"))
    assert error.line == 11
    assert "damaged" in error.reason


def test_a_missing_line_is_noticed() -> None:
    error = error_of(WHOLE.replace(b"Comments =\n", b""))
    assert "speaks of 10 lines, there are 9" in error.reason


@pytest.mark.parametrize(
    "data", [b"", b"\n", b"MZ\x90\x00", b"End of instruction, 1 lines, CRC 00000000\n", b"\xff\xfe"]
)
def test_what_is_no_instruction_is_refused_in_line_1(data: bytes) -> None:
    assert error_of(data).line == 1


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("The execution time is M/D/Y 2-31-1970\nThe number of retries is 0\nT\n", 1),
        ("The execution time is M/D/Y 2-19-1970\nThe number of retries is x\nT\n", 2),
        ("The execution time is M/D/Y 2-19-1970\nThe number of retries is 9999999\nT\n", 2),
        ("The execution time is M/D/Y 2-19-1970\nThe number of retries is 0\n", 3),
        ("The execution time is M/D/Y 2-19-1970\nThe number of retries is 0\nT  two blanks\n", 3),
        (
            "The execution time is M/D/Y 2-19-1970\nThe number of retries is 0\nT\nno "
            "equals sign\n",
            4,
        ),
        ("The execution time is M/D/Y 2-19-1970\nThe number of retries is 0\nT\nA = 1\nA = 2\n", 5),
        (
            "The execution time is M/D/Y 2-19-1970\nThe number of retries is 0\nT\nA = "
            "&#9999999;\n",
            4,
        ),
        (
            "The execution time is M/D/Y 2-19-1970\nThe number of retries is 0\nT\nA = &#55296;\n",
            4,
        ),
        (
            "The execution time is M/D/Y 2-19-1970\nThe number of retries is 0\nT\n"
            "A = &#55357;&#56832;\n",
            4,
        ),
        ("The execution time is M/D/Y 2-19-1970\nThe number of retries is 0\nT\nA =1\n", 4),
    ],
)
def test_a_wrong_line_is_named(text: str, line: int) -> None:
    assert error_of(resealed(text)).line == line


def test_bytes_that_are_no_text_are_named() -> None:
    from zlib import crc32

    body = b"The execution time is M/D/Y 2-19-1970\nThe number of retries is 0\nT\nA = \xff\n"
    error = error_of(body + f"End of instruction, 4 lines, CRC {crc32(body):08X}\n".encode())
    assert (error.line, error.column) == (4, 5)


@pytest.mark.parametrize(
    "instruction",
    [
        DespoolerInstruction(""),
        DespoolerInstruction("two words"),
        DespoolerInstruction(WIREMOVE, ("",)),
        DespoolerInstruction(WIREMOVE, ("a\nb",)),
        DespoolerInstruction(CONFIG, fields={"": "x"}),
        DespoolerInstruction(CONFIG, fields={"a=b": "x"}),
        DespoolerInstruction(CONFIG, fields={"Server": "x"}),
        DespoolerInstruction(CONFIG, fields={"A": "x\ud800"}),
        DespoolerInstruction(CONFIG, servers=("x\udfff",)),
        DespoolerInstruction(CONFIG, retries=RETRIES_MAX + 1),
        DespoolerInstruction(CONFIG, fields={f"K{number}": "" for number in range(FIELDS_MAX + 1)}),
        DespoolerInstruction(CONFIG, servers=("S",) * (SERVERS_MAX + 1)),
        DespoolerInstruction(CONFIG, workstations=("W",) * (WORKSTATIONS_MAX + 1)),
    ],
)
def test_what_could_not_be_read_back_is_not_written(instruction: DespoolerInstruction) -> None:
    with pytest.raises(InstructionError):
        render_instruction(instruction)


def test_the_bounds_themselves_are_allowed() -> None:
    instruction = DespoolerInstruction(
        CONFIG,
        fields={f"K{number}": "" for number in range(FIELDS_MAX)},
        servers=("S",) * SERVERS_MAX,
        retries=RETRIES_MAX,
    )
    assert parse_instruction(render_instruction(instruction)) == instruction


def test_a_file_has_a_largest_size() -> None:
    assert "are more than" in error_of(b"x" * (FILE_SIZE_MAX + 1)).reason


def test_typed_values_are_read() -> None:
    read = parse_instruction(WHOLE)
    assert read.flag("Refresh") is True
    assert read.time("At") == site_time(2001, 5, 13, 18, 4, 37)
    assert read.time("Comments") is None
    assert (render_flag(False), render_time(None), render_time(0.0)) == ("FALSE", "", "1-1-1970")


@pytest.mark.parametrize("read", ["flag", "time", "integer"])
def test_a_value_of_the_wrong_kind_is_named_with_its_line(read: str) -> None:
    with pytest.raises(InstructionError) as caught:
        getattr(parse_instruction(WHOLE), read)("PackageID")
    assert caught.value.line == 4
    assert "PackageID" in caught.value.reason


def test_a_missing_field_is_named() -> None:
    with pytest.raises(InstructionError, match="no field 'Nothing'"):
        parse_instruction(WHOLE).text("Nothing")


def test_a_name_that_is_too_long_for_a_field_is_refused_and_not_remembered() -> None:
    kept: Any = instruction_file._is_short_key
    before = kept.cache_info().currsize
    for number in range(5):
        line = f"{'k' * 1_000_000}{number} = x\n"
        body = f"The execution time is M/D/Y 2-19-1970\nThe number of retries is 0\nA B\n{line}"
        data = f"{body}End of instruction, 4 lines, CRC {crc32(body.encode()):08X}\n"
        with pytest.raises(InstructionError, match="expected 'name = value'"):
            parse_instruction(data)
    assert kept.cache_info().currsize == before
