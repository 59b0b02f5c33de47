"""Telling a run while it happens, for somebody who has never heard of SMS: a listener that turns records into sentences.

Only what matters to the story is told; repeated attempts are told once in full and then in short.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from despoolr_core.records import Record

Say = Callable[[str], None]
TOLD_IN_FULL = 1


class Narrator:
    """A record listener. `say` gets finished lines; `names` maps PackageIDs and JobIDs to what the scenario calls them."""

    def __init__(self, say: Say, *, brief: bool = False) -> None:
        self._say = say
        self._brief = brief
        self._attempts: dict[str, int] = {}
        self._files: dict[str, dict[str, str]] = {}
        self._held: dict[str, str] = {}

    def __call__(self, record: Record) -> None:
        tell = getattr(self, "_" + record.kind.replace(".", "_"), None)
        if tell is not None:
            tell(record)

    def _tell(self, record: Record, text: str) -> None:
        self._say(f"  {datetime.fromtimestamp(record.at, UTC):%a %H:%M}  {text}")

    def _job_status(self, record: Record) -> None:
        data = record.data
        name, status, was = data.get("name", data["job"]), data["status"], data["was"]
        if status == "Pending":
            self._tell(record, f"The administrator makes job {name}.")
        elif status == "Retrying":
            self._tell(record, f"Job {name} is now Retrying.")
        elif status in ("Complete", "Failed"):
            self._tell(record, f"Job {name} is {status}{'' if was != 'Retrying' else ', after Retrying'}.")

    def _open_granted(self, record: Record) -> None:
        data = record.data
        if not data.get("program", "").endswith(".EXE"):
            return
        name = data["path"].rpartition("/")[2]
        self._held[data["open"]] = f"{data['program']} on {data['machine']}"
        self._tell(
            record,
            f"{data['machine']} (user {data['user']}) opens {name} in {data['program']}: "
            f"access {data['access']}, sharing {data['share_mode']}. It stays open.",
        )

    def _open_closed(self, record: Record) -> None:
        holder = self._held.pop(record.data["open"], None)
        if holder:
            self._tell(record, f"{holder} closes {record.data['path'].rpartition('/')[2]}.")

    def _copy_started(self, record: Record) -> None:
        data = record.data
        self._attempts[data["job"]] = data["attempt"]
        self._files[data["job"]] = {}

    def _copy_file(self, record: Record) -> None:
        self._files[record.data["job"]][record.data["file"]] = record.data["result"]

    def _copy_ended(self, record: Record) -> None:
        data = record.data
        attempt, files = data["attempt"], self._files[data["job"]]
        if self._brief and attempt not in (1, 2) and attempt % 25 and data["win32"]:
            return
        done = ", ".join(f"{name} {'new' if result == 'copied' else result}" for name, result in files.items())
        if not data["win32"]:
            self._tell(record, f"The Despooler copies to {data['server']}, attempt {attempt}: {done}. Nothing was in the way.")
            return
        why = f"Win32 error {data['win32']}, " + ("sharing violation" if data["win32"] == 32 else "refused")
        self._tell(record, f"The Despooler copies to {data['server']}, attempt {attempt}: {done} ({why}).")
        if attempt <= TOLD_IN_FULL:
            self._say(f"             It stops there, as SMS did: what comes after {data['file']} stays old.")

    def _open_refused(self, record: Record) -> None:
        data = record.data
        if self._brief or self._attempts.get(_job_of(data.get("purpose", "")), 1) > TOLD_IN_FULL:
            return
        for blocker in data.get("blockers", [])[:1]:
            who = blocker if isinstance(blocker, dict) else {}
            if who:
                self._say(f"             {data['path'].rpartition('/')[2]} is held by {who['program']} on {who['machine']}.")

    def _instruction_written(self, record: Record) -> None:
        data = record.data
        if self._brief and data["retries"] > 1:
            return
        due = datetime.fromtimestamp(data["execute_at"], UTC)
        self._say(f"             It will try again at {due:%H:%M}.")


def _job_of(purpose: str) -> str:
    words = purpose.split()
    return words[1] if len(words) > 1 and words[0] == "job" else ""
