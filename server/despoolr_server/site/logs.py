"""The services' log files and the NT application log.

Every line goes three ways: to the records (what reports and expectations read), to the component's file in SMS Tracer
layout (`LOGS\\DESPOOL.LOG`; `domain.md` i.1, i.2), and to whoever listens live. Files are capped; the old one is kept as
`.LO_`, as SMS kept it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from despoolr_core.formats.tracer import TraceLine, render_sms1

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
"""Octets a log file grows to before it is renamed to `.LO_` and begun anew."""


class LogSink(Protocol):
    """Where log lines go as files."""

    def write(self, line: TraceLine) -> None:
        """Append one line to the component's file."""
        ...

    def close(self) -> None:
        """Let go of the files."""
        ...


class NoLogFiles:
    """No files: the records have every line."""

    def write(self, line: TraceLine) -> None: ...

    def close(self) -> None: ...


class LogDirectory:
    """One file per component in a directory of this machine, rendered by `render` (default: SMS 1.x Tracer layout)."""

    def __init__(self, directory: Path, render: Callable[[TraceLine], str] = render_sms1, size_max: int = LOG_SIZE_MAX) -> None:
        self._directory = directory
        self._render = render
        self._size_max = size_max
        self._files: dict[str, object] = {}
        directory.mkdir(parents=True, exist_ok=True)

    def write(self, line: TraceLine) -> None:
        path = self._directory / LOG_FILES.get(line.component, f"{line.component}.LOG")
        # Opened per line on purpose: services log a few lines a minute, and a viewer may hold or move the file.
        if path.exists() and path.stat().st_size >= self._size_max:
            path.replace(path.with_suffix(".LO_"))
        with path.open("a", encoding="latin-1", errors="replace", newline="") as file:
            file.write(self._render(line) + "\r\n")

    def close(self) -> None: ...
