"""Log lines, letter for letter."""

from __future__ import annotations

import json

import pytest

from despoolr_core.formats.dates import site_time
from despoolr_core.formats.tracer import (
    ERROR,
    RENDERERS,
    SITE_ZONE,
    TraceLine,
    render_cmtrace,
    render_jsonl,
    render_sms1,
    render_sms2,
)
from worlds.tracer_lines import TraceError, parse_trace

Q193784 = (
    "Job still running............~   $$<SMS_PACKAGE_COMMAND_MANAGER_NT><Tue Nov 10 "
    "17:56:25 1998~><thread=112>"
)
Q244405_TAIL = (
    "  $$<SMS_DISTRIBUTION_MANAGER><Fri Oct 15 17:09:46.677 1999 Pacific Daylight "
    "Time><thread=297 (0x129)>"
)


def test_the_line_of_q193784_reads_and_writes_back() -> None:
    line = parse_trace(Q193784)
    assert line.text == "Job still running............~"
    assert line.component == "SMS_PACKAGE_COMMAND_MANAGER_NT"
    assert line.at == site_time(1998, 11, 10, 17, 56, 25)
    assert line.thread == 0x112
    assert render_sms1(line) == Q193784


def test_a_line_of_2_0_reads_and_writes_back() -> None:
    text = "~Starting package processing thread,thread ID = 129"
    line = parse_trace(text + Q244405_TAIL)
    assert line.text == text
    assert line.at == site_time(1999, 10, 15, 17, 9, 46, 677)
    assert (line.thread, line.zone) == (297, "Pacific Daylight Time")
    assert render_sms2(line) == text + Q244405_TAIL


def test_1_x_writes_the_thread_in_upper_case_hex() -> None:
    """Q214448 shows `6E`."""
    line = TraceLine(
        "Job completed.~",
        "SMS_PACKAGE_COMMAND_MANAGER_NT",
        site_time(1999, 1, 12, 16, 51, 10),
        0x6E,
    )
    assert render_sms1(line).endswith(
        "~   $$<SMS_PACKAGE_COMMAND_MANAGER_NT><Tue Jan 12 16:51:10 1999~><thread=6E>"
    )


def test_2_0_names_a_zone_that_has_no_summer_time() -> None:
    assert f" 1999 {SITE_ZONE}><thread=1 (0x1)>" in render_sms2(
        TraceLine("x", "C", site_time(1999, 7, 1), 1)
    )


def test_line_breaks_become_tildes_and_a_log_never_fails() -> None:
    line = TraceLine("a\r\nb\nc\x00d\ud800", "C", 0.0)
    for render in (render_sms1, render_sms2, render_cmtrace, render_jsonl):
        assert "\n" not in render(line)
        render(line).encode()
    assert render_sms1(line).startswith("a~b~c d    $$<C>")


def test_cmtrace_lines_have_the_shape_viewers_read() -> None:
    line = TraceLine(
        "~Copying a to b, Failed, Win32 Error = 32~",
        "SMS_DESPOOLER",
        site_time(1999, 10, 15, 17, 9, 46, 677),
        297,
        kind=ERROR,
    )
    assert render_cmtrace(line) == (
        '<![LOG[Copying a to b, Failed, Win32 Error = 32]LOG]!><time="17:09:46.677+000" '
        'date="10-15-1999" '
        'component="SMS_DESPOOLER" context="" type="3" thread="297" file="">'
    )  # fmt: skip


def test_a_text_cannot_end_a_cmtrace_line() -> None:
    assert render_cmtrace(TraceLine("]LOG]!>", "C", 0.0)).count("]LOG]!>") == 1


def test_json_lines_have_the_facts() -> None:
    assert json.loads(render_jsonl(TraceLine("x~", "C", 1.5, 2))) == {
        "at": 1.5,
        "component": "C",
        "thread": 2,
        "kind": 1,
        "text": "x~",
    }


def test_every_log_format_has_its_renderer() -> None:
    assert set(RENDERERS) == {"sms1", "sms2", "cmtrace", "jsonl"}


def test_blanks_before_the_mark_may_be_lost() -> None:
    assert parse_trace(Q193784.replace("~   $$", "~ $$")) == parse_trace(Q193784)


@pytest.mark.parametrize(
    ("line", "column"),
    [
        ("", 1),
        ("Job completed.", 15),
        (Q193784.replace("$$<", "$<"), len(Q193784)),
        (Q193784.replace("<thread=112>", ""), 34),
        (Q193784.replace("Nov 10", "Nov 31"), 69),
        (Q193784.replace("thread=112", "thread=11g"), 34),
        ("x" + Q244405_TAIL.replace("0x129", "0x12A"), 92),
    ],
)
def test_what_is_no_tracer_line_is_refused_with_its_column(line: str, column: int) -> None:
    with pytest.raises(TraceError) as caught:
        parse_trace(line)
    assert (caught.value.line, caught.value.column) == (1, column)
