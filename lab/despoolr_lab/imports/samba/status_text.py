"""`smbstatus -L`, `-S`, `-B` and without options, as text; many samples in one file, a line of
`date` before each.

The law: tables are told by their heading. DENY words have READ and WRITE, never DELETE, so a share
mode is known but for that. Who a process is stands in the other tables (`-S`, or no option). Times
have no zone; `date` writes in the language of whoever calls it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from despoolr_lab.imports.traces.dates import stamp_of
from despoolr_lab.imports.traces.roots import Roots
from despoolr_lab.imports.traces.samples import OpenSample, SampledOpen
from despoolr_lab.imports.traces.seen import UNKNOWN, Who
from despoolr_lab.imports.traces.source import TraceFile, name, path_below, user_of

ROWS_MAX: Final = 1_000_000
PROCESSES_MAX: Final = 100_000
GAP: Final = (
    "smbstatus -L has no DELETE in its share modes (DENY_... tells READ and WRITE only), and lists "
    "no handles of clients whose connection is gone without --fast"
)
DENIES: Final = {"DENY_NONE": 3, "DENY_WRITE": 1, "DENY_READ": 2, "DENY_ALL": 0}
"""What an open with a DENY word shares."""

_HEADING: Final = re.compile(
    r"^Pid +(?:Uid|User\(ID\)) +DenyMode|^Service +pid +[Mm]achine|^PID +Username"
)
_LOCKED: Final = re.compile(
    r"^(\S+)\s+(\S+)\s+(DENY_\w+)\s+(0x[0-9a-fA-F]+)\s+(\w+)\s+(\S+)\s+(?=/)"
)
"""The first columns of a row; directory, name and time of an open stand behind them."""
_OPENED: Final = re.compile(r"\s{3}([A-Z][a-z]{2} [A-Z][a-z]{2} +\d+ \d\d:\d\d:\d\d \d{4})$")
_TIME_SIZE_MAX: Final = 32
"""Characters at the end of a row that its time is looked for in."""
_BETWEEN: Final = re.compile(r"\s{3}")
_SERVICE: Final = re.compile(r"^(\S+(?: \S+)*?)\s+(\d[\d:]*)\s+(\S+)\s+\w{2,4}\.? +\S+ +\d")
_PROCESS: Final = re.compile(r"^(\d[\d:]*)\s+(\S+)\s+\S")
_CLIENT: Final = re.compile(r"(?<=\s)(\S+)\s+\((?:ipv[46]:([^\s()]+):\d+|([0-9a-fA-F.:]+))\)")
"""The machine and its address, behind process, user and group."""
_NAMED: Final = re.compile(r"^(.+)\((\d+)\)$")


def sniff(head: str) -> bool:
    """Whether a text has one of the tables of smbstatus."""
    return any(_HEADING.match(line) for line in head.splitlines()[:200])


def read(source: TraceFile) -> Iterator[OpenSample]:
    """The samples of a file, in its order."""
    return _Tables(source).read()


class _Tables:
    """The reading of one file."""

    def __init__(self, source: TraceFile) -> None:
        self._source = source
        self._who: dict[str, Who] = {}
        self._shares: dict[str, str] = {}
        self._roots = Roots()
        self._rows: list[SampledOpen] = []
        self._at: float | None = None
        self._has_files = False
        self._latest = 0.0

    def read(self) -> Iterator[OpenSample]:
        """The samples."""
        for number, line in enumerate(self._source.lines(), 1):
            if (found := stamp_of(line)) is not None:
                yield from self._sample()
                self._at = found.at if found.has_zone else self._source.utc(found.at)
            elif line.startswith(("Locked files:", "No locked files")):
                self._has_files = True
            else:
                self._row(number, line)
        yield from self._sample()

    def _sample(self) -> Iterator[OpenSample]:
        rows, self._rows = self._rows, []
        if not self._has_files and not rows and self._at is None:
            return
        at = self._at
        if at is None:
            at = self._source.sampled_at
            if at < self._latest:
                at = self._latest
        yield OpenSample(at, [self._named(row) for row in rows])

    def _named(self, row: SampledOpen) -> SampledOpen:
        """A row with what the other tables say of its process."""
        pid = row.key.partition("/")[0]
        who = self._who.get(pid)
        if who is not None:
            row.who = Who(who.address, who.machine, who.user or row.who.user)
        row.share = self._shares.get(pid, "") or self._roots.share_at(row.share) or _last(row.share)
        return row

    def _row(self, number: int, line: str) -> None:
        found = _LOCKED.match(line)
        place = _place_of(line[found.end() :]) if found is not None else None
        if found is not None and place is not None:
            directory, path, time = place
            opened_at = self._time_of(time)
            if opened_at is None or len(self._rows) >= ROWS_MAX:
                self._source.damaged(f"line {number:,} has no time")
                return
            self._latest = max(self._latest, opened_at)
            shared = DENIES.get(found[3], UNKNOWN)
            self._rows.append(
                SampledOpen(
                    key=f"{found[1]}/{path}/{found[4]}/{time}/{found[2]}",
                    who=Who(machine=f"pid {name(found[1])}", user=_user(found[2])),
                    share=directory,
                    path=path_below(path),
                    access=int(found[4][:12], 16),
                    share_mode=shared,
                    known=3 if shared >= 0 else 0,
                    opened_at=opened_at,
                )
            )
            return
        if len(self._who) >= PROCESSES_MAX:
            return
        found = _PROCESS.match(line)
        client = _CLIENT.search(line, found.end()) if found is not None else None
        if found is not None and client is not None:
            address = name(client[2] or client[3])
            self._who[found[1]] = Who(address, name(client[1]), user_of(found[2]))
            return
        found = _SERVICE.match(line)
        if found is not None and found[1] not in ("IPC$", "Service"):
            self._shares[found[2]] = name(found[1])
            self._who.setdefault(found[2], Who(name(found[3]), name(found[3])))

    def _time_of(self, text: str) -> float | None:
        found = stamp_of(text)
        return self._source.utc(found.at) if found is not None else None


def _place_of(text: str) -> tuple[str, str, str] | None:
    """Directory, name and time of an open, where they are; each step goes over the text once."""
    text = text.rstrip()
    ahead = max(0, len(text) - _TIME_SIZE_MAX)
    time = _OPENED.search(text, ahead)
    if time is None:
        return None
    between = _BETWEEN.search(text, 1, time.start())
    if between is None:
        return None
    return text[: between.start()], text[between.end() : time.start()], time[1]


def _user(text: str) -> str:
    """The user of a row: a number, a name, or both, by version and option."""
    found = _NAMED.match(text)
    if found is not None:
        return user_of(found[1])
    return f"uid {text[:20]}" if text.isdecimal() else user_of(text)


def _last(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]
