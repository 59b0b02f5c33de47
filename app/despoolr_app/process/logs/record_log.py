"""Which records of a process its log tells, at which level, in which words.

The log is for whoever watches a process: what was refused, what failed, what changed for good.
Everything else is in the records, which this never replaces.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final

from despoolr_app.process.logs.process_log import tell
from despoolr_core.records.kinds.client import Polled
from despoolr_core.records.kinds.fact import Fact
from despoolr_core.records.kinds.run import FaultBegan, FaultEnded
from despoolr_core.records.kinds.share import OpenRefused, SessionEnded, ShareDamaged
from despoolr_core.records.kinds.site import (
    CopyEnded,
    JobStatusChanged,
    MifRefused,
    SlotsLapsed,
    SlotsLeased,
    SlotsReleased,
)
from despoolr_core.records.stream import Record
from despoolr_core.share.modes import NtStatus
from despoolr_core.share.wire import Blocker

_DISK: Final = {NtStatus.DISK_FULL.value: "disk full", NtStatus.IO_DEVICE_ERROR.value: "disk error"}
Line = tuple[int, str]
"""A level and a message."""


_QUERIED: Final = (
    "job",
    "package",
    "server",
    "share",
    "path",
    "machine",
    "program",
    "nt_status",
    "holder",
    "file",
)
"""Facts that are short, by name: what a query of logs asks for."""


def log_record(record: Record) -> None:
    """A listener on the records: tells those that matter to whoever watches the process."""
    fact = record.data
    line = _LINES.get(type(fact))
    said = line(fact) if line else None
    if said is not None:
        level, message = said
        tell(level, record.kind, message, actor=record.actor, **_queried(fact))


def _queried(fact: Fact) -> dict[str, Any]:
    values = ((name, getattr(fact, name, "")) for name in _QUERIED)
    return {name: str(value)[:200] for name, value in values if value}


def _refused(refused: OpenRefused) -> Line | None:
    where = f"{refused.path or refused.share} on {refused.server}"
    status = refused.nt_status
    if status in _DISK:
        return logging.ERROR, f"{_DISK[status]}: {where} could not be written for {_who(refused)}"
    if not refused.blockers:
        return None
    first, others = refused.blockers[0], len(refused.blockers) - 1
    more = f" and {others} more" if others else ""
    return (
        logging.WARNING,
        f"{where} refused to {_who(refused)} ({status}): {_who(first)} has it open{more}",
    )


def _damaged(damaged: ShareDamaged) -> Line:
    return (
        logging.ERROR,
        f"nothing on {damaged.share} of {damaged.server} can be changed: {damaged.found}",
    )


def _who(fact: OpenRefused | Blocker) -> str:
    machine = fact.machine
    return f"{fact.program} on {machine}" if fact.program else machine or "somebody"


def _copy_ended(ended: CopyEnded) -> Line | None:
    if ended.result != "refused":
        return None
    what = f"package {ended.package} to {ended.server}, attempt {ended.attempt}"
    return (
        logging.WARNING,
        f"copy of {what}: refused at {ended.file}, Win32 error {ended.win32}; it will "
        "be tried again",
    )


def _session_ended(ended: SessionEnded) -> Line | None:
    if ended.reason != "lease expired":
        return None
    return (
        logging.WARNING,
        f"session {ended.session} of {ended.machine} fell silent: its lease is over",
    )


def _slots(word: str, level: int) -> Callable[[SlotsLeased | SlotsReleased | SlotsLapsed], Line]:
    def line(slots: SlotsLeased | SlotsReleased | SlotsLapsed) -> Line:
        last = slots.first + slots.count - 1
        return level, f"fleet {slots.holder} {word} clients {slots.first} to {last}"

    return line


def _job(job: JobStatusChanged) -> Line:
    level = logging.WARNING if job.status in ("Failed", "Retrying") else logging.INFO
    return level, f"job {job.job} is {job.status}" + (f": {job.reason}" if job.reason else "")


def _mif(refused: MifRefused) -> Line:
    return logging.WARNING, f"MIF {refused.file} refused: {refused.reason}"


def _poll(polled: Polled) -> Line | None:
    if polled.result != "failed":
        return None
    return logging.WARNING, f"poll of {polled.server} failed: {polled.reason}"


def _began(fault: FaultBegan) -> Line:
    return logging.WARNING, f"broken on purpose: {fault.fault}, {fault.where}"


def _over(fault: FaultEnded) -> Line:
    return logging.WARNING, f"no longer broken: {fault.fault}, {fault.where}"


_LINES: Final[dict[type[Fact], Callable[[Any], Line | None]]] = {
    OpenRefused: _refused,
    ShareDamaged: _damaged,
    CopyEnded: _copy_ended,
    SessionEnded: _session_ended,
    SlotsLeased: _slots("leased", logging.INFO),
    SlotsReleased: _slots("gave back", logging.INFO),
    SlotsLapsed: _slots("fell silent and lost", logging.WARNING),
    JobStatusChanged: _job,
    MifRefused: _mif,
    Polled: _poll,
    FaultBegan: _began,
    FaultEnded: _over,
}
