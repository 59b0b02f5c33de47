r"""Distribution Manager (2.0): takes package status records (`*.STA`) from its inbox into the site
database.

The law: the row first, the file after. A record whose ID no package has is logged in the words of
Q235805 and deleted (its fate is UNKNOWN; deleting is the safe model of articles.md S3). One that
may mean several packages, or is no record, is moved to `DISTMGR.BOX\BAD` with the reason; the rest
goes on. The status of a package that is a site's above is sent on, as it came.
"""

from __future__ import annotations

from typing import ClassVar

from despoolr_core.formats.reports.site_mif import PackageReport, render_package_mif
from despoolr_core.formats.reports.sta import StaError, parse_sta
from despoolr_core.records.kinds.site import PackageStatusChanged, PackageUnknown
from despoolr_server.site.services.box_service import BoxService
from despoolr_server.site.state import boxes
from despoolr_server.site.state.context import SiteContext
from despoolr_server.site.state.mif_box import MifBox
from despoolr_server.site.state.rows import package_status


class DistributionManager(BoxService):
    """SMS_DISTRIBUTION_MANAGER, as far as package status goes."""

    component: ClassVar[str] = "SMS_DISTRIBUTION_MANAGER"
    box: ClassVar[str] = boxes.DISTRIBUTION_MANAGER
    bad: ClassVar[str] = boxes.BAD_PACKAGE_STATUS

    def __init__(self, site: SiteContext) -> None:
        super().__init__(site)
        self._upward = MifBox(self._root, "D", boxes.SITE_REPORTS)

    async def started(self) -> None:
        await self._upward.started()
        self._inbox.wake()

    async def cycle(self, _tick: float) -> None:
        for name in await self._waiting(".STA"):
            await self._process(name)

    async def _process(self, name: str) -> None:
        data = await self._read(name)
        if data is None:
            return
        try:
            report = parse_sta(data)
        except StaError as error:
            await self._keep_for_a_person(name, data, str(error))
            return
        self.log(f"~Processing incoming file {self.box}/{name}.".replace("/", "\\"))
        resolves = self.site.profile.marked_package_id_resolves
        found, was = await self.site.database.run(
            lambda db: package_status.load(db, report, resolves_marks=resolves)
        )
        is_own = report.package_id[:3] == self.site.code
        if found.is_ambiguous and (is_own or not self.site.parent):
            reason = package_status.ambiguous(report, found.candidates)
            self.warn(reason)
            self._record_unknown(report, name, reason, kept=True)
            await self._keep_for_a_person(
                name, data, f"{report.package_id} may be any of {', '.join(found.candidates)}"
            )
            return
        if found.package:
            self._record(report, found.package, was)
        if self.site.parent and not is_own:
            # the site whose package it is wants to know
            await self._upward.put_data(render_package_mif(report))
        elif not found.package:
            self.warn(package_status.missing(report.package_id))
            self._record_unknown(
                report, name, package_status.missing(report.package_id), kept=False
            )
        await self._delete(name)

    def _record_unknown(self, report: PackageReport, name: str, reason: str, *, kept: bool) -> None:
        self.site.record(
            self.component,
            PackageUnknown(
                said=report.package_id,
                site=report.site,
                result=report.result,
                file=name,
                reason=reason,
                kept=kept,
            ),
        )

    def _record(self, report: PackageReport, package: str, was: str) -> None:
        self.site.record(
            self.component,
            PackageStatusChanged(
                package=package, site=report.site, status=report.result, was=was, job=report.job_id
            ),
        )
        self.log(
            f"~Package {package} at site {report.site}: {report.result}, version {report.version}."
        )

    async def _keep_for_a_person(self, name: str, data: bytes, reason: str) -> None:
        self.warn(f"~{name} has been set aside: {reason}")
        await self._set_aside(name, data, reason, 0)
