"""Log lines: the Tracer layout of SMS 1.x and of 2.0, letter for letter, and the same line for
newer viewers.

1.x (Q193784), three blanks before `$$<`:

    Job still running............~   $$<SMS_PACKAGE_COMMAND_MANAGER_NT><Tue Nov 10 17:56:25
    1998~><thread=112>

2.0 (Q244405), two blanks, milliseconds, a zone, the thread in both bases:

    ...  $$<SMS_DISTRIBUTION_MANAGER><Fri Oct 15 17:09:46.677 1999 Pacific Daylight Time><thread=297
    (0x129)>

A tilde stands where the component printed a newline, at the start or at the end of the text. A
`TraceLine` holds the text as the log shows it, tildes included; `message` adds the tilde that a
component of 1.x would print. Site time has no zone: 2.0's lines name one that never changes its
clocks (`SITE_ZONE`), and 1.x's lines none.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from despoolr_core.errors import FormatError
from despoolr_core.formats.dates import DateError, calendar, parse_ctime, render_ctime

SITE_ZONE: Final = "Greenwich Standard Time"
"""The Windows name of the one zone at offset 0 that has no summer time."""

INFORMATION, WARNING, ERROR = 1, 2, 3
"""The types of a CMTrace line."""


class TraceError(FormatError):
    """A line that is not in the layout it should have."""


class TraceLine(msgspec.Struct, frozen=True):
    """One line of a component's log. `at` in site seconds; `thread` is the Win32 thread ID; `kind`
    as in CMTrace.
    """

    text: str
    component: str
    at: float
    thread: int = 0
    zone: str = SITE_ZONE
    kind: int = INFORMATION


_BREAK: Final = re.compile(r"\r\n|[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0e-\x1b\x1f\x7f\ud800-\udfff]")
_SMS1: Final = re.compile(r"(.*?) {0,3}\$\$<([^<>]*)><([^<>~]*)~><thread=([0-9A-F]{1,8})>")
_SMS2: Final = re.compile(
    r"(.*?) {0,2}\$\$<([^<>]*)><([^<>]*? \d{4})(?: ([^<>]*))?><thread=(\d{1,10}) "
    r"\(0x([0-9A-F]{1,8})\)>"
)


def message(text: str) -> str:
    """`text` with the tilde that ends it, unless it has one at either end already."""
    return text if text.startswith("~") or text.endswith("~") else f"{text}~"


def one_line(text: str) -> str:
    """`text` fit for a log: every line break a tilde, every other control character a blank.
    Writing a log never fails.
    """
    return _CONTROL.sub(" ", _BREAK.sub("~", text))


def render_sms1(line: TraceLine) -> str:
    """The line as SMS 1.x writes it, without a newline (Q193784): whole seconds, upper-case hex
    thread.
    """
    return (
        f"{one_line(line.text)}   "
        f"$$<{line.component}><{render_ctime(line.at)}~><thread={line.thread:X}>"
    )


def render_sms2(line: TraceLine) -> str:
    """The line as SMS 2.0 writes it, without a newline (Q244405)."""
    at = render_ctime(line.at, milliseconds=True)
    return (
        f"{one_line(line.text)}  $$<{line.component}><{at} {line.zone}><thread={line.thread} "
        f"(0x{line.thread:X})>"
    )


def render_cmtrace(line: TraceLine) -> str:
    """The line for CMTrace and its kin, without a newline; the tildes become what they stand for,
    nothing at the ends.
    """
    at = calendar(line.at)
    text = one_line(line.text).strip("~").replace("]LOG]!>", "]LOG] !>")
    return (
        f'<![LOG[{text}]LOG]!><time="{at:%H:%M:%S}.{at.microsecond // 1000:03}+000" '
        f'date="{at:%m-%d-%Y}" '
        f'component="{line.component}" context="" type="{line.kind}" '
        f'thread="{line.thread}" file="">'
    )


def render_jsonl(line: TraceLine) -> str:
    """The line as one JSON object, without a newline: `at` (site seconds), `component`, `thread`,
    `kind`, `text`.
    """
    facts: dict[str, Any] = {
        "at": round(line.at, 3),
        "component": line.component,
        "thread": line.thread,
        "kind": line.kind,
        "text": one_line(line.text),
    }
    return msgspec.json.encode(facts).decode()


def parse_trace(line: str) -> TraceLine:
    """Read a line of either layout. Raises `TraceError` (line 1, and the column where the layout
    breaks).

    In a line of 2.0 the two spellings of the thread must agree. The kind is not in the line: it
    comes back as information.
    """
    line = line.removesuffix("\n").removesuffix("\r")
    found = _SMS1.fullmatch(line)
    if found:
        return TraceLine(found[1], found[2], _time(found, 3), int(found[4], 16))
    found = _SMS2.fullmatch(line)
    if found:
        if int(found[5]) != int(found[6], 16):
            raise TraceError(f"thread {found[5]} is not 0x{found[6]}", 1, found.start(5) + 1)
        return TraceLine(found[1], found[2], _time(found, 3), int(found[5]), found[4] or "")
    mark = line.find("$$<")
    if mark < 0:
        raise TraceError("no '$$<': this is no Tracer line", 1, len(line) + 1)
    raise TraceError("expected $$<COMPONENT><date><thread=...>", 1, mark + 1)


def _time(found: re.Match[str], group: int) -> float:
    try:
        return parse_ctime(found[group])
    except DateError as error:
        raise TraceError(error.reason, 1, found.start(group) + 1) from None


RENDERERS: Final = {
    "sms1": render_sms1,
    "sms2": render_sms2,
    "cmtrace": render_cmtrace,
    "jsonl": render_jsonl,
}
"""The layouts of `--log-format`."""
