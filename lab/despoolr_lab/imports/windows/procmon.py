"""Process Monitor's CSV: every open, close and refusal of one machine, with share modes.

The law: columns are found by their English headings. A handle is not in it, so a close is of that
process's oldest open of the path. The time has no date unless the column `Date & Time` is there;
without it the day is the file's, and a time that goes back by half a day is the next day. Paths on
a server and on drives are both told; the machine itself is called LOCAL (`--map LOCAL=NAME`), or,
where there are files of several, as its file is; its directory's name stands before that where two
files are called the same.
"""

from __future__ import annotations

import csv
import datetime as dt
import re
from collections.abc import Iterator
from typing import Final

from despoolr_lab.imports.traces.access import DELETE, EVERYTHING, MAXIMUM_ALLOWED, implied
from despoolr_lab.imports.traces.seen import (
    UNKNOWN,
    DeleteMarked,
    HandleClosed,
    Locked,
    Noted,
    OpenDenied,
    Opened,
    RangeUnlocked,
    Renamed,
    Seen,
    Who,
)
from despoolr_lab.imports.traces.source import TraceFile, name, user_of
from despoolr_lab.imports.windows.paths import place_of

LOCAL: Final = "LOCAL"
HANDLES_MAX: Final = 1_000_000
PROGRAMS_MAX: Final = 10_000
NEEDED: Final = ("Operation", "Path", "Result")
TIMES: Final = ("Time of Day", "Date & Time")
"""The columns with a time; one of them is needed."""
WANTED: Final = {
    "Process Name": "which program it was is unknown",
    "PID": "handles are told apart by their program, not by its process",
    "Detail": "access and share modes are unknown",
}
"""Columns that may be missing, and what is then not known."""
STATUSES: Final = {
    "SHARING VIOLATION": "STATUS_SHARING_VIOLATION",
    "DELETE PENDING": "STATUS_DELETE_PENDING",
    "LOCK NOT GRANTED": "STATUS_LOCK_NOT_GRANTED",
    "FILE LOCK CONFLICT": "STATUS_FILE_LOCK_CONFLICT",
}
RIGHTS: Final = {
    "Generic Read": 0x80000000,
    "Generic Write": 0x40000000,
    "Generic Read/Write": 0xC0000000,
    "Generic Execute": 0x20000000,
    "Generic Read/Execute": 0xA0000000,
    "Generic Write/Execute": 0x60000000,
    "Generic Read/Write/Execute": 0xE0000000,
    "Generic All": 0x10000000,
    "All Access": EVERYTHING,
    "Read Data/List Directory": 0x1,
    "Write Data/Add File": 0x2,
    "Append Data/Add Subdirectory/Create Pipe Instance": 0x4,
    "Read EA": 0x8,
    "Write EA": 0x10,
    "Execute/Traverse": 0x20,
    "Delete Child": 0x40,
    "Read Attributes": 0x80,
    "Write Attributes": 0x100,
    "Delete": DELETE,
    "Read Control": 0x20000,
    "Write DAC": 0x40000,
    "Write Owner": 0x80000,
    "Synchronize": 0x100000,
    "Maximum Allowed": MAXIMUM_ALLOWED,
    "None 0x0": 0,
}
_DISPOSITIONS: Final = {
    "Supersede": 0,
    "Open": 1,
    "Create": 2,
    "OpenIf": 3,
    "Overwrite": 4,
    "OverwriteIf": 5,
}
_ACTIONS: Final = {
    "Superseded": "SUPERSEDED",
    "Opened": "OPENED",
    "Created": "CREATED",
    "Overwritten": "OVERWRITTEN",
}
_MODES: Final = {"Read": 1, "Write": 2, "Delete": 4, "None": 0}
_ASKED: Final = re.compile(r"(.*?), Disposition: (\w+)")
_SHARED: Final = re.compile(r"(.*?), AllocationSize")
_RESULT: Final = re.compile(r"OpenResult: (\w+)")
_RANGE: Final = re.compile(r"Offset: ([\d,]+), Length: ([\d,]+)")
_RENAME: Final = re.compile(r"FileName: (.+)$")
_TIME: Final = re.compile(r"^(\d{1,2}):(\d\d):(\d\d(?:[.,]\d+)?) ?(AM|PM)?$")
_DATE: Final = re.compile(r"^(\d{1,4})([/.-]) ?(\d{1,2})[/.-] ?(\d{1,4})")
_OPERATIONS: Final = frozenset(
    [
        "CreateFile",
        "CloseFile",
        "LockFile",
        "UnlockFileSingle",
        "ReadFile",
        "WriteFile",
        "SetRenameInformationFile",
        "SetDispositionInformationFile",
        "SetDispositionInformationEx",
        "SetRenameInformationEx",
    ]
)
_IRPS: Final = {"IRP_MJ_CREATE": "CreateFile", "IRP_MJ_CLEANUP": "CloseFile"}
"""What Procmon calls them with Filter > Enable Advanced Output."""


