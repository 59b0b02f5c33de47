"""Telling a run while it happens, for somebody who has never heard of SMS: a listener that turns
records into sentences.

Only what matters to the story is told; of many attempts the first ones are told in full and then
every 25th in short.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from despoolr_core.records.kinds.fact import Fact
from despoolr_core.records.kinds.share import OpenClosed, OpenGranted, OpenRefused
from despoolr_core.records.kinds.site import (
    CopyEnded,
    CopyStarted,
    FileCopied,
    InstructionWritten,
    JobStatusChanged,
)
from despoolr_core.records.stream import Record

Say = Callable[[str], None]
INDENT = 13
INDENT_DATED = 20


class Narrator:
    """A record listener. `say` gets finished lines; `brief` leaves out most attempts and gives
    dates (for long runs).

    What happens from `until` (site seconds) on is the stage being cleared, and not told.
    """

    def __init__(self, say: Say, *, brief: bool = False, until: float = math.inf) -> None:
        self._say = say
        self._until = until
        self._brief = brief
        self._attempt = 0
        self._files: dict[str, str] = {}
        self._known: dict[str, set[str]] = {}
        self._holder = ""
        self._held: dict[str, str] = {}
        self._steps: Final[dict[type[Fact], Callable[[Record, Any], None]]] = {
            JobStatusChanged: self._job_status,
            OpenGranted: self._open_granted,
            OpenClosed: self._open_closed,
            OpenRefused: self._open_refused,
            CopyStarted: self._copy_started,
            FileCopied: self._copy_file,
            CopyEnded: self._copy_ended,
            InstructionWritten: self._instruction_written,
        }

    def __call__(self, record: Record) -> None:
        tell = self._steps.get(type(record.data))
        if tell is not None and record.at < self._until:
            tell(record, record.data)

    def _tell(self, record: Record, text: str) -> None:
        when = f"{datetime.fromtimestamp(record.at, UTC):%a %d %b %H:%M}"
        shown, width = (when, INDENT_DATED) if self._brief else (when[:3] + when[10:], INDENT)
        self._say(f"  {shown:<{width - 2}}{text}")

    def _add(self, text: str) -> None:
        self._say(" " * (INDENT_DATED if self._brief else INDENT) + text)

    def _job_status(self, record: Record, job: JobStatusChanged) -> None:
        name = job.name or job.job
        if job.status == "Pending":
            self._tell(record, f"The administrator makes job {name}.")
        elif job.status == "Retrying":
            self._tell(record, f"Job {name} is now Retrying.")
        elif job.status in ("Complete", "Failed"):
            after = "" if job.was != "Retrying" else ", after Retrying"
            self._tell(record, f"Job {name} is {job.status}{after}.")

    def _open_granted(self, record: Record, granted: OpenGranted) -> None:
        if not granted.program.endswith(".EXE"):
            return
        self._held[granted.open] = f"{granted.program} on {granted.machine}"
        how = f"access {granted.access}, sharing {granted.share_mode}"
        self._tell(
            record,
            f"{granted.machine} (user {granted.user}) opens {_last(granted.path)} in "
            f"{granted.program}: {how}. It stays open.",
        )

    def _open_closed(self, record: Record, closed: OpenClosed) -> None:
        holder = self._held.pop(closed.open, None)
        if holder and closed.reason == "closed":
            self._tell(record, f"{holder} closes {_last(closed.path)}.")

    def _open_refused(self, _record: Record, refused: OpenRefused) -> None:
        if refused.blockers:
            first = refused.blockers[0]
            self._holder = f"{first.program} on {first.machine}"

    def _copy_started(self, _record: Record, started: CopyStarted) -> None:
        self._attempt = started.attempt
        self._files = {}
        self._holder = ""

    def _copy_file(self, _record: Record, copied: FileCopied) -> None:
        self._files[copied.file] = copied.result

    def _copy_ended(self, record: Record, ended: CopyEnded) -> None:
        known = self._known.setdefault(ended.package, set())
        known |= set(self._files)
        if self._is_left_out(ended.win32):
            return
        done = ", ".join(
            f"{name} {'new' if result == 'copied' else result}"
            for name, result in self._files.items()
        )
        what = f"The Despooler copies to {ended.server}, attempt {self._attempt}: {done}"
        if not ended.win32:
            self._tell(record, f"{what}.")
            return
        self._tell(record, what)
        why = "sharing violation" if ended.win32 == 32 else "refused"
        self._add(f"(Win32 error {ended.win32}, {why}: {self._holder or 'somebody'} has it open).")
        if self._attempt == 1:
            now = ", ".join(
                f"{name} {'new' if self._files.get(name) == 'copied' else 'old'}"
                for name in sorted(known)
            )
            self._add(f"On the share are now: {now}.")

    def _is_left_out(self, win32: int) -> bool:
        return self._brief and win32 != 0 and self._attempt > 2 and self._attempt % 25 != 0

    def _instruction_written(self, _record: Record, written: InstructionWritten) -> None:
        if self._brief and written.retries > 1:
            return
        self._add(f"It will try again at {datetime.fromtimestamp(written.execute_at, UTC):%H:%M}.")


def _last(path: str) -> str:
    return path.rpartition("/")[2]
