r"""What the Despooler reports of a job: rows for Job Details, and what became of a package that is
another site's.

Every report is a MIF in `DELTAMIF.COL` and has a number made of what it says, the site included, so
that saying it twice counts once here and at every site above. A site that got a job from elsewhere
tells, with its arrival, what the job is. A package's status goes to the site it came from; 1.2
marks the ID of one that a Share job installed (Q235805).
"""

from __future__ import annotations

from despoolr_core.formats.instructions.instruction import Install, InstallKind
from despoolr_core.formats.reports.job_mif import JobNotice, JobReport
from despoolr_core.formats.reports.site_mif import (
    FAILED,
    SUCCESS,
    PackageReport,
    mark,
    render_package_mif,
)
from despoolr_core.records.kinds.site import PackageReported
from despoolr_server.site.despooler.base.part import COMPONENT, DespoolerPart
from despoolr_server.site.jobs.model import INSTALL_KINDS, DetailKind, DetailStatus
from despoolr_server.site.jobs.retry import RetryState

DESCRIPTION_MAX = 255


class JobReports(DespoolerPart):
    """One Despooler's pen for Job Details."""

    async def arrived(self, install: Install, state: RetryState, tick: float) -> None:
        """The instruction is here. Of a job from elsewhere the workstations are told, too: they
        have reported nothing yet.
        """
        facts = self._facts(install) if install.job_id[:3] != self._site.code else None
        await self.detail(
            install, DetailKind.SITE_ARRIVAL, "", DetailStatus.COMPLETE, state, tick, facts=facts
        )
        for target in install.workstations if facts is not None else ():
            await self._put(
                JobReport(
                    report=f"{install.job_id}/{self._site.code}/{DetailKind.WORKSTATION}/{target.machine}/{DetailStatus.NONE}",
                    job_id=install.job_id,
                    kind=DetailKind.WORKSTATION,
                    site=self._site.code,
                    status=DetailStatus.NONE,
                    time=tick,
                    domain=target.domain,
                    machine=target.machine,
                    sms_id=target.sms_id,
                    request_id=install.request_id,
                )
            )

    async def detail(
        self,
        install: Install,
        kind: DetailKind,
        server: str,
        status: DetailStatus,
        state: RetryState,
        tick: float,
        description: str = "",
        facts: JobNotice | None = None,
        version: int = 0,
    ) -> None:
        """One row of Job Details: the site's, or one server's, with the `version` of the package
        that it is about.
        """
        await self._put(
            JobReport(
                report=f"{install.job_id}/{self._site.code}/{kind}/{server}/{status}/{state.retries}",
                job_id=install.job_id,
                kind=kind,
                site=self._site.code,
                machine=server,
                status=status,
                time=tick,
                description=description[:DESCRIPTION_MAX],
                request_id=install.request_id,
                facts=facts,
                version=version,
            )
        )

    async def package(
        self, install: Install, *, succeeded: bool, version: int, tick: float
    ) -> None:
        """What became of a package that came from another site. One's own is in the database
        already.
        """
        if install.package_id[:3] == self._site.code or install.kind not in (
            InstallKind.SHARE,
            InstallKind.INSTALL,
        ):
            return
        package_id = install.package_id
        if (
            succeeded
            and install.kind is InstallKind.SHARE
            and self._site.profile.success_marks_package_id
        ):
            # Q235805: 1.2's way to say that it is installed. Keep it.
            package_id = mark(package_id)
        site, result = self._site.code, SUCCESS if succeeded else FAILED
        report = PackageReport(
            report=f"{install.job_id}/{site}/{install.package_id}/{version}/{result}",
            package_id=package_id,
            site=site,
            result=result,
            version=version,
            job_id=install.job_id,
            time=tick,
        )
        await self._mifs.put_data(render_package_mif(report))
        self._site.record(
            COMPONENT,
            PackageReported(
                package=install.package_id,
                said=package_id,
                job=install.job_id,
                result=report.result,
            ),
        )

    def _facts(self, install: Install) -> JobNotice:
        kinds = {kind: job_type for job_type, kind in INSTALL_KINDS.items()}
        return JobNotice(
            name=install.job_name or install.job_id,
            type=kinds[install.kind],
            package_id=install.package_id,
            package_name=install.package_name,
            package_source=install.package_source,
            package_version=install.package_version,
        )

    async def _put(self, report: JobReport) -> None:
        await self._mifs.put(report)
