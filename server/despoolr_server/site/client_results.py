r"""What the Despooler does with a client's result: `.SNI` of type WIREMOVE, with or without a status MIF (`.PCK`).

Success: the `.PCK` goes, a job-status MIF is written to `DELTAMIF.COL`. Failure: an `.EMF` is written that carries event 374
and the setup script's description; the row it sets is the profile's `failed_mif_status` (Q166833, Q169491).
Expiry: the right thing is to do nothing. 1.0 and 1.1 wrongly write a job-status MIF all the same, which says Retrying or
Canceled whatever the workstation last reported (Q152229): the profile's `expiry_status`.
"""

from __future__ import annotations

from collections.abc import Callable

from despoolr_core.formats.instruction import InstructionError, Result, WireRemove
from despoolr_core.formats.job_mif import JobReport
from despoolr_core.formats.mif import MifError
from despoolr_core.formats.status_mif import StatusMif, read_status_mif
from despoolr_core.formats.winst import parse_winst
from despoolr_core.share import Share, ShareError
from despoolr_server.site import boxes
from despoolr_server.site.context import SiteContext
from despoolr_server.site.jobs import DetailKind, DetailStatus
from despoolr_server.site.mif_box import MifBox

FILES_REMEMBERED_MAX = 50_000
EVENT_MIF_INVALID = 119
EVENT_INSTALL_FAILED = 374
EVENT_UNKNOWN_MACHINE = 189


class ClientResults:
    """The Despooler's part that serves clients."""

    def __init__(self, site: SiteContext, root: Share, receive: Share, mifs: MifBox, log: Callable[[str], None]) -> None:
        self._site = site
        self._root = root
        self._receive = receive
        self._mifs = mifs
        self._log = log
        self._requests: dict[str, tuple[str, frozenset[str]]] = {}
        """Master instruction file to its ETag and the requests it had: a file that has not changed is not parsed again."""

    async def execute(self, name: str, result: WireRemove, tick: float) -> str:
        """Turn one result into what Job Details will say. Safe to do twice: reports carry their number.

        Raises `InstructionError` for a result that names another report's status MIF.
        """
        if result.mif_file and _stem(result.mif_file) != _stem(name):
            raise InstructionError(
                f"MIF = {result.mif_file!r} is not the status MIF of this report: it would be {_stem(name)}.PCK"
            )
        if not await self._is_known(result):
            # Every .INS of the domain has been read for it; only the first is logged as 38a (Q264945).
            self._log("Despooler failed to execute the instruction, error code = 38a")
            await self._site.report_event(
                "SMS_DESPOOLER", EVENT_UNKNOWN_MACHINE, result.machine or result.sms_id, job=result.job_id
            )
            await self._done(name, result)
            return "38a: no such request in the instruction files"
        if result.result is Result.EXPIRED:
            outcome = await self._expired(result, tick)
        else:
            outcome = await self._reported(result, tick)
        await self._done(name, result)
        self._log("~Despooler successfully executed one instruction.")
        return outcome

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
            del self._requests[next(iter(self._requests))]
        self._requests[path] = (etag, requests)
        return result.request_id in requests

    async def _expired(self, result: WireRemove, tick: float) -> str:
        status = self._site.profile.expiry_status
        if not status:
            return "expired: the last reported status stays"
        # Q152229: keep this. An expiry is no report, yet the 1.0 and 1.1 Despooler makes one of it.
        await self._mifs.put(self._mif(result, status, tick, "The package has expired."))
        return f"expired: {status}"

    async def _reported(self, result: WireRemove, tick: float) -> str:
        status_mif = await self._read_mif(result)
        has_failed = status_mif.status != "Success" if status_mif else result.result is not Result.SUCCESS
        description = status_mif.description if status_mif else result.description
        if not has_failed:
            await self._mifs.put(self._mif(result, DetailStatus.COMPLETE, tick, description))
            return "Complete"
        if not description:
            self._log("~Despooler failed to execute the instruction, error code = cb")  # a warning only (Q169491)
        # An empty description is that warning and no event (Q169491); the profile's other reading of Q166833 logs none at all.
        is_told = status_mif is not None and description and self._site.profile.failed_mif_logs_event
        event = EVENT_INSTALL_FAILED if is_told else 0
        status = self._site.profile.failed_mif_status if status_mif else DetailStatus.RETRYING
        await self._mifs.put(self._mif(result, status, tick, description, event))
        return str(status)

    async def _read_mif(self, result: WireRemove) -> StatusMif | None:
        """The status MIF that came with the result, or None if there is none or it cannot be used."""
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
            await self._site.report_event("SMS_DESPOOLER", EVENT_MIF_INVALID, job=result.job_id)
            # Q190135: the MIF is discarded and the job counts as Complete, whatever it said.
            return StatusMif("Success", "") if self._site.profile.malformed_mif_is_success else StatusMif("Failed", "")

    async def _keep_bad_mif(self, result: WireRemove, reason: str) -> None:
        path = f"{boxes.BAD_MIFS}/{result.mif_file}"
        await self._root.write(path, await self._receive.read(result.mif_file))
        await self._root.write(f"{path}.TXT", f"{result.mif_file} of {result.machine}: {reason}\r\n".encode("latin-1", "replace"))
        self._site.record("SMS_DESPOOLER", "mif.refused", file=result.mif_file, reason=reason)

    async def _done(self, name: str, result: WireRemove) -> None:
        """The .PCK first, the .SNI last: a process that dies between finds the .SNI and does it again."""
        if result.mif_file:
            try:
                await self._receive.delete(result.mif_file)
            except ShareError as error:
                if not error.is_missing:
                    raise
        await self._receive.delete(name)

    def _mif(self, result: WireRemove, status: str, tick: float, description: str, event: int = 0) -> JobReport:
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
    return name.upper().rpartition(".")[0]
