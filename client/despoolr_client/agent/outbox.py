"""What a client has to report, until it is on the results share.

The law: a report that could not be written stays and is tried again at the next poll; one that was
written is forgotten. A file of ours that is there already (the answer to an earlier try got lost)
counts as written, so nothing is doubled, and the report's id is the same on every try. Reports go
in the order they arose. One exception is Q188042's fault: a notice of expiry is sent once more at
every poll, for as long as nobody has collected the last one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Final

import msgspec

from despoolr_client.pcm.behaviour import PcmBehaviour
from despoolr_client.pcm.reporting import NAMES_MAX, report_name
from despoolr_core.clock import Clock
from despoolr_core.formats.instructions.instruction import Result, WireRemove
from despoolr_core.formats.mif.language.findings import MifError, MifTooLarge
from despoolr_core.formats.reports.status_mif import read_status_mif
from despoolr_core.share.contract import OpenFile, Share, ShareError
from despoolr_core.share.modes import NtStatus
from despoolr_core.share.wire import Problem

NAME_TRIES_MAX: Final = 64
_COLLISION: Final = NtStatus.OBJECT_NAME_COLLISION


class Report(msgspec.Struct, frozen=True):
    """One report to send: what the process says, and the status MIF that was collected, if there
    is one.

    `result` is what the client knows, for people and records.
    """

    wire: WireRemove
    result: str
    mif: bytes | None = None

    @classmethod
    def of(cls, wire: WireRemove, mif: bytes | None = None) -> Report:
        """The MIF's status counts before the process's."""
        try:
            return cls(wire, wire.result.value if mif is None else read_status_mif(mif).status, mif)
        except (MifError, MifTooLarge):
            return cls(wire, wire.result.value, mif)

    def files(self, name: str, behaviour: PcmBehaviour) -> tuple[tuple[str, bytes], ...]:
        """The report's files, called `name`, in the order they are written. The `.SNI` names the
        MIF and is to be executed from the client's time on (Q172899).
        """
        wire = self.wire
        if self.mif is not None:
            wire = msgspec.structs.replace(wire, mif_file=f"{name}.PCK")
        sni = f"{name}.SNI", wire.render()
        if self.mif is None:
            return (sni,)
        pck = wire.mif_file, self.mif
        return (sni, pck) if behaviour.sni_before_pck else (pck, sni)


class Results(msgspec.Struct, frozen=True):
    """Where reports go, and how this PCM writes them."""

    share: Share
    directory: str
    behaviour: PcmBehaviour
    clock: Clock


class Pending:
    """One report on its way: the name it was given once a file of it is on the share, and the files
    that are there.

    `closing`: what the program it reports on had open, to be given back just before it.
    """

    __slots__ = ("closing", "name", "report", "written")

    def __init__(self, report: Report, closing: Sequence[OpenFile] = ()) -> None:
        self.report = report
        self.closing = closing
        self.name = ""
        self.written = 0


class Outbox:
    """One client's unsent reports. Created with the first of them."""

    __slots__ = ("_counter", "_is_sending", "_sms_id", "notices", "pending")

    def __init__(self, sms_id: str) -> None:
        self._sms_id = sms_id
        self._counter = 0
        self._is_sending = False
        self.pending: list[Pending] = []
        self.notices: dict[str, tuple[str, Report]] = {}
        """Of each request whose expiry is reported again until the notice is collected (Q188042):
        where the last notice lies, and what it says. At most one a record of the instruction file.
        """

    def add(self, report: Report, closing: Sequence[OpenFile] = ()) -> None:
        """Remember a report that is to be sent, and what is to be given back with it."""
        self.pending.append(Pending(report, closing))

    def forget_opens(self) -> None:
        """The machine has lost its power: what was open is no longer its own to give back."""
        for pending in self.pending:
            pending.closing = ()

    async def repeat_notices(self, results: Results, requests: Collection[str]) -> None:
        """Have the expiry of these requests reported once more where the last notice still lies on
        the results share.

        Q188042: keep this. 1.2 floods a logon server while Maintenance Manager is stopped.
        """
        on_their_way = {pending.report.wire.request_id for pending in self.pending}
        for request, (path, report) in list(self.notices.items()):
            if request not in requests or await results.share.stat(path) is None:
                del self.notices[request]
            elif request not in on_their_way:
                self.add(report)

    async def send(
        self, results: Results, on_sent: Callable[[WireRemove, str], None], *, logoff: bool = False
    ) -> None:
        """Write what is pending, oldest first; `on_sent` hears of each report that is on the share,
        and its `result`.

        With `logoff` the session there ends after the last of them (`Share.create_all`).

        Raises `ShareUnreachable` or `ShareError` when the share does not take it; what was written
        before that is kept in mind. A second call while one is at work does nothing: the first
        takes what was added meanwhile.
        """
        if self._is_sending:
            return
        self._is_sending = True
        try:
            while self.pending:
                await self._write(
                    self.pending[0], results, logoff=logoff and len(self.pending) == 1
                )
                sent = self.pending.pop(0)
                wire, result = sent.report.wire, sent.report.result
                if wire.result is Result.EXPIRED and results.behaviour.repeats_untaken_notices:
                    path = f"{results.directory}/{sent.name}.SNI"
                    self.notices[wire.request_id] = (path, sent.report)
                on_sent(wire, result)
        finally:
            self._is_sending = False

    async def _write(self, pending: Pending, results: Results, *, logoff: bool) -> None:
        for _ in range(NAME_TRIES_MAX):
            name = pending.name or report_name(self._sms_id, self._counter)
            files = [
                (f"{results.directory}/{file}", data)
                for file, data in pending.report.files(name, results.behaviour)
            ]
            is_written = await self._write_files(pending, name, files, results, logoff=logoff)
            self._counter = (self._counter + 1) % NAMES_MAX
            if is_written:
                return
            # The name is taken. What we wrote under it goes, so that it pairs with nobody else's
            # file.
            for path, _ in files[: pending.written]:
                await _take_back(results.share, path)
            pending.name, pending.written = "", 0
        title = f"{NAME_TRIES_MAX} names in {results.directory} are taken"
        raise ShareError(Problem("about:blank", title, 412, nt_status=_COLLISION.value))

    async def _write_files(
        self,
        pending: Pending,
        name: str,
        files: Sequence[tuple[str, bytes]],
        results: Results,
        *,
        logoff: bool,
    ) -> bool:
        """Write the files that are not there yet; False when one's name is somebody else's."""
        pause_s = results.behaviour.between_files_s
        while pending.written < len(files):
            if pending.written and pause_s:
                await results.clock.sleep(pause_s)
            pending.name = name
            wanted = files[pending.written :][: 1 if pause_s else None]
            ends = logoff and pending.written + len(wanted) == len(files)
            made = await results.share.create_all(wanted, closing=pending.closing, logoff=ends)
            for (path, data), error in zip(wanted, made, strict=False):
                if error is not None and not await _is_ours(results, path, data, error):
                    return False
                pending.written += 1
        return True


async def _is_ours(results: Results, path: str, data: bytes, error: ShareError) -> bool:
    """Whether the name is taken by the very same file, whose answer got lost. Raises any other
    refusal.
    """
    if error.nt_status is not _COLLISION:
        raise error
    return await results.share.read(path) == data


async def _take_back(share: Share, path: str) -> None:
    try:
        await share.delete(path)
    except ShareError as error:
        if not error.is_missing:
            raise
