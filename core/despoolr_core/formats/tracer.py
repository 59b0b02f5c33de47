"""Log lines: the Tracer layout of SMS 1.x and of 2.0, letter for letter, and the same line for
newer viewers.

1.x (Q193784), three blanks before `$$<`:

    Job still running............~   $$<SMS_PACKAGE_COMMAND_MANAGER_NT><Tue Nov 10 17:56:25
    1998~><thread=112>

2.0 (Q244405), two blanks, milliseconds, a zone, the thread in both bases:

    ...  $$<SMS_DISTRIBUTION_MANAGER><Fri Oct 15 17:09:46.677 1999 Pacific Daylight Time><thread=297
    (0x129)>

A tilde stands where the component printed a newline, at the start or at the end of the text. A
`TraceLine` holds the text as the log shows it, tildes included. Site time has no zone: 2.0's lines
name one that never changes its clocks (`SITE_ZONE`), and 1.x's lines none.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from despoolr_core.formats.dates import calendar, render_ctime

SITE_ZONE: Final = "Greenwich Standard Time"
"""The Windows name of the one zone at offset 0 that has no summer time."""

INFORMATION, WARNING, ERROR = 1, 2, 3
"""The types of a CMTrace line."""


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


_BREAK: Final = r"\r\n|[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]"
_CONTROL: Final = r"[\x00-\x08\x0e-\x1b\x1f\x7f\ud800-\udfff]"


def one_line(text: str) -> str:
    """`text` fit for a log: every line break a tilde, every other control character a blank.
    Writing a log never fails.
    """
    return text if text.isprintable() else re.sub(_CONTROL, " ", re.sub(_BREAK, "~", text))


def render_sms1(line: TraceLine) -> str:
    """The line as SMS 1.x writes it, without a newline (Q193784): whole seconds, upper-case hex
    thread. Raises `DateError`.
    """
    return (
        f"{one_line(line.text)}   "
        f"$$<{line.component}><{render_ctime(line.at)}~><thread={line.thread:X}>"
    )


def render_sms2(line: TraceLine) -> str:
    """The line as SMS 2.0 writes it, without a newline (Q244405). Raises `DateError`."""
    at = render_ctime(line.at, milliseconds=True)
    return (
        f"{one_line(line.text)}  $$<{line.component}><{at} {line.zone}><thread={line.thread} "
        f"(0x{line.thread:X})>"
    )


def render_cmtrace(line: TraceLine) -> str:
    """The line for CMTrace and its kin, without a newline; the tildes become what they stand for,
    nothing at the ends. Raises `DateError`.
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


RENDERERS: Final = {
    "sms1": render_sms1,
    "sms2": render_sms2,
    "cmtrace": render_cmtrace,
    "jsonl": render_jsonl,
}
"""The layouts of `--log-format`."""
