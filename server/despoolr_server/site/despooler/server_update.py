"""One attempt to bring one distribution server up to date: the copy by the version's strategy, its
records, its row of Job Details, the event if it failed.

The law: a copy fails because a share refused it, and what is told of it is what the share said.
"""

from __future__ import annotations

import math
from typing import Final

from despoolr_core.formats.instructions.instruction import Install
from despoolr_core.records.kinds.site import CopyEnded, CopyStarted, FileCopied
from despoolr_core.share.contract import ShareError, ShareUnreachable
from despoolr_core.share.modes import NtStatus
from despoolr_server.site.despooler.base.close_watch import CloseWatch
from despoolr_server.site.despooler.base.job_reports import JobReports
from despoolr_server.site.despooler.base.package_servers import PackageServers
from despoolr_server.site.despooler.base.part import COMPONENT, Desk, DespoolerPart
from despoolr_server.site.despooler.copy_strategies import STRATEGIES
from despoolr_server.site.despooler.copying.target import CopyResult, Target
from despoolr_server.site.jobs.model import DetailKind, DetailStatus
from despoolr_server.site.jobs.retry import RetryState
from despoolr_server.site.state import winst_box
from despoolr_server.site.state.context import SiteServerRole
from despoolr_server.site.state.packages import Files
from despoolr_server.site.state.registry import COPIED_FILES, RETRY_HISTORY

MEGABYTE: Final = 1 << 20
TEMP_DIRECTORY: Final = r"D:\_S M0000.TMP"


def purpose_of(install: Install) -> str:
    """What opens of an update are for, as the holders of its files are told."""
    return f"job {install.job_id} package {install.package_id}"


class ServerUpdates(DespoolerPart):
    """The Despooler's part that copies a package to a server."""

    def __init__(
        self, desk: Desk, servers: PackageServers, reports: JobReports, closes: CloseWatch
    ) -> None:
        super().__init__(desk)
        self._servers = servers
        self._reports = reports
        self._closes = closes

    async def update(
        self, role: SiteServerRole, install: Install, files: Files, state: RetryState, tick: float
    ) -> bool:
        """Copy to one server with the version's strategy, and report its row. Returns whether the
        package is there now.
        """
        attempt = state.retries // max(1, self._site.profile.retry_count_step) + 1
        cause = self._site.record(
            COMPONENT,
            CopyStarted(
                job=install.job_id,
                package=install.package_id,
                server=role.name,
                attempt=attempt,
            ),
        )
        there = self._servers.version(role, install.package_id)
        target = Target(
            share=self._site.share(role.name, role.package_share, COMPONENT),
            directory=self._servers.directory(role, install.package_id),
            files=files,
            purpose=purpose_of(install),
            refresh_every_file=self._site.profile.refresh_every_file,
            on_file=lambda file, result, win32: self._on_file(
                role, install, file, result, win32, cause
            ),
            has_package=there > 0,
            is_current=there == self._servers.version_of(install),
            known=frozenset(self._registry.get(*_known(role, install)).split()),
            attempt=attempt,
        )
        try:
            result = await STRATEGIES[self._site.profile.copy_strategy](target)
        except (ShareError, ShareUnreachable) as error:
            result = CopyResult(failed=(("", error),), directory=target.directory)
        self._closes.note(install.job_id, role, result)
        first = result.failed[0] if result.failed else None
        self._site.record(
            COMPONENT,
            CopyEnded(
                job=install.job_id,
                package=install.package_id,
                server=role.name,
                attempt=attempt,
                result="complete" if result.is_complete else "refused",
                file=first[0] if first else "",
                win32=result.win32,
            ),
            cause=cause,
        )
        if first is None:
            await self._is_installed(role, install, result.directory)
            self._registry.delete(f"{RETRY_HISTORY}\\{install.job_id}", role.name)
            self._registry.delete(*_known(role, install))
            await self._report(role, install, DetailStatus.COMPLETE, state, tick)
            return True
        if result.known:
            self._registry.set(*_known(role, install), " ".join(result.known))
        if isinstance(first[1], ShareError) and first[1].problem.episode:
            self._registry.set(
                f"{RETRY_HISTORY}\\{install.job_id}", role.name, first[1].problem.episode
            )
        await self._event_for_failure(role, install, files, first[1])
        reason = f"{first[0]}: {first[1]}"
        await self._report(role, install, DetailStatus.RETRYING, state, tick, reason)
        return False

    async def _is_installed(self, role: SiteServerRole, install: Install, directory: str) -> None:
        """Remember it; if the package moved to another directory, point the clients' instruction
        files there.
        """
        before = self._servers.unc(role, install.package_id)
        self._servers.has(role, install.package_id, self._servers.version_of(install), directory)
        after = self._servers.unc(role, install.package_id)
        if after != before:
            count = await winst_box.point_elsewhere(self._root, install.package_id, before, after)
            self._log(
                f"~Package {install.package_id} is now in {after}, {count} instruction files "
                "point there."
            )

    def _on_file(
        self, role: SiteServerRole, install: Install, file: str, result: str, win32: int, cause: int
    ) -> None:
        self._site.record(
            COMPONENT,
            FileCopied(
                job=install.job_id,
                package=install.package_id,
                server=role.name,
                file=file,
                result=result,
                win32=win32,
            ),
            cause=cause,
        )
        if result == "refused":
            there = f"{self._servers.unc(role, install.package_id)}{file}".replace("/", "\\")
            self._log(
                f"~Copying {TEMP_DIRECTORY}\\{file} to {there}, Failed, Win32 Error = {win32}"
            )

    async def _event_for_failure(
        self,
        role: SiteServerRole,
        install: Install,
        files: Files,
        error: ShareError | ShareUnreachable,
    ) -> None:
        """108, or 109 with its numbers when the disk was full. 1.2 says 109 with blank numbers
        whatever else the reason (Q193766).
        """
        if isinstance(error, ShareError) and error.nt_status is NtStatus.DISK_FULL:
            left = error.problem.free_bytes
            numbers = (
                "" if left is None else left // MEGABYTE,
                math.ceil(sum(map(len, files.values())) / MEGABYTE),
            )
            await self._site.report_event(COMPONENT, 109, role.name, *numbers, job=install.job_id)
        elif self._site.profile.copy_failure_says_disk_full:
            await self._site.report_event(COMPONENT, 109, role.name, "", "", job=install.job_id)
        else:
            await self._site.report_event(
                COMPONENT, 108, f"\\\\{role.name}\\{role.package_share}", job=install.job_id
            )

    async def _report(
        self,
        role: SiteServerRole,
        install: Install,
        status: DetailStatus,
        state: RetryState,
        tick: float,
        reason: str = "",
    ) -> None:
        version = self._servers.version_of(install)
        await self._reports.detail(
            install, DetailKind.SERVER, role.name, status, state, tick, reason, version=version
        )


def _known(role: SiteServerRole, install: Install) -> tuple[str, str]:
    """Where the registry has what is new already on a server (`CopyResult.known`)."""
    return f"{COPIED_FILES}\\{install.job_id}", role.name
