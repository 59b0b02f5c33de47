"""What a process tells while it runs: three forms, one line a fact, bursts counted."""

from __future__ import annotations

import io
import json
import logging
import re

import pytest

from despoolr_app.process.logs import process_log
from despoolr_app.process.logs.process_log import (
    LogFormatError,
    ServiceLines,
    begin,
    parse_log_format,
    say,
    tell,
)
from despoolr_core.formats.tracer import WARNING, TraceLine
from despoolr_server.site.state.logs import NoLogFiles


def lines(form: str) -> io.StringIO:
    stream = io.StringIO()
    begin(form, stream)
    return stream


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("", ("plain", "")),
        ("json", ("json", "")),
        ("sms2", ("plain", "sms2")),
        ("JSON, cmtrace", ("json", "cmtrace")),
        ("jsonl,text", ("text", "jsonl")),
    ],
)
def test_a_log_format_is_a_form_and_a_layout(text: str, read: tuple[str, str]) -> None:
    assert parse_log_format(text) == read


def test_words_that_are_no_log_format_are_answered_with_those_that_are() -> None:
    with pytest.raises(
        LogFormatError, match=r"'xml' is not a log format: plain, text, json .* cmtrace"
    ):
        parse_log_format("xml")


def test_plain_tells_what_the_process_says_of_itself_as_before() -> None:
    stream = lines("plain")
    say("despoolr: ready")
    tell(logging.WARNING, "open.refused", "b.dat refused")
    assert stream.getvalue() == "despoolr: ready\n"


def test_plain_tells_errors_too() -> None:
    stream = lines("plain")
    tell(logging.ERROR, "open.refused", "disk full: b.dat")
    assert stream.getvalue() == "despoolr: disk full: b.dat\n"


def test_text_has_time_and_level() -> None:
    stream = lines("text")
    say("despoolr: ready")
    tell(logging.WARNING, "open.refused", "b.dat refused")
    first, second = stream.getvalue().splitlines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO    despoolr: ready", first)
    assert second.endswith("Z WARNING despoolr: b.dat refused")


def test_json_has_the_facts_by_name() -> None:
    stream = lines("json")
    tell(logging.WARNING, "open.refused", "b.dat refused", path="b.dat", program="")
    said = json.loads(stream.getvalue())
    assert said.pop("time").endswith("Z")
    assert said == {
        "level": "warning",
        "message": "b.dat refused",
        "kind": "open.refused",
        "path": "b.dat",
    }


@pytest.mark.parametrize("form", ["text", "json"])
def test_whatever_is_told_is_one_line_without_control_characters(form: str) -> None:
    stream = lines(form)
    tell(logging.WARNING, "x", "a\nforged line\r\x1b[2J\x9b31m\u2028end")
    try:
        raise ValueError("of two\nlines \x1b[0m")
    except ValueError:
        logging.getLogger("despoolr.http").exception("PUT failed")
    told = stream.getvalue()
    assert told.count("\n") == 2
    text = (
        "".join(json.loads(line)["message"] for line in told.splitlines())
        if form == "json"
        else told.replace("\n", "")
    )
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028]", text)
    assert "of two" in told


def test_a_long_message_is_cut() -> None:
    stream = lines("text")
    tell(logging.WARNING, "x", "y" * 10_000)
    assert stream.getvalue().rstrip().endswith("y…")
    assert stream.getvalue().count("y") == process_log.MESSAGE_SIZE_MAX - 1


def test_of_one_kind_no_more_than_a_burst_is_told_and_the_rest_is_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = lines("text")
    for number in range(process_log.LINES_MAX + 5):
        tell(logging.WARNING, "open.refused", f"refusal {number}")
    tell(logging.INFO, "job.status", "job A is Complete")
    told = stream.getvalue().splitlines()
    assert sum("refusal" in line for line in told) == process_log.LINES_MAX
    assert "the rest is only counted" in told[-2]
    assert told[-1].endswith("job A is Complete"), "another kind is told all the same"
    monkeypatch.setattr(process_log, "WINDOW_S", 0.0)
    tell(logging.WARNING, "open.refused", "later")
    assert (
        stream.getvalue()
        .splitlines()[-2]
        .endswith("5 more lines of kind open.refused were not told")
    )


def test_a_service_that_warns_is_told_and_one_that_does_not_is_not() -> None:
    stream = lines("text")
    sink = ServiceLines(NoLogFiles())
    sink.write(
        TraceLine("~Cannot reach a server this cycle: LOGON1", "SMS_LAN_SENDER", 0.0, kind=WARNING)
    )
    sink.write(TraceLine("~Working on logon server LOGON1", "SMS_LAN_SENDER", 0.0))
    sink.close()
    assert len(stream.getvalue().splitlines()) == 1
    assert "SMS_LAN_SENDER: Cannot reach a server" in stream.getvalue()
