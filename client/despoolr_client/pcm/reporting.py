"""What a client reports, and under which names: a `.SNI`, and a `.PCK` when there is a status MIF.
It is decided by names and times; the MIF itself stays with who carries it (`agent.outbox`).

The rules:

* **Collected** is a `*.MIF` of the Windows directory whose time is strictly later than the run's
  start (Q166833, Q169491). Several: the newest; a report has one.
* **The status** of a run is the MIF's, if one was collected and reads as one; else the process's
  (Q125934, Q149672). The `.SNI` states the process's result and names the `.PCK`: what the MIF says
  is for the Despooler to read, so that a `.PCK` that comes late or malformed has the effects of
  Q138241 and Q190135.
* **The order** of the two files is a behaviour (Q138241 against Q169491).
* **Names** are range, sequence and a counter, in base 36: no two clients of a site can meet, and
  one client only after 46,656 reports. A name that is taken is passed over.
* **The report id** is stable over retries, so a report that was sent twice counts once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from despoolr_core.formats.instructions.instruction import Result, WireRemove
from despoolr_core.formats.instructions.winst import WorkstationInstruction
from despoolr_core.formats.sms_id import to_base36
from despoolr_core.rules.fold import fold

COUNTER_DIGITS: Final = 3
NAMES_MAX: Final = 36**COUNTER_DIGITS


def collect_mif(modified_at: Mapping[str, float], started_at: float) -> str:
    """The name of the status MIF to report for a run that started then, of the Windows directory's
    files and their times by the client's clock; empty if there is none.
    """
    newer = [
        (at, name)
        for name, at in modified_at.items()
        if fold(name).endswith(".MIF") and at > started_at
    ]
    return max(newer)[1] if newer else ""


def report_name(sms_id: str, counter: int) -> str:
    """The eight characters of a report's files: `00001` + `00A` for SMSID `BPC00001` and its tenth
    report.
    """
    return sms_id[3:] + to_base36(counter % NAMES_MAX, COUNTER_DIGITS)


def report_id(sms_id: str, request_id: str, started_at: float | None) -> str:
    """What makes a report that one and no other: client, request and the run's start; None: the
    expiry.
    """
    return f"{sms_id}-{request_id}-{'expired' if started_at is None else f'{started_at:.3f}'}"


class Reporter(msgspec.Struct, frozen=True):
    """What a report says of the client that sends it."""

    sms_id: str
    machine: str
    domain: str
    user: str


def run_result(
    record: WorkstationInstruction,
    who: Reporter,
    started_at: float,
    ended_at: float,
    error: int,
) -> WireRemove:
    """What the process says of its run: `error` is the launch error or exit code, 0 for none; times
    by the client's clock.
    """
    result = Result.FAILED if error else Result.SUCCESS
    description = f"The program ended with error {error}." if error else ""
    return _wire(record, who, result, started_at, ended_at, description)


def expiry_notice(record: WorkstationInstruction, who: Reporter, now: float) -> WireRemove:
    """The one notice that a package has expired (Q152229, Q188042)."""
    return _wire(record, who, Result.EXPIRED, None, now, "The package has expired.")


def _wire(
    record: WorkstationInstruction,
    who: Reporter,
    result: Result,
    started_at: float | None,
    ended_at: float,
    description: str,
) -> WireRemove:
    return WireRemove(
        site=record.site_id,
        request_id=record.request_id,
        job_id=record.job_id,
        package_id=record.package_id,
        sms_id=who.sms_id,
        machine=who.machine,
        domain=who.domain,
        user=who.user,
        result=result,
        report_id=report_id(who.sms_id, record.request_id, started_at),
        finished_at=ended_at,
        description=description,
    )
