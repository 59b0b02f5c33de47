"""Which records of a process its log tells, at which level, in which words.

The log is for whoever watches a process: what was refused, what failed, what changed for good.
Everything else is in the records, which this never replaces.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final

from despoolr_app.process.process_log import tell
from despoolr_core.records.stream import Record
from despoolr_core.share.modes import NtStatus

_DISK: Final = {NtStatus.DISK_FULL.value: "disk full", NtStatus.IO_DEVICE_ERROR.value: "disk error"}
Line = tuple[int, str]
"""A level and a message."""


def log_record(record: Record) -> None:
    """A listener on the records: tells those that matter to whoever watches the process."""
    line = _LINES.get(record.kind)
    said = line(record.data) if line else None
    if said is not None:
        level, message = said
        tell(level, record.kind, message, actor=record.actor, **_facts(record.data))


def _facts(data: dict[str, Any]) -> dict[str, Any]:
    """Facts that are short, by name: what a query asks for."""
    names = (
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
    return {name: str(data[name])[:200] for name in names if data.get(name)}


def _refused(data: dict[str, Any]) -> Line | None:
    where = f"{data.get('path') or data.get('share')} on {data.get('server')}"
    status = str(data.get("nt_status"))
    if status in _DISK:
        return logging.ERROR, f"{_DISK[status]}: {where} could not be written for {_who(data)}"
    if not data.get("blockers"):
        return None
    first = data["blockers"][0]
    more = f" and {len(data['blockers']) - 1} more" if len(data["blockers"]) > 1 else ""
    return (
        logging.WARNING,
        f"{where} refused to {_who(data)} ({status}): {_who(first)} has it open{more}",
    )


def _damaged(data: dict[str, Any]) -> Line:
    return (
        logging.ERROR,
        f"nothing on {data['share']} of {data['server']} can be changed: {data['found']}",
    )


def _who(data: dict[str, Any]) -> str:
    program, machine = str(data.get("program", "")), str(data.get("machine", ""))
    return f"{program} on {machine}" if program else machine or "somebody"


def _copy_ended(data: dict[str, Any]) -> Line | None:
    if str(data.get("result", "")) != "refused":
        return None
    what = f"package {data.get('package')} to {data.get('server')}, attempt {data.get('attempt')}"
    return (
        logging.WARNING,
        f"copy of {what}: refused at {data.get('file')}, Win32 error {data.get('win32')}; it will "
        "be tried again",
    )


def _ended(data: dict[str, Any]) -> Line | None:
    if data.get("reason") != "lease expired":
        return None
    return (
        logging.WARNING,
        f"session {data.get('session')} of {data.get('machine')} fell silent: its lease is over",
    )


def _slots(word: str, level: int) -> Callable[[dict[str, Any]], Line]:
    def line(data: dict[str, Any]) -> Line:
        first, count = int(data["first"]), int(data["count"])
        return level, f"fleet {data['holder']} {word} clients {first} to {first + count - 1}"

    return line


def _job(data: dict[str, Any]) -> Line:
    level = logging.WARNING if data.get("status") in ("Failed", "Retrying") else logging.INFO
    return level, f"job {data.get('job')} is {data.get('status')}" + (
        f": {data['reason']}" if data.get("reason") else ""
    )


def _mif(data: dict[str, Any]) -> Line:
    return logging.WARNING, f"MIF {data.get('file')} refused: {data.get('reason')}"


def _poll(data: dict[str, Any]) -> Line | None:
    if data.get("result") != "failed":
        return None
    return logging.WARNING, f"poll of {data.get('server')} failed: {data.get('reason')}"


_LINES: Final[dict[str, Callable[[dict[str, Any]], Line | None]]] = {
    "open.refused": _refused,
    "share.damaged": _damaged,
    "copy.ended": _copy_ended,
    "session.ended": _ended,
    "slots.leased": _slots("leased", logging.INFO),
    "slots.released": _slots("gave back", logging.INFO),
    "slots.lapsed": _slots("fell silent and lost", logging.WARNING),
    "job.status": _job,
    "mif.refused": _mif,
    "pcm.polled": _poll,
}
