"""What a client reports, and under which names: a `.SNI`, and a `.PCK` when there is a status MIF.

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
from typing import Final, Protocol

import msgspec

from despoolr_client.pcm.behaviour import PcmBehaviour
from despoolr_core.formats.instruction import Result, WireRemove, render_instruction
from despoolr_core.formats.mif import MifError, MifTooLarge
from despoolr_core.formats.sms_id import to_base36
from despoolr_core.formats.status_mif import read_status_mif
from despoolr_core.formats.winst import WorkstationInstruction
from despoolr_core.rules.fold import fold

COUNTER_DIGITS: Final = 3
NAMES_MAX: Final = 36**COUNTER_DIGITS


class Dated(Protocol):
    """A file of the Windows directory, whatever holds it."""

    @property
    def data(self) -> bytes: ...

    @property
    def modified_at(self) -> float:
        """The file's time on the client's clock."""
        ...


def collect_mif(files: Mapping[str, Dated], started_at: float) -> str:
    """The name of the status MIF to report for a run that started then; empty if there is none."""
    newer = [
        (file.modified_at, name)
        for name, file in files.items()
        if fold(name).endswith(".MIF") and file.modified_at > started_at
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


class Report(msgspec.Struct, frozen=True):
    """One report to send: the instruction (the MIF's name is put in when it is chosen) and the
    MIF's bytes, if there is one.

    `result` is what the client knows (the MIF's status before the process's), for people and
    records. `collected` is the MIF's name in the Windows directory; empty: there was none.
    """

    wire: WireRemove
    mif: bytes | None
    result: str
    collected: str = ""

    def files(self, name: str, behaviour: PcmBehaviour) -> tuple[tuple[str, bytes], ...]:
        """The report's files, called `name`, in the order they are written. The `.SNI` is to be
        executed from the client's time on (Q172899).
        """
        wire = self.wire
        if self.mif is not None:
            wire = msgspec.structs.replace(wire, mif_file=f"{name}.PCK")
        sni = f"{name}.SNI", render_instruction(wire.to_instruction(execute_at=wire.finished_at))
        if self.mif is None:
            return (sni,)
        pck = wire.mif_file, self.mif
        return (sni, pck) if behaviour.sni_before_pck else (pck, sni)


def run_report(
    record: WorkstationInstruction,
    who: Reporter,
    started_at: float,
    ended_at: float,
    error: int,
    files: Mapping[str, Dated],
) -> Report:
    """The report on a run: `error` is the launch error or exit code, 0 for none; times by the
    client's clock; `files` are those of the Windows directory.
    """
    collected = collect_mif(files, started_at)
    mif = files[collected].data if collected else None
    result = Result.FAILED if error else Result.SUCCESS
    wire = _wire(
        record,
        who,
        result,
        started_at,
        ended_at,
        "" if not error else f"The program ended with error {error}.",
    )
    known = result.value if mif is None else status_of(mif) or result.value
    return Report(wire, mif, known, collected)


def expiry_report(record: WorkstationInstruction, who: Reporter, now: float) -> Report:
    """The one notice that a package has expired (Q152229, Q188042)."""
    return Report(
        _wire(record, who, Result.EXPIRED, None, now, "The package has expired."),
        None,
        Result.EXPIRED.value,
    )


def status_of(mif: bytes) -> str:
    """The Status that a status MIF states; empty if it is none."""
    try:
        return read_status_mif(mif).status
    except (MifError, MifTooLarge):
        return ""


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
