"""Telling a run while it happens, for somebody who has never heard of SMS: a listener that turns
records into sentences.

Only what matters to the story is told; of many attempts the first ones are told in full and then
every 25th in short.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime

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

    def __call__(self, record: Record) -> None:
        tell = getattr(self, "_" + record.kind.replace(".", "_"), None)
        if tell is not None and record.at < self._until:
            tell(record)

    def _tell(self, record: Record, text: str) -> None:
        when = f"{datetime.fromtimestamp(record.at, UTC):%a %d %b %H:%M}"
        shown, width = (when, INDENT_DATED) if self._brief else (when[:3] + when[10:], INDENT)
        self._say(f"  {shown:<{width - 2}}{text}")

    def _add(self, text: str) -> None:
        self._say(" " * (INDENT_DATED if self._brief else INDENT) + text)

    def _job_status(self, record: Record) -> None:
        data = record.data
        name, status, was = data.get("name", data["job"]), data["status"], data["was"]
        if status == "Pending":
            self._tell(record, f"The administrator makes job {name}.")
        elif status == "Retrying":
            self._tell(record, f"Job {name} is now Retrying.")
        elif status in ("Complete", "Failed"):
            self._tell(
                record, f"Job {name} is {status}{'' if was != 'Retrying' else ', after Retrying'}."
            )

    def _open_granted(self, record: Record) -> None:
        data = record.data
        if not data.get("program", "").endswith(".EXE"):
            return
        self._held[data["open"]] = f"{data['program']} on {data['machine']}"
        how = f"access {data['access']}, sharing {data['share_mode']}"
        self._tell(
            record,
            f"{data['machine']} (user {data['user']}) opens {_last(data['path'])} in "
            f"{data['program']}: {how}. It stays open.",
        )

    def _open_closed(self, record: Record) -> None:
        holder = self._held.pop(record.data["open"], None)
        if holder and record.data.get("reason") == "closed":
            self._tell(record, f"{holder} closes {_last(record.data['path'])}.")

    def _open_refused(self, record: Record) -> None:
        blockers = record.data.get("blockers", [])
        if blockers:
            first = blockers[0]
            self._holder = (
                f"{first['program']} on {first['machine']}"
                if isinstance(first, dict)
                else f"{first.program} on {first.machine}"
            )

    def _copy_started(self, record: Record) -> None:
        self._attempt = record.data["attempt"]
        self._files = {}
        self._holder = ""

    def _copy_file(self, record: Record) -> None:
        self._files[record.data["file"]] = record.data["result"]

    def _copy_ended(self, record: Record) -> None:
        data = record.data
        known = self._known.setdefault(data["package"], set())
        known |= set(self._files)
        if self._is_left_out(data["win32"]):
            return
        done = ", ".join(
            f"{name} {'new' if result == 'copied' else result}"
            for name, result in self._files.items()
        )
        if not data["win32"]:
            self._tell(
                record,
                f"The Despooler copies to {data['server']}, attempt {self._attempt}: {done}.",
            )
            return
        what = "sharing violation" if data["win32"] == 32 else "refused"
        self._tell(
            record, f"The Despooler copies to {data['server']}, attempt {self._attempt}: {done}"
        )
        self._add(
            f"(Win32 error {data['win32']}, {what}: {self._holder or 'somebody'} has it open)."
        )
        if self._attempt == 1:
            now = ", ".join(
                f"{name} {'new' if self._files.get(name) == 'copied' else 'old'}"
                for name in sorted(known)
            )
            self._add(f"On the share are now: {now}.")

    def _is_left_out(self, win32: int) -> bool:
        return self._brief and win32 != 0 and self._attempt > 2 and self._attempt % 25 != 0

    def _instruction_written(self, record: Record) -> None:
        if self._brief and record.data["retries"] > 1:
            return
        self._add(
            f"It will try again at {datetime.fromtimestamp(record.data['execute_at'], UTC):%H:%M}."
        )


def _last(path: str) -> str:
    return path.rpartition("/")[2]
