"""The services' log files and the NT application log.

Every line goes three ways: to the records (what reports and expectations read), to the component's
file in SMS Tracer layout or another of `RENDERERS` (`LOGS\\DESPOOL.LOG`; `domain.md` i.1, i.2), and
to whoever listens live. Files are capped; the old one is kept as `.LO_`, as SMS kept it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Protocol

from despoolr_core.formats.tracer import RENDERERS, TraceLine

LOG_FILES: Final[dict[str, str]] = {
    "SMS_SCHEDULER": "SCHED.LOG",
    "SMS_DESPOOLER": "DESPOOL.LOG",
    "SMS_MAINTENANCE_MANAGER": "MAINTMAN.LOG",
    "SMS_INVENTORY_PROCESSOR": "INVPROC.LOG",
    "SMS_INVENTORY_DATA_LOADER": "DATALODR.LOG",
    "SMS_SITE_REPORTER": "SITEREP.LOG",
    "SMS_LAN_SENDER": "LANSEND.LOG",
    "SMS_DISTRIBUTION_MANAGER": "DISTMGR.LOG",
    "SMS_EXECUTIVE": "SMSEXEC.LOG",
}
LOG_SIZE_MAX: Final = 1_000_000
"""Bytes a log file grows to before it is renamed to `.LO_` and begun anew."""
FLUSH_S: Final = 0.1
"""Seconds that a line may wait for others."""


class LogSink(Protocol):
    """Where log lines go as files."""

    def write(self, line: TraceLine) -> None:
        """Append one line to the component's file."""

    def close(self) -> None:
        """Let go of the files."""


class NoLogFiles:
    """No files: the records have every line."""

    def write(self, line: TraceLine) -> None: ...

    def close(self) -> None: ...


def file_of(component: str) -> str:
    """The name of a component's log file."""
    return LOG_FILES.get(component, f"{component}.LOG")


def _open_at_once(path: str, flags: int) -> int:
    """For `open(..., opener=)`: a pipe that nobody reads is an `OSError`, and no wait."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0), 0o666)


class LogFile:
    """One log file in one of the layouts of `RENDERERS`.

    A person's viewer expects what SMS wrote: the ANSI code page and CR LF. JSON lines are UTF-8, as
    JSON is.
    """

    def __init__(self, path: Path, layout: str) -> None:
        self.path = path
        self._render = RENDERERS[layout]
        self._encoding, self._newline = (
            ("utf-8", "\n") if layout == "jsonl" else ("latin-1", "\r\n")
        )

    def append(self, lines: Iterable[TraceLine]) -> None:
        """Write lines at its end. Raises `OSError`."""
        # Opened anew on purpose: a viewer may hold or move the file.
        with open(
            self.path,
            "a",
            encoding=self._encoding,
            errors="replace",
            newline="",
            opener=_open_at_once,
        ) as file:
            file.writelines(self._render(line) + self._newline for line in lines)


class LogDirectory:
    """One file per component in a directory of this machine. Lines reach it within `FLUSH_S`, many
    with one opening.

    A line that the disk does not take is only in the records: a site that cannot log goes on.
    """

    def __init__(self, directory: Path, layout: str = "sms1", size_max: int = LOG_SIZE_MAX) -> None:
        self._directory = directory
        self._layout = layout
        self._size_max = size_max
        self._waiting: dict[str, list[TraceLine]] = {}
        self._timer: asyncio.TimerHandle | None = None
        directory.mkdir(parents=True, exist_ok=True)

    def write(self, line: TraceLine) -> None:
        self._waiting.setdefault(line.component, []).append(line)
        if self._timer is None:
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:
                self.flush()
            else:
                self._timer = loop.call_later(FLUSH_S, self.flush)

    def flush(self) -> None:
        """Write the lines that wait to their files."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        waiting, self._waiting = self._waiting, {}
        for component, lines in waiting.items():
            path = self._directory / file_of(component)
            try:
                if path.exists() and path.stat().st_size >= self._size_max:
                    path.replace(path.with_suffix(".LO_"))
                LogFile(path, self._layout).append(lines)
            except OSError:
                continue

    def close(self) -> None:
        self.flush()
