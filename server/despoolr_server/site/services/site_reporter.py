r"""Site Reporter: sends the MIFs that wait in `SITEREP.BOX` to the parent site, in packets, by the
LAN Sender.

Its hop (Q169491, Q153246): MIFs -> one compressed file and a minijob instruction in `TOSEND` -> a
send request -> the parent's `SMS_SITE`. The law: the request last and only then the MIFs go, so
that a death in between sends some twice and none never; what arrives twice counts once, by its
number. When it starts it tells the parent which site this is.
"""

from __future__ import annotations

from typing import ClassVar, Final

from despoolr_core.formats.instructions.instruction import MifTransfer, render_instruction
from despoolr_core.formats.reports.site_mif import SiteReport, render_site_mif
from despoolr_core.formats.sms_id import send_request_id
from despoolr_core.records.kinds.site import MifsSent
from despoolr_server.site.services.box_service import BoxService
from despoolr_server.site.services.sender import SendRequest, render_send_request
from despoolr_server.site.state import boxes
from despoolr_server.site.state.context import SiteContext
from despoolr_server.site.state.mif_box import MifBox
from despoolr_server.site.state.packages import Files, compress
from despoolr_server.site.state.rows import queries

PACKET_MAX: Final = 500
"""MIFs in one packet."""
REQUESTS_MAX: Final = 36**3
"""Numbers of send requests; then they begin anew."""
PRIORITY: Final = 2


class SiteReporter(BoxService):
    """SMS_SITE_REPORTER of a site that has a parent."""

    component: ClassVar[str] = "SMS_SITE_REPORTER"
    box: ClassVar[str] = boxes.SITE_REPORTS

    def __init__(self, site: SiteContext) -> None:
        super().__init__(site)
        self._own = MifBox(self._root, "H", boxes.SITE_REPORTS)

    async def started(self) -> None:
        await self._own.started()
        site = self.site
        servers = tuple(role.name for role in site.servers if role.distribution)
        report = SiteReport(
            site.code, site.parent, site.server, site.profile.version, servers, site.clock.now()
        )
        await self._own.put_data(render_site_mif(report))

    async def cycle(self, _tick: float) -> None:
        names = await self._waiting()
        for start in range(0, len(names), PACKET_MAX):
            await self._send(names[start : start + PACKET_MAX])

    async def _send(self, names: list[str]) -> None:
        root = self._root
        files: Files = {}
        for name in names:
            data = await self._read(name)
            if data is not None:
                files[name] = data
        if not files:
            return
        number = await self.site.database.run(lambda db: queries.next_number(db, "send request"))
        request = send_request_id(self.site.code, number % REQUESTS_MAX)
        transfer = MifTransfer(
            site=self.site.code, request_id=request, package_file=f"{request}.PCK", count=len(files)
        )
        await root.write(f"{boxes.TOSEND}/{request}.P00", compress(files))
        await root.write(
            f"{boxes.TOSEND}/{request}.I00", render_instruction(transfer.to_instruction())
        )
        send = SendRequest(
            request=request,
            job="",
            destination=self.site.parent,
            package_file=f"{request}.P00",
            instruction_file=f"{request}.I00",
            remote_package=transfer.package_file,
            remote_instruction=f"{request}.INS",
            priority=PRIORITY,
        )
        await root.write(f"{boxes.LAN_OUTBOX}/{request}.SRQ", render_send_request(send))
        for name in files:
            await self._delete(name)
        self.log(f"~{len(files)} MIFs are on their way to site {self.site.parent}.")
        self.site.record(
            self.component, MifsSent(to=self.site.parent, request=request, count=len(files))
        )