def sniff(head: str) -> bool:
    """Whether a text is Procmon's CSV."""
    line = head.partition("\n")[0]
    return '"Operation"' in line and any(f'"{one}"' in line for one in TIMES)


def read(source: TraceFile) -> Iterator[Seen]:
    """Opens, closes, locks and refusals of a CSV of Procmon, in the order of its rows."""
    return _Procmon(source).read()


class _Procmon:
    """The reading of one file."""

    def __init__(self, source: TraceFile) -> None:
        self._source = source
        self._handles: dict[tuple[str, str], list[str]] = {}
        self._count = self._open_count = 0
        self._day = 0.0
        self._clock = self._last = 0.0
        self._has_date = self._has_guessed_date = False
        self._missing: list[str] = []
        self._who: dict[tuple[str, str, str], Who] = {}

    def read(self) -> Iterator[Seen]:
        """What the rows say, and at the end what they do not."""
        reader = csv.reader(line + "\n" for line in self._source.lines())
        columns: dict[str, int] = {}
        number = 0
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                break
            except csv.Error as error:
                self._source.damaged(f"row {number + 1:,} is damaged ({error})")
                continue
            number += 1
            if not columns:
                columns = {heading: place for place, heading in enumerate(cells)}
                missing = [one for one in NEEDED if one not in columns]
                if not any(one in columns for one in TIMES):
                    missing.append(" or ".join(TIMES))
                if missing:
                    self._source.damaged(f"there is no column {', '.join(missing)}")
                    return
                self._has_date = "Date & Time" in columns
                self._missing = [one for one in WANTED if one not in columns]
                continue
            try:
                yield from self._row(cells, columns)
            except (ValueError, IndexError, OverflowError):
                self._source.damaged(f"row {number:,} cannot be read")
        for text in self._gaps():
            yield Noted(self._last, "gap", text)

    def _row(self, cells: list[str], columns: dict[str, int]) -> Iterator[Seen]:
        operation = cells[columns["Operation"]]
        operation = _IRPS.get(operation, operation)
        if operation not in _OPERATIONS:
            return
        at = self._time(cells, columns)
        self._last = at
        program, pid, detail, user = (
            cells[columns[one]] if one in columns else ""
            for one in ("Process Name", "PID", "Detail", "User")
        )
        path, result = cells[columns["Path"]], cells[columns["Result"]]
        pid = pid or program
        place = place_of(path)
        who = self._who_of(place.server, program, user)
        if operation == "CreateFile":
            yield from self._create(at, pid, path, result, detail, who)
            return
        handles = self._handles.get((pid, path))
        handle = handles[0] if handles else ""
        if operation == "CloseFile":
            if handles:
                handles.pop(0)
                self._open_count -= 1
                if not handles:
                    del self._handles[pid, path]
                yield HandleClosed(at, handle)
        elif operation in ("LockFile", "ReadFile", "WriteFile"):
            yield from self._data(at, operation, result, detail, handle, who, path)
        elif result == "SUCCESS":
            yield from self._changed(at, operation, detail, handle, who, path)

    def _changed(
        self, at: float, operation: str, detail: str, handle: str, who: Who, path: str
    ) -> Iterator[Seen]:
        place = place_of(path)
        if operation == "UnlockFileSingle":
            found = _RANGE.search(detail)
            if found is not None:
                yield RangeUnlocked(at, handle, _whole(found[1]), _whole(found[2]))
        elif operation.startswith("SetRename"):
            found = _RENAME.search(detail)
            if found is not None:
                new = place_of(found[1])
                yield Renamed(at, handle, who, place.share, place.path, new.path)
        else:
            is_pending = "Delete: True" in detail or "FILE_DISPOSITION_DELETE" in detail
            yield DeleteMarked(at, handle, is_pending)

    def _who_of(self, server: str, program: str, user: str) -> Who:
        key = (server, program, user)
        who = self._who.get(key)
        if who is None:
            who = Who(
                machine=self._source.local or LOCAL,
                user=user_of(user),
                program=name(program),
                server=server,
            )
            if len(self._who) < PROGRAMS_MAX:
                self._who[key] = who
        return who

    def _create(
        self, at: float, pid: str, path: str, result: str, detail: str, who: Who
    ) -> Iterator[Seen]:
        found = _ASKED.match(detail.partition("Desired Access: ")[2])
        shared = _SHARED.match(detail.partition("ShareMode: ")[2])
        if result != "SUCCESS" and result not in STATUSES:
            return
        place = place_of(path)
        access = _rights(found[1]) if found is not None else UNKNOWN
        modes = UNKNOWN
        if shared is not None:
            modes = sum(_MODES.get(word, 0) for word in set(shared[1].split(", ")))
        if result != "SUCCESS":
            disposition = _DISPOSITIONS.get(found[2], 1) if found is not None else 1
            yield OpenDenied(
                at,
                who,
                place.share,
                place.path,
                access,
                modes,
                STATUSES[result],
                implied=implied(disposition),
            )
            return
        self._count += 1
        handle = str(self._count)
        if self._open_count < HANDLES_MAX:
            self._open_count += 1
            self._handles.setdefault((pid, path), []).append(handle)
        action = _RESULT.search(detail)
        yield Opened(
            at,
            handle,
            who,
            place.share,
            place.path,
            access,
            modes,
            action=_ACTIONS.get(action[1], "OPENED") if action else "OPENED",
        )

    def _data(
        self, at: float, operation: str, result: str, detail: str, handle: str, who: Who, path: str
    ) -> Iterator[Seen]:
        found = _RANGE.search(detail)
        offset, length = (_whole(found[1]), _whole(found[2])) if found else (UNKNOWN, 1)
        if result in ("LOCK NOT GRANTED", "FILE LOCK CONFLICT"):
            place = place_of(path)
            doing = {"LockFile": "lock", "ReadFile": "read"}.get(operation, "write")
            yield OpenDenied(
                at,
                who,
                place.share,
                place.path,
                UNKNOWN,
                UNKNOWN,
                STATUSES[result],
                handle=handle,
                doing=doing,
                offset=offset,
                length=length,
            )
        elif operation == "LockFile" and result == "SUCCESS" and found is not None:
            yield Locked(at, handle, offset, length, "Exclusive: True" in detail)

    def _time(self, cells: list[str], columns: dict[str, int]) -> float:
        text = cells[columns["Time of Day"]] if "Time of Day" in columns else ""
        if (
            not text and "Date & Time" in columns
        ):  # the other column has the time as well, without parts of a second
            text = cells[columns["Date & Time"]].partition(" ")[2]
        found = _TIME.match(text.strip())
        if found is None:
            raise ValueError(text)
        hour = int(found[1]) % 12 + (12 if found[4] == "PM" else 0) if found[4] else int(found[1])
        clock = hour * 3600 + int(found[2]) * 60 + float(found[3].replace(",", "."))
        if self._has_date:
            date = _DATE.match(cells[columns["Date & Time"]])
            if date is not None:
                self._day = self._day_of(date, is_american=bool(found[4]))
        elif not self._day:
            self._day = self._source.sampled_at // 86400 * 86400
        elif clock < self._clock - 43200:
            self._day += 86400
        self._clock = clock
        return self._source.utc(self._day + clock)

    def _day_of(self, found: re.Match[str], *, is_american: bool) -> float:
        """A date as Windows writes it, with the year first or last. With dots, and where the clock
        has 24 hours, the day stands before the month, unless there is no such month. Raises
        `ValueError`.
        """
        first, divider, second, third = int(found[1]), found[2], int(found[3]), int(found[4])
        if first > 31:
            year, month, day = first, second, third
        else:
            is_day_first = divider == "." or not is_american
            year, day, month = (third, first, second) if is_day_first else (third, second, first)
            if month > 12:
                month, day = day, month
            elif day <= 12 and day != month and divider != ".":
                self._has_guessed_date = True
        return dt.datetime(year, month, day, tzinfo=dt.UTC).timestamp()

    def _gaps(self) -> Iterator[str]:
        yield (
            "Procmon shows one machine: holders of a server's files on other machines are not in it"
        )
        for one in self._missing:
            yield f"the CSV has no column {one}: {WANTED[one]}"
        if self._has_guessed_date:
            yield (
                "whether the day or the month comes first in its dates is taken from its clock: "
                "with AM and PM the month, else the day"
            )
        if not self._has_date:
            yield (
                "the CSV has no dates (Procmon's column Date & Time): the day is that of the file"
            )


def _rights(text: str) -> int:
    access = 0
    for word in text.split(", "):
        access |= RIGHTS.get(word, 0)
    return access


def _whole(text: str) -> int:
    return int(text.replace(",", "")[:20])
