r"""LAN Sender: carries packages and instructions from `TOSEND` to the `SMS_SITE` share of the
destination, package first.

A send request (`.SRQ`) becomes `.SRS` while it is worked on, over no other request; a process that
dies finds it there and begins again: writing the same files a second time changes nothing. The
instruction goes last, because the Despooler starts as soon as it sees one (Q161043). What cannot be
delivered is tried again every cycle for seven days (Q214485), then given up with event 21; the row
of the site's arrival says Failed then, and so the job does. One exception is Q185179's fault: what
removes a package is never sent again. The request's text is ours: SMS's is binary (`domain.md` h).
"""

from __future__ import annotations

from typing import ClassVar, Final

import msgspec

from despoolr_core.errors import FormatError
from despoolr_core.formats.reports.job_mif import JobReport
from despoolr_core.rules.fold import fold
from despoolr_core.rules.plain_json import read_json
from despoolr_core.share.contract import ShareError, ShareUnreachable
from despoolr_core.share.modes import NtStatus
from despoolr_server.site.jobs.model import DetailKind, DetailStatus
from despoolr_server.site.services.box_service import BoxService
from despoolr_server.site.state import boxes
from despoolr_server.site.state.context import SiteContext
from despoolr_server.site.state.mif_box import MifBox

GIVE_UP_S: Final = 7 * 86400.0


class SendRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What to carry where. `first_tried_at` is site time of the first failure (0: none yet).
    `removes`: it is a Remove Package job's.
    """

    request: str
    job: str
    destination: str
    package_file: str
    instruction_file: str
    remote_package: str
    remote_instruction: str
    priority: int = 2
    retries: int = 0
    first_tried_at: float = 0.0
    removes: bool = False


class SendRequestError(FormatError):
    """A send request that is not one."""


def render_send_request(request: SendRequest) -> bytes:
    """The request as indented JSON: a person can read what waits in an outbox."""
    return msgspec.json.format(msgspec.json.encode(request), indent=2) + b"\n"


def parse_send_request(data: bytes) -> SendRequest:
    """The inverse of `render_send_request`. Raises `SendRequestError`."""
    try:
        return read_json(data, SendRequest)
    except msgspec.MsgspecError as error:
        raise SendRequestError(f"not a send request: {error}") from None


class LanSender(BoxService):
    """The service SMS_LAN_SENDER of one site."""

    component: ClassVar[str] = "SMS_LAN_SENDER"
    box: ClassVar[str] = boxes.LAN_OUTBOX
    bad: ClassVar[str] = boxes.BAD_INSTRUCTIONS

    def __init__(self, site: SiteContext) -> None:
        super().__init__(site)
        self._mifs = MifBox(self._root, "S")

    async def started(self) -> None:
        await self._mifs.started()

    async def cycle(self, tick: float) -> None:
        todo: list[tuple[int, str, SendRequest]] = []
        for name in await self._waiting(".SRQ", ".SRS"):
            data = await self._read(name)
            if data is None:
                continue
            try:
                request = parse_send_request(data)
            except SendRequestError as error:
                self.warn(f"~Send request {name} is invalid and has been set aside: {error}")
                await self._set_aside(name, data, str(error), 309)
            else:
                todo.append((request.priority, name, request))
        for _, name, request in sorted(todo, key=lambda item: item[:2]):
            await self._send(name, request, tick)

    async def _take_up(self, name: str, request: SendRequest) -> str:
        """Give a request its working name, `.SRS`; its name now, or "" for one that is being worked
        on already.

        Where another request has that name this one keeps its own.
        """
        box, working = self.box, f"{name.rpartition('.')[0]}.SRS"
        if fold(name) == fold(working):
            return name
        try:
            await self._root.rename(f"{box}/{name}", f"{box}/{working}")
        except ShareError as error:
            if error.nt_status is not NtStatus.OBJECT_NAME_COLLISION:
                raise
        else:
            return working
        try:
            begun = parse_send_request(await self._root.read(f"{box}/{working}"))
        except SendRequestError:
            return name
        except ShareError:
            return ""
        if msgspec.structs.replace(begun, retries=0, first_tried_at=0.0) != request:
            return name
        await self._delete(name)
        return ""

    async def _send(self, name: str, request: SendRequest, tick: float) -> None:
        working = await self._take_up(name, request)
        if not working:
            return
        try:
            await self._deliver(request)
        except (ShareError, ShareUnreachable) as error:
            await self._put_off(working, request, tick, error)
            return
        await self._delete(working)
        await self._root.delete(f"{boxes.TOSEND}/{request.instruction_file}")
        if not request.job:
            # a packet of MIFs is nobody's master copy
            await self._root.delete(f"{boxes.TOSEND}/{request.package_file}")
        self.log(f"~{_what(request)} sent successfully to site {request.destination}.")

    async def _deliver(self, request: SendRequest) -> None:
        server = self.site.addresses.get(request.destination)
        if server is None:
            await self.site.report_event(self.component, 332, request.destination, job=request.job)
            raise ShareUnreachable(f"no address to site {request.destination}")
        there = self.site.share(server, boxes.SITE_SHARE, self.component)
        if request.package_file:
            await there.write(
                request.remote_package,
                await self._root.read(f"{boxes.TOSEND}/{request.package_file}"),
            )
        await there.write(
            request.remote_instruction,
            await self._root.read(f"{boxes.TOSEND}/{request.instruction_file}"),
        )

    async def _put_off(
        self,
        working: str,
        request: SendRequest,
        tick: float,
        error: ShareError | ShareUnreachable,
    ) -> None:
        first = request.first_tried_at or tick
        what = f"{_what(request)} to site {request.destination}"
        self.warn(f"~Cannot send {what}, Win32 Error = {error.win32}. Retry {request.retries + 1}")
        # what sites report of themselves is never given up
        if tick - first >= GIVE_UP_S and request.job:
            await self.site.report_event(self.component, 21, str(request.retries), job=request.job)
            text = f"could not be sent in {request.retries} retries"
            await self._mifs.put(_arrival(request, DetailStatus.FAILED, tick, text))
            await self._delete(working)
            return
        if request.removes and not request.retries:
            await self._mifs.put(_arrival(request, DetailStatus.RETRYING, tick, "cannot be sent"))
            if not self.site.profile.failed_removal_is_sent_again:
                # Q185179: the job is Retrying, and nothing ever tries again. Keep it so.
                await self._delete(working)
                return
        later = msgspec.structs.replace(request, retries=request.retries + 1, first_tried_at=first)
        await self._root.write(f"{self.box}/{working}", render_send_request(later))


def _what(request: SendRequest) -> str:
    return f"Job {request.job}" if request.job else f"Packet {request.request}"


def _arrival(
    request: SendRequest, status: DetailStatus, tick: float, description: str
) -> JobReport:
    """What the row of the site's arrival is to say of a job that did not get there."""
    return JobReport(
        report=f"{request.job}/{DetailKind.SITE_ARRIVAL}/{request.destination}/{status}",
        job_id=request.job,
        kind=DetailKind.SITE_ARRIVAL,
        site=request.destination,
        status=status,
        time=tick,
        description=description,
        request_id=request.request,
    )
