"""What is counted at the end of a soak, read from where it lies: the clients' own records, and the
site's database file.

The law: it only reads. Lines that a stopped fleet left half written are no records; a fleet that
ends cleanly leaves none.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec

from despoolr_core.formats.client_number import sms_id_of
from despoolr_core.records.kinds.client import CommandChanged, ResultReported
from despoolr_core.records.stream import Record, decode
from despoolr_lab.soak.counts import Found, Job, Reported, WorkstationRow

SITE_CODE: Final = "BPC"
CLIENT_REPORT: Final = re.compile(r"[A-Z0-9]{8}-[A-Z0-9]{7}-")
"""How the id of a client's report begins; the site's own have others."""
UNKNOWN_COMMAND: Final = 189
_MACHINE: Final = re.compile(r"\((\w+)\)")
_KINDS: Final = tuple(f'"{kind.KIND}"'.encode() for kind in (CommandChanged, ResultReported))


def read_clients(directory: Path, fleets: Iterable[str]) -> Reported:
    """What all fleets' clients say they reported."""
    reported = Reported()
    for fleet in fleets:
        for record in _records(directory / f"{fleet.lower()}.jsonl"):
            reported.add(record, sms_id_of(SITE_CODE, int(record.actor[-5:])))
    return reported


def read_database(path: Path, found: Found) -> None:
    """Put in what the site's database has."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        found.loaded = frozenset(
            row[0]
            for row in db.execute("SELECT Report FROM LoadedReports")
            if CLIENT_REPORT.match(row[0])
        )
        found.jobs = tuple(
            Job(*row)
            for row in db.execute(
                "SELECT JobID, Name, RequestID, Status, RepeatOf FROM Jobs ORDER BY JobID"
            )
        )
        events = (
            "SELECT j.RequestID, e.Text FROM Events e JOIN Jobs j ON j.JobID = e.JobID "
            "WHERE e.Code = ?"
        )
        for request, text in db.execute(events, (UNKNOWN_COMMAND,)):
            machine = _MACHINE.search(text)
            found.unknown[request, machine[1] if machine else ""] += 1
        found.rows = tuple(
            WorkstationRow(*row)
            for row in db.execute(
                "SELECT d.JobID, m.SMSID, d.MachineName, d.Status FROM JobDetails d "
                "JOIN Machines m ON m.MachineID = d.MachineID WHERE d.Kind = 'Workstation'"
            )
        )


def _records(path: Path) -> Iterator[Record]:
    try:
        with path.open("rb") as file:
            for line in file:
                if any(kind in line for kind in _KINDS):
                    try:
                        yield decode(line)
                    except msgspec.MsgspecError:
                        continue
    except FileNotFoundError:
        return
