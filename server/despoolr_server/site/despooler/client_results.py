r"""What the Despooler does with a client's result: `.SNI` of type WIREMOVE, with or without a
status MIF (`.PCK`).

Success: the `.PCK` goes, a job-status MIF is written to `DELTAMIF.COL`. Failure: an `.EMF` is
written that carries event 374 and the setup script's description; the row it sets is the profile's
`failed_mif_status` (Q166833, Q169491). Expiry: the right thing is to do nothing. 1.0 and 1.1
wrongly write a job-status MIF all the same, which says Retrying or Canceled whatever the
workstation last reported (Q152229): the profile's `expiry_status`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence

import msgspec

from despoolr_core.errors import FormatError
from despoolr_core.formats.instructions.instruction import InstructionError, Result, WireRemove
from despoolr_core.formats.instructions.winst_text import parse_winst
from despoolr_core.formats.mif.language.findings import MifError
from despoolr_core.formats.reports.job_mif import JobReport
from despoolr_core.formats.reports.status_mif import StatusMif, read_status_mif
from despoolr_core.records.kinds.site import MifRefused
from despoolr_core.rules.fold import fold
from despoolr_core.share.contract import ShareError, ShareUnreachable
from despoolr_server.site.despooler.base.part import COMPONENT, Desk, DespoolerPart
from despoolr_server.site.jobs.model import DetailKind, DetailStatus
from despoolr_server.site.state import boxes
from despoolr_server.site.state.concurrency import gather_all
from despoolr_server.site.state.quarantine import quarantine

FILES_REMEMBERED_MAX = 50_000
EVENT_MIF_INVALID = 119
EVENT_INSTALL_FAILED = 374
EVENT_UNKNOWN_MACHINE = 189


Failure = FormatError | ShareError | ShareUnreachable
"""Why a result could not be executed."""


class _Verdict(msgspec.Struct):
    """What a result comes to: the MIF to write, if any, or the event of one that counts for
    nothing; and what kept it back.
    """

    name: str
    result: WireRemove
    outcome: str
    mif: JobReport | None = None
    event: int = 0
    failure: ShareError | None = None


class ClientResults(DespoolerPart):
    """The Despooler's part that serves clients."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._requests: OrderedDict[str, tuple[str, frozenset[str]]] = OrderedDict()
        """Master instruction file to its ETag and the requests it had: a file that has not changed
        is not parsed again.
        """

    async def execute_all(
        self, results: Sequence[tuple[str, WireRemove]], tick: float
    ) -> list[str | Failure]:
        """Turn results, by their files' names, into what Job Details will say. Returns what became
        of each, for the record.

        Safe to do twice: reports carry their number. The MIFs are safe together before the first
        result goes. What fails of one keeps none of the others: an `InstructionError` for a result
        that names another report's status MIF, a share's refusal.
        """
        judged = [await self._judged(name, result, tick) for name, result in results]
        verdicts = [verdict for verdict in judged if isinstance(verdict, _Verdict)]
        await gather_all(self._report(verdict) for verdict in verdicts if verdict.event)
        await self._write(verdict for verdict in verdicts if verdict.mif is not None)
        await self._take_away([verdict for verdict in verdicts if verdict.failure is None])
        return [
            verdict
            if not isinstance(verdict, _Verdict)
            else verdict.outcome
            if verdict.failure is None
            else verdict.failure
            for verdict in judged
        ]

    async def _judged(self, name: str, result: WireRemove, tick: float) -> _Verdict | Failure:
        try:
            return await self._judge(name, result, tick)
        except (FormatError, ShareError, ShareUnreachable) as error:
            return error

    async def _judge(self, name: str, result: WireRemove, tick: float) -> _Verdict:
        if result.mif_file and _stem(result.mif_file) != _stem(name):
            raise InstructionError(
                f"MIF = {result.mif_file!r} is not the status MIF of this report: it would be "
                f"{_stem(name)}.PCK"
            )
        if not await self._is_known(result):
            # Every .INS of the domain has been read for it; only the first is logged as 38a
            # (Q264945).
            self._log("Despooler failed to execute the instruction, error code = 38a")
            return _Verdict(
                name,
                result,
                "38a: no such request in the instruction files",
                event=EVENT_UNKNOWN_MACHINE,
            )
        if result.result is Result.EXPIRED:
            return self._expired(name, result, tick)
        return await self._reported(name, result, tick)

    async def _report(self, verdict: _Verdict) -> None:
        result = verdict.result
        await self._site.report_event(
            COMPONENT, verdict.event, result.machine or result.sms_id, job=result.job_id
        )

    async def _write(self, verdicts: Iterable[_Verdict]) -> None:
        """The MIFs, in the order of the results. What is written is let go of."""
        of_mifs = [(verdict, verdict.mif) for verdict in verdicts if verdict.mif is not None]
        for (verdict, _), error in zip(
            of_mifs, await self._mifs.put_all([mif for _, mif in of_mifs]), strict=True
        ):
            verdict.mif, verdict.failure = None, error

    async def _take_away(self, verdicts: list[_Verdict]) -> None:
        """The .PCKs first, the .SNIs last: a process that dies between finds the .SNI and does it
        again.
        """
        with_mif = [verdict for verdict in verdicts if verdict.result.mif_file]
        await self._delete(
            with_mif, [verdict.result.mif_file for verdict in with_mif], may_be_missing=True
        )
        done = [verdict for verdict in verdicts if verdict.failure is None]
        await self._delete(done, [verdict.name for verdict in done], may_be_missing=False)
        for verdict in done:
            if verdict.failure is None and not verdict.event:
                self._log("~Despooler successfully executed one instruction.")

    async def _delete(
        self, verdicts: list[_Verdict], paths: list[str], *, may_be_missing: bool
    ) -> None:
        if not paths:
            return
        for verdict, error in zip(verdicts, await self._receive.delete_all(paths), strict=True):
            if error is not None and not (may_be_missing and error.is_missing):
                verdict.failure = error

    async def _is_known(self, result: WireRemove) -> bool:
        """Whether the client's master instruction file has the request this is about."""
        path = f"{boxes.domain_directory(result.domain)}/{result.sms_id}.INS"
        etag, requests = self._requests.pop(path, ("", frozenset()))
        try:
            changed = await self._root.read_if_changed(path, etag)
        except ShareError as error:
            if error.is_missing:
                return False
            raise
        if changed is not None:
            etag = changed[1]
            requests = frozenset(record.request_id for record in parse_winst(changed[0]).records)
        while len(self._requests) >= FILES_REMEMBERED_MAX:
            self._requests.popitem(last=False)
        self._requests[path] = (etag, requests)
        return result.request_id in requests

    def _expired(self, name: str, result: WireRemove, tick: float) -> _Verdict:
        status = self._site.profile.expiry_status
        if not status:
            return _Verdict(name, result, "expired: the last reported status stays")
        # Q152229: keep this. An expiry is no report, yet the 1.0 and 1.1 Despooler makes one of it.
        return _Verdict(
            name,
            result,
            f"expired: {status}",
            self._mif(result, status, tick, "The package has expired."),
        )

    async def _reported(self, name: str, result: WireRemove, tick: float) -> _Verdict:
        status_mif = await self._read_mif(result)
        has_failed = (
            status_mif.status != "Success" if status_mif else result.result is not Result.SUCCESS
        )
        description = status_mif.description if status_mif else result.description
        if not has_failed:
            return _Verdict(
                name,
                result,
                "Complete",
                self._mif(result, DetailStatus.COMPLETE, tick, description),
            )
        if not description:
            # a warning only (Q169491)
            self._log("~Despooler failed to execute the instruction, error code = cb")
        # An empty description is that warning and no event (Q169491); the profile's other reading
        # of Q166833 logs none at all.
        is_told = (
            status_mif is not None and description and self._site.profile.failed_mif_logs_event
        )
        event = EVENT_INSTALL_FAILED if is_told else 0
        status = self._site.profile.failed_mif_status if status_mif else DetailStatus.RETRYING
        return _Verdict(
            name, result, str(status), self._mif(result, status, tick, description, event)
        )

    async def _read_mif(self, result: WireRemove) -> StatusMif | None:
        """The status MIF that came with the result, or None if there is none or it cannot be
        used.
        """
        if not result.mif_file:
            return None
        try:
            return read_status_mif(await self._receive.read(result.mif_file))
        except ShareError as error:
            if not error.is_missing:
                raise
            # Q138241: the .SNI came before its .PCK; the despooler takes a missing MIF for success.
            return StatusMif("Success", "")
        except MifError as error:
            self._log(f"~Compilation failed~{error}")
            self._log("~Despooler failed to execute the instruction, error code = cb")
            await self._keep_bad_mif(result, str(error))
            await self._site.report_event(COMPONENT, EVENT_MIF_INVALID, job=result.job_id)
            # Q190135: the MIF is discarded and the job counts as Complete, whatever it said.
            return (
                StatusMif("Success", "")
                if self._site.profile.malformed_mif_is_success
                else StatusMif("Failed", "")
            )

    async def _keep_bad_mif(self, result: WireRemove, reason: str) -> None:
        name = result.mif_file
        data = await self._receive.read(name)
        subject = f"{name} of {result.machine}"
        await quarantine(self._root, boxes.BAD_MIFS, name, data, reason, subject=subject)
        self._site.record(COMPONENT, MifRefused(file=result.mif_file, reason=reason))

    def _mif(
        self, result: WireRemove, status: str, tick: float, description: str, event: int = 0
    ) -> JobReport:
        return JobReport(
            report=result.report_id,
            job_id=result.job_id,
            kind=DetailKind.WORKSTATION,
            site=self._site.code,
            domain=result.domain,
            machine=result.machine,
            sms_id=result.sms_id,
            status=status,
            time=tick,
            description=description,
            event=event,
            request_id=result.request_id,
        )


def _stem(name: str) -> str:
    return fold(name).rpartition(".")[0]
