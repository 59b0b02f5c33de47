"""What a process that stays says while it runs: one line a fact, with time and level where somebody
collects logs.

Three forms. `plain` is for the person who started it: the message alone. `text` and `json` are for
containers and log collectors: one line each, with the machine's time (UTC, milliseconds) and a
level; what follows from a line of code (a traceback) is in the same line. The images of this
project ask for `text`.
"""

from __future__ import annotations

import logging
import sys
import time
from typing import IO, TYPE_CHECKING, Any, Final

import msgspec

from despoolr_core.formats.tracer import ERROR, RENDERERS, WARNING, TraceLine
from despoolr_core.rules.text import escaped

if TYPE_CHECKING:
    from despoolr_server.site.state.logs import LogSink

PLAIN, TEXT, JSON = "plain", "text", "json"
FORMATS: Final = (PLAIN, TEXT, JSON)
NAME: Final = "despoolr"
LINES_MAX: Final = 20
"""Lines of one kind that are told in a window of `WINDOW_S`; the rest are counted, and told as one
line after it.
"""
WINDOW_S: Final = 10.0
MESSAGE_SIZE_MAX: Final = 2_000
"""Characters of one message; what is longer ends in an ellipsis."""

_log: Final = logging.getLogger(NAME)
_LEVEL_OF_LINE: Final = {WARNING: logging.WARNING, ERROR: logging.ERROR}


class LogFormatError(ValueError):
    """Words that are no log format; the message says which there are. Who must act: the
    operator.
    """


def parse_log_format(text: str) -> tuple[str, str]:
    """Read `DESPOOLR_LOG_FORMAT`: the form of the process log, and the layout of the services'
    files (empty: not said).

    Both may be given, separated by a comma: `json,sms2`. Raises `LogFormatError`.
    """
    form, layout = PLAIN, ""
    for word in (part.strip().lower() for part in text.split(",") if part.strip()):
        if word in FORMATS:
            form = word
        elif word in RENDERERS:
            layout = word
        else:
            raise LogFormatError(
                f"{word[:40]!r} is not a log format: {', '.join(FORMATS)} say how this process "
                "tells what happens, "
                f"{', '.join(RENDERERS)} how the services' files look"
            )
    return form, layout


def begin(form: str, stream: IO[str] | None = None) -> None:
    """Send everything that is logged in this process to `stream` (standard error) in one of
    `FORMATS`.
    """
    handler = logging.StreamHandler(sys.stderr if stream is None else stream)
    handler.setFormatter({PLAIN: PlainFormatter, TEXT: TextFormatter, JSON: JsonFormatter}[form]())
    handler.addFilter(BurstFilter(handler))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    _log.setLevel(logging.INFO if form != PLAIN else logging.ERROR)
    logging.getLogger(f"{NAME}.process").setLevel(logging.INFO)


def say(message: str) -> None:
    """One line about the process itself: started, listens, stopped. Told in every form."""
    logging.getLogger(f"{NAME}.process").info(message.removeprefix(f"{NAME}: "))


def is_plain() -> bool:
    """Whether a person reads along: greetings and hints belong there, not into a collector."""
    return not any(
        isinstance(h.formatter, TextFormatter | JsonFormatter) for h in logging.getLogger().handlers
    )


def tell(level: int, kind: str, message: str, **facts: Any) -> None:
    """One line about something that happened. `kind` groups lines: of one kind, `LINES_MAX` a
    window are told.
    """
    _log.log(level, message, extra={"kind": kind, "facts": facts})


class ServiceLines:
    """A sink for the services' log lines: hands each on to their files, and tells warnings and
    errors.
    """

    def __init__(self, files: LogSink) -> None:
        self._files = files

    def write(self, line: TraceLine) -> None:
        """Append one line to the component's file; one that warns is told as well."""
        self._files.write(line)
        level = _LEVEL_OF_LINE.get(line.kind)
        if level is not None:
            tell(
                level,
                line.component,
                f"{line.component}: {line.text.strip('~ ')}",
                component=line.component,
            )

    def close(self) -> None:
        """Let go of the files."""
        self._files.close()


class BurstFilter(logging.Filter):
    """Lets `LINES_MAX` lines of a kind through in each window, and tells how many there were
    more.
    """

    def __init__(self, handler: logging.Handler) -> None:
        super().__init__()
        self._handler = handler
        self._windows: dict[str, tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is told. Kinds are few: they are named in code."""
        kind = getattr(record, "kind", "")
        if not kind:
            return True
        began, count = self._windows.get(kind, (record.created, 0))
        if record.created - began >= WINDOW_S:
            if count > LINES_MAX:
                self._tell(record, f"{count - LINES_MAX:,} more lines of kind {kind} were not told")
            began, count = record.created, 0
        self._windows[kind] = (began, count + 1)
        if count == LINES_MAX:
            self._tell(
                record,
                f"{LINES_MAX} lines of kind {kind} in {WINDOW_S:g} s: for now the rest is "
                "only counted",
            )
        return count < LINES_MAX

    def _tell(self, record: logging.LogRecord, text: str) -> None:
        rest = logging.makeLogRecord({"name": record.name, "levelno": record.levelno, "msg": text})
        rest.levelname = record.levelname
        self._handler.emit(rest)


def _message(record: logging.LogRecord) -> str:
    """The message in one line, bounded, without control characters."""
    text = escaped(record.getMessage()).strip()
    return text if len(text) <= MESSAGE_SIZE_MAX else f"{text[: MESSAGE_SIZE_MAX - 1]}…"


class _Formatter(logging.Formatter):
    """Times are UTC, as those of a site."""

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def traceback(self, record: logging.LogRecord) -> str:
        """The traceback of what was raised; empty for none."""
        return self.formatException(record.exc_info) if record.exc_info else ""


class PlainFormatter(_Formatter):
    """For a person: `despoolr: ready`."""

    def format(self, record: logging.LogRecord) -> str:
        """The message as it is said, and a traceback below it."""
        traceback = self.traceback(record)
        return f"{NAME}: {_message(record)}" + (f"\n{traceback}" if traceback else "")


class TextFormatter(_Formatter):
    """`2026-11-28T20:44:06.123Z WARNING despoolr: LOGON1 does not answer`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line; the lines of a traceback are parted by ` | `."""
        text = f"{self.formatTime(record)} {record.levelname:<7} {NAME}: {_message(record)}"
        traceback = " | ".join(line.strip() for line in self.traceback(record).splitlines())
        return f"{text} | {escaped(traceback)}" if traceback else text


class JsonFormatter(_Formatter):
    """One object a line: `time`, `level`, `message`, then the facts of the line, and `traceback` if
    something was raised.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line of JSON."""
        said: dict[str, Any] = {
            "time": self.formatTime(record),
            "level": record.levelname.lower(),
            "message": _message(record),
        }
        if kind := getattr(record, "kind", ""):
            said["kind"] = kind
        said |= {
            key: value
            for key, value in getattr(record, "facts", {}).items()
            if value not in ("", None)
        }
        if traceback := self.traceback(record):
            said["traceback"] = traceback
        return msgspec.json.encode(said).decode()
